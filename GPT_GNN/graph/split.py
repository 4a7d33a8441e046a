"""Which nodes pre-train, train, validate and test: by time, at random or by a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any, Protocol

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive

SPLITS = ("pretrain", "train", "valid", "test")
SHARES = (0.7, 0.1, 0.1, 0.1)
ALL = "all"
LINK_SPLIT = "link_split"  # the fact of a store that divides links, where its split divides nodes
NO_BOUND = int(np.iinfo(np.int32).max)


class Split(Protocol):
    """What divides the nodes of a type into ``SPLITS``."""

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """Ids of one split's nodes, ascending, [n] int64.

        Raises ValueError for an unknown split, or nodes without times or a column to divide by.
        """

    def time_max(self, split: str) -> int:
        """Latest time that a sample for this split may contain."""


@dataclass(frozen=True)
class TimeSplit:
    """Splits by the time of the node: a bound is the last time of its split; test nodes follow."""

    pretrain_until: int
    train_until: int
    valid_until: int

    def __post_init__(self) -> None:
        if not self.pretrain_until < self.train_until < self.valid_until:
            raise ValueError(
                "a split by time: expected three ascending bounds, got "
                f"{self.pretrain_until}, {self.train_until} and {self.valid_until}"
            )

    @classmethod
    def at_quantiles(cls, time: np.ndarray) -> TimeSplit:
        """The bounds that come closest to ``SHARES`` of the nodes; ValueError for too few times.

        Args:
            time: [N] int, NO_TIME for none.
        """
        distinct, counts = np.unique(time[time != NO_TIME], return_counts=True)
        if len(distinct) < len(SPLITS):
            raise ValueError(
                f"a split by time: expected at least {len(SPLITS)} distinct times, "
                f"got {len(distinct)}"
            )
        total = counts.sum()
        upto = 1 - (total - np.cumsum(counts)) / total  # share of the nodes up to each time
        bounds: list[int] = []
        for i, share in enumerate(np.cumsum(SHARES)[:-1]):
            low, high = len(bounds) and bounds[-1] + 1, len(distinct) - len(SPLITS) + 1 + i
            bounds.append(low + int(np.abs(upto[low:high] - share).argmin()))
        return cls(*(int(distinct[i]) for i in bounds))

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """See :class:`Split`; nodes without a time are in no split."""
        time = graph.node_time(node_type)
        if time is None:
            raise ValueError(f"{graph.path}: node type {node_type!r} has no times to split by")
        low, high = self.range(split)
        return np.flatnonzero((time >= low) & (time <= high))

    def range(self, split: str) -> tuple[int, int]:
        """First and last time of a split, both included."""
        ends = [NO_TIME, *astuple(self), NO_BOUND]
        i = _number(split)
        return ends[i] + 1, ends[i + 1]

    def time_max(self, split: str) -> int:
        """See :class:`Split`."""
        return self.range(split)[1]

    def empty_parts(self, time: np.ndarray) -> str:
        """A warning about splits without a time, [N] int; empty where all have some."""
        known = time[time != NO_TIME]
        numbers = np.searchsorted(astuple(self), known)  # positions in SPLITS
        empty = [split for i, split in enumerate(SPLITS) if i not in numbers]
        if not empty:
            return ""
        found = f"from {known.min()} to {known.max()}" if len(known) else "none"
        return (
            f"no time is in {' and in '.join(empty)}: the bounds are {self.pretrain_until}, "
            f"{self.train_until} and {self.valid_until}, the times {found}"
        )


@dataclass(frozen=True)
class RandomSplit:
    """Splits at random with a seed, for graphs without times.

    Attributes:
        fractions: of pretrain, train, valid and test; they sum to 1.
        pretrain_until: latest time that pre-training may see, in a graph whose other nodes are
            divided by time; None for no bound.
    """

    fractions: tuple[float, ...] = SHARES
    seed: int = 0
    pretrain_until: int | None = None

    def __post_init__(self) -> None:
        shares = np.array(self.fractions, dtype=float)
        sums_to_one = (shares >= 0).all() and abs(shares.sum() - 1) <= 1e-6
        if shares.shape != (len(SPLITS),) or not sums_to_one:
            raise ValueError(
                f"a random split: expected {len(SPLITS)} shares that sum to 1 "
                f"({', '.join(SPLITS)}), got {list(self.fractions)}"
            )

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """See :class:`Split`."""
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
        """No bound but pre-training's, where one is set: times do not separate the splits."""
        if split == "pretrain" and self.pretrain_until is not None:
            return self.pretrain_until
        return NO_BOUND


@dataclass(frozen=True)
class ColumnSplit:
    """Splits that a column of the store holds.

    Attributes:
        column: [N] int, a position in ``SPLITS``; any other number is in no split.
        pretrain_on: the split whose nodes pre-train, or ``all`` for every node of the type. By
            default the store's fact of this name, or else ``pretrain``.
    """

    column: str = "split"
    pretrain_on: str = ""

    def nodes(self, graph: HeteroGraph, node_type: str, split: str) -> np.ndarray:
        """See :class:`Split`."""
        wanted = split
        if split == "pretrain":
            wanted = self.pretrain_on or graph.facts.get("pretrain_on", split)
        if wanted == ALL:
            return np.arange(graph.num_nodes(node_type))
        return np.flatnonzero(graph.column(node_type, self.column) == _number(wanted))

    def time_max(self, split: str) -> int:
        """No bound: the graph's times, if any, do not separate the splits."""
        return NO_BOUND


def _number(split: str) -> int:
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; available: {list(SPLITS)}")
    return SPLITS.index(split)


def in_words(split: Split) -> str:
    """A split in one line, e.g. ``by time (pretrain_until 2013, ...)``."""
    record = split_to_dict(split)
    kind = record.pop("by")
    settings = ", ".join(f"{name} {value}" for name, value in record.items() if value != "")
    return f"by {kind} ({settings})"


_KINDS: dict[str, type] = {"time": TimeSplit, "random": RandomSplit, "column": ColumnSplit}


def split_to_dict(split: Split) -> dict[str, Any]:
    """A JSON-ready copy of one of the splits of this file."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(split, cls))
    settings = asdict(split)  # type: ignore[call-overload]
    return {"by": kind, **{name: value for name, value in settings.items() if value is not None}}


def split_from_dict(record: Mapping[str, Any]) -> Split:
    """The inverse of :func:`split_to_dict`. Raises ValueError for other entries."""
    settings = {name: value for name, value in record.items() if name != "by"}
    kind = record.get("by")
    if kind not in _KINDS:
        raise ValueError(f"split: expected 'by' to be one of {list(_KINDS)}, got {kind!r}")
    if "fractions" in settings:
        settings["fractions"] = tuple(settings["fractions"])
    try:
        return _KINDS[kind](**settings)
    except TypeError as error:
        expected = [f.name for f in fields(_KINDS[kind])]
        raise ValueError(f"split by {kind}: expected {expected}, got {sorted(settings)}") from error
