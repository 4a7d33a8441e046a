"""The training loop, for pre-training and fine-tuning alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from GPT_GNN.batch.batch import to_device
from GPT_GNN.batch.loader import Loader
from GPT_GNN.model.trainable import Trainable
from GPT_GNN.rng import derive
from GPT_GNN.schema import Schema
from GPT_GNN.system.runner import Interrupted, StopSignal
from GPT_GNN.system.runtime import peak_memory_mb, seeded, versions
from GPT_GNN.train.checkpoint import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    state_on_cpu,
)
from GPT_GNN.train.log import Console, JsonLines, Loggers
from GPT_GNN.train.optim import OptimConfig, Stepper, autocast
from GPT_GNN.train.place import CHECKPOINT, Place

_MOST_SHOWN = 5  # tensors that an error names


@dataclass(frozen=True)
class Run:
    """One run: what it is, where it writes, on what it runs.

    Attributes:
        place: its files.
        config: all settings that the numbers depend on, as plain values.
        recorded: for config.json only: ``places``, paths of what the run reads, and ``origin`` of
            the settings.
        schema: of the graph.
        of_graph: what a model's file keeps of the graph, see :func:`graph_record`.
        resume: continue from checkpoint.pt where there is one.
        replaces: a run of other settings is at the place.
    """

    place: Place
    config: dict[str, Any]
    recorded: dict[str, Any]
    schema: Schema
    of_graph: dict[str, Any]
    device: torch.device
    seed: int
    resume: bool
    n_pool: int
    replaces: bool = False

    @property
    def checkpoint(self) -> Path:
        """The file that ``--resume`` continues from."""
        return self.place.folder / CHECKPOINT

    def open_log(self, total_steps: int, resume_step: int | None) -> Loggers:
        """Write config.json and open metrics.jsonl, see :class:`JsonLines`."""
        more = {**self.recorded, "versions": versions(), "steps": total_steps}
        lines = JsonLines(self.place.folder, {**self.config, **more}, resume_step)
        return Loggers([lines, Console()])

    def save_best(self, model: nn.Module, step: int, metrics: dict[str, float]) -> None:
        """Write the best model so far, as CPU tensors, so that it opens anywhere."""
        save_checkpoint(
            self.place.best,
            self.place.kind,
            config=self.config,
            **self.of_graph,
            model=state_on_cpu(model),
            step=step,
            metrics=metrics,
        )

    def read_best(self, step: int) -> dict[str, Any]:
        """The best model, if this run wrote the file.

        Raises:
            CheckpointError: it is gone, or the file holds another.
        """
        record = load_checkpoint(self.place.best, self.place.kind)
        if record["step"] != step or record["config"] != self.config:
            raise CheckpointError(
                f"{self.place.best} does not hold the best model of this run, of step {step}: "
                "another program has written there"
            )
        return record


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
    stepper = Stepper(
        model,
        run.device,
        optim.amp,
        optim.clip,
        optim.optimizer,
        optim.scheduler,
        optim.max_lr,
        optim.weight_decay,
        plan.total_steps,
    )
    with seeded(run.seed, "fit"), StopSignal() as stop:
        done, best, best_step = _restore(run, model, stepper)
        log = run.open_log(plan.total_steps, done if run.resume else None)
        batches = Loader(make_batch, range(done, plan.total_steps), run.n_pool, run.device)
        bar = tqdm(total=plan.total_steps, initial=done, unit="step", disable=None)
        for step, batch in zip(count(done + 1), batches):  # noqa: B905 - count() is endless
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
                _save(run, model, stepper, step, best, best_step)
            if stop.raised:
                bar.close()
                raise Interrupted(f"stopped after step {step}; --resume continues from there")
        bar.close()
        log.say(f"peak memory {peak_memory_mb(run.device):,.0f} MB")
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


def _save(
    run: Run, model: nn.Module, stepper: Stepper, step: int, best: float, best_step: int
) -> None:
    save_checkpoint(
        run.checkpoint,
        run.place.kind,
        config=run.config,
        schema=run.schema.to_dict(),
        model=model.state_dict(),
        **stepper.state_dict(),
        step=step,
        best=best,
        best_step=best_step,
    )


def _restore(run: Run, model: nn.Module, stepper: Stepper) -> tuple[int, float, int]:
    """Steps done, best score and its step: from the checkpoint when resuming, else (0, -inf, 0)."""
    if run.replaces or not run.resume:
        # A kill before this run's first checkpoint must not leave an older run's to resume from.
        run.place.clear(best=run.replaces)
    if not run.checkpoint.exists():
        return 0, -math.inf, 0
    record = load_checkpoint(run.checkpoint, run.place.kind)
    best_step = record.get("best_step", 0)
    if best_step and not run.place.best.exists():
        raise CheckpointError(
            f"{run.place.best}, the best model of the run that --resume continues, is gone"
        )
    model.load_state_dict(record["model"])
    stepper.load_state_dict(record)
    if "best_step" not in record and record["best"] > -math.inf:  # of an older version
        best_step = load_checkpoint(run.place.best, run.place.kind)["step"]
    return record["step"], record["best"], best_step
