"""The links of a relation: which split each belongs to, and what a target is not linked to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from GPT_GNN.graph.split import SPLITS, RandomSplit, Split, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.schema import EdgeType

TRAIN, VALID, TEST = (SPLITS.index(name) for name in ("train", "valid", "test"))
_LATER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Links:
    """Distinct links of one relation, by (target, source). L links.

    Attributes:
        source, target: [L] int64 node ids.
        time: [L] int32, the earliest of parallel edges; or None for an untimed relation.
        split: [L] int8, a position in ``SPLITS``, -1 for none.
        indptr: [N_target + 1] int64; the links of target i are ``indptr[i]:indptr[i + 1]``.
    """

    source: np.ndarray
    target: np.ndarray
    time: np.ndarray | None
    split: np.ndarray
    indptr: np.ndarray

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
    defaults, and pre-training's share trains, since nothing keeps its links from training. The two
    directions of a symmetric relation are one link, or one would tell the other.
    """
    csr = graph.csr(relation)
    source, target = csr.indices.astype(np.int64), csr.targets().astype(np.int64)
    low, high = source, target
    if graph.schema.inverse_of(relation) == tuple(relation):
        low, high = np.minimum(source, target), np.maximum(source, target)
    _, link = np.unique((high << 32) | low, return_inverse=True)
    count = int(link.max(initial=-1)) + 1
    time = None
    if csr.time is not None:
        time = np.full(count, _LATER, dtype=np.int32)
        np.minimum.at(time, link, csr.time)
    if time is not None and isinstance(split, TimeSplit):
        number = np.full(count, -1, dtype=np.int8)
        for i, name in enumerate(SPLITS):
            first, last = split.range(name)
            number[(time != NO_TIME) & (time >= first) & (time <= last)] = i
    else:
        drawn = split if isinstance(split, RandomSplit) else RandomSplit()
        number = np.maximum(drawn.numbers(count, ":".join(relation)), TRAIN)
    distinct, first_edge = np.unique((target << 32) | source, return_index=True)
    target, link = distinct >> 32, link[first_edge]
    counts = np.bincount(target, minlength=graph.num_nodes(relation[2]))
    return Links(
        source=distinct & 0xFFFFFFFF,
        target=target,
        time=None if time is None else time[link],
        split=number[link],
        indptr=np.concatenate([[0], np.cumsum(counts)]),
    )


def draw_unlinked(
    pool: np.ndarray, linked: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Up to ``count`` distinct nodes of a pool that are not among the linked ones.

    Draws among the places that are left and steps over the linked ones, so that a target with
    nearly all sources takes no longer than one with a few.

    Args:
        pool: ascending ids; linked: ascending ids, each once, in the pool or not.

    Returns:
        Ids in no order, [min(count, what is left)].
    """
    place = np.searchsorted(pool, linked)
    inside = place < len(pool)
    inside[inside] = pool[place[inside]] == linked[inside]
    place = place[inside]
    left = len(pool) - len(place)
    drawn = rng.choice(left, min(count, left), replace=False, shuffle=False)
    skipped = np.searchsorted(place - np.arange(len(place)), drawn, side="right")
    return pool[drawn + skipped]
