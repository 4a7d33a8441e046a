"""Node classification where a column holds each node's only class: a post's community."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from GPT_GNN.batch.batch import Batch
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.metrics import f1_scores
from GPT_GNN.model.heads import Classifier
from GPT_GNN.rng import derive
from GPT_GNN.tasks.query import LabelBatch, Query, last_time, subset, view_of


class LabelClassification:
    """Predict the class that a column says. Nothing has to be hidden: no edge tells a label.

    Args:
        graph: the store.
        split: of the nodes.
        target: type of the nodes.
        column: [N] int, the class; a negative number for a node without one.
        fraction: share of the labelled training and validation nodes to use.
        seed: draws that share.
        train_view: feature view of training batches, see :func:`GPT_GNN.tasks.query.view_of`.
        original_protocol: as published, test on ten random batches.

    Attributes:
        classes: [C] int64, every number that the column holds, ascending; also those that no
            training node has.

    Raises:
        ValueError: a fraction outside (0, 1], no such column, one that does not hold integers, or a
            split without labelled nodes.

    Source: the published ``finetune_reddit.py``.
    """

    metric_names: ClassVar = ("micro_f1", "macro_f1")

    def __init__(
        self,
        graph: HeteroGraph,
        split: Split,
        target: str,
        column: str = "y",
        fraction: float = 1.0,
        seed: int = 0,
        train_view: str = "pretrain",
        original_protocol: bool = False,
    ) -> None:
        self.graph = graph
        self.split = split
        self.target = target
        self.column = column
        self.train_view = train_view
        self.original_protocol = original_protocol
        label = graph.column(target, column)
        if label.dtype.kind not in "iu" or label.ndim != 1:
            raise ValueError(
                f"{graph.path}: expected an integer a node in column {column!r} of {target!r}, "
                f"found {label.dtype} of shape {label.shape}"
            )
        self.classes, position = np.unique(label[label >= 0], return_inverse=True)
        self._class_of = np.full(len(label), -1, dtype=np.int64)
        self._class_of[label >= 0] = position
        self._time = graph.node_time(target)
        self._end = {s: last_time(graph, split, s, target) for s in ("train", "valid", "test")}
        self._items = self._labelled(fraction, seed)

    def _labelled(self, fraction: float, seed: int) -> dict[str, np.ndarray]:
        items = {}
        for name in ("train", "valid", "test"):
            nodes = self.split.nodes(self.graph, self.target, name)
            nodes = nodes[self._class_of[nodes] >= 0]
            if not len(nodes):
                raise ValueError(
                    f"{self.graph.path}: no {self.target!r} node of the {name} split has a label"
                )
            kept = fraction if name != "test" else 1.0
            items[name] = subset(nodes, kept, derive(seed, "labels", name))
        return items

    def items(self, split: str) -> np.ndarray:
        """Labelled nodes of a split, [n] int64; of training and validation the share in use."""
        return self._items[split]

    def times(self, split: str) -> np.ndarray | None:
        """The time of each item of a split, or None in a graph without times."""
        return None if self._time is None else self._time[self._items[split]]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to ``n`` distinct training nodes."""
        nodes = self._items["train"]
        return rng.choice(nodes, min(n, len(nodes)), replace=False)

    def query(self, split: str, items: np.ndarray) -> Query:
        """What to sample around some nodes."""
        return Query(
            seeds={self.target: (items, None if self._time is None else self._time[items])},
            time_max=self._end[split],
            hidden=None,
            view=view_of(split, self.train_view, self.original_protocol),
        )

    def collate(self, split: str, items: np.ndarray, batch: Batch) -> LabelBatch:
        """Labels to go with a batch that was sampled around these items."""
        start = batch.graph.node_offsets[self.graph.schema.node_type_id(self.target)]
        nodes = torch.arange(len(items)) + start
        return LabelBatch(batch, nodes, torch.from_numpy(self._class_of[items]))

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """What :meth:`scores` gives when the answer is always training's most frequent class."""
        counts = np.bincount(self._class_of[self._items["train"]], minlength=len(self.classes))
        true = self._class_of[self._items[split]]
        return _answers(true, np.full_like(true, counts.argmax()))

    def describe(self) -> dict[str, Any]:
        """What holds the labels, for the record of a run."""
        return {"task": type(self).__name__, "column": f"{self.target}.{self.column}"}

    def metrics(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Micro-F1 and macro-F1 over items, and their number.

        Args:
            values: what :meth:`scores` gives for each item.
        """
        micro, macro = f1_scores(values["true"], values["predicted"])
        return {"micro_f1": micro, "macro_f1": macro, "items": len(values["true"])}

    def head(self, n_hid: int) -> Classifier:
        """A linear classifier over the classes."""
        return Classifier(n_hid, len(self.classes))

    def loss(self, head: Classifier, h: Tensor, data: LabelBatch) -> Tensor:
        """Cross-entropy, mean over nodes."""
        return F.nll_loss(head(h[data.nodes]), data.y)

    def scores(self, head: Classifier, h: Tensor, data: LabelBatch) -> dict[str, np.ndarray]:
        """Per node ``true`` and ``predicted`` class, [B] int64, and ``micro_f1``: 1 or 0."""
        return _answers(data.y.cpu().numpy(), head(h[data.nodes]).argmax(1).cpu().numpy())


def _answers(true: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    # Of one node micro-F1 says whether it was right; its mean is the micro-F1 of several.
    right = (true == predicted).astype(np.float64)
    return {"true": true, "predicted": predicted, "micro_f1": right}
