"""The links of a relation: which split each belongs to, and the sources that are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from GPT_GNN.graph.split import SPLITS, RandomSplit, Split, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import uniform_of
from GPT_GNN.schema import EdgeType
from GPT_GNN.tasks.ranking import first_seen

TRAIN, VALID, TEST = (SPLITS.index(name) for name in ("train", "valid", "test"))
_LATER = np.iinfo(np.int32).max
_LOW = 2**32 - 1  # of two ids in one number, the mask of the second


@dataclass(frozen=True)
class Links:
    """Distinct links of one relation, by (target, source). L links.

    Attributes:
        source, target: [L] int64 node ids.
        time: [L] int32, the earliest of parallel edges; or None for an untimed relation.
        split: [L] int8, a position in ``SPLITS``, -1 for none.
    """

    source: np.ndarray
    target: np.ndarray
    time: np.ndarray | None
    split: np.ndarray

    def of_split(self, *numbers: int) -> np.ndarray:
        """Positions of the links of some splits, ascending, [n] int64."""
        return np.flatnonzero(np.isin(self.split, numbers))


def is_divided_by_time(graph: HeteroGraph, relation: EdgeType, split: Split) -> bool:
    """Whether links belong to the split of their time: both the split and the relation have one."""
    timed = graph.schema.timed[graph.schema.edge_type_id(relation)]
    return timed and isinstance(split, TimeSplit)


def divide_links(graph: HeteroGraph, relation: EdgeType, split: Split) -> Links:
    """The links of a relation with the split of each.

    By time a link belongs to the split in which it first appears; one without a time is in none.
    At random it is drawn: with the shares and the seed of a :class:`RandomSplit`, else with its
    defaults, and pre-training's share trains, since nothing keeps its links from training.

    A draw depends on the ends of its link and on nothing else, so that a link keeps its split when
    others are appended, and is the same from either direction of a relation. The two directions of
    a symmetric relation are one link, or one would tell the other. For that reason u -> v and
    v -> u of any other relation between nodes of one type share a draw too; by time each has its
    own split, since the earlier one is no secret when the later one is asked for.
    """
    csr = graph.csr(relation)
    source, target = csr.indices.astype(np.int64), csr.targets().astype(np.int64)
    distinct, link = np.unique((target << 32) | source, return_inverse=True)
    source, target = distinct & _LOW, distinct >> 32
    time = None if csr.time is None else _first_times(csr.time, link, len(distinct))
    if time is not None and graph.schema.inverse_of(relation) == tuple(relation):
        turned = np.searchsorted(distinct, (source << 32) | target)  # it is there: symmetric
        time = np.minimum(time, time[turned])
    if time is not None and isinstance(split, TimeSplit):
        number = np.full(len(distinct), -1, dtype=np.int8)
        for i, name in enumerate(SPLITS):
            first, last = split.range(name)
            number[(time != NO_TIME) & (time >= first) & (time <= last)] = i
    else:
        drawn = split if isinstance(split, RandomSplit) else RandomSplit()
        number = _drawn(graph, relation, drawn, source, target)
    return Links(source, target, time, number)


def _first_times(time: np.ndarray, link: np.ndarray, count: int) -> np.ndarray:
    """The earliest time of the parallel edges of each of ``count`` links, [L] int32."""
    first = np.full(count, _LATER, dtype=np.int32)
    np.minimum.at(first, link, time)
    return first


def _drawn(
    graph: HeteroGraph,
    relation: EdgeType,
    split: RandomSplit,
    source: np.ndarray,
    target: np.ndarray,
) -> np.ndarray:
    """The split of each link by chance, [L] int8; the same from both directions."""
    inverse = graph.schema.inverse_of(relation)
    if inverse < tuple(relation):
        source, target = target, source
    if relation[0] == relation[2]:
        source, target = np.minimum(source, target), np.maximum(source, target)
    name = ":".join(min(tuple(relation), inverse))
    chance = uniform_of(split.seed, f"links {name}", target, source)
    number = np.searchsorted(np.cumsum(split.fractions)[:-1], chance, side="right")
    return np.maximum(number, TRAIN).astype(np.int8)


class WrongSources:
    """The sources that are wrong for each target as far as some links tell.

    Of a relation between nodes of one type, a target is none of its own either.

    Args:
        relation: the edge type of the links.
        links: all of them, whatever their split.
        unknown: numbers of the splits whose links are not known: their sources count as wrong.
    """

    def __init__(
        self, graph: HeteroGraph, relation: EdgeType, links: Links, unknown: Sequence[int]
    ) -> None:
        num_targets = graph.num_nodes(relation[2])
        known = ~np.isin(links.split, unknown)
        right = (links.target[known] << 32) | links.source[known]
        if relation[0] == relation[2]:
            nodes = np.arange(num_targets)
            right = np.union1d(right, (nodes << 32) | nodes)
        self._source = right & _LOW
        counts = np.bincount(right >> 32, minlength=num_targets)
        self._indptr = np.concatenate([[0], np.cumsum(counts)])

    def count(self, pool: np.ndarray) -> np.ndarray:
        """How many sources of a pool are wrong for each target, [N_target] int64."""
        before = np.concatenate([[0], np.cumsum(np.isin(self._source, pool))])
        return len(pool) - np.diff(before[self._indptr])

    def draw(
        self, target: int, pool: np.ndarray, count: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Up to ``count`` distinct wrong sources of a pool (ascending ids), in no order, [n]."""
        right = self._source[self._indptr[target] : self._indptr[target + 1]]
        if 2 * (len(right) + count) < len(pool):
            return _draw_sparse(pool, right, count, rng)
        return _draw_dense(pool, right, count, rng)


def _draw_sparse(
    pool: np.ndarray, right: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw, and drop what is right or drawn before: a hub's links are not walked through."""
    kept = np.empty(0, dtype=np.int64)
    while len(kept) < count:
        drawn = pool[rng.integers(len(pool), size=2 * count)]
        below, upto = (np.searchsorted(right, drawn, side) for side in ("left", "right"))
        kept = first_seen(np.concatenate([kept, drawn[below == upto]]))
    return kept[:count]


def _draw_dense(
    pool: np.ndarray, right: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw among what is left of the pool, however little that is."""
    left = pool[~np.isin(pool, right)]
    return rng.choice(left, min(count, len(left)), replace=False)
