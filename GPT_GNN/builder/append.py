"""Append nodes and edges to a store, keeping its schema so that existing models still load."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from GPT_GNN.builder.append_nodes import append_nodes
from GPT_GNN.builder.arrays import (
    EdgeArrays,
    NodeArrays,
    check_ends,
    is_multigraph,
    times_of,
    with_times,
)
from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.builder.edges import link_keys
from GPT_GNN.builder.output import check_output
from GPT_GNN.builder.time_scale import Advice, check_scale, too_far_apart, warn_of_span
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.means import FACT as MEANS
from GPT_GNN.graph.split import LINK_SPLIT, ColumnSplit, RandomSplit, split_to_dict
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.graph.times import store_times
from GPT_GNN.schema import EdgeType

_ADVICE = Advice(
    lambda name, value: "NO_TIME",
    "times_declared=True for times that are in the store's bins",
    lambda i: f"entry {i}",
)


def append_arrays(
    graph: HeteroGraph,
    path: str | os.PathLike[str],
    nodes: Mapping[str, NodeArrays],
    edges: Mapping[EdgeType, EdgeArrays],
    keep_other_files: bool = False,
    times_declared: bool = False,
) -> HeteroGraph:
    """Write a store with more nodes and edges, all or nothing, and open it.

    The schema stays as it is, so that a model of the old store reads the new one: the order of the
    types, the inverses, which relations have times. Tables and facts stay, too; the fact
    ``appended`` gets another entry, and ``means`` is left out, since features no longer are means
    over all nodes.

    Old nodes keep their ids; new node k of a type gets the id ``num_nodes(type) + k``. New nodes
    need

    - every feature part, once: a new node's features are the same in all views;
    - ``time``, for a type whose nodes have times (NO_TIME where one is unknown);
    - those columns that are known. Others are filled: -1 for integers (in no class, in no split),
      NaN for floats, False for booleans, empty texts and rows. A column ``<x>_tokens`` is made of
      the text ``<x>`` with the store's vocabulary.

    New edges may join old and new nodes by any relation, inverses included; their inverses are
    written too. Without times of their own they take the later of their ends' times where the
    relation has times. A link that is there already keeps its earliest time, except in a multigraph
    (one that has parallel edges, or is declared so for the new edges).

    The store's split: a :class:`TimeSplit` takes new nodes by their time. A :class:`ColumnSplit`
    takes those whose column is given and leaves the others out, unless all nodes pre-train. A
    :class:`RandomSplit` would divide the larger number of nodes anew and move test nodes to
    training: it is written down as a column, and new nodes are in no split. Links are still divided
    by its shares and seed (the fact ``link_split``), so that old links keep their split.

    Args:
        graph: the old store; do not use it any more where ``path`` is its own folder.
        path: the folder to create or replace.
        nodes: new nodes of some types.
        edges: new edges of some relations; ``inverse`` may be empty.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.
        times_declared: whether the new times are known to be on the store's scale, see
            :func:`check_scale`.

    Raises:
        ValueError: what does not fit the store or other arrays: types, ids, the inverse, the scale.
    """
    check_output(path, keep_other_files)
    for node_type in nodes:
        graph.schema.node_type_id(node_type)
    new = {t: nodes.get(t, NodeArrays(0)) for t in graph.node_types}
    merged = {t: _with_all_times(graph, t, arrays) for t, arrays in new.items()}
    added = {edge_type: _fitting(graph, merged, edge_type, e) for edge_type, e in edges.items()}
    new_times = {f"new {name}": time for name, time in times_of(nodes, edges).items()}
    stored = store_times(graph)
    if new_times and not times_declared and not too_far_apart(stored):  # else they had a unit
        check_scale(stored | new_times, _ADVICE)
    times = [n.time for n in merged.values()] + [e.time for e in added.values()]
    warn_of_span(t for t in times if t is not None)
    with build_graph(path, graph.views, keep_other_files) as builder:
        entry = {
            "store": graph.fingerprint,
            "nodes": {node_type: int(arrays.num_nodes) for node_type, arrays in nodes.items()},
            "edges": {":".join(edge_type): len(e.src) for edge_type, e in edges.items()},
        }
        kept = {name: fact for name, fact in graph.facts.items() if name != MEANS}
        builder.facts = kept | {"appended": [*kept.get("appended", []), entry]}
        for node_type, arrays in merged.items():
            builder.add_node_type(node_type, arrays.num_nodes)
        for node_type, arrays in new.items():
            append_nodes(builder, graph, node_type, arrays)
        _keep_random_split(builder, graph, new)
        _write_edges(builder, graph, added)
        for file in graph.meta["files"]:
            if file.startswith("tables/"):
                builder.add_table(Path(file).stem, graph.array(file))
    return HeteroGraph.open(path)


def _with_all_times(graph: HeteroGraph, node_type: str, new: NodeArrays) -> NodeArrays:
    """Number and times of a type's old and new nodes."""
    n, old = new.num_nodes, graph.node_time(node_type)
    if n < 0:
        raise ValueError(f"new nodes of {node_type!r}: expected a number, got {n}")
    if old is None:
        if new.time is not None:
            raise ValueError(f"new nodes of {node_type!r}: the store's have no times, got some")
        return NodeArrays(graph.num_nodes(node_type) + n)
    time = np.empty(0, np.int32) if new.time is None else new.time
    if len(time) != n:
        found = "none" if new.time is None else len(time)
        raise ValueError(f"new nodes of {node_type!r}: expected {n} times, got {found}")
    return NodeArrays(graph.num_nodes(node_type) + n, time=np.concatenate([old, time]))


def _fitting(
    graph: HeteroGraph, nodes: Mapping[str, NodeArrays], edge_type: EdgeType, edges: EdgeArrays
) -> EdgeArrays:
    """New edges, checked, with times exactly where their relation has times."""
    i = graph.schema.edge_type_id(edge_type)
    inverse = graph.schema.inverse_of(edge_type)[1]
    if edges.inverse not in ("", inverse):
        raise ValueError(
            f"{edge_type}: expected the store's inverse {inverse!r}, got {edges.inverse!r}"
        )
    check_ends(nodes, edge_type, edges)
    if not graph.schema.timed[i]:
        if edges.time is not None:
            raise ValueError(f"{edge_type}: the store's edges have no times, got some")
        return edges
    timed = with_times(nodes, edge_type, edges)
    if timed.time is None:
        raise ValueError(f"{edge_type}: the store's edges have times, expected {len(edges.src)}")
    return timed


def _write_edges(
    builder: GraphBuilder, graph: HeteroGraph, added: Mapping[EdgeType, EdgeArrays]
) -> None:
    """Old and new edges, relation by relation."""
    schema = graph.schema
    for edge_type in schema.edge_types:  # all are declared first, so that their order stays
        inverse = schema.inverse_of(edge_type)
        many = is_multigraph(added, edge_type, inverse) or _has_parallel_edges(graph, edge_type)
        builder.add_relation(edge_type, inverse[1], many)
    for i, edge_type in enumerate(schema.edge_types):
        if i <= schema.inverse[i]:  # its inverse holds the same links
            csr = graph.csr(edge_type)
            builder.add_edges(edge_type, csr.indices, csr.targets(), csr.time)
        if edge_type in added:
            new = added[edge_type]
            builder.add_edges(edge_type, new.src, new.dst, new.time)


def _has_parallel_edges(graph: HeteroGraph, edge_type: EdgeType) -> bool:
    """Whether a link is there at several times; the same for a relation and its inverse."""
    csr = graph.csr(min(edge_type, graph.schema.inverse_of(edge_type)))
    if csr.time is None:
        return False
    links = link_keys(csr.indices, csr.targets())
    links.sort()
    return bool((links[1:] == links[:-1]).any())


def _keep_random_split(
    builder: GraphBuilder, graph: HeteroGraph, nodes: Mapping[str, NodeArrays]
) -> None:
    """Write a random split down as a column, where it has to divide more nodes now."""
    facts = GraphFacts.stored(graph)
    if facts is None or not isinstance(facts.split, RandomSplit):
        return
    new = nodes[facts.target].num_nodes
    if not new:
        return
    names = (f"split{i or ''}" for i in count())
    column = next(name for name in names if not builder.has_column(facts.target, name))
    old = facts.split.numbers(graph.num_nodes(facts.target), facts.target)
    values = np.concatenate([old, np.full(new, -1, dtype=np.int8)])
    builder.add_column(facts.target, column, values)
    split = ColumnSplit(column, pretrain_on="pretrain")
    builder.facts["task"] = replace(facts, split=split).to_dict()
    builder.facts[LINK_SPLIT] = split_to_dict(facts.split)
