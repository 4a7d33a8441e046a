"""Which nodes pre-train, train, validate and test: by time, at random or as the store says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive

SPLITS = ("pretrain", "train", "valid", "test")
NO_BOUND = int(np.iinfo(np.int32).max)


class Split(Protocol):
    """What divides the nodes of a type."""

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """Ids of one split's nodes, ascending, [n] int64."""

    def time_max(self, split: str) -> int:
        """Latest time that a sample for this split may contain."""


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
        i = _number(split)
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
        """Ids of one split's nodes, ascending, [n] int64. Raises ValueError: unknown split."""
        number = _number(split)
        return np.flatnonzero(self.numbers(graph.num_nodes(node_type), node_type) == number)

    def numbers(self, n: int, node_type: str) -> np.ndarray:
        """The split of each of ``n`` nodes as a position in ``SPLITS``, [n] int8."""
        order = derive(self.seed, "split", node_type).permutation(n)
        ends = np.round(np.cumsum((0.0, *self.fractions)) * n).astype(int)
        out = np.empty(n, dtype=np.int8)
        out[order] = np.repeat(np.arange(len(SPLITS)), np.diff(ends))
        return out

    def time_max(self, split: str) -> int:
        """No bound: the graph's times, if any, do not separate the splits."""
        return NO_BOUND


@dataclass(frozen=True)
class ColumnSplit:
    """Splits that a column of the store holds.

    A store whose fact ``pretrain_on`` names a split pre-trains on that split's nodes: GraphSAGE's
    division has no nodes of its own for pre-training.

    Attributes:
        column: [N] int, a position in ``SPLITS``; any other number is in no split.
    """

    column: str = "split"

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """Ids of one split's nodes, ascending, [n] int64.

        Raises:
            ValueError: unknown split, or nodes without such a column.
        """
        wanted = graph.facts.get("pretrain_on", split) if split == "pretrain" else split
        return np.flatnonzero(graph.column(node_type, self.column) == _number(wanted))

    def time_max(self, split: str) -> int:
        """No bound: the graph's times, if any, do not separate the splits."""
        return NO_BOUND


def _number(split: str) -> int:
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; available: {list(SPLITS)}")
    return SPLITS.index(split)
