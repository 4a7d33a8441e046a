"""A batch cut down to what some of its nodes depend on, layer by layer.

HGSampling goes deeper than an encoder reads: with two layers a row depends on nodes up to two hops
away, its last layer on one hop. A task reads the rows of its seed nodes alone, so most nodes and
edges need no convolution, and the results are the same without it. Literal version:
``tests/oracle/trim.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.batch import Batch, BatchEdges, Layer, RawBatch
from GPT_GNN.system.compiler import serial_kernel

# A layer that would keep a larger share of the edges reads the whole batch: indexing what is left,
# and picking rows out of it, would take about as long as what is left out.
MAX_EDGE_SHARE = 0.7


@dataclass(frozen=True)
class TrimmedBatch:
    """A :class:`Batch` for an encoder that embeds some of its nodes.

    Attributes:
        x: per node type, [N_t, F_t] float32, of all nodes.
        rows: per node type, [n_t] int64, what the first convolution reads; None for all.
        num_whole: how many convolutions, from the first, read the whole structure.
        whole: what the last of these reads and hands on; None where there are none.
        smaller: a layer for each of the other convolutions.
        outputs: [n] int64, the nodes that are embedded, ascending.
        num_nodes: N.
    """

    x: tuple[Tensor, ...]
    rows: tuple[Tensor, ...] | None
    num_whole: int
    whole: Layer | None
    smaller: tuple[Layer, ...]
    outputs: Tensor
    num_nodes: int

    @property
    def inputs(self) -> Sequence[Tensor]:
        """Per node type, the features that the encoder reads."""
        if self.rows is None:
            return self.x
        return [x.index_select(0, rows) for x, rows in zip(self.x, self.rows, strict=True)]

    def layers(self, number: int) -> Sequence[Layer]:
        """What each convolution reads and hands on.

        Raises:
            ValueError: the batch was trimmed for another number of them.
        """
        expected = self.num_whole + len(self.smaller)
        if number != expected:
            raise ValueError(f"a batch trimmed for {expected} convolutions, got {number}")
        if self.whole is None:
            return self.smaller
        before = [Layer(self.whole.graph, None)] * (self.num_whole - 1)
        return [*before, self.whole, *self.smaller]

    def placed(self, h: Tensor) -> Tensor:
        """Rows of the outputs among those of all nodes: [n, D] -> [N, D], NaN elsewhere."""
        rows = h.new_full((self.num_nodes, h.shape[1]), torch.nan)
        return rows.index_copy(0, self.outputs, h)


# As sampled, as an encoder reads it whole, and cut down to what it reads.
AnyBatch: TypeAlias = RawBatch | Batch | TrimmedBatch


def trim(
    batch: RawBatch, outputs: Tensor | None, reach: Sequence[int] | None
) -> Batch | TrimmedBatch:
    """Leave out what no row of some nodes depends on, where that is enough to be worth it; index.

    Args:
        outputs: int64 rows of the nodes to embed, in any order, repeats included; None: all.
        reach: how many hops each convolution reads, first to last, see ``GNN.reach``; None: any
            node may depend on any other, and the batch stays whole.
    """
    if reach is None or outputs is None:
        return batch.index()
    edges, layers = batch.edges, []
    wanted = np.zeros(edges.node_offsets[-1], dtype=np.bool_)
    wanted[outputs.numpy()] = True
    embedded = torch.from_numpy(np.flatnonzero(wanted))
    for hops in reversed(reach):
        read, kept = _reached(edges.src, edges.dst, wanted, hops)
        if len(kept) > MAX_EDGE_SHARE * len(edges.src):
            break
        layers.append(_cut(edges, wanted, read, kept))
        wanted = read
    num_whole = len(reach) - len(layers)
    if num_whole and not layers:
        return batch.index()
    chosen = torch.from_numpy(np.flatnonzero(wanted))
    return TrimmedBatch(
        x=batch.x,
        rows=None if num_whole else tuple(_by_type(edges.node_offsets, chosen)),
        num_whole=num_whole,
        whole=Layer(edges.index(), chosen) if num_whole else None,
        smaller=tuple(reversed(layers)),
        outputs=embedded,
        num_nodes=edges.node_offsets[-1],
    )


def _cut(edges: BatchEdges, wanted: np.ndarray, read: np.ndarray, kept: np.ndarray) -> Layer:
    """The nodes that are read and some edges among them, numbered anew; what is wanted goes on."""
    before = np.concatenate([[0], np.cumsum(read)])
    cut = BatchEdges(
        tuple(before[np.array(edges.node_offsets)].tolist()),
        before[edges.src[kept]],
        before[edges.dst[kept]],
        np.searchsorted(kept, edges.relation_edges),
        edges.time_index,
        edges.edge_time[kept],
    )
    return Layer(cut.index(), torch.from_numpy(before[:-1][wanted]))


def _by_type(node_offsets: Sequence[int], nodes: Tensor) -> Iterator[Tensor]:
    """Ascending node rows as positions within each type."""
    ends = torch.searchsorted(nodes, torch.tensor(node_offsets))
    for first, a, b in zip(node_offsets, ends, ends[1:], strict=False):
        yield nodes[a:b] - first


@serial_kernel
def _reached(src, dst, wanted, hops):
    """What nodes depend on over some hops: [N] bool of nodes, [E'] int64 edges, ascending.

    The edges are those into nodes up to ``hops - 1`` away, the nodes these edges' ends.
    """
    into = wanted.copy()
    for _ in range(hops - 1):
        nearer = into.copy()
        for e in range(len(src)):
            if nearer[dst[e]]:
                into[src[e]] = True
    read, edges, n = into.copy(), np.empty(len(src), np.int64), 0
    for e in range(len(src)):
        if into[dst[e]]:
            read[src[e]] = True
            edges[n] = e
            n += 1
    return read, edges[:n].copy()
