"""Write a graph that is in memory, as arrays: tables and PyG's data objects end up here."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.builder.edges import link_keys
from GPT_GNN.builder.inverse import find_inverses
from GPT_GNN.builder.output import check_output
from GPT_GNN.builder.time_scale import check_scale, warn_of_span
from GPT_GNN.builder.values import feature_rows
from GPT_GNN.builder.words import add_words
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.inputs import DEGREE
from GPT_GNN.graph.split import ColumnSplit, Split, TimeSplit
from GPT_GNN.graph.store import NO_TIME, VIEWS, HeteroGraph, check_ids
from GPT_GNN.schema import EdgeType


@dataclass
class NodeArrays:
    """The nodes of one type.

    Attributes:
        num_nodes: N.
        features: name of a part -> [N, width] floats; parts lie side by side in this order.
        columns: name -> [N] or [N, C] numbers, or N strings.
        time: [N] int32, NO_TIME for none; None for a type without times.
    """

    num_nodes: int
    features: dict[str, np.ndarray] = field(default_factory=dict)
    columns: dict[str, np.ndarray | Sequence[str]] = field(default_factory=dict)
    time: np.ndarray | None = None


@dataclass
class EdgeArrays:
    """The edges of one type.

    Attributes:
        src, dst: [E] int, ids of the source and the target type.
        time: [E] int32, NO_TIME for none; None for edges without times of their own.
        inverse: name of the relation that holds the same links the other way round, its own name
            for a symmetric one; empty: see :func:`find_inverses`.
        multigraph: keep edges between the same ends at several times, not the earliest only.
    """

    src: np.ndarray
    dst: np.ndarray
    time: np.ndarray | None = None
    inverse: str = ""
    multigraph: bool = False


def write_graph(
    path: str | os.PathLike[str],
    nodes: Mapping[str, NodeArrays],
    edges: Mapping[EdgeType, EdgeArrays],
    task: GraphFacts | None = None,
    facts: Mapping[str, Any] | None = None,
    times_declared: bool = False,
    degrees: Collection[str] = (),
    seed: int = 0,
    tables: Mapping[str, np.ndarray] | None = None,
    keep_other_files: bool = False,
) -> HeteroGraph:
    """Write a store, all or nothing, and open it.

    Edges without times of their own take the later of their ends' times, if there are any: a link
    cannot be older than what it joins, and a sample up to a time must not reach beyond it. Where
    ``task`` names a text column, word vectors are trained on the texts of :func:`known_nodes`.

    Args:
        path: the folder to create or replace.
        task: becomes the fact ``task``.
        facts: further facts.
        times_declared: whether the unit of the times was given, see :func:`check_scale`.
        degrees: node types that get the feature part ``degree``, see :func:`degree_features`; under
            a split by time it counts edges up to pre-training's bound.
        seed: of the word vectors.
        tables: further graph-level arrays by name.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        ValueError: arrays that do not fit each other, features that are not finite, relations that
            may or may not be inverses, times without a unit.
    """
    check_output(path, keep_other_files)
    # Everything that can be wrong with the arrays is found before anything is written.
    for edge_type, e in edges.items():
        check_ends(nodes, edge_type, e)
    inverse = find_inverses(
        {edge_type: (e.src, e.dst) for edge_type, e in edges.items()},
        {edge_type: e.inverse for edge_type, e in edges.items() if e.inverse},
    )
    if task:
        _check_task(task, nodes)
        _check_stop_list(task, inverse)
    times = times_of(nodes, edges)
    if not times_declared:
        check_scale(times)
    # Edges without times take those of their ends, unless their inverse has times of its own.
    timed = {edge_type: with_times(nodes, edge_type, e) for edge_type, e in edges.items()}
    inverses = {e: (e[2], inverse[e], e[0]) for e in edges}
    for edge_type, e in edges.items():
        other = edges.get(inverses[edge_type])
        if e.time is None and other is not None and other.time is not None:
            timed[edge_type] = _not_in_inverse(timed[edge_type], other)
    until = task.split.pretrain_until if task and isinstance(task.split, TimeSplit) else None
    parts = {t: {DEGREE: degree_features(t, nodes[t].num_nodes, timed, until)} for t in degrees}
    warn_of_span(times.values())
    with build_graph(path, VIEWS, keep_other_files) as builder:
        builder.facts = dict(facts or {}) | ({"task": task.to_dict()} if task else {})
        for node_type, arrays in nodes.items():
            _write_nodes(builder, node_type, arrays, parts.get(node_type, {}))
        for edge_type, turned in inverses.items():
            multigraph = is_multigraph(edges, edge_type, turned)
            builder.add_relation(edge_type, inverse[edge_type], multigraph)
        for edge_type, e in timed.items():
            builder.add_edges(edge_type, e.src, e.dst, e.time)
        if task and task.text_column:
            texts = [str(text) for text in nodes[task.target].columns[task.text_column]]
            known = known_nodes(nodes[task.target], task.split)
            add_words(builder, task.target, task.text_column, texts, known, seed=seed)
        for name, table in (tables or {}).items():
            builder.add_table(name, table)
    return HeteroGraph.open(path)


def known_nodes(nodes: NodeArrays, split: Split) -> np.ndarray:
    """Ids of the nodes that word vectors and text encoders may be fitted on.

    Under a split by time those up to pre-training's bound, and those without a time. Under any
    other split all nodes: the graph is then known as a whole, except for the labels.
    """
    if nodes.time is None or not isinstance(split, TimeSplit):
        return np.arange(nodes.num_nodes)
    return np.flatnonzero(nodes.time <= split.pretrain_until)


def is_multigraph(edges: Mapping[EdgeType, EdgeArrays], *directions: EdgeType) -> bool:
    """Whether a relation, given by its edge type and its inverse's, is declared a multigraph."""
    return any(e in edges and edges[e].multigraph for e in directions)


def check_ends(nodes: Mapping[str, NodeArrays], edge_type: EdgeType, edges: EdgeArrays) -> None:
    """Raise ValueError for an end of an unknown type, or an id out of range."""
    for node_type, ids in ((edge_type[0], edges.src), (edge_type[2], edges.dst)):
        if node_type not in nodes:
            raise ValueError(f"{edge_type}: no nodes of type {node_type!r}; given: {list(nodes)}")
        check_ids(ids, node_type, nodes[node_type].num_nodes, f"{edge_type}: ")


def times_of(
    nodes: Mapping[str, NodeArrays], edges: Mapping[EdgeType, EdgeArrays]
) -> dict[str, np.ndarray]:
    """All times that are given, by words that name them in errors."""
    of_nodes = {f"times of {t!r}": n.time for t, n in nodes.items()}
    of_edges = {f"times of {':'.join(t)!r}": e.time for t, e in edges.items()}
    return {name: t for name, t in (of_nodes | of_edges).items() if t is not None}


def with_times(
    nodes: Mapping[str, NodeArrays], edge_type: EdgeType, edges: EdgeArrays
) -> EdgeArrays:
    """Edges with the times that a store has: none is earlier than its ends.

    An edge without a time of its own takes the later of its ends' times. So does one with an
    earlier time, with a warning: it would lead a sample that is bounded in time to later nodes.
    """
    ends = [(nodes[edge_type[0]].time, edges.src), (nodes[edge_type[2]].time, edges.dst)]
    known = [times[np.asarray(ids)] for times, ids in ends if times is not None]
    if not known:
        return edges
    time = known[0]
    for other in known[1:]:
        time = np.maximum(time, other)  # NO_TIME is earlier than any time
    if edges.time is not None:
        early = int(((edges.time != NO_TIME) & (edges.time < time)).sum())
        if early:
            tqdm.write(
                f"warning: {edge_type}: {early} of {len(time)} edges are earlier than a node that "
                "they join, and take its time"
            )
        time = np.maximum(edges.time, time)
    return replace(edges, time=time)


def degree_features(
    node_type: str, num_nodes: int, edges: Mapping[EdgeType, EdgeArrays], until: int | None
) -> np.ndarray:
    """log(1 + number of edges), a column for each side of a relation that the type is on.

    Edges later than ``until``, if any, are not counted. [num_nodes, sides] float32.
    """
    counts = []
    for edge_type, e in edges.items():
        known = slice(None) if e.time is None or until is None else e.time <= until
        for end, ids in ((edge_type[0], e.src), (edge_type[2], e.dst)):
            if end == node_type:
                counts.append(np.bincount(ids[known], minlength=num_nodes))
    return np.log1p(np.array(counts, dtype=np.float32).reshape(len(counts), num_nodes).T)


def _not_in_inverse(edges: EdgeArrays, other: EdgeArrays) -> EdgeArrays:
    """The edges that the inverse, which has times of its own, does not hold as well."""
    kept = ~np.isin(link_keys(edges.src, edges.dst), link_keys(other.dst, other.src))
    time = None if edges.time is None else edges.time[kept]
    if time is None and not kept.any():
        time = np.empty(0, dtype=np.int32)
    return replace(edges, src=edges.src[kept], dst=edges.dst[kept], time=time)


def _check_task(task: GraphFacts, nodes: Mapping[str, NodeArrays]) -> None:
    """Raise ValueError for a split or a label that the target's nodes do not have."""
    if task.target not in nodes:
        raise ValueError(f"target: no nodes of type {task.target!r}; given: {list(nodes)}")
    target = nodes[task.target]
    if isinstance(task.split, TimeSplit) and target.time is None:
        raise ValueError(f"split by time: expected times of {task.target!r} nodes, got none")
    if isinstance(task.split, ColumnSplit) and task.split.column not in target.columns:
        raise ValueError(
            f"split: expected a column {task.split.column!r} of {task.target!r}, got "
            f"{list(target.columns)}"
        )
    if task.label:
        _check_label(f"label {task.label!r} of {task.target!r}", target.columns.get(task.label))


def _check_label(what: str, column: np.ndarray | Sequence[str] | None) -> None:
    """Raise ValueError, with the node, unless these are [N] integers or [N, C] of 0 and 1."""
    expected = f"{what}: expected an integer per node, or a 0 or 1 for each class"
    if not isinstance(column, np.ndarray):
        raise ValueError(f"{expected}, got {'none' if column is None else 'texts'}")
    if column.ndim == 1 and column.dtype.kind in "iu":
        return
    wrong = np.ones(len(column), dtype=bool)
    if column.ndim == 2:
        wrong = ~((column == 0) | (column == 1)).all(1)
    elif column.ndim == 1 and column.dtype.kind == "f":
        wrong = np.isnan(column) if np.isnan(column).any() else wrong
    if wrong.any():
        node = int(np.argmax(wrong))
        raise ValueError(f"{expected}, got {column[node]} for node {node} ({column.dtype})")


def _check_stop_list(task: GraphFacts, inverse: Mapping[EdgeType, str]) -> None:
    """Raise ValueError for a name that is no relation into the target type."""
    all_types = [*inverse, *((t, name, s) for (s, _, t), name in inverse.items())]
    into = {e for e in all_types if e[2] == task.target}
    unknown = set(task.rel_stop_list) - {e[1] for e in into} - {":".join(e) for e in into}
    if unknown:
        raise ValueError(
            f"rel_stop_list: expected relations into {task.target!r}, got {sorted(unknown)[0]!r}; "
            f"available: {sorted(':'.join(e) for e in into)}"
        )


def _write_nodes(
    builder: GraphBuilder, node_type: str, arrays: NodeArrays, parts: Mapping[str, np.ndarray]
) -> None:
    """Write the nodes of a type, and further feature parts of theirs."""
    builder.add_node_type(node_type, arrays.num_nodes)
    for name, values in {**arrays.features, **parts}.items():
        values = feature_rows(values, arrays.num_nodes, f"features {name!r} of {node_type!r}")
        if values.shape[1]:
            builder.create_feature(node_type, name, values.shape[1])[:] = values
    if arrays.time is not None:
        builder.add_column(node_type, "time", arrays.time)
    for name, column in arrays.columns.items():
        if name == "time":
            raise ValueError(f"columns of {node_type!r}: times are no column, expected time=...")
        if isinstance(column, np.ndarray) and column.dtype.kind in "biuf":
            builder.add_column(node_type, name, column)
        else:
            builder.add_ragged(node_type, name, [str(value) for value in column])
