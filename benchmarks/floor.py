"""The matrix products that no implementation of the encoder can do without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from GPT_GNN.batch.batch import Batch

Operands = tuple[Tensor, Tensor, Tensor]  # input, weight, gradient of the output


@dataclass(frozen=True)
class Product:
    """[blocks, rows, n_in] times [blocks, n_in, n_out], forward and backward.

    Attributes:
        times: how often it occurs, once a layer.
        input_gradient: whether the backward pass needs it (not for features).
    """

    name: str
    blocks: int
    rows: int
    n_in: int
    n_out: int
    times: int
    input_gradient: bool = True

    @property
    def gflop(self) -> float:
        """Of all its occurrences, forward and backward."""
        passes = 3 if self.input_gradient else 2
        return 2e-9 * self.times * passes * self.blocks * self.rows * self.n_in * self.n_out

    def operands(self) -> list[Operands]:
        """Random arrays, their own for each occurrence: in a real step none is in the cache."""
        left, right = (self.rows, self.n_in), (self.n_in, self.n_out)
        shapes = [left, right, (self.rows, self.n_out)]
        if self.blocks > 1:
            shapes = [(self.blocks, *shape) for shape in shapes]
        return [tuple(torch.randn(s) for s in shapes) for _ in range(self.times)]  # type: ignore[misc]

    def run(self, operands: Sequence[Operands]) -> None:
        """Every product once."""
        multiply = torch.bmm if self.blocks > 1 else torch.mm
        for x, weight, grad in operands:
            multiply(x, weight)
            multiply(x.mT, grad)
            if self.input_gradient:
                multiply(grad, weight.mT)


def products(
    batch: Batch,
    node_types: Sequence[str],
    relations: Sequence[str],
    n_hid: int,
    heads: int,
    layers: int,
) -> list[Product]:
    """Each product that the encoder needs once, with its smallest side.

    Type-wise input layer and K, Q, V, A of every node; W_att and W_msg of each relation on its
    distinct sources or its distinct targets, whichever are fewer (edges never are).

    Args:
        relations: names, ``self`` last.
    """
    graph = batch.graph
    out = []
    for node_type, x in zip(node_types, batch.x, strict=True):
        if x.numel():
            out.append(Product(f"input {node_type}", 1, *x.shape, n_hid, 1, False))
    for node_type, x in zip(node_types, batch.x, strict=True):
        out += [
            Product(f"{m} {node_type}", 1, len(x), n_hid, n_hid, layers) for m in "KQVA" if len(x)
        ]
    d = n_hid // heads
    relation = torch.arange(len(relations)).repeat_interleave(
        torch.tensor(graph.relation_rows).diff()
    )
    relation = relation[graph.row_of_edge]
    for r, name in enumerate(relations):
        mine = relation == r
        rows = min(len(graph.src[mine].unique()), len(graph.dst[mine].unique()))
        out += [
            Product(f"{w} {name}", heads, rows, d, d, layers) for w in ("W_att", "W_msg") if rows
        ]
    return out
