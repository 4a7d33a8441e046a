"""The tensors that an encoder reads.

Legend, here and in ``conv/`` and ``model/``: N nodes, E edges (self loops included), P rows (a row
is one target's in-edges of one relation), U distinct time differences, T node types, R relations
(edge types and, last, ``self``), D hidden width, H heads, d = D / H, B targets, M, S, Y rows that
relations transform (targets, sources, time differences).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.index import index_edges, time_rows
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.graph.times import LONGEST_DIFFERENCE
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.schema import Schema

TIME_SPAN = 2 * LONGEST_DIFFERENCE  # rows of the relative time table
TIME_ZERO = LONGEST_DIFFERENCE  # its row for "source and target at the same time"

Record = TypeVar("Record")


@dataclass(frozen=True)
class BatchGraph:
    """Structure of a batch, ready for layers that walk the in-edges of each target.

    Edges are grouped by relation (edge types in schema order, then ``self``) and ascend by target
    within it, so that the edges of one (relation, target) pair, a *row*, lie side by side.

    A linear map that each relation has of its own may act on the relation's distinct targets (the
    score is bilinear, the message linear) or on its distinct sources (and time differences),
    whichever are fewer. So an edge has a *query*, one of N + M nodes and rows of relations that
    transform targets, a *key*, one of N + S nodes and rows of relations that transform sources, and
    likewise a time key, one of T U + Y.

    In the graph of a trimmed layer (:mod:`GPT_GNN.batch.trim`) nodes that are read only have no
    in-edge, not even a loop, and some of ``time_index`` may not occur.

    Attributes:
        node_offsets: T + 1 ints; nodes of type t are rows ``node_offsets[t]:node_offsets[t + 1]``.
        src, dst: [E] int64, source and target node.
        row_of_edge: [E] int64.
        row_dst: [P] int64, the target of each row.
        row_ptr: [P + 1] int64, the edges of each row.
        relation_rows: R + 1 ints, the rows of each relation.
        dst_ptr: [N + 1] int64 and dst_rows: [P] int64, the rows of each target.
        time_index: [U] int64, rows of the relative time table that occur in this batch.
        edge_time: [E] int64, in [0, T * U): source type * U + position in ``time_index``.
        query_nodes: [M] int64, the targets that relations transform; query_offsets: R + 1 ints, a
            relation's part of them, empty when it transforms its sources.
        key_nodes: [S] int64, the sources that relations transform; key_offsets: R + 1 ints.
        time_nodes: [Y] int64 in [0, T * U), the time differences that they transform;
            time_offsets: R + 1 ints.
        edge_query: [E] int64 in [0, N + M), the same for all edges of a row.
        edge_key: [E] int64 in [0, N + S).
        edge_time_key: [E] int64 in [0, T * U + Y).
        key_ptr: [N + S + 1] int64 and key_edges: [E] int64, the edges of each key, by time key.
    """

    node_offsets: tuple[int, ...]
    src: Tensor
    dst: Tensor
    row_of_edge: Tensor
    row_dst: Tensor
    row_ptr: Tensor
    relation_rows: tuple[int, ...]
    dst_ptr: Tensor
    dst_rows: Tensor
    time_index: Tensor
    edge_time: Tensor
    query_nodes: Tensor
    query_offsets: tuple[int, ...]
    key_nodes: Tensor
    key_offsets: tuple[int, ...]
    time_nodes: Tensor
    time_offsets: tuple[int, ...]
    edge_query: Tensor
    edge_key: Tensor
    edge_time_key: Tensor
    key_ptr: Tensor
    key_edges: Tensor

    @property
    def num_nodes(self) -> int:
        """N."""
        return self.node_offsets[-1]

    @property
    def node_type(self) -> Tensor:
        """[N] int64, the type of each node."""
        return _numbered(self.node_offsets, self.src.device)

    @property
    def relation_of_row(self) -> Tensor:
        """[P] int64."""
        return _numbered(self.relation_rows, self.src.device)

    @property
    def relation_of_edge(self) -> Tensor:
        """[E] int64."""
        return self.relation_of_row[self.row_of_edge]

    def by_type(self, x: Tensor) -> list[Tensor]:
        """Split [N, ...] into one view per node type."""
        ends = zip(self.node_offsets, self.node_offsets[1:], strict=False)
        return list(x.split([b - a for a, b in ends]))


def _numbered(offsets: Sequence[int], device: torch.device) -> Tensor:
    """[offsets[-1]] int64, the part that each position lies in."""
    sizes = torch.tensor(offsets, device=device).diff()
    return torch.arange(len(sizes), device=device).repeat_interleave(sizes, output_size=offsets[-1])


@dataclass(frozen=True)
class BatchEdges:
    """The edges of a batch before they are indexed.

    Attributes:
        node_offsets: T + 1 ints, as :class:`BatchGraph` has them.
        src, dst: [E] int64 node rows; grouped by relation, ascending by dst within each.
        relation_edges: [R + 1] int64, where the edges of each relation begin.
        time_index, edge_time: as :class:`BatchGraph` has them, in NumPy.
    """

    node_offsets: tuple[int, ...]
    src: np.ndarray
    dst: np.ndarray
    relation_edges: np.ndarray
    time_index: np.ndarray
    edge_time: np.ndarray

    def index(self) -> BatchGraph:
        """The structure that layers read."""
        index = index_edges(
            self.src,
            self.dst,
            self.relation_edges,
            self.edge_time,
            self.node_offsets[-1],
            (len(self.node_offsets) - 1) * len(self.time_index),
        )
        own = {name: getattr(self, name) for name in ("src", "dst", "time_index", "edge_time")}
        offsets = ("relation_rows", "query_offsets", "key_offsets", "time_offsets")
        values: dict[str, Any] = {"node_offsets": self.node_offsets}
        for name, array in (own | index._asdict()).items():
            values[name] = tuple(array.tolist()) if name in offsets else torch.from_numpy(array)
        return BatchGraph(**values)


@dataclass(frozen=True)
class RawBatch:
    """Features and edges of a batch; what the encoder does not need is trimmed, then it is indexed.

    Attributes:
        x: per node type, [N_t, F_t] float32.
        edges: self loops of all nodes among them, as the last relation.
    """

    x: tuple[Tensor, ...]
    edges: BatchEdges

    @property
    def node_offsets(self) -> tuple[int, ...]:
        """T + 1 ints; nodes of type t are rows ``node_offsets[t]:node_offsets[t + 1]``."""
        return self.edges.node_offsets

    def index(self) -> Batch:
        """The whole batch for an encoder."""
        return Batch(self.x, self.edges.index())


@dataclass(frozen=True)
class Layer:
    """What one convolution reads, and which of its results the next one does.

    Attributes:
        graph: nodes that are read and edges into those that are updated.
        kept: [n] int64, the rows that go on, ascending; None for all.
    """

    graph: BatchGraph
    kept: Tensor | None


@dataclass(frozen=True)
class Batch:
    """Features and structure of one batch.

    Attributes:
        x: per node type, [N_t, F_t] float32.
        graph: the structure.
    """

    x: tuple[Tensor, ...]
    graph: BatchGraph

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Per node type, the features that the encoder reads."""
        return self.x

    def layers(self, number: int) -> Sequence[Layer]:
        """What each convolution reads and hands on: all nodes."""
        return [Layer(self.graph, None)] * number

    def placed(self, h: Tensor) -> Tensor:
        """What the encoder returns: the rows of all nodes."""
        return h


def assemble(
    schema: Schema,
    x: Sequence[np.ndarray],
    node_times: Sequence[np.ndarray],
    src: np.ndarray,
    dst: np.ndarray,
    edge_offsets: np.ndarray,
) -> RawBatch:
    """Put a batch together from local ids, adding a self loop for every node.

    Args:
        x: per node type, [N_t, F_t] float32.
        node_times: per node type, [N_t] int32.
        src, dst: [E] local ids, grouped by edge type and ascending by dst within each.
        edge_offsets: [number of edge types + 1].
    """
    node_offsets = [0, *np.cumsum([len(times) for times in node_times]).tolist()]
    counts = np.diff(edge_offsets)
    source_start = [node_offsets[schema.node_type_id(s)] for s, _, _ in schema.edge_types]
    target_start = [node_offsets[schema.node_type_id(t)] for _, _, t in schema.edge_types]
    loops = np.arange(node_offsets[-1])
    src = np.concatenate([src + np.repeat(np.array(source_start, dtype=np.int64), counts), loops])
    dst = np.concatenate([dst + np.repeat(np.array(target_start, dtype=np.int64), counts), loops])
    times = np.concatenate(node_times) if any(schema.timed) else None
    ends = np.append(edge_offsets, edge_offsets[-1] + len(loops))
    return RawBatch(
        tuple(map(torch.from_numpy, x)), batch_edges(node_offsets, src, dst, ends, times)
    )


def batch_edges(
    node_offsets: Sequence[int],
    src: np.ndarray,
    dst: np.ndarray,
    relation_edges: np.ndarray,
    node_time: np.ndarray | None,
) -> BatchEdges:
    """The edges of a batch, with their time differences.

    Args:
        node_offsets, src, dst, relation_edges: as :class:`BatchEdges` has them.
        node_time: [N] int, NO_TIME for none; or None. The difference target - source is clipped to
            [-120, 119] and counts as 0 where either end has no time.
    """
    src, dst = src.astype(np.int64), dst.astype(np.int64)
    if node_time is None:
        node_time = np.full(node_offsets[-1], NO_TIME, dtype=np.int32)
    types = np.repeat(np.arange(len(node_offsets) - 1), np.diff(node_offsets))
    times = node_time.astype(np.int64)
    time_index, edge_time = time_rows(src, dst, times, types, NO_TIME, TIME_ZERO, TIME_SPAN)
    starts = np.asarray(relation_edges, dtype=np.int64)
    return BatchEdges(tuple(map(int, node_offsets)), src, dst, starts, time_index, edge_time)


def gather_features(graph: HeteroGraph, subgraph: Subgraph) -> list[np.ndarray]:
    """Features of a subgraph's nodes as its query wants them: per node type, [n_t, F_t] float32."""
    view, means = subgraph.query.view, subgraph.query.means
    x = [
        graph.gather_features(node_type, ids, view)
        for node_type, ids in zip(graph.node_types, subgraph.node_ids, strict=True)
    ]
    if means is not None:
        means.leave_out(subgraph.node_ids, subgraph.num_seeds, x, view)
    return x


def make_batch(graph: HeteroGraph, subgraph: Subgraph) -> RawBatch:
    """A subgraph as tensors, nothing masked: what a downstream task reads."""
    return assemble(
        subgraph.schema,
        gather_features(graph, subgraph),
        subgraph.node_times,
        subgraph.src,
        subgraph.dst,
        subgraph.edge_offsets,
    )


def to_device(record: Record, device: torch.device) -> Record:
    """Copy the tensors of a (nested) record of dataclasses, tuples and lists to a device."""
    return _mapped(record, lambda x: x.to(device, non_blocking=True))


def pin_memory(record: Record) -> Record:
    """Copy the tensors of a record to pages that a GPU reads while the CPU goes on."""
    return _mapped(record, Tensor.pin_memory)


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, (tuple, list)):
        return type(value)(_mapped(item, function) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        mapped = {f.name: _mapped(getattr(value, f.name), function) for f in fields(value)}
        return replace(value, **mapped)
    return value
