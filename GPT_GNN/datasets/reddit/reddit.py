"""Reddit: posts, linked when one user commented on both. Its facts, and how it is opened."""

from __future__ import annotations

import os

from GPT_GNN.datasets.builtin import open_graph
from GPT_GNN.datasets.reddit.facts import FACTS, RELATION
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph


class Reddit:
    """The graph of posts, for scripts; nothing to instantiate. The relation is its own inverse."""

    FACTS = FACTS
    relation = RELATION

    @staticmethod
    def facts(graph: HeteroGraph) -> GraphFacts:
        """What pre-training and the task have to know: the store's own facts, or else FACTS."""
        return GraphFacts.stored(graph) or FACTS

    @staticmethod
    def open(data_dir: str | os.PathLike[str] | None) -> HeteroGraph:
        """Open a store, see :func:`open_graph`."""
        return open_graph(data_dir, _toy_store)


def _toy_store() -> HeteroGraph:
    from GPT_GNN.datasets.reddit.preprocess import toy_store  # a run on a store builds nothing

    return toy_store()
