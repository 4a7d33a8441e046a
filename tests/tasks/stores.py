"""A store written by hand, and copies of a store with some of it changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from GPT_GNN.graph.build import build_graph
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.schema import EdgeType

VIEWS = ("pretrain", "finetune", "original")
LABEL = ("field", "rev_about", "paper")
ALSO = ("field", "rev_touches", "paper")
FIRST = ("author", "first", "paper")
OTHER = ("author", "other", "paper")

# Papers by year: pre-training 0-1, training 2-6, validation 7-8, test 9-11.
YEARS = [2010, 2013, 2014, 2015, 2016, 2016, 2016, 2017, 2017, 2018, 2019, 2019]
# (paper, field); papers 6 and 11 have none, paper 5 has the same field by both relations.
ABOUT = [
    (0, 4),
    (1, 0),
    (2, 1),
    (3, 1),
    (3, 2),
    (4, 1),
    (5, 2),
    (7, 2),
    (8, 3),
    (8, 1),
    (9, 1),
    (10, 3),
]
TOUCHES = [(5, 2), (9, 4)]
# Four people are "y wang", three "a lee" (one of whom first publishes in 2018), two "b kim".
NAMES = [
    "y wang",
    "y wang",
    "y wang",
    "y wang",
    "a lee",
    "a lee",
    "a lee",
    "b kim",
    "b kim",
    "",
    "",
]
WRITES = {
    FIRST: [
        (0, 0),
        (1, 1),
        (2, 2),
        (4, 3),
        (5, 4),
        (0, 5),
        (3, 6),
        (1, 7),
        (4, 8),
        (6, 9),
        (2, 10),
    ],
    # Paper 4 has two true "y wang", paper 10 too; paper 9 three names.
    OTHER: [(3, 0), (7, 1), (1, 4), (9, 5), (8, 7), (0, 10), (2, 9), (5, 9), (3, 11), (10, 11)],
}


def hand_made(path: Path, about=ABOUT, years=YEARS, writes=WRITES, names=NAMES) -> HeteroGraph:
    """A store of 12 papers, 5 fields and 11 authors, small enough to count on paper."""
    rng = np.random.default_rng(0)
    times = np.array(years)
    with build_graph(path, VIEWS) as builder:
        for node_type, n in (("paper", len(years)), ("field", 5), ("author", len(names))):
            builder.add_node_type(node_type, n)
            for view in VIEWS:
                feature = builder.create_feature(node_type, "x", 4, view)
                feature[:] = rng.normal(size=feature.shape)
        builder.add_column("paper", "time", times)
        builder.add_ragged("author", "name", names)
        for relation, pairs in (("about", about), ("touches", TOUCHES)):
            builder.add_relation(("paper", relation, "field"))
            paper, field = np.array(pairs, dtype=int).reshape(-1, 2).T
            builder.add_edges(("paper", relation, "field"), paper, field, times[paper])
        for relation in (FIRST, OTHER):
            builder.add_relation(relation)
            author, paper = np.array(writes[relation], dtype=int).reshape(-1, 2).T
            builder.add_edges(relation, author, paper, times[paper])
    return HeteroGraph.open(path)


Edges = Callable[[EdgeType, np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def copy_of(
    graph: HeteroGraph,
    path: Path,
    sources: Edges | None = None,
    features: Callable[[str, np.ndarray], np.ndarray] | None = None,
    until: int | None = None,
) -> HeteroGraph:
    """A store like another, with other ends or other features.

    Args:
        sources: gets an edge type and the source, target and time of its edges; returns the
            sources to write. Called for one direction of each pair of inverses.
        features: gets a node type and its features; returns those to write.
        until: leaves out the edges after this time.
    """
    schema = graph.schema
    with build_graph(path, graph.views) as builder:
        for node_type in graph.node_types:
            builder.add_node_type(node_type, graph.num_nodes(node_type))
            for part in graph.meta["features"].get(node_type, []):
                for key, file in part["files"].items():
                    view = None if key == "*" else key
                    out = builder.create_feature(node_type, part["name"], part["width"], view)
                    values = np.array(graph.array(file))
                    out[:] = features(node_type, values) if features else values
            for name, column in graph.meta["columns"].get(node_type, {}).items():
                if column["kind"] == "array":
                    builder.add_column(node_type, name, graph.column(node_type, name))
                else:
                    rows = graph.ragged(node_type, name)
                    text = rows.values.dtype == np.uint8
                    get = rows.text if text else rows.__getitem__
                    builder.add_ragged(node_type, name, [get(i) for i in range(len(rows))])
        for i, edge_type in enumerate(graph.edge_types):
            inverse = graph.edge_types[schema.inverse[i]]
            if schema.inverse[i] < i:
                continue
            builder.add_relation(edge_type, inverse=inverse[1])
            # Written from the side whose sources a test may change: the labels point into papers.
            side = inverse if inverse[2] == "paper" and edge_type[2] != "paper" else edge_type
            csr = graph.csr(side)
            src, dst = csr.indices.astype(int), csr.targets().astype(int)
            if sources is not None:
                src = sources(side, src, dst, csr.time)
            time = csr.time
            if until is not None and time is not None:
                src, dst, time = (column[csr.time <= until] for column in (src, dst, time))
            ends = (src, dst) if side == edge_type else (dst, src)
            builder.add_edges(edge_type, *ends, time)
    return HeteroGraph.open(path)


def coo(graph: HeteroGraph, relation: EdgeType) -> list[tuple[int, int]]:
    """(source, target) of every edge, one by one."""
    csr = graph.csr(relation)
    return [
        (int(source), target)
        for target in range(len(csr.indptr) - 1)
        for source in csr.indices[csr.indptr[target] : csr.indptr[target + 1]]
    ]
