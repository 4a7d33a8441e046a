"""What every sampler is."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.query import Query
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.settings import Checked, NoSettings


class Sampler:
    """Draws subgraphs of one graph; several threads may share one. See ``SAMPLERS``.

    Args:
        **settings: of ``Settings``.

    Attributes:
        Settings: the settings that it has: flags, where ``--sampler`` chooses it.
    """

    Settings: ClassVar[type[Checked]] = NoSettings

    def __init__(self, graph: HeteroGraph, **settings: Any) -> None:
        self.graph = graph
        self.settings: Any = self.Settings(**settings)

    def sample(self, query: Query, rng: np.random.Generator) -> Subgraph:
        """Draw the subgraph around some seed nodes.

        Args:
            rng: the only source of randomness: the same state gives the same sample.

        Returns:
            The sampled nodes, seed nodes first, and all visible edges between them.
        """
        raise NotImplementedError
