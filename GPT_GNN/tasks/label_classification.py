"""Node classification where a column holds the classes: a post's community, a film's genres."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from GPT_GNN.batch.batch import Batch
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.metrics import f1_scores
from GPT_GNN.rng import derive
from GPT_GNN.settings import TrainBatchConfig
from GPT_GNN.tasks.classes import read_classes
from GPT_GNN.tasks.query import LabelBatch, Query, last_time, subset, view_of


class LabelClassification:
    """Predict the class or the classes that a column says.

    Nothing has to be hidden: no edge tells a label. Of one class a node it is trained with
    cross-entropy and answers the likeliest; of several with binary cross-entropy, class by class,
    and answers all that are more probable than not.

    Args:
        graph: the store.
        split: of the nodes.
        target: type of the nodes.
        column: [N] int, the class, a negative number for a node without one; or [N, C] of 0 and 1,
            the classes, all 0 for a node without labels.
        fraction: share of the labelled training and validation nodes to use.
        seed: draws that share.
        train_view: feature view of training batches, see :func:`GPT_GNN.tasks.query.view_of`.
        original_protocol: as published, test on ten random batches.

    Attributes:
        classes: [C] int64, every number that the column holds, ascending, also those that no
            training node has; or the column's positions.

    Raises:
        ValueError: a fraction outside (0, 1], no such column, one that holds something else, or a
            split without labelled nodes.

    Source: the published ``finetune_reddit.py``.
    """

    metric_names: ClassVar[tuple[str, ...]] = ("micro_f1", "macro_f1")

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
        self.train_view = TrainBatchConfig(train_view=train_view).train_view  # checked
        self.original_protocol = original_protocol
        self._classes = read_classes(graph, target, column)
        self.classes = self._classes.names
        self._time = graph.node_time(target)
        self._end = {s: last_time(graph, split, s, target) for s in ("train", "valid", "test")}
        self._items = self._labelled(fraction, seed)

    def _labelled(self, fraction: float, seed: int) -> dict[str, np.ndarray]:
        items = {}
        for name in ("train", "valid", "test"):
            nodes = self.split.nodes(self.graph, self.target, name)
            nodes = nodes[self._classes.labelled[nodes]]
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
        return LabelBatch(batch, nodes, torch.from_numpy(self._classes.of(items)))

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """What :meth:`scores` gives when the answer is always training's most frequent class.

        ``predicted`` is [T, n] or [T, n, C]: one answer for each of the T classes that are so.
        """
        return self._classes.most_frequent(self._items["train"], self._items[split])

    def describe(self) -> dict[str, Any]:
        """What holds the labels, for the record of a run."""
        return {"task": type(self).__name__, "column": f"{self.target}.{self.column}"}

    def metrics(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Micro-F1 and macro-F1 over items, and their number.

        Args:
            values: what :meth:`scores` gives for each item; of several equally likely answers, as
                :meth:`most_frequent` gives, the mean of their metrics is taken.
        """
        true, predicted = values["true"], values["predicted"]
        answers = predicted if predicted.ndim > true.ndim else predicted[None]
        micro, macro = np.mean([f1_scores(true, answer) for answer in answers], axis=0).tolist()
        return {"micro_f1": micro, "macro_f1": macro, "items": len(true)}

    def head(self, n_hid: int) -> nn.Module:
        """A linear classifier over the classes."""
        return self._classes.head(n_hid)

    def loss(self, head: nn.Module, h: Tensor, data: LabelBatch) -> Tensor:
        """Cross-entropy, mean over nodes; of several classes a node also over classes."""
        return self._classes.loss(head(h[data.nodes]), data.y)

    def scores(self, head: nn.Module, h: Tensor, data: LabelBatch) -> dict[str, np.ndarray]:
        """Per node ``true`` and ``predicted``: the class, [B] int64, or the classes, [B, C] bool.

        F1 is not a mean over nodes, hence :meth:`metrics` counts anew for any set of them.
        """
        return self._classes.answers(head(h[data.nodes]), data.y)
