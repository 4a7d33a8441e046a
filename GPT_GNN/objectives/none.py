"""No pre-training: the row that every other objective is compared with."""

from __future__ import annotations

from typing import Any

from torch import nn

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN


class Untrained(nn.Module):
    """A fresh encoder that :func:`GPT_GNN.train.pretrain.pretrain` writes as it is.

    Fine-tuning from it is fine-tuning from scratch with the same seed; a runner need not know.
    """

    options = ()

    def __init__(self, encoder: GNN) -> None:
        super().__init__()
        self.encoder = encoder

    @classmethod
    def build(cls, encoder: GNN, graph: HeteroGraph, dataset: Any) -> Untrained:
        """Around an encoder; graph and dataset do not matter."""
        return cls(encoder)
