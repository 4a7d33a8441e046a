"""Node classification where the classes are nodes: a paper's fields, a paper's venue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from GPT_GNN.batch.batch import Batch
from GPT_GNN.graph.csr import row_positions
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.metrics import ranking_metrics
from GPT_GNN.model.heads import Classifier
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import TrainBatchConfig
from GPT_GNN.tasks.query import (
    ClassBatch,
    Query,
    labels_in_relations,
    last_time,
    ranking_means,
    subset,
    view_of,
    warn_of_degrees,
)


class NodeClassification:
    """Predict which class nodes a target node is linked to.

    The label edges are hidden, in both directions, for the targets of a batch and for every node
    of the validation and test splits. Trained with KL divergence to the uniform distribution over
    the true classes, which for one true class is cross-entropy.

    Args:
        graph: the store.
        split: of the target nodes.
        relations: label edges, as edge types (class type, relation, target type).
        classes: "linked": class nodes that have any label edge; "all": every node of the class
            type.
        fraction: share of the labelled training and validation nodes to use.
        seed: draws that share.
        also_hidden: further relations (class type, relation, target type), hidden like the labels.
        train_view: feature view of training batches, see :func:`GPT_GNN.tasks.query.view_of`.
        hide_train_labels: hide the label edges of all training nodes in training batches. In a test
            batch no contemporary shows its label; by default a training batch's contemporaries do.
        original_protocol: the published choices: labels of other validation and test nodes stay
            visible, features over all years (view ``original``), test on ten random batches.

    Raises:
        ValueError: a fraction outside (0, 1], or a split without labelled nodes.
    """

    metric_names: ClassVar[tuple[str, ...]] = ("ndcg", "mrr")

    def __init__(
        self,
        graph: HeteroGraph,
        split: Split,
        relations: Sequence[EdgeType],
        classes: str = "linked",
        fraction: float = 1.0,
        seed: int = 0,
        also_hidden: Sequence[EdgeType] = (),
        train_view: str = "pretrain",
        hide_train_labels: bool = False,
        original_protocol: bool = False,
    ) -> None:
        if not relations:
            raise ValueError(f"{graph.path}: no relation holds the labels of this task")
        self.graph = graph
        self.split = split
        self.target = relations[0][2]
        self.train_view = TrainBatchConfig(train_view=train_view).train_view  # checked
        self.original_protocol = original_protocol
        self.relations = tuple(dict.fromkeys([*relations, *also_hidden]))
        self.class_type = relations[0][0]
        self._time = graph.node_time(self.target)
        self._end = {s: last_time(graph, split, s, self.target) for s in ("train", "valid", "test")}
        self._labels = _Labels(graph, relations)
        num_classes = graph.num_nodes(self.class_type)
        self.classes = (
            np.unique(self._labels.classes) if classes == "linked" else np.arange(num_classes)
        )
        self._class_of = np.full(num_classes, -1)
        self._class_of[self.classes] = np.arange(len(self.classes))
        self._items = self._labelled(fraction, seed)
        train_labels = self._labels.of(self._items["train"])[1]
        self._seen_in_training = np.isin(self.classes, train_labels)
        self._hidden = {s: self._hidden_edges(s, hide_train_labels) for s in self._end}
        warn_of_degrees(graph, self._hidden["test"], self.relations)

    def _labelled(self, fraction: float, seed: int) -> dict[str, np.ndarray]:
        has_label = np.diff(self._labels.indptr) > 0
        items = {}
        for name in ("train", "valid", "test"):
            nodes = self.split.nodes(self.graph, self.target, name)
            items[name] = nodes[has_label[nodes]]
            if not len(items[name]):
                raise ValueError(
                    f"{self.graph.path}: no {self.target!r} node of the {name} split has a label"
                )
        for name in ("train", "valid"):
            items[name] = subset(items[name], fraction, derive(seed, "labels", name))
        return items

    def _hidden_edges(self, split: str, hide_train_labels: bool) -> HiddenEdges:
        if self.original_protocol:
            return HiddenEdges(self.graph)
        held_out = np.zeros(self.graph.num_nodes(self.target), dtype=bool)
        also_train = ("train",) if split == "train" and hide_train_labels else ()
        for name in (*also_train, "valid", "test"):
            held_out[self.split.nodes(self.graph, self.target, name)] = True
        return HiddenEdges(self.graph, {edges: (None, held_out) for edges in self.relations})

    def items(self, split: str) -> np.ndarray:
        """Labelled nodes of a split, [n] int64; of training and validation the share in use."""
        return self._items[split]

    def times(self, split: str) -> np.ndarray | None:
        """The time of each item of a split, or None for nodes without times."""
        return None if self._time is None else self._time[self._items[split]]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to ``n`` distinct training nodes."""
        nodes = self._items["train"]
        return rng.choice(nodes, min(n, len(nodes)), replace=False)

    def query(self, split: str, items: np.ndarray) -> Query:
        """What to sample around some nodes."""
        pairs = {}
        for relation in self.relations:
            csr = self.graph.csr(relation)
            row, edge = csr.rows(items)
            pairs[relation] = (csr.indices[edge], items[row])
        return Query(
            seeds={self.target: (items, None if self._time is None else self._time[items])},
            time_max=self._end[split],
            hidden=self._hidden[split].with_pairs(pairs),
            view=view_of(split, self.train_view, self.original_protocol),
        )

    def collate(self, split: str, items: np.ndarray, batch: Batch) -> ClassBatch:
        """Labels to go with a batch that was sampled around these items."""
        start = batch.graph.node_offsets[self.graph.schema.node_type_id(self.target)]
        nodes = torch.arange(len(items)) + start
        return ClassBatch(batch, nodes, torch.from_numpy(self._targets(items)))

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """Per node ``ndcg`` and ``mrr`` of always ranking the classes by their training counts."""
        row, label = self._labels.of(self._items["train"])
        counts = np.bincount(self._class_of[label], minlength=len(self.classes)).astype(np.float32)
        ndcg, mrr = [], []
        for start in range(0, len(self._items[split]), 1024):
            items = self._items[split][start : start + 1024]
            y = self._targets(items)
            scores = ranking_metrics(np.broadcast_to(counts, y.shape), y)
            ndcg.append(scores[0])
            mrr.append(scores[1])
        return {"ndcg": np.concatenate(ndcg), "mrr": np.concatenate(mrr)}

    def _targets(self, items: np.ndarray) -> np.ndarray:
        y = np.zeros((len(items), len(self.classes)), dtype=np.float32)
        row, label = self._labels.of(items)
        y[row, self._class_of[label]] = 1
        return y / y.sum(1, keepdims=True)

    def describe(self) -> dict[str, Any]:
        """What holds the labels, for the record of a run."""
        return labels_in_relations(self, self.relations)

    def metrics(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Means of what :meth:`scores` gives for each item."""
        return ranking_means(values)

    def head(self, n_hid: int) -> Classifier:
        """A linear classifier over the classes."""
        return Classifier(n_hid, len(self.classes))

    def loss(self, head: Classifier, h: Tensor, data: ClassBatch) -> Tensor:
        """KL divergence of the prediction from the true classes, mean over nodes."""
        return F.kl_div(head(h[data.nodes]), data.y, reduction="batchmean")

    def scores(self, head: Classifier, h: Tensor, data: ClassBatch) -> dict[str, np.ndarray]:
        """Per node ``ndcg``, ``mrr`` and ``seen``: whether a true class occurs in training."""
        ndcg, mrr = ranking_metrics(head(h[data.nodes]).cpu().numpy(), data.y.cpu().numpy())
        seen = (data.y.cpu().numpy()[:, self._seen_in_training] > 0).any(1)
        return {"ndcg": ndcg, "mrr": mrr, "seen": np.asarray(seen)}


class _Labels:
    """Labels of every target node over several relations, as CSR."""

    def __init__(self, graph: HeteroGraph, relations: Sequence[EdgeType]) -> None:
        n = graph.num_nodes(relations[0][2])
        csrs = [graph.csr(relation) for relation in relations]
        targets = np.concatenate([csr.targets() for csr in csrs])
        classes = np.concatenate([csr.indices for csr in csrs])
        links = np.unique(np.stack([targets, classes]), axis=1)  # two relations may share a link
        self.classes = links[1].astype(np.int64)
        self.indptr = np.concatenate([[0], np.cumsum(np.bincount(links[0], minlength=n))])

    def of(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels of some nodes: (position in ``items``, class node), [L] each."""
        row, link = row_positions(self.indptr, items)
        return row, self.classes[link]
