"""Optimisers and learning rate schedules by name, mixed precision, one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR

from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class OptimConfig(Checked):
    """Optimiser, schedule and length of training."""

    optimizer: str = setting("adamw", "optimiser", choices=("adamw", "adam", "sgd", "adagrad"))
    scheduler: str = setting("cycle", "learning rate schedule", choices=("cycle", "cosine", "none"))
    max_lr: float = setting(1e-3, "highest learning rate", low=0, low_open=True)
    weight_decay: float = setting(1e-2, "weight decay", low=0)
    clip: float = setting(0.5, "largest norm of the gradient", low=0, low_open=True)
    amp: str = setting(
        "off",
        "mixed precision of encoder and text decoder: bf16, or fp16 on a GPU",
        choices=("off", "bf16", "fp16"),
    )
    n_epoch: int = setting(20, "epochs", low=1)
    n_batch: int = setting(32, "batches between two validations", low=1)


_HALF = {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(amp: str, device: torch.device) -> torch.autocast:
    """The block in which encoder and text decoder compute in half precision.

    Raises:
        ValueError: fp16 on the CPU, where it is slow and its gradients need a GPU's scaling.
    """
    if amp == "fp16" and device.type == "cpu":
        raise ValueError("--amp fp16: expected a GPU, found the CPU; use bf16 or off")
    return torch.autocast(device.type, _HALF[amp], enabled=amp != "off")


class Stepper:
    """An optimiser, its schedule and, in float16, the scale of its gradients: one call per step.

    Args:
        model: its parameters that are trained.
        total_steps: length of the schedule.
    """

    def __init__(
        self, model: nn.Module, device: torch.device, config: OptimConfig, total_steps: int
    ) -> None:
        autocast(config.amp, device)  # refuses, before anything of an older run is lost
        self.clip, lr = config.clip, config.max_lr
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = build_optimizer(model, config.optimizer, lr, config.weight_decay)
        self.scheduler = build_scheduler(self.optimizer, config.scheduler, lr, total_steps)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.amp == "fp16")

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def backward(self, loss: Tensor) -> Tensor:
        """Gradients of a loss, clipped; returns their norm before."""
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        return nn.utils.clip_grad_norm_(self.parameters, self.clip)

    @property
    def may_overflow(self) -> bool:
        """Whether a norm may be infinite: in float16, where the step is then left out."""
        return bool(self.scaler.is_enabled())

    def step(self) -> None:
        """Move the parameters, then the schedule; neither when a float16 gradient overflowed.

        Raises:
            FloatingPointError: gradients overflow however far their scale is lowered.
        """
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        scale = self.scaler.get_scale()
        if scale < 1:
            raise FloatingPointError(
                f"float16 gradients are not finite at a scale of {before}: nothing was saved since "
                "the last checkpoint. --amp bf16 or off may help"
            )
        if scale >= before:
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run continues from."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.scaler.load_state_dict(state["scaler"])


def build_optimizer(
    model: nn.Module, optimizer: str, max_lr: float, weight_decay: float
) -> optim.Optimizer:
    """An optimiser over the parameters that are trained.

    Args:
        optimizer: ``adamw`` (eps 1e-6, as published), ``adam``, ``sgd`` or ``adagrad``.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if optimizer == "adamw":
        return optim.AdamW(parameters, max_lr, weight_decay=weight_decay, eps=1e-6, fused=True)
    if optimizer == "adam":
        return optim.Adam(parameters, max_lr, weight_decay=weight_decay, fused=True)
    if optimizer == "sgd":
        return optim.SGD(parameters, lr=max_lr, weight_decay=weight_decay, momentum=0.9)
    if optimizer == "adagrad":
        return optim.Adagrad(parameters, lr=max_lr, weight_decay=weight_decay)
    raise ValueError(f"unknown optimizer {optimizer!r}; available: adamw, adam, sgd, adagrad")


def build_scheduler(
    optimizer: optim.Optimizer, scheduler: str, max_lr: float, total_steps: int
) -> LRScheduler:
    """A schedule over the whole run, stepped once per batch.

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
