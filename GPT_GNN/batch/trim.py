"""A batch cut down to what some of its nodes depend on, layer by layer.

HGSampling goes deeper than an encoder reads: with two layers a row depends on nodes up to two hops
away, its last layer on one hop. A task reads the rows of its seeds alone, so most nodes and edges
need no convolution, and their results are the same without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.batch import Batch, BatchGraph, Layer, Record, index_graph
from GPT_GNN.compiler import serial_kernel
from GPT_GNN.sampler.subgraph import Subgraph


@dataclass(frozen=True)
class TrimmedBatch:
    """A :class:`Batch` for an encoder that embeds some of its nodes.

    Attributes:
        x: per node type, [N_t, F_t] float32, of all nodes.
        rows: per node type, [n_t] int64, those that the first layer reads, ascending.
        trimmed: a layer each.
        outputs: [n] int64, the nodes that are embedded, ascending.
        num_nodes: N.
    """

    x: tuple[Tensor, ...]
    rows: tuple[Tensor, ...]
    trimmed: tuple[Layer, ...]
    outputs: Tensor
    num_nodes: int

    @property
    def inputs(self) -> list[Tensor]:
        """Per node type, the features that the encoder reads."""
        return [x.index_select(0, rows) for x, rows in zip(self.x, self.rows, strict=True)]

    def layers(self, number: int) -> Sequence[Layer]:
        """What each convolution reads and hands on.

        Raises:
            ValueError: the batch was trimmed for another number of them.
        """
        if number != len(self.trimmed):
            raise ValueError(
                f"a batch that was trimmed for {len(self.trimmed)} convolutions, got {number}"
            )
        return self.trimmed

    def placed(self, h: Tensor) -> Tensor:
        """Rows of the outputs among those of all nodes: [n, D] -> [N, D], NaN elsewhere."""
        rows = h.new_full((self.num_nodes, h.shape[1]), torch.nan)
        return rows.index_copy(0, self.outputs, h)


def trim(batch: Batch, outputs: Tensor, reach: Sequence[int] | None) -> Batch | TrimmedBatch:
    """Leave out what no row of some nodes depends on.

    Args:
        outputs: int64 rows of the nodes to embed, in any order, repeats included.
        reach: how many hops each convolution reads, first to last, see ``GNN.reach``; None: any
            node may depend on any other, and the batch stays as it is.
    """
    if reach is None:
        return batch
    graph = batch.graph
    src, dst, edge_time = (x.numpy() for x in (graph.src, graph.dst, graph.edge_time))
    offsets = np.array(graph.node_offsets)
    relation_edges = graph.row_ptr.numpy()[np.array(graph.relation_rows)]
    wanted = np.zeros(graph.num_nodes, dtype=np.bool_)
    wanted[outputs.numpy()] = True
    embedded, layers = np.flatnonzero(wanted), []
    for hops in reversed(reach):
        read, edges = _reached(src, dst, wanted, hops)
        before = np.concatenate([[0], np.cumsum(read)])  # nodes, by their number
        kept = before[:-1][wanted]
        trimmed = index_graph(
            before[offsets],
            before[src[edges]],
            before[dst[edges]],
            np.searchsorted(edges, relation_edges),
            graph.time_index.numpy(),
            edge_time[edges],
        )
        layers.append(Layer(trimmed, torch.from_numpy(kept)))
        wanted = read
    ends = zip(offsets, offsets[1:], strict=False)
    return TrimmedBatch(
        x=batch.x,
        rows=tuple(torch.from_numpy(np.flatnonzero(wanted[a:b])) for a, b in ends),
        trimmed=tuple(reversed(layers)),
        outputs=torch.from_numpy(embedded),
        num_nodes=graph.num_nodes,
    )


def trimmed(data: Record, outputs: Tensor, reach: Sequence[int] | None) -> Record:
    """A record with its field ``batch`` trimmed, see :func:`trim`."""
    batch = trim(data.batch, outputs, reach)  # type: ignore[attr-defined]
    return replace(data, batch=batch)  # type: ignore[type-var]


def seed_rows(subgraph: Subgraph, graph: BatchGraph) -> Tensor:
    """Node rows of a sample's seeds, [n] int64: those that a task or an embedding asks for."""
    first = zip(graph.node_offsets, subgraph.num_seeds, strict=False)
    return torch.cat([torch.arange(start, start + number) for start, number in first])


@serial_kernel
def _reached(src, dst, wanted, hops):  # type: ignore[no-untyped-def]
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
