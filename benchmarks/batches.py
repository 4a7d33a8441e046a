"""Batches of the published size, drawn one after the other, for the benchmarks of the sampler."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.published import SAMPLER
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import Objective, ObjectiveConfig
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.train.encoder import new_encoder, new_objective

BATCH, DEPTH, WIDTH = SAMPLER.batch_size, SAMPLER.sample_depth, SAMPLER.sample_width


class Drawer:
    """Draws batch after batch; every function that it gives counts its own batches."""

    def __init__(self, graph: HeteroGraph) -> None:
        self.sampler = HGSampler(graph, sample_depth=DEPTH, sample_width=WIDTH)
        self.nodes = OAG.FACTS.split.nodes(graph, OAG.FACTS.target, "pretrain")
        time = graph.node_time(OAG.FACTS.target)
        assert time is not None
        self.time = time
        self.time_max = OAG.FACTS.split.time_max("pretrain")

    def seeds(self, step: int) -> tuple[np.ndarray, np.random.Generator]:
        """Ids of a batch's targets, and the generator to go on with."""
        rng = derive(0, "bench", step)
        ids = np.unique(self.nodes[rng.integers(0, len(self.nodes), 2 * BATCH)])
        return rng.permutation(ids)[:BATCH], rng

    def sample(self, step: int) -> tuple[Any, np.random.Generator]:
        """Our subgraph."""
        ids, rng = self.seeds(step)
        seeds = {OAG.FACTS.target: (ids, self.time[ids])}
        return self.sampler.sample(Query(seeds, self.time_max, "pretrain"), rng), rng

    def reached(self) -> int:
        """Distinct nodes to which the last sample drew an edge; it keeps some of them."""
        return int((self.sampler._room.pool.table >= 0).sum())


def stepping(make: Callable[[int], object]) -> Callable[[], object]:
    """Call ``make`` with 0, 1, 2, ..."""
    steps = itertools.count()
    return lambda: make(next(steps))


def objective_of(graph: HeteroGraph, n_hid: int = 32) -> Objective:
    """The published task around a small encoder: of the batch only."""
    encoder = new_encoder(graph, EncoderConfig(n_hid=n_hid), seed=0)
    return new_objective(encoder, graph, OAG.facts(graph), ObjectiveConfig(), seed=0)
