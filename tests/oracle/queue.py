"""The adaptive embedding queue as lists of (id, vector), newest first."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


class LiteralQueue:
    """One list per relation.

    Attributes:
        usable: how many rows a relation may hold now: queue_size * epoch // n_epoch.
    """

    def __init__(self, num_relations: int, queue_size: int) -> None:
        self.queue_size = queue_size
        self.usable = 0
        self.rows: list[list[tuple[int, Tensor]]] = [[] for _ in range(num_relations)]

    def grow(self, epoch: int, n_epoch: int) -> None:
        """Epochs count from 1. Rows that are held stay."""
        self.usable = self.queue_size * epoch // n_epoch

    def entering(self) -> int:
        """The most rows that one step may bring in: a quarter of what fits, at least one."""
        return max(1, self.usable // 4) if self.usable else 0

    def push(self, relation: int, rows: Sequence[tuple[int, Tensor]]) -> None:
        """Bring in the first rows of a batch's sources, given in random order; the oldest leave.

        Args:
            rows: (id, embedding) of the batch's distinct sources.
        """
        new = [(i, vector.detach().clone()) for i, vector in rows[: self.entering()]]
        self.rows[relation] = (new + self.rows[relation])[: self.usable]

    def read(self, relation: int) -> list[tuple[int, Tensor]]:
        """What a relation holds."""
        return self.rows[relation][: self.usable]
