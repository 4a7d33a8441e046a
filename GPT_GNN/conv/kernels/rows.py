"""What the kernels of all devices share."""

from __future__ import annotations

import torch
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph

Rows = tuple[Tensor, Tensor]  # of the nodes (or times) and, numbered on, of the relations


def empty_like(rows: Rows) -> Rows:
    """Room for rows of the same shapes."""
    return torch.empty_like(rows[0]), torch.empty_like(rows[1])


def by_target(graph: BatchGraph) -> tuple[Tensor, ...]:
    """What a walk over each target's edges reads."""
    return (
        graph.edge_query,
        graph.edge_key,
        graph.edge_time_key,
        graph.row_ptr,
        graph.dst_ptr,
        graph.dst_rows,
    )


def wide(x: Tensor) -> Tensor:
    """At least float32: sums of halves lose their small terms."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
