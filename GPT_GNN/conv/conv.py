"""What every layer has: a shape, settings of its own, and how far it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.settings import Checked, NoSettings, setting


@dataclass(frozen=True)
class ConvShape:
    """What an encoder asks of each of its layers.

    Attributes:
        n_hid: D, the width of what goes in and what comes out.
        num_types: T, node types.
        num_relations: R, edge types and ``self``.
        timed: whether the graph has times.
        last: whether no layer follows.
    """

    n_hid: int
    num_types: int
    num_relations: int
    timed: bool = True
    last: bool = True


class Conv(nn.Module):
    """A layer; made as ``conv(shape, settings, dropout)``, see ``CONVS``.

    Attributes:
        Settings: the settings that it has of its own: flags, where ``--conv_name`` chooses it.
        reach: how many hops it reads; None: any node may depend on any other. With ``reach`` = k a
            node's result is the same whatever becomes of nodes that are more than k hops away, and
            of edges into nodes that are k hops away or more. Batches are trimmed by it: then some
            nodes have no in-edge, not even a loop, and their results, which nobody reads, must
            be finite.
    """

    Settings: ClassVar[type[Checked]] = NoSettings
    reach: ClassVar[int | None] = None

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D]."""
        raise NotImplementedError


@dataclass(frozen=True)
class HeadSettings(Checked):
    """A layer with attention heads."""

    n_heads: int = setting(8, "attention heads; divides n_hid", low=1)

    def head_width(self, n_hid: int) -> int:
        """d = D / H. Raises ValueError: it does not divide."""
        if n_hid % self.n_heads:
            raise ValueError(f"n_hid must be a multiple of n_heads, got {n_hid} and {self.n_heads}")
        return n_hid // self.n_heads
