"""How every batch is made: seed nodes -> sample -> transform -> trim -> tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.batch import RawBatch
from GPT_GNN.batch.trim import trim
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.query import Query
from GPT_GNN.sampler.sampler import Sampler
from GPT_GNN.sampler.subgraph import Subgraph


class HasBatch(Protocol):
    """A dataclass with the field ``batch``: a :class:`RawBatch` before it is trimmed."""

    @property
    def batch(self) -> Any:
        """The batch."""


Record = TypeVar("Record", bound=HasBatch)


@dataclass(frozen=True)
class Pipeline:
    """What pre-training, fine-tuning, evaluation and embedding make their batches with.

    Runs in loader threads, so everything is NumPy and tensors on the CPU.

    Attributes:
        sampler: of the graph.
        reach: of the encoder that will read the batches, ``GNN.reach``; None: they stay whole.
    """

    graph: HeteroGraph
    sampler: Sampler
    reach: Sequence[int] | None

    def batch(
        self,
        query: Query,
        rng: np.random.Generator,
        transform: Callable[[Subgraph], Record],
        outputs: Callable[[Record], Tensor | None] | None = None,
    ) -> Record:
        """A record whose ``batch`` is ready for the encoder.

        Args:
            query: what to sample.
            transform: makes a record with a :class:`RawBatch` of a subgraph.
            outputs: the node rows of a record that are to be embedded, int64, or None for all; by
                default the seed nodes'.
        """
        subgraph = self.sampler.sample(query, rng)
        record = transform(subgraph)
        rows = seed_rows(subgraph, record.batch) if outputs is None else outputs(record)
        trimmed: Record = replace(record, batch=trim(record.batch, rows, self.reach))  # type: ignore[type-var]
        return trimmed


def seed_rows(subgraph: Subgraph, batch: RawBatch) -> Tensor:
    """Node rows of a sample's seed nodes, [n] int64."""
    first = zip(batch.node_offsets, subgraph.num_seeds, strict=False)
    return torch.cat([torch.arange(start, start + number) for start, number in first])
