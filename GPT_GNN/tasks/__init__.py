"""Downstream tasks: what each draws, hides and scores. A task of your own has the same methods."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor, nn

from GPT_GNN.batch.batch import Batch
from GPT_GNN.tasks.disambiguation import AuthorDisambiguation
from GPT_GNN.tasks.label_classification import LabelClassification
from GPT_GNN.tasks.link_ranking import LinkRanking
from GPT_GNN.tasks.node_classification import NodeClassification
from GPT_GNN.tasks.query import Query

__all__ = [
    "AuthorDisambiguation",
    "LabelClassification",
    "LinkRanking",
    "NodeClassification",
    "Task",
]


class Task(Protocol):
    """What fine-tuning asks of a task; splits are ``train``, ``valid`` and ``test``.

    Attributes:
        metric_names: the metrics that are compared with the floor; the first chooses the best
            model of a run, by its value in validation. Larger is better.
    """

    metric_names: ClassVar[tuple[str, ...]]

    @property
    def original_protocol(self) -> bool:
        """Whether to test on ten random batches, as published."""

    def items(self, split: str) -> np.ndarray:
        """What a split asks about, [n] or [n, k] int64: nodes, or positions of queries."""

    def times(self, split: str) -> np.ndarray | None:
        """The time of each item, [n], or None in a graph without times."""

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Up to ``n`` training items."""

    def query(self, split: str, items: np.ndarray) -> Query:
        """What to sample around some items, and which edges and features not to see."""

    def collate(self, split: str, items: np.ndarray, batch: Batch) -> Any:
        """A dataclass with the field ``batch``, and the answers of the items it was sampled for."""

    def head(self, n_hid: int) -> nn.Module:
        """A fresh module on top of embeddings of width ``n_hid``."""

    def loss(self, head: Any, h: Tensor, data: Any) -> Tensor:
        """The scalar to minimise, of node rows ``h`` [N, D] and what ``collate`` gave.

        Of ``h`` the rows of the query's seeds are there, others may be NaN.
        """

    def scores(self, head: Any, h: Tensor, data: Any) -> dict[str, np.ndarray]:
        """values by name, one an item, that :meth:`metrics` needs."""

    def metrics(self, values: dict[str, np.ndarray]) -> dict[str, float]:
        """Metrics of any set of items, from their scores."""

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """What :meth:`scores` would give for an answer that knows the training labels only.

        Where several answers are equally good by those, the expected values of choosing at random.
        """

    def describe(self) -> dict[str, Any]:
        """What holds the labels, for the record of a run."""
