"""Features of the academic node types, for each view only from what was known by its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.datasets.academic.texts import Titles
from GPT_GNN.features.text import CHUNK_TEXTS, TextModel
from GPT_GNN.graph.means import count_column
from GPT_GNN.graph.split import NO_BOUND

# What the part ``text`` of each type is the mean over.
MEANS = {"author": "paper", "venue": "paper", "field": "paper", "affiliation": "author"}


@dataclass(frozen=True)
class View:
    """What a feature view may use: last years, each included.

    Attributes:
        text_until: papers whose text enters the means of other nodes.
        citations_until: citing papers.
        employment_until: edges (author, in, affiliation).
    """

    name: str
    text_until: int
    citations_until: int
    employment_until: int


@dataclass(frozen=True)
class Links:
    """What features are computed from.

    Attributes:
        year: [N] int32, of papers.
        papers_of: node type -> (node [E], paper [E]), distinct pairs: author, venue, field.
        employment: (affiliation [E], author [E], year [E]), distinct pairs at their earliest year.
        citations: (citing [E], cited [E]), distinct pairs, the cited paper never the newer one.
        num_nodes: node type -> number.
    """

    year: np.ndarray
    papers_of: dict[str, tuple[np.ndarray, np.ndarray]]
    employment: tuple[np.ndarray, np.ndarray, np.ndarray]
    citations: tuple[np.ndarray, np.ndarray]
    num_nodes: dict[str, int]


def add_text_features(
    builder: GraphBuilder,
    titles: Titles,
    rows: np.ndarray,
    links: Links,
    model: TextModel,
    views: Sequence[View],
) -> None:
    """The part ``text``: papers' encoded titles, and means of them over papers for the others.

    A venue, field or author has the mean over its distinct papers up to the view's bound; an
    affiliation the mean over its authors' means, of the authors who are there by the bound and
    have papers by then (one who has an edge by the bound does). Without any, zeros. Pre-training
    takes its targets out of the means of the first view, see :class:`SeedMeans`; how many nodes
    these are over is a column.

    Args:
        rows: of the store's papers in ``titles``.
        views: the first is what pre-training reads.
    """
    text = builder.create_feature("paper", "text", model.dim)
    for start in range(0, len(text), CHUNK_TEXTS):
        chunk = slice(start, start + CHUNK_TEXTS)
        here = rows[chunk]
        text[chunk] = model.transform(list(titles.texts(here)), list(titles.words(here)))
    for view in views:
        counts: dict[str, np.ndarray] = {}
        parts = {
            node_type: builder.create_feature(node_type, "text", model.dim, view.name)
            for node_type in MEANS
        }
        for node_type, (node, paper) in links.papers_of.items():
            known = links.year[paper] <= view.text_until
            counts[node_type] = neighbour_means(node[known], paper[known], text, parts[node_type])
        affiliation, author, year = links.employment
        known = year <= view.employment_until
        counts["affiliation"] = neighbour_means(
            affiliation[known], author[known], parts["author"], parts["affiliation"]
        )
        if view is views[0]:
            for node_type, count in counts.items():
                builder.add_column(node_type, count_column("text"), count)


def means_fact(view: View) -> dict[str, Any]:
    """What :class:`SeedMeans` has to know of the means in the first view."""
    until = None if view.text_until == NO_BOUND else view.text_until
    return {"part": "text", "view": view.name, "until": until, "over": MEANS}


def neighbour_means(
    node: np.ndarray, neighbour: np.ndarray, x: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """Write the mean of ``x`` over each node's neighbours into ``out``; zeros without neighbours.

    Args:
        node, neighbour: [E], the links.
        x: [M, D] float32, by neighbour; out: [N, D] float32, by node.

    Returns:
        [N] int32, the number of neighbours.
    """
    from scipy.sparse import csr_matrix

    degree = np.bincount(node, minlength=len(out))
    weights = (1.0 / np.maximum(degree, 1))[node].astype(np.float32)
    # Sorted by neighbour, so that a node's sum does not depend on what else is in the graph.
    matrix = csr_matrix((weights, (node, neighbour)), shape=(len(out), len(x)))
    matrix.sort_indices()
    for start in range(0, len(out), CHUNK_TEXTS):
        out[start : start + CHUNK_TEXTS] = matrix[start : start + CHUNK_TEXTS] @ x
    return degree.astype(np.int32)


def citation_counts(links: Links, view: View) -> dict[str, np.ndarray]:
    """Citations by the view's bound, node type -> [nodes] int64.

    A paper's are its citing papers; an author's, venue's or field's the sum over its papers; an
    affiliation's the sum over its authors, each with all papers, as published.
    """
    citing, cited = links.citations
    known = links.year[citing] <= view.citations_until
    counts = {"paper": np.bincount(cited[known], minlength=links.num_nodes["paper"])}
    for node_type, (node, paper) in links.papers_of.items():
        counts[node_type] = _sums(node, counts["paper"][paper], links.num_nodes[node_type])
    affiliation, author, year = links.employment
    known = year <= view.employment_until
    of_author = counts["author"][author[known]]
    counts["affiliation"] = _sums(affiliation[known], of_author, links.num_nodes["affiliation"])
    return counts


def _sums(node: np.ndarray, values: np.ndarray, num_nodes: int) -> np.ndarray:
    # Doubles hold integers exactly up to 2^53.
    return np.bincount(node, weights=values, minlength=num_nodes).astype(np.int64)


def add_citation_features(builder: GraphBuilder, links: Links, views: Sequence[View]) -> None:
    """The part ``citation``: log10(citations + 0.01), one column, for every node type."""
    for view in views:
        for node_type, count in citation_counts(links, view).items():
            part = builder.create_feature(node_type, "citation", 1, view.name)
            part[:, 0] = np.log10(count + 0.01)
