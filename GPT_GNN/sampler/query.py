"""What is asked of a sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from GPT_GNN.graph.means import SeedMeans
from GPT_GNN.sampler.hidden import HiddenEdges

Seeds = Mapping[str, tuple[np.ndarray, np.ndarray | None]]


@dataclass(frozen=True)
class Query:
    """The nodes to sample around, and what their sample must not know.

    Attributes:
        seeds: per node type the ids of seed nodes, [n] distinct, and their times, [n] int in the
            graph's unit, or None where there are none. A sampler takes the types in this order.
        time_max: nothing later than this is in the sample.
        view: the feature view to read: what was known when.
        hidden: edges that are treated as if they were not in the graph; None for none.
        means: takes the seed nodes out of other nodes' features; None leaves them in.
    """

    seeds: Seeds
    time_max: int
    view: str
    hidden: HiddenEdges | None = None
    means: SeedMeans | None = None
