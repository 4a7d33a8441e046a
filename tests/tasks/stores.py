"""A store written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.store import VIEWS, HeteroGraph
from GPT_GNN.schema import EdgeType

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


def coo(graph: HeteroGraph, relation: EdgeType) -> list[tuple[int, int]]:
    """(source, target) of every edge, one by one."""
    csr = graph.csr(relation)
    return [
        (int(source), target)
        for target in range(len(csr.indptr) - 1)
        for source in csr.indices[csr.indptr[target] : csr.indptr[target + 1]]
    ]
