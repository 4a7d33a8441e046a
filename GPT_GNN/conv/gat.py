"""Graph attention that is blind to types and times."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.options import refuse_options


class GATConv(nn.Module):
    """Per head: out_i = b + sum over in-edges (j -> i) of att W x_j, the heads side by side.

    att = softmax over the in-edges of i of LeakyReLU(a_src . W x_j + a_dst . W x_i). Every edge
    counts, parallel ones of several relations too; all loops of a node count as one.

    Args:
        n_hid: D, a multiple of ``n_heads``.
        n_heads: H.
        use_norm, train_time_table: must be false, the layer has neither.
        num_types, num_relations, dropout, timed: no layer of this kind reads them.

    Raises:
        ValueError: ``n_hid`` is no multiple of ``n_heads``; ``use_norm`` or ``train_time_table``.

    Source: Velickovic et al., ICLR 2018, by PyG's ``GATConv``; no dropout of the attention, and
    between two layers neither activation nor dropout, as in the published GPT-GNN code.
    """

    reach: ClassVar[int] = 1

    def __init__(
        self,
        n_hid: int,
        num_types: int,
        num_relations: int,
        n_heads: int,
        dropout: float = 0.2,
        use_norm: bool = False,
        timed: bool = True,
        train_time_table: bool = False,
    ) -> None:
        # Here, as the library takes seconds to import and most runs are HGT's.
        from torch_geometric.nn import GATConv as Convolution

        super().__init__()
        refuse_options("gat", use_norm, train_time_table)
        if n_hid % n_heads:
            raise ValueError(f"n_hid must be a multiple of n_heads, got {n_hid} and {n_heads}")
        self.conv = Convolution(n_hid, n_hid // n_heads, heads=n_heads)

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D]."""
        out: Tensor = self.conv(x, torch.stack([graph.src, graph.dst]))
        return out
