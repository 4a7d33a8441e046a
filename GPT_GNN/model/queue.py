"""The adaptive embedding queue: negatives from earlier subgraphs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SPAN = 4  # a step may renew at most 1 / SPAN of the queue, so that it spans several batches


class AdaptiveQueue(nn.Module):
    """Per relation, detached source embeddings of the last subgraphs with their ids, newest first.

    Args:
        num_relations: how many relations have a queue.
        queue_size: most rows per relation; 0 switches the queue off.

    The usable size starts at 0 and is set by :meth:`grow`: embeddings change fast early in
    training, so a long memory would hold stale ones (section 4.4 of the paper).

    Differs: the published code keeps ``queue_size`` rows per masked edge and gives each masked
    edge a slice of its own; here every target is scored against the same ``queue_size`` rows. It
    also leaves out relations named ``*L1*`` and ``*L2*``; ours treats all alike. Literal version:
    ``tests/oracle/queue.py``.
    """

    rows: Tensor
    ids: Tensor
    count: Tensor
    usable: Tensor

    def __init__(self, num_relations: int, queue_size: int, n_hid: int) -> None:
        super().__init__()
        if queue_size < 0:
            raise ValueError(f"queue_size must be at least 0, got {queue_size}")
        self.queue_size = queue_size
        self.register_buffer("rows", torch.zeros(num_relations, queue_size, n_hid))
        self.register_buffer("ids", torch.full((num_relations, queue_size), -1))
        self.register_buffer("count", torch.zeros(num_relations, dtype=torch.long))
        self.register_buffer("usable", torch.zeros((), dtype=torch.long))
        self._offers: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(num_relations)]

    def grow(self, epoch: int, n_epoch: int) -> None:
        """Set the usable size for an epoch, counted from 1: queue_size * epoch / n_epoch.

        What was offered and not taken is forgotten.
        """
        self.usable.fill_(self.queue_size * epoch // n_epoch)
        for offers in self._offers:
            offers.clear()

    def read(self, relation: int) -> tuple[Tensor, Tensor]:
        """Embeddings [Q, D] and ids [Q] of what a relation's queue holds now."""
        n = min(int(self.count[relation]), int(self.usable))
        return self.rows[relation, :n], self.ids[relation, :n]

    def offer(self, relation: int, rows: Tensor, ids: Tensor) -> None:
        """Keep rows as :meth:`push` takes them, in order, until :meth:`take_offers`.

        Of more than the queue can hold the oldest are dropped, as pushing all would.
        """
        size = int(self.usable)
        if size == 0 or not len(ids):
            return
        offers, entering = self._offers[relation], _entering(size)
        offers.append((rows[:entering].clone(), ids[:entering]))  # a slice would hold all rows
        while sum(len(ids) for _, ids in offers[1:]) >= size:
            del offers[0]

    def take_offers(self) -> None:
        """Push all rows that were offered."""
        for relation, offers in enumerate(self._offers):
            for rows, ids in offers:
                self.push(relation, rows, ids)
            offers.clear()

    @torch.no_grad()
    def push(self, relation: int, rows: Tensor, ids: Tensor) -> None:
        """Put new rows in front; the oldest beyond the usable size leave.

        Args:
            rows: [K, D], ids: [K], in random order: only the first 1 / SPAN of the usable size
                enter.
        """
        size = int(self.usable)
        if size == 0:
            return
        entering = _entering(size)
        old_rows, old_ids = self.read(relation)
        new_rows = torch.cat([rows[:entering], old_rows])[:size]
        new_ids = torch.cat([ids[:entering], old_ids])[:size]
        self.rows[relation, : len(new_rows)] = new_rows
        self.ids[relation, : len(new_ids)] = new_ids
        self.count[relation] = len(new_ids)


def _entering(size: int) -> int:
    """How many rows of a batch enter a queue of so many."""
    return max(1, size // SPAN)
