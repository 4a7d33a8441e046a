"""Node classification where a column holds the classes: a post's community, a film's genres."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Unpack

import numpy as np
from torch import Tensor, nn

from GPT_GNN.graph.resolve import ResolvedFacts, TargetConfig, resolve_facts
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.metrics import f1_scores
from GPT_GNN.settings import Checked, setting
from GPT_GNN.tasks.classes import read_classes
from GPT_GNN.tasks.task import NodeBatch, Task, TaskFlags, TaskKeywords


@dataclass(frozen=True)
class LabelSettings(Checked):
    """The classes that a column holds."""

    label: str = setting("", "column of the classes; empty: the store's own")


class LabelClassification(Task):
    """Predict the class, or the classes, that a column holds for each node.

    No edge tells a label, so nothing is hidden. With one class per node the loss is cross-entropy
    and the answer the likeliest class; with several it is binary cross-entropy per class, and the
    answer all classes that are more probable than not.

    Args:
        split: of the nodes.
        target: type of the nodes.
        column: [N] int, the class, a negative number for a node without one; or [N, C] of 0 and 1,
            the classes, all 0 for a node without labels.
        **keywords: see :class:`Task`; no ``hide_train_labels``.

    Attributes:
        classes: [C] int64, every number that the column holds, ascending, also those that no
            training node has; or the column's positions.

    Raises:
        ValueError: no such column, one that holds something else, or see :class:`Task`.

    Source: the published ``finetune_reddit.py``.
    """

    Settings = LabelSettings
    metric_names = ("micro_f1", "macro_f1")

    def __init__(
        self,
        graph: HeteroGraph,
        split: Split,
        target: str,
        column: str = "y",
        **keywords: Unpack[TaskKeywords],
    ) -> None:
        super().__init__(graph, split, target, **keywords)
        if self.hide_train_labels:
            raise ValueError(
                "--hide_train_labels hides edges that hold labels; those of --task label are in a "
                "column"
            )
        self.column = column
        self._classes = read_classes(graph, target, column)
        self.classes = self._classes.names
        self.divide(self._classes.labelled)

    @classmethod
    def of_flags(
        cls, graph: HeteroGraph, facts: TargetConfig, settings: Checked, flags: TaskFlags, seed: int
    ) -> tuple[Task, ResolvedFacts]:
        resolved = resolve_facts(graph, **asdict(facts), **asdict(settings))
        target, label = resolved.facts.target, resolved.facts.label
        if not label:
            raise ValueError(
                f"{graph.path} does not say which column of {target!r} holds the classes: expected "
                f"--label, available: {sorted(graph.columns(target))}; or --task class_node or "
                "link with a --relation"
            )
        return cls(graph, resolved.facts.split, target, label, **flags.keywords(seed)), resolved

    def targets(self, items: np.ndarray) -> np.ndarray:
        """[B] int64, the class; or [B, C] float32 of 0 and 1."""
        return self._classes.of(items)

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """What :meth:`scores` gives when the answer is always training's most frequent class.

        ``predicted`` is [T, n] or [T, n, C]: one answer for each of the T classes that are so.
        """
        return self._classes.most_frequent(self._items["train"], self._items[split])

    def describe(self) -> dict[str, Any]:
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
        return self._classes.head(n_hid)

    def loss(self, head: nn.Module, h: Tensor, data: NodeBatch) -> Tensor:
        """Cross-entropy, mean over nodes; with several classes per node also over classes."""
        return self._classes.loss(head(h[data.nodes]), data.y)

    def scores(self, head: nn.Module, h: Tensor, data: NodeBatch) -> dict[str, np.ndarray]:
        """Per node ``true`` and ``predicted``: the class, [B] int64, or the classes, [B, C] bool.

        F1 is not a mean over nodes, hence :meth:`metrics` counts anew for any set of them.
        """
        return self._classes.answers(head(h[data.nodes]), data.y)
