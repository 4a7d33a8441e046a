"""Optimisers and learning rate schedules by name."""

from __future__ import annotations

from torch import nn, optim
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR


def build_optimizer(
    model: nn.Module, optimizer: str, max_lr: float, weight_decay: float
) -> optim.Optimizer:
    """An optimiser over the parameters that are trained.

    Args:
        optimizer: ``adamw`` (eps 1e-6, as published), ``adam``, ``sgd`` or ``adagrad``.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if optimizer == "adamw":
        return optim.AdamW(parameters, lr=max_lr, weight_decay=weight_decay, eps=1e-6)
    if optimizer == "adam":
        return optim.Adam(parameters, lr=max_lr, weight_decay=weight_decay)
    if optimizer == "sgd":
        return optim.SGD(parameters, lr=max_lr, weight_decay=weight_decay, momentum=0.9)
    if optimizer == "adagrad":
        return optim.Adagrad(parameters, lr=max_lr, weight_decay=weight_decay)
    raise ValueError(f"unknown optimizer {optimizer!r}; available: adamw, adam, sgd, adagrad")


def build_scheduler(
    optimizer: optim.Optimizer, scheduler: str, max_lr: float, total_steps: int
) -> LRScheduler:
    """A schedule over the whole run, stepped once a batch.

    Args:
        scheduler: ``cycle`` (up in the first 2 %, then linearly down to max_lr / 2500), ``cosine``
            (down to 1e-6) or ``none``.

    Differs: the published cosine has a period of 500 steps whatever the run's length, so that the
    rate rises again in longer runs; ours ends with the run.
    """
    if scheduler == "cycle":
        return OneCycleLR(
            optimizer,
            max_lr=max_lr,
            total_steps=max(total_steps, 2) + 1,
            pct_start=0.02,
            anneal_strategy="linear",
            final_div_factor=100,
            cycle_momentum=False,
        )
    if scheduler == "cosine":
        return CosineAnnealingLR(optimizer, T_max=total_steps, eta_min=min(1e-6, max_lr))
    if scheduler == "none":
        return LambdaLR(optimizer, lambda step: 1.0)
    raise ValueError(f"unknown scheduler {scheduler!r}; available: cycle, cosine, none")
