"""What every downstream task is: what it draws, hides, learns and scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from GPT_GNN.batch.batch import RawBatch
from GPT_GNN.batch.trim import AnyBatch
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.inputs import DEGREE
from GPT_GNN.graph.resolve import ResolvedFacts, TargetConfig
from GPT_GNN.graph.split import NO_BOUND, Split, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import Checked, NoSettings, setting

SPLITS = ("train", "valid", "test")  # of a task; those of a graph begin with pre-training


class TaskKeywords(TypedDict, total=False):
    """What every task takes beside its own arguments, see :class:`Task`."""

    fraction: float
    seed: int
    train_view: str
    hide_train_labels: bool
    original_protocol: bool


@dataclass(frozen=True)
class TaskFlags(Checked):
    """How many labels are used, and which other labels a batch reads."""

    data_percentage: float = setting(
        0.1, "fraction of training and validation labels to use", low=0, high=1, low_open=True
    )
    original_protocol: bool = setting(
        False, "the published protocol, leaks included (docs/ORIGINAL.md lists what it restores)"
    )
    train_view: str = setting(
        "pretrain",
        "features of training batches: known before training's years, or before validation's",
        choices=("pretrain", "finetune"),
    )
    hide_train_labels: bool = setting(
        False, "training batches see no label of any training node, not of their own only"
    )

    def keywords(self, seed: int) -> TaskKeywords:
        """The arguments of a task."""
        return {
            "fraction": self.data_percentage,
            "seed": seed,
            "train_view": self.train_view,
            "hide_train_labels": self.hide_train_labels,
            "original_protocol": self.original_protocol,
        }


@dataclass(frozen=True)
class NodeBatch:
    """A batch of labelled nodes. B nodes.

    Attributes:
        batch: features and structure.
        nodes: [B] int64 node rows.
        y: [B] int64 in [0, C), the class; or [B, C] float32, the classes or their shares.
    """

    batch: AnyBatch
    nodes: Tensor
    y: Tensor


class Task:
    """A task on a graph. Its items are the labelled nodes of a type, unless a subclass has others.

    A subclass calls :meth:`divide` with its labelled nodes and has ``metric_names``, ``targets``,
    ``head``, ``loss``, ``scores``, ``metrics``, ``most_frequent`` and ``describe``. Where edges
    reveal labels it also has ``hidden_of``. One whose items are no nodes has ``items``, ``times``,
    ``draw``, ``query`` and ``collate`` of its own. To be chosen by ``--task`` it is in ``TASKS``,
    with ``of_flags``.

    Args:
        split: of the target nodes.
        target: their type.
        fraction: share of the training and validation labels to use.
        seed: draws that share.
        train_view: feature view of training batches, see :meth:`view`.
        hide_train_labels: hide the label edges of all training items in training batches, as those
            of validation and test items always are. By default a training batch hides its own, and
            so sees labels of its contemporaries, which no test batch does.
        original_protocol: as published, test on ten random batches, read features over all years
            (view ``original``) and hide the label edges of a batch's own items alone.

    Attributes:
        Settings: the settings that it has: flags, where ``--task`` chooses it.
        metric_names: the metrics that are compared with the baseline; the first chooses the best
            model of a run, by its value in validation. Larger is better.
        hide_flags: the flags with which pre-training leaves out what the task asks for, up to the
            names of the relations; empty where it has nothing to leave out.

    Raises:
        ValueError: a fraction outside (0, 1], an unknown view, or a split without labelled nodes.
    """

    Settings: ClassVar[type[Checked]] = NoSettings
    metric_names: ClassVar[tuple[str, ...]]
    hide_flags: str = ""

    def __init__(
        self,
        graph: HeteroGraph,
        split: Split,
        target: str,
        fraction: float = 1.0,
        seed: int = 0,
        train_view: str = TaskFlags.train_view,
        hide_train_labels: bool = TaskFlags.hide_train_labels,
        original_protocol: bool = TaskFlags.original_protocol,
    ) -> None:
        TaskFlags(fraction, original_protocol, train_view, hide_train_labels)  # checks them
        self.graph, self.split, self.target = graph, split, target
        self.fraction, self.seed = fraction, seed
        self.train_view, self.original_protocol = train_view, original_protocol
        self.hide_train_labels = hide_train_labels
        self._time = graph.node_time(target)
        self._latest = latest(self._time)

    @classmethod
    def of_flags(
        cls, graph: HeteroGraph, facts: TargetConfig, settings: Checked, flags: TaskFlags, seed: int
    ) -> tuple[Task, ResolvedFacts]:
        """The task that flags ask for, and the facts of the graph that it uses.

        Raises:
            ValueError: flags of another task, or relations or columns that the graph lacks.
        """
        raise NotImplementedError

    # What it asks about.

    def divide(self, labelled: np.ndarray) -> None:
        """Take the labelled nodes of each split as items, a share of those that train and validate.

        Args:
            labelled: [N] bool, of the target type.
        """
        self._items = {}
        for name in SPLITS:
            nodes = self.split.nodes(self.graph, self.target, name)
            nodes = nodes[labelled[nodes]]
            if not len(nodes):
                raise ValueError(
                    f"{self.graph.path}: no {self.target!r} node of the {name} split has a label"
                )
            self._items[name] = self.share(name, nodes)

    def share(self, split: str, items: np.ndarray) -> np.ndarray:
        """The part of a split's items that is used: all of the test split."""
        if split == "test":
            return items
        return subset(items, self.fraction, derive(self.seed, "labels", split))

    def items(self, split: str) -> np.ndarray:
        """What a split asks about, [n] or [n, k] int64: nodes, or positions of queries."""
        return self._items[split]

    def times(self, split: str) -> np.ndarray | None:
        """The time of each item of a split, [n], or None for items without times."""
        return None if self._time is None else self._time[self._items[split]]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to ``n`` distinct training items."""
        items = self._items["train"]
        return rng.choice(items, min(n, len(items)), replace=False)

    # What it samples, and what must not be seen there.

    def query(self, split: str, items: np.ndarray) -> Query:
        """What to sample around some items, and which edges and features not to see."""
        return Query(
            seeds={self.target: (items, None if self._time is None else self._time[items])},
            time_max=self.end(split),
            view=self.view(split),
            hidden=self.hidden_of(split, items),
        )

    def hidden_of(self, split: str, items: np.ndarray) -> HiddenEdges | None:
        """The leak guard: edges that a batch of these items must not see; None for none."""
        return None

    def end(self, split: str) -> int:
        """The latest time of a sample for a split: the split's end, or the graph's."""
        return min(self.split.time_max(split), self._latest)

    def view(self, split: str) -> str:
        """The feature view of a split's batches.

        Validation and test read ``finetune``: what was known before their years. Training reads
        ``pretrain`` by default, what was known before *its* years. Under ``finetune`` a training
        paper's authors, fields and venue have means that contain the paper itself, and none of them
        is new: neither is so at test time, and in author disambiguation it gives the answer away.
        """
        if self.original_protocol:
            return "original"
        return self.train_view if split == "train" else "finetune"

    def hidden_splits(self, split: str) -> tuple[str, ...]:
        """The splits whose labels no batch of a split reads."""
        also_train = split == "train" and self.hide_train_labels
        return SPLITS if also_train else ("valid", "test")

    def held_out(self, split: str) -> np.ndarray:
        """The nodes whose labels no batch of a split reads, [N] bool."""
        mask = np.zeros(self.graph.num_nodes(self.target), dtype=bool)
        for name in self.hidden_splits(split):
            mask[self.split.nodes(self.graph, self.target, name)] = True
        return mask

    def leaked(self, facts: dict[str, Any]) -> list[EdgeType]:
        """Relations whose held-out links pre-training has read.

        Args:
            facts: the record of pre-training's, from its file; empty where the file has none.
        """
        return []

    # What it learns and how it is scored.

    def collate(self, split: str, items: np.ndarray, batch: RawBatch) -> Any:
        """A dataclass with the field ``batch``, and the answers of the items it was sampled for."""
        start = batch.node_offsets[self.graph.schema.node_type_id(self.target)]
        nodes = torch.arange(len(items)) + start
        return NodeBatch(batch, nodes, torch.from_numpy(self.targets(items)))

    def targets(self, items: np.ndarray) -> np.ndarray:
        """The answers of some items, as the loss takes them, [B] or [B, C]."""
        raise NotImplementedError

    def head(self, n_hid: int) -> nn.Module:
        """A fresh module on top of embeddings of width ``n_hid``."""
        raise NotImplementedError

    def loss(self, head: Any, h: Tensor, data: Any) -> Tensor:
        """The scalar to minimise, of node rows ``h`` [N, D] and what ``collate`` gave.

        Of ``h`` the rows of the query's seed nodes are there, others may be NaN.
        """
        raise NotImplementedError

    def scores(self, head: Any, h: Tensor, data: Any) -> dict[str, np.ndarray]:
        """Values by name, one per item, that :meth:`metrics` needs."""
        raise NotImplementedError

    def metrics(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Metrics of any set of items, from their scores; by default means of ranking metrics.

        Args:
            values: per item ``ndcg``, ``mrr`` or others, [n] each; and ``seen``, [n] bool, where
                a class may be new: then also the means over items with a class of training.
        """
        names = [name for name in values if name != "seen"]
        result = {name: float(values[name].mean()) for name in names}
        result["items"] = len(next(iter(values.values())))
        if "seen" in values and not values["seen"].all():
            seen = values["seen"]
            result |= {f"{n}_seen": float(values[n][seen].mean()) for n in names if seen.any()}
            result["items_seen"] = int(seen.sum())
        return result

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """What :meth:`scores` would give for an answer that knows the training labels only.

        Where several answers are equally good by those, the expected values of choosing at random.
        """
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """What holds the labels, for the record of a run."""
        raise NotImplementedError


def latest(times: np.ndarray | None) -> int:
    """The latest of some times, [n]; no bound for what has none."""
    return NO_BOUND if times is None else int(times.max(initial=NO_TIME))


def joined(parts: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The values of several batches of items, one after the other, by name."""
    lists: dict[str, list[np.ndarray]] = {}
    for part in parts:
        for name, values in part.items():
            lists.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in lists.items()}


def subset(items: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """A random share of some items, at least one, ascending; all of them for 1.0."""
    count = min(len(items), max(1, int(len(items) * fraction)))
    return np.sort(rng.choice(items, count, replace=False)) if len(items) else items


def labels_in_relations(task: Task, relations: Sequence[EdgeType]) -> dict[str, Any]:
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
            f"{':'.join(relation)} that this run hides, and so reveals how many a node has; "
            "features of another kind, such as identities, do not"
        )


def _counts(graph: HeteroGraph, hidden: HiddenEdges, relation: EdgeType) -> bool:
    """Whether degrees of a relation count a hidden link."""
    csr, stored = graph.csr(relation), GraphFacts.stored(graph)
    split = None if stored is None else stored.split
    until = split.pretrain_until if isinstance(split, TimeSplit) else NO_BOUND
    hides = hidden.hides(relation, csr.indices, csr.targets())
    return bool((hides if csr.time is None else hides & (csr.time <= until)).any())
