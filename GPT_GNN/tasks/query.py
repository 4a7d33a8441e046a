"""The records that tasks and the fine-tuning verb exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from GPT_GNN.batch.batch import Batch
from GPT_GNN.batch.trim import TrimmedBatch
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.inputs import DEGREE
from GPT_GNN.graph.split import NO_BOUND, Split, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.sampler.hgsampling import Seeds
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.schema import EdgeType


@dataclass(frozen=True)
class Query:
    """What to sample for some items of a split.

    Attributes:
        seeds: per node type (ids, times).
        time_max: nothing later is sampled.
        hidden: edges that must not be seen.
        view: the feature view to read.
    """

    seeds: Seeds
    time_max: int
    hidden: HiddenEdges | None
    view: str


@dataclass(frozen=True)
class ClassBatch:
    """A batch of labelled nodes.

    Attributes:
        batch: features and structure.
        nodes: [B] int64 node rows.
        y: [B, C] float32, each row sums to 1 over the true classes.
    """

    batch: Batch | TrimmedBatch
    nodes: Tensor
    y: Tensor


@dataclass(frozen=True)
class LabelBatch:
    """A batch of nodes with one class or several each.

    Attributes:
        batch: features and structure.
        nodes: [B] int64 node rows.
        y: [B] int64 in [0, C); or [B, C] float32 of 0 and 1.
    """

    batch: Batch | TrimmedBatch
    nodes: Tensor
    y: Tensor


@dataclass(frozen=True)
class PairBatch:
    """A batch of queries with candidates of their own. Q queries, K candidates in total.

    Attributes:
        batch: features and structure.
        left: [K] int64 node rows of the query's node, right: [K] int64 node rows of the candidate.
        query: [K] int64 in [0, Q), ascending.
        size: [Q] int64 candidates of each query.
        true: [K] float32, each query's sum to 1 over its true candidates.
    """

    batch: Batch | TrimmedBatch
    left: Tensor
    right: Tensor
    query: Tensor
    size: Tensor
    true: Tensor


def view_of(split: str, train_view: str, original_protocol: bool) -> str:
    """The feature view of a split's batches.

    Validation and test read ``finetune``: what was known before their years. Training reads
    ``pretrain`` by default, what was known before *its* years. Under ``finetune`` a training
    paper's authors, fields and venue have means that contain the paper itself, and none of them is
    new: neither is so at test time, and in author disambiguation it gives the answer away.
    """
    if original_protocol:
        return "original"
    return train_view if split == "train" else "finetune"


def last_time(graph: HeteroGraph, split: Split, name: str, target: str) -> int:
    """The latest time that a sample for a split may contain: the split's end, or the graph's."""
    time = graph.node_time(target)
    if time is None:
        return split.time_max(name)
    return min(split.time_max(name), int(time.max(initial=NO_TIME)))


def subset(items: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """A random share of some items, at least one, ascending; all of them for 1.0."""
    if not 0 < fraction <= 1:
        raise ValueError(f"data_percentage must be in (0, 1], got {fraction}")
    count = min(len(items), max(1, int(len(items) * fraction)))
    return np.sort(rng.choice(items, count, replace=False)) if len(items) else items


def ranking_means(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Means of ranking metrics; also over items with a class seen in training, where told.

    Args:
        values: per item ``ndcg``, ``mrr`` and others, [n] each, and ``seen``, [n] bool, or without
            it.
    """
    names = [name for name in values if name != "seen"]
    result = {name: float(values[name].mean()) for name in names}
    result["items"] = len(values["ndcg"])
    if "seen" in values and not values["seen"].all():
        seen = values["seen"]
        result |= {f"{n}_seen": float(values[n][seen].mean()) for n in names if seen.any()}
        result["items_seen"] = int(seen.sum())
    return result


def labels_in_relations(task: object, relations: Sequence[EdgeType]) -> dict[str, Any]:
    """A task whose labels are edges, for the record of a run."""
    return {"task": type(task).__name__, "relations": [" -> ".join(r) for r in relations]}


def warn_of_degrees(graph: HeteroGraph, hidden: HiddenEdges, relations: Sequence[EdgeType]) -> None:
    """Warn where stored degrees count links that a run hides from its samples.

    Degrees are made with the store, of the links up to pre-training's bound if its split is by
    time. Links that are held out at random are among them.
    """
    for relation in relations:
        ends = dict.fromkeys((relation[0], relation[2]))
        with_degrees = [t for t in ends if DEGREE in graph.feature_parts(t)]
        if not with_degrees or not _counts(graph, hidden, relation):
            continue
        types = " and ".join(repr(node_type) for node_type in with_degrees)
        tqdm.write(
            f"warning: {graph.path}: the feature part {DEGREE!r} of {types} counts links "
            f"{':'.join(relation)} that this run hides, and so tells how many of them a node has; "
            "features of another kind, such as identities, do not"
        )


def _counts(graph: HeteroGraph, hidden: HiddenEdges, relation: EdgeType) -> bool:
    """Whether degrees of a relation count a hidden link."""
    csr, stored = graph.csr(relation), GraphFacts.stored(graph)
    split = None if stored is None else stored.split
    until = split.pretrain_until if isinstance(split, TimeSplit) else NO_BOUND
    hides = hidden.hides(relation, csr.indices, csr.targets())
    return bool((hides if csr.time is None else hides & (csr.time <= until)).any())
