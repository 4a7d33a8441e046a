"""What the training loop asks of a model."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Trainable(nn.Module):
    """A model whose forward gives scalars by name, ``loss`` among them."""

    def forward(self, data: Any) -> dict[str, Tensor]:
        """``loss`` of a batch on the model's device, and whatever else is logged: scalars."""
        raise NotImplementedError

    def after_step(self) -> None:
        """Called after the optimiser's step; what is kept of its batches is stored here."""

    def start_epoch(self, epoch: int, n_epoch: int) -> None:
        """Called before each step with its epoch, counted from 1, for what grows in training."""
