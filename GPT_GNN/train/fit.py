"""The training loop, for pre-training and fine-tuning alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from GPT_GNN.batch.batch import to_device
from GPT_GNN.batch.loader import Loader
from GPT_GNN.model.trainable import Trainable
from GPT_GNN.rng import derive
from GPT_GNN.system.runner import Interrupted, StopSignal
from GPT_GNN.system.runtime import peak_memory_mb, seeded
from GPT_GNN.train.log import Loggers
from GPT_GNN.train.optim import OptimConfig, Stepper, autocast
from GPT_GNN.train.run import Run

_MOST_SHOWN = 5  # tensors that an error names


@dataclass(frozen=True)
class Plan:
    """How long to train: epochs of steps, and how many steps lie between validations."""

    n_epoch: int
    steps_per_epoch: int
    steps_per_eval: int

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.n_epoch * self.steps_per_epoch

    def epoch(self, step: int) -> int:
        """The epoch of a step; both count from 1."""
        return (step - 1) // self.steps_per_epoch + 1

    def evaluates(self, step: int) -> bool:
        """Whether a validation follows this step."""
        return step % self.steps_per_eval == 0 or step == self.total_steps


def fit(
    model: Trainable,
    make_batch: Callable[[int], Any],
    evaluate: Callable[[], dict[str, float]],
    plan: Plan,
    optim: OptimConfig,
    run: Run,
) -> tuple[Loggers, dict[str, Any]]:
    """Train a model; every validation that beats the best so far writes ``run.place.best``.

    Args:
        model: what is trained.
        make_batch: step (from 0) -> batch, run in loader threads; a function of the step alone.
        evaluate: returns metrics by name; ``score`` (higher is better) selects the best. Without a
            score the last model counts as the best.

    Returns:
        The run's log, still open, and the best model's checkpoint.

    Raises:
        Interrupted: after Ctrl-C, once the step is finished and saved.
        FloatingPointError: the loss, its gradient, a weight or a validation is not finite.
    """
    stepper = Stepper(model, run.device, optim, plan.total_steps)
    with seeded(run.seed, "fit"), StopSignal() as stop, ExitStack() as if_stopped:
        done, best, best_step = run.restore(model, stepper)
        log = run.open_log(plan.total_steps, done if run.resume else None)
        if_stopped.callback(log.close)
        batches = Loader(make_batch, range(done, plan.total_steps), run.n_pool, run.device)
        bar = tqdm(total=plan.total_steps, initial=done, unit="step", disable=None)
        for step, batch in zip(count(done + 1), batches):  # noqa: B905 - count() is endless
            # Forward, backward, step.
            seed_dropout(run.seed, step - 1)
            model.train()
            model.start_epoch(plan.epoch(step), plan.n_epoch)
            with autocast(optim.amp, run.device):
                values = model(to_device(batch, run.device))
            numbers = {name: value.item() for name, value in values.items()}
            check_finite(f"the loss at step {step}", numbers)
            norm = stepper.backward(values["loss"])
            if not stepper.may_overflow:
                check_finite(f"the gradient at step {step}", {"norm": norm.item()})
            lr = stepper.lr
            stepper.step()
            model.after_step()
            # Log; validate and keep the best; save, and stop if asked to.
            log.record(step=step, split="train", lr=lr, **numbers)
            bar.update()
            bar.set_postfix(loss=f"{numbers['loss']:.3f}", refresh=False)
            if plan.evaluates(step):
                model.eval()
                _check_weights(model, step)
                with torch.no_grad(), autocast(optim.amp, run.device):
                    metrics = evaluate()
                check_finite(f"the validation at step {step}", metrics)
                log.record(step=step, split="valid", **metrics)
                log.say(_line(plan, step, numbers, metrics))
                if "score" not in metrics or metrics["score"] > best:
                    best, best_step = metrics.get("score", best), step
                    run.save_best(model, step, metrics)
            if plan.evaluates(step) or stop.raised:
                log.flush()
                run.save_state(model, stepper, step, best, best_step)
            if stop.raised:
                bar.close()
                raise Interrupted(f"stopped after step {step}; --resume continues from there")
        bar.close()
        log.say(f"peak memory {peak_memory_mb(run.device):,.0f} MB")
        if_stopped.pop_all()
    return log, run.read_best(best_step)


def seed_dropout(seed: int, number: int) -> None:
    """Seed torch's generators for a batch: its dropout is a function of the seed and its number.

    So it does not matter which batches came before, or which process computes this one.
    """
    torch.manual_seed(int(derive(seed, "fit", number).integers(2**63)))


def _line(plan: Plan, step: int, train: dict[str, float], valid: dict[str, float]) -> str:
    numbers = "  ".join(f"{name} {value:.4f}" for name, value in valid.items() if name != "score")
    return (
        f"epoch {plan.epoch(step)}/{plan.n_epoch}  step {step}/{plan.total_steps}  "
        f"train loss {train['loss']:.4f}  valid {numbers or 'nothing'}"
    )


def check_finite(what: str, values: dict[str, float]) -> None:
    """Raise FloatingPointError, naming all values, if one is NaN or infinite."""
    if not all(map(math.isfinite, values.values())):
        parts = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise FloatingPointError(
            f"{what} is not finite: {parts}; "
            "nothing was saved since the last checkpoint. A lower --max_lr or --clip may help"
        )


def _check_weights(model: nn.Module, step: int) -> None:
    """The same of a model's state: a metric that compares scores does not show a NaN."""
    wrong = {
        name: x[~x.isfinite()][0].item()
        for name, x in model.state_dict().items()
        if x.is_floating_point() and not x.isfinite().all()
    }
    check_finite(f"the model at step {step}", dict(islice(wrong.items(), _MOST_SHOWN)))
