"""The classes that a column holds: one per node, or any number per node."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.heads import Classifier

# ``true`` and ``predicted`` of some nodes, as f1_scores takes them; of T equally likely answers
# ``predicted`` is [T, ...].
Answers = dict[str, np.ndarray]


class OneClass:
    """One class per node, or none.

    Args:
        column: [N] int; a negative number for a node without a class.

    Attributes:
        names: [C] int64, the numbers that the column holds, ascending, also those that no training
            node has.
        labelled: [N] bool, whether a node has a class.
    """

    def __init__(self, column: np.ndarray) -> None:
        self.labelled = column >= 0
        self.names, position = np.unique(column[self.labelled], return_inverse=True)
        self._class_of = np.full(len(column), -1, dtype=np.int64)
        self._class_of[self.labelled] = position

    def of(self, items: np.ndarray) -> np.ndarray:
        """[B] int64 in [0, C)."""
        return self._class_of[items]

    def head(self, n_hid: int) -> Classifier:
        """A linear layer and log-softmax."""
        return Classifier(n_hid, len(self.names))

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy, mean over nodes."""
        return F.nll_loss(scores, y)

    def answers(self, scores: Tensor, y: Tensor) -> Answers:
        """[B] int64 each: the class and the one of the highest score."""
        return {"true": y.cpu().numpy(), "predicted": scores.argmax(1).cpu().numpy()}

    def most_frequent(self, train: np.ndarray, items: np.ndarray) -> Answers:
        """Answers for ``items``: always the most frequent class of ``train``; T of them if T tie.

        Which class has the smaller number must not decide how good the baseline is.
        """
        true, counts = self.of(items), np.bincount(self.of(train), minlength=len(self.names))
        most = np.flatnonzero(counts == counts.max())
        return {"true": true, "predicted": np.broadcast_to(most[:, None], (len(most), len(true)))}


class ManyClasses:
    """Any number of classes per node; a node with none, a row of zeros, is one without labels.

    Args:
        column: [N, C] of 0 and 1, or bool.

    Attributes:
        names: [C] int64, the columns; labelled: [N] bool, whether a node has a class.
    """

    def __init__(self, column: np.ndarray) -> None:
        self._column = column
        self.names = np.arange(column.shape[1])
        self.labelled = (column != 0).any(1)

    def of(self, items: np.ndarray) -> np.ndarray:
        """[B, C] float32 of 0 and 1."""
        return self._column[items].astype(np.float32)

    def head(self, n_hid: int) -> nn.Linear:
        """A linear layer: its scores are log-odds, of each class for itself."""
        return nn.Linear(n_hid, len(self.names))

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """Binary cross-entropy, mean over classes and nodes."""
        return F.binary_cross_entropy_with_logits(scores, y)

    def answers(self, scores: Tensor, y: Tensor) -> Answers:
        """[B, C] bool each: the classes and those more probable than not."""
        return {"true": (y > 0).cpu().numpy(), "predicted": (scores > 0).cpu().numpy()}

    def most_frequent(self, train: np.ndarray, items: np.ndarray) -> Answers:
        """As :meth:`OneClass.most_frequent`: one class for every node, however many it has."""
        true, counts = self.of(items) > 0, self.of(train).sum(0, dtype=np.int64)
        most = np.eye(len(counts), dtype=bool)[counts == counts.max()]
        return {"true": true, "predicted": np.broadcast_to(most[:, None], (len(most), *true.shape))}


def read_classes(graph: HeteroGraph, node_type: str, name: str) -> OneClass | ManyClasses:
    """The classes of a column.

    Raises:
        ValueError: no such column, or neither [N] integers nor [N, C] of 0 and 1.
    """
    column = graph.column(node_type, name)
    if column.ndim == 1 and column.dtype.kind in "iu":
        return OneClass(column)
    if column.ndim == 2 and column.shape[1] and ((column == 0) | (column == 1)).all():
        return ManyClasses(column)
    raise ValueError(
        f"{graph.path}: expected an integer per node, or a 0 or 1 per class, in column {name!r} of "
        f"{node_type!r}, found {column.dtype} of shape {column.shape}"
    )
