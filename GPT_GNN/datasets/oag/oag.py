"""OAG: papers, authors, venues, fields, affiliations. Its facts and relations, how it is opened."""

from __future__ import annotations

import os
from pathlib import Path

from GPT_GNN.datasets.builtin import is_built_in, open_graph
from GPT_GNN.datasets.oag.facts import FACTS
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.schema import EdgeType


class OAG:
    """The Open Academic Graph, for scripts; nothing to instantiate."""

    FACTS = FACTS

    @staticmethod
    def facts(graph: HeteroGraph) -> GraphFacts:
        """What pre-training and the tasks have to know: the store's own facts, or else OAG's."""
        return GraphFacts.stored(graph) or FACTS

    @staticmethod
    def open(data_dir: str | os.PathLike[str] | None, domain: str = "") -> HeteroGraph:
        """Open a store, see :func:`open_graph`.

        Args:
            domain: where given, ``data_dir`` is the folder that holds the store ``oag<domain>``, as
                preprocess_OAG.py names it, or else the published code's ``graph<domain>.pk``.
        """
        if domain and data_dir is not None and not is_built_in(data_dir):
            folder = Path(data_dir)
            data_dir, published = folder / f"oag{domain}", folder / f"graph{domain}.pk"
            if published.is_file() and not data_dir.exists():
                data_dir = published
        return open_graph(data_dir, _toy_store)

    @staticmethod
    def paper_field(level: str = "L2") -> EdgeType:
        """The labels of the paper-field task: fields of one level into papers."""
        return ("field", f"rev_PF_in_{level}", "paper")

    @staticmethod
    def paper_field_all(graph: HeteroGraph) -> list[EdgeType]:
        """All relations from fields into papers that the graph has."""
        return _into_papers(graph, "field", "rev_PF_in_L")

    @staticmethod
    def paper_venue(graph: HeteroGraph) -> list[EdgeType]:
        """All relations from venues into papers that the graph has."""
        return _into_papers(graph, "venue", "rev_PV_")

    @staticmethod
    def citations(graph: HeteroGraph) -> list[EdgeType]:
        """Citations, from both sides."""
        return [e for e in graph.edge_types if e[1] in ("PP_cite", "rev_PP_cite")]

    @staticmethod
    def paper_author(graph: HeteroGraph) -> list[EdgeType]:
        """All relations from authors into papers that the graph has."""
        return _into_papers(graph, "author", "AP_write_")

    @staticmethod
    def employment(graph: HeteroGraph) -> list[EdgeType]:
        """The relation from authors to affiliations, which is read off papers' author lists."""
        return [e for e in graph.edge_types if e == ("author", "in", "affiliation")]


def _into_papers(graph: HeteroGraph, source: str, prefix: str) -> list[EdgeType]:
    return [
        edge_type
        for edge_type in graph.edge_types
        if edge_type[::2] == (source, "paper") and edge_type[1].startswith(prefix)
    ]


def _toy_store() -> HeteroGraph:
    from GPT_GNN.datasets.oag.preprocess import toy_store  # a run on a store builds nothing

    return toy_store()
