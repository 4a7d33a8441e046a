"""A small academic graph as arrays: changed in one place and written again, to see what moves."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.store import VIEWS, HeteroGraph
from GPT_GNN.schema import EdgeType

FIRST, OTHER = ("author", "AP_write_first", "paper"), ("author", "AP_write_other", "paper")
EMPLOYED = ("author", "in", "affiliation")
CITE = ("paper", "PP_cite", "paper")
LEVELS = [("field", f"rev_PF_in_L{level}", "paper") for level in (0, 2)]
VENUES = [("venue", f"rev_PV_{kind}", "paper") for kind in ("Conference", "Journal")]
VISITS = ("author", "visits", "affiliation")  # untimed, as its ends are
KNOWS = ("author", "knows", "author")  # untimed and symmetric

# Twelve papers a year: 48 of pre-training (2010-2013), 36 of training, 12, 24.
YEARS = np.repeat(np.arange(2010, 2020), 12)
SIZES = {"paper": len(YEARS), "author": 30, "field": 9, "venue": 4, "affiliation": 10}
NAMES = [f"name {i % 6}" for i in range(SIZES["author"])]  # five people each
WORDS = ["bos", "eos", *"abcdef"]


@dataclass
class World:
    """What a store will hold.

    Attributes:
        years: [number of papers] int, of the papers.
        edges: per edge type, source, target and year, [E] int each; None for no years.
        x: per node type and view, [N, 3] float; the first number is the node's id.
        y: [number of papers] int, the class; many: [number of papers, 3] of 0 and 1.
        titles: [number of papers, 4] int, word ids.
    """

    years: np.ndarray
    edges: dict[EdgeType, list[Any]]
    x: dict[tuple[str, str], np.ndarray]
    y: np.ndarray
    many: np.ndarray
    titles: np.ndarray

    def write(self, path: Path) -> HeteroGraph:
        """The store."""
        with build_graph(path, VIEWS) as builder:
            for node_type in SIZES:
                builder.add_node_type(node_type, len(self.x[node_type, VIEWS[0]]))
                for view in VIEWS:
                    out = builder.create_feature(node_type, "x", 3, view)
                    out[:] = self.x[node_type, view]
            builder.add_column("paper", "time", self.years)
            builder.add_column("paper", "y", self.y)
            builder.add_column("paper", "many", self.many)
            builder.add_ragged("paper", "title_tokens", list(self.titles.astype(np.int32)))
            builder.add_ragged("author", "name", NAMES)
            builder.add_words(WORDS)
            builder.add_table("word_vectors", np.eye(len(WORDS), 5, dtype=np.float32))
            for edge_type, (src, dst, year) in self.edges.items():
                builder.add_relation(edge_type, "knows" if edge_type == KNOWS else None)
                builder.add_edges(edge_type, src, dst, year)
        return HeteroGraph.open(path)

    def swap(self, edge_type: EdgeType, chosen: np.ndarray, *alike: np.ndarray) -> None:
        """Turn the sources of some edges round, in place.

        Args:
            chosen: [E] bool, the edges.
            alike: [E] each: sources change places where all of these are equal.
        """
        src = self.edges[edge_type][0]
        old, groups = src.copy(), {}
        for edge in np.flatnonzero(chosen):
            groups.setdefault(tuple(values[edge] for values in alike), []).append(edge)
        for group in groups.values():
            src[group] = old[np.roll(group, 1)]

    def rehire(self, chosen: np.ndarray) -> None:
        """Give some employments to authors whom the affiliation does not know, in place."""
        src, dst, _ = self.edges[EMPLOYED]
        everyone = np.arange(SIZES["author"])
        for edge in np.flatnonzero(chosen):
            src[edge] = np.setdiff1d(everyone, src[dst == dst[edge]])[edge % 20]

    def later(self, last: int) -> None:
        """Another future, in place: other links, features and labels after a year, and more."""
        rng = np.random.default_rng(1)
        late = self.years > last
        for rows in (self.x["paper", view] for view in VIEWS):
            rows[late, 1:] += 1
        for values in (self.y, self.many, self.titles):
            values[late] = np.roll(values[late], 1, axis=0)
        for edge_type, (_, _, year) in self.edges.items():
            if year is not None:
                self.swap(edge_type, year > last)
        new = len(self.years) + np.arange(5)
        self.years = np.append(self.years, np.full(5, 2030))
        self.y, self.many = np.append(self.y, [0] * 5), np.append(self.many, [[1, 0, 0]] * 5, 0)
        self.titles = np.append(self.titles, [[2, 3, 4, 5]] * 5, 0)
        for view in VIEWS:
            rows = np.c_[new, rng.normal(size=(5, 2))]
            self.x["paper", view] = np.append(self.x["paper", view], rows, 0)
        for edge_type, columns in self.edges.items():
            if edge_type[2] == "paper":
                n = len(YEARS) if edge_type == CITE else SIZES[edge_type[0]]
                more = rng.integers(0, n, 5), new, np.full(5, 2030)
                if edge_type == CITE:  # the new ones cite
                    more = more[1], more[0], more[2]
                columns[:] = [np.append(a, b) for a, b in zip(columns, more, strict=True)]


def world() -> World:
    """The graph that the tests change; always the same.

    Each paper has its field of two levels, its venue, its first author and others, all of its own
    year. Each affiliation gets three authors before 2014, one in training's years, and one in
    validation's or test's.
    """
    rng = np.random.default_rng(0)
    paper = np.arange(len(YEARS))

    def into_papers(source: str, low: int = 0) -> list[np.ndarray]:
        return [rng.integers(low, SIZES[source], len(paper)), paper.copy(), YEARS.copy()]

    # Every author has published before 2014, so that nobody is new.
    first = into_papers("author")
    first[0] = (first[1] * 7 + first[1] // 30) % SIZES["author"]
    other = into_papers("author")
    other[0] = (first[0] + rng.integers(1, SIZES["author"], len(paper))) % SIZES["author"]
    cited = (paper * rng.random(len(paper))).astype(int)
    firm = np.repeat(np.arange(SIZES["affiliation"]), 5)
    hired = [rng.choice(SIZES["author"], 5, replace=False) for _ in range(SIZES["affiliation"])]
    hired_in = np.array([[2010, 2011, 2013, 2015, 2017 + i % 2] for i in range(len(hired))])
    visits = np.argwhere(rng.random((SIZES["author"], SIZES["affiliation"])) < 0.4).T
    knows = np.argwhere(np.triu(rng.random((SIZES["author"],) * 2) < 0.2)).T
    edges = {
        **{level: into_papers("field") for level in LEVELS},
        FIRST: first,
        OTHER: other,
        CITE: [paper[1:], cited[1:], YEARS[1:].copy()],
        EMPLOYED: [np.concatenate(hired), firm, hired_in.ravel()],
        VISITS: [*visits, None],
        KNOWS: [*knows, None],
    }
    is_journal = paper % 3 == 0
    published = into_papers("venue")
    for edge_type, part in zip(VENUES, (~is_journal, is_journal), strict=True):
        edges[edge_type] = [column[part] for column in published]
    x = {(t, view): rng.normal(size=(n, 3)) for t, n in SIZES.items() for view in VIEWS}
    for rows in x.values():
        rows[:, 0] = np.arange(len(rows))
    many = (rng.random((len(paper), 3)) < 0.5).astype(np.uint8)
    many[:, 0] |= ~many.any(1)
    titles = rng.integers(2, len(WORDS), (len(paper), 4))
    return World(YEARS.copy(), edges, x, rng.integers(0, 3, len(paper)), many, titles)


def leaves(record: Any, path: str = "") -> dict[str, Any]:
    """The tensors, numbers and texts of a nested record, by path."""
    if is_dataclass(record):
        items = [(f.name, getattr(record, f.name)) for f in fields(record)]
    elif isinstance(record, tuple | list):
        items = [(str(i), value) for i, value in enumerate(record)]
    else:
        return {path: record}
    return {k: x for name, value in items for k, x in leaves(value, f"{path}/{name}").items()}


def moved(a: Any, b: Any) -> set[str]:
    """The fields of two records, or of two lists of records, that are not equal to the bit."""
    if isinstance(a, list):
        assert len(a) == len(b)
        return set().union(*map(moved, a, b))
    return {name for name in (f.name for f in fields(a)) if not _equal(a, b, name)}


def _equal(a: Any, b: Any, name: str) -> bool:
    a, b = (leaves(getattr(record, name)) for record in (a, b))
    return a.keys() == b.keys() and all(
        torch.equal(a[key], b[key]) if isinstance(a[key], torch.Tensor) else a[key] == b[key]
        for key in a
    )


def links_of(graph: HeteroGraph, batch: Any, edge_type: EdgeType) -> set[tuple[int, int]]:
    """The (source id, target id) of a relation that a whole batch holds."""
    s, t = (graph.schema.node_type_id(edge_type[end]) for end in (0, 2))
    rows = batch.graph.relation_of_edge == graph.schema.edge_type_id(edge_type)
    ids = [x[:, 0].long() for x in batch.x]
    ends = [
        ids[kind][local[rows] - batch.graph.node_offsets[kind]].tolist()
        for kind, local in ((s, batch.graph.src), (t, batch.graph.dst))
    ]
    return set(zip(*ends, strict=True))
