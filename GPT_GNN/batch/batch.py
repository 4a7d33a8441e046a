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


def batch_graph(
    node_offsets: Sequence[int],
    src: np.ndarray,
    dst: np.ndarray,
    relation_edges: np.ndarray,
    node_time: np.ndarray | None,
) -> BatchGraph:
    """Index the edges of a batch by relation, row, target and source.

    Args:
        node_offsets: T + 1 ints.
        src, dst: [E] node rows; grouped by relation, ascending by dst within each.
        relation_edges: [R + 1], where the edges of each relation begin.
        node_time: [N] int, NO_TIME for none; or None. The difference target - source is clipped to
            [-120, 119] and counts as 0 where either end has no time.
    """
    src, dst = src.astype(np.int64), dst.astype(np.int64)
    if node_time is None:
        node_time = np.full(node_offsets[-1], NO_TIME, dtype=np.int32)
    type_of_node = np.repeat(np.arange(len(node_offsets) - 1), np.diff(node_offsets))
    time_index, edge_time = time_rows(
        src, dst, node_time.astype(np.int64), type_of_node, NO_TIME, TIME_ZERO, TIME_SPAN
    )
    return index_graph(node_offsets, src, dst, relation_edges, time_index, edge_time)


def index_graph(
    node_offsets: Sequence[int] | np.ndarray,
    src: np.ndarray,
    dst: np.ndarray,
    relation_edges: np.ndarray,
    time_index: np.ndarray,
    edge_time: np.ndarray,
) -> BatchGraph:
    """Index edges whose time differences are known.

    Args:
        node_offsets, src, dst, relation_edges: as :func:`batch_graph` takes them; int64 ends.
        time_index, edge_time: as :class:`BatchGraph` has them; some of the former may not occur.
    """
    index = index_edges(
        src,
        dst,
        np.asarray(relation_edges, dtype=np.int64),
        edge_time,
        int(node_offsets[-1]),
        (len(node_offsets) - 1) * len(time_index),
    )
    arrays = {"src": src, "dst": dst, "time_index": time_index, "edge_time": edge_time}
    offsets = ("relation_rows", "query_offsets", "key_offsets", "time_offsets")
    values: dict[str, Any] = {"node_offsets": tuple(int(i) for i in node_offsets)}
    for name, array in (arrays | index._asdict()).items():
        values[name] = tuple(array.tolist()) if name in offsets else torch.from_numpy(array)
    return BatchGraph(**values)


def assemble(
    schema: Schema,
    x: Sequence[np.ndarray],
    node_times: Sequence[np.ndarray],
    src: np.ndarray,
    dst: np.ndarray,
    edge_offsets: np.ndarray,
) -> Batch:
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
    graph = batch_graph(
        node_offsets,
        np.concatenate([src + np.repeat(np.array(source_start, dtype=np.int64), counts), loops]),
        np.concatenate([dst + np.repeat(np.array(target_start, dtype=np.int64), counts), loops]),
        np.append(edge_offsets, edge_offsets[-1] + len(loops)),
        np.concatenate(node_times) if any(schema.timed) else None,
    )
    return Batch(tuple(torch.from_numpy(features) for features in x), graph)


def gather_features(graph: HeteroGraph, subgraph: Subgraph, view: str) -> list[np.ndarray]:
    """Features of a subgraph's nodes: per node type, [n_t, F_t] float32."""
    x = [
        graph.gather_features(node_type, ids, view)
        for node_type, ids in zip(graph.node_types, subgraph.node_ids, strict=True)
    ]
    if subgraph.means is not None:
        subgraph.means.leave_out(subgraph.node_ids, subgraph.num_seeds, x, view)
    return x


def make_batch(graph: HeteroGraph, subgraph: Subgraph, view: str) -> Batch:
    """A subgraph as tensors, nothing masked: what a downstream task reads."""
    return assemble(
        subgraph.schema,
        gather_features(graph, subgraph, view),
        subgraph.node_times,
        subgraph.src,
        subgraph.dst,
        subgraph.edge_offsets,
    )


def to_device(record: Record, device: torch.device) -> Record:
    """Copy the tensors of a (nested) record of dataclasses, tuples and lists to a device."""
    return _mapped(record, lambda x: x.to(device, non_blocking=True))  # type: ignore[no-any-return]


def pin_memory(record: Record) -> Record:
    """Copy the tensors of a record to pages that a GPU reads while the CPU goes on."""
    return _mapped(record, Tensor.pin_memory)  # type: ignore[no-any-return]


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, (tuple, list)):
        return type(value)(_mapped(item, function) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        mapped = {f.name: _mapped(getattr(value, f.name), function) for f in fields(value)}
        return replace(value, **mapped)
    return value
