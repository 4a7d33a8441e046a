"""A random graph of any size in OAG's schema, to measure on: long tails, years, one huge venue.

It has about ten stored edges per node, both directions counted, and one venue holds a tenth as many
papers as there are nodes. Degrees follow the same power laws at every size, and ids do not
depend on degrees. Everything is drawn and written in chunks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.graph.store import VIEWS, HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES

VERSION = 2  # of what a seed gives
# With 100,000 nodes every type still has more nodes than a sample of the published size takes.
SHARES = {"paper": 0.45, "author": 0.51, "field": 0.02, "affiliation": 0.01, "venue": 0.01}
HUB_SHARE = 0.1  # papers of the one huge venue, as a share of all nodes
FIRST_YEAR, LAST_YEAR = 1980, 2018
LEAST_NODES = 2000
CHUNK = 2**20

VENUE = ("paper", "PV_Conference", "venue")
CITE = ("paper", "PP_cite", "paper")
FIELD_1, FIELD_2 = (("paper", f"PF_in_{level}", "field") for level in ("L1", "L2"))
PARENT = ("field", "FF_in", "field")
FIRST, LAST, OTHER = (
    ("author", f"AP_write_{place}", "paper") for place in ("first", "last", "other")
)
EMPLOYED = ("author", "in", "affiliation")

Edges = tuple[EdgeType, np.ndarray, np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class ScaleConfig(Checked):
    """What is built, and where to."""

    out: str = setting("", "folder of the store to write", required=True)
    nodes: int = setting(100_000, "nodes of all types together", low=LEAST_NODES)
    seed: int = setting(0, "the same seed gives the same store", low=0)
    width: int = setting(128, "feature columns per type", low=1)
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)


def build_scale(
    path: str | os.PathLike[str],
    nodes: int,
    seed: int = ScaleConfig.seed,
    width: int = ScaleConfig.width,
    keep_other_files: bool = ScaleConfig.keep_other_files,
) -> HeteroGraph:
    """Write the store and open it.

    Args:
        path: the store's folder.
        nodes: number of nodes of all types together.
        seed: the same seed and sizes give the same bytes.
        width: feature columns of every type (float16, the same in all views).
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        ValueError: a value out of the bounds of :class:`ScaleConfig`.
    """
    ScaleConfig(os.fspath(path), nodes, seed, width, keep_other_files)
    counts = {node_type: round(share * nodes) for node_type, share in SHARES.items()}
    with build_graph(path, VIEWS, keep_other_files) as builder:
        for node_type, n in counts.items():
            builder.add_node_type(node_type, n)
        for edge_type in (VENUE, CITE, FIELD_1, FIELD_2, PARENT, FIRST, LAST, OTHER, EMPLOYED):
            builder.add_relation(edge_type)
        for chunk in _chunks(counts["paper"]):
            for edges in _paper_edges(derive(seed, "papers", int(chunk[0])), counts, chunk, nodes):
                builder.add_edges(*edges)
        for chunk in _chunks(counts["author"]):
            rng = derive(seed, "authors", int(chunk[0]))
            builder.add_edges(*_employment(rng, counts["affiliation"], chunk))
        builder.add_edges(*_parents(derive(seed, "fields"), counts["field"]))
        position = np.arange(counts["paper"])
        year = np.empty(counts["paper"], dtype=np.int32)
        year[_scattered(position, counts["paper"])] = _years(position, counts["paper"])
        builder.add_column("paper", "time", year)
        _add_features(builder, counts, width, seed)
        builder.facts = {"name": "scale", "version": VERSION, "nodes": nodes, "seed": seed}
    return HeteroGraph.open(path)


def _chunks(n: int) -> Iterator[np.ndarray]:
    for start in range(0, n, CHUNK):
        yield np.arange(start, min(start + CHUNK, n))


def _scattered(rank: np.ndarray, n: int) -> np.ndarray:
    """A fixed permutation of range(n): hubs, and papers of a year, must not be neighbours."""
    step = int(0.618 * n) | 1
    while gcd(step, n) > 1:
        step += 2
    return (rank * step + n // 3) % n


def _drawn(rng: np.random.Generator, n: int, size: int, power: float) -> np.ndarray:
    """Nodes of range(n) by a power law: rank r is drawn in proportion to r^(1 / power - 1)."""
    return _scattered((n * rng.random(size) ** power).astype(np.int64), n)


def _years(position: np.ndarray, n: int) -> np.ndarray:
    """Years of papers in the order in which they came out: more every year."""
    span = LAST_YEAR - FIRST_YEAR + 1
    return (FIRST_YEAR + span * np.sqrt(position / n)).astype(np.int32)


def _paper_edges(
    rng: np.random.Generator, counts: dict[str, int], position: np.ndarray, nodes: int
) -> Iterator[Edges]:
    """All edges that come with some papers: venue, citations, fields, authors."""
    n_papers, n = counts["paper"], len(position)
    paper, year = _scattered(position, n_papers), _years(position, n_papers)

    venue = 1 + _drawn(rng, counts["venue"] - 1, n, 2.0)
    venue[rng.random(n) < HUB_SHARE * nodes / n_papers] = 0
    yield VENUE, paper, venue, year

    citing = np.repeat(position, rng.geometric(0.2, n) - 1)
    citing = citing[citing > 0]
    classic, back = rng.random((2, len(citing)))
    # Half of the citations go to classics, half to recent work; never to what came later.
    share = np.where(classic < 0.5, back**2, 1 - back**4)
    cited = np.minimum((citing * share).astype(np.int64), citing - 1)
    yield CITE, _scattered(citing, n_papers), _scattered(cited, n_papers), _years(citing, n_papers)

    broad = counts["field"] // 10
    for edge_type, first, last, chance in (
        (FIELD_1, 0, broad, 0.6),
        (FIELD_2, broad, counts["field"], 0.5),
    ):
        of = np.repeat(np.arange(n), rng.geometric(chance, n))
        yield edge_type, paper[of], first + _drawn(rng, last - first, len(of), 2.5), year[of]

    several = np.flatnonzero(rng.random(n) < 0.7)
    others = np.repeat(np.arange(n), rng.geometric(0.5, n) - 1)
    for edge_type, of in ((FIRST, np.arange(n)), (LAST, several), (OTHER, others)):
        yield edge_type, _drawn(rng, counts["author"], len(of), 1.7), paper[of], year[of]


def _employment(rng: np.random.Generator, n_affiliations: int, author: np.ndarray) -> Edges:
    """Half of the authors have an affiliation, known from some year on."""
    author = author[rng.random(len(author)) < 0.5]
    year = rng.integers(FIRST_YEAR, LAST_YEAR + 1, len(author))
    return EMPLOYED, author, _drawn(rng, n_affiliations, len(author), 2.5), year


def _parents(rng: np.random.Generator, n_fields: int) -> Edges:
    """Each narrow field belongs to a broad one; this relation has no times."""
    child = np.arange(n_fields // 10, n_fields)
    return PARENT, child, _drawn(rng, n_fields // 10, len(child), 2.0), None


def _add_features(builder: GraphBuilder, counts: dict[str, int], width: int, seed: int) -> None:
    rows = max(1, 2**23 // width)
    for node_type, n in counts.items():
        array = builder.create_feature(node_type, "text", width, dtype=np.float16)
        for start in range(0, n, rows):
            part = array[start : start + rows]
            rng = derive(seed, "features", node_type, start)
            part[:] = rng.standard_normal(part.shape, dtype=np.float32)
