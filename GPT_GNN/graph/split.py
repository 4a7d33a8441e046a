"""Which nodes pre-train, train, validate and test: by time or at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive

SPLITS = ("pretrain", "train", "valid", "test")


@dataclass(frozen=True)
class TimeSplit:
    """Splits by the time of the node (years): each bound is the last year that still belongs.

    Attributes:
        pretrain_until: pre-training nodes have time <= this.
        train_until, valid_until: likewise for the next two; test nodes come after.
    """

    pretrain_until: int = 2013
    train_until: int = 2016
    valid_until: int = 2017

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """Ids of one split's nodes, ascending, [n] int64. Nodes without a time are in none.

        Raises:
            ValueError: unknown split, or nodes without times.
        """
        time = graph.node_time(node_type)
        if time is None:
            raise ValueError(f"{graph.path}: node type {node_type!r} has no times to split by")
        low, high = self.range(split)
        return np.flatnonzero((time != NO_TIME) & (time >= low) & (time <= high))

    def range(self, split: str) -> tuple[int, int]:
        """First and last time of a split, both included."""
        bounds = [
            NO_TIME + 1,
            self.pretrain_until + 1,
            self.train_until + 1,
            self.valid_until + 1,
            np.iinfo(np.int32).max,
        ]
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}; available: {list(SPLITS)}")
        i = SPLITS.index(split)
        return bounds[i], bounds[i + 1] - 1 if split != "test" else bounds[i + 1]

    def time_max(self, split: str) -> int:
        """Latest time that a sample for this split may contain."""
        return self.range(split)[1]


@dataclass(frozen=True)
class RandomSplit:
    """Splits at random with a seed, for graphs without times.

    Attributes:
        fractions: of pretrain, train, valid and test; they sum to 1.
        seed: of the permutation.
    """

    fractions: tuple[float, float, float, float] = (0.7, 0.1, 0.1, 0.1)
    seed: int = 0

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """Ids of one split's nodes, ascending, [n] int64."""
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}; available: {list(SPLITS)}")
        n = graph.num_nodes(node_type)
        order = derive(self.seed, "split", node_type).permutation(n)
        ends = np.round(np.cumsum((0.0, *self.fractions)) * n).astype(int)
        i = SPLITS.index(split)
        return np.sort(order[ends[i] : ends[i + 1]])

    def time_max(self, split: str) -> int:
        """No bound: the graph's times, if any, do not separate the splits."""
        return int(np.iinfo(np.int32).max)
