"""The training loop, for pre-training and fine-tuning alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from GPT_GNN.batch.batch import pin_memory, to_device
from GPT_GNN.config import OptimConfig
from GPT_GNN.sampler.loader import Loader
from GPT_GNN.schema import Schema
from GPT_GNN.train.checkpoint import check_same, check_schema, load_checkpoint, save_checkpoint
from GPT_GNN.train.log import RunLog
from GPT_GNN.train.optim import Stepper, autocast
from GPT_GNN.train.runtime import Interrupted, StopSignal, peak_memory_mb, seeded, versions


@dataclass(frozen=True)
class Run:
    """One run: what it is, where it writes, on what it runs.

    Attributes:
        kind: ``pretrain`` or ``finetune``.
        folder: gets config.json, metrics.jsonl and checkpoint.pt.
        config: all settings that the numbers depend on, as plain values.
        places: paths of what the run reads, for config.json only.
        schema: of the graph.
        resume: continue from checkpoint.pt where there is one.
    """

    kind: str
    folder: Path
    config: dict[str, Any]
    places: dict[str, str]
    schema: Schema
    device: torch.device
    seed: int
    resume: bool
    n_pool: int

    @property
    def checkpoint(self) -> Path:
        """The file that ``--resume`` continues from."""
        return self.folder / "checkpoint.pt"

    @property
    def told(self) -> dict[str, Any]:
        """What config.json says."""
        return {**self.config, "places": self.places, "versions": versions()}


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
    model: nn.Module,
    make_batch: Callable[[int], Any],
    evaluate: Callable[[], dict[str, float]],
    save_best: Callable[[int, dict[str, float]], None],
    plan: Plan,
    optim: OptimConfig,
    run: Run,
) -> RunLog:
    """Train a model; every validation that beats the best so far calls ``save_best``.

    Args:
        model: ``model(batch)`` returns scalars by name, ``loss`` among them; ``start_epoch(epoch,
            n_epoch)`` is called before every step.
        make_batch: step (from 0) -> batch, run in loader threads; a function of the step alone.
        evaluate: returns metrics by name; ``score`` (higher is better) selects the best. Without a
            score the last model counts as the best.
        save_best: gets the step and the metrics.

    Returns:
        The run's log, still open.

    Raises:
        Interrupted: after Ctrl-C, once the step is finished and saved.
        FloatingPointError: the loss is not finite.
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
        done, best = _restore(run, model, stepper)
        log = RunLog(run.folder, run.told, done if run.resume else None)
        batches = Loader(
            batches_for(run.device, make_batch), range(done, plan.total_steps), run.n_pool
        )
        bar = tqdm(total=plan.total_steps, initial=done, unit="step", disable=None)
        for step, batch in zip(count(done + 1), batches):  # noqa: B905 - count() is endless
            model.train()
            model.start_epoch(plan.epoch(step), plan.n_epoch)  # type: ignore[operator]
            with autocast(optim.amp, run.device):
                values = model(to_device(batch, run.device))
            _check_finite(values, step)
            norm = stepper.backward(values["loss"])
            if not stepper.may_overflow:
                _check_finite({"gradient norm": norm}, step)
            lr = stepper.lr
            stepper.step()
            numbers = {name: value.item() for name, value in values.items()}
            log.record(step=step, split="train", lr=lr, **numbers)
            bar.update()
            bar.set_postfix(loss=f"{numbers['loss']:.3f}", refresh=False)
            if plan.evaluates(step):
                model.eval()
                with torch.no_grad(), autocast(optim.amp, run.device):
                    metrics = evaluate()
                log.record(step=step, split="valid", **metrics)
                log.say(_line(plan, step, numbers, metrics))
                if "score" not in metrics:
                    save_best(step, metrics)
                elif metrics["score"] > best:
                    best = metrics["score"]
                    save_best(step, metrics)
            if plan.evaluates(step) or stop.raised:
                log.flush()
                _save(run, model, stepper, step, best)
            if stop.raised:
                bar.close()
                raise Interrupted(f"stopped after step {step}; --resume continues from there")
        bar.close()
        log.say(f"peak memory {peak_memory_mb(run.device):,.0f} MB")
    return log


def batches_for(device: torch.device, make_batch: Callable[[int], Any]) -> Callable[[int], Any]:
    """Batches of a GPU's run go to pinned memory, still in the loader's thread."""
    return make_batch if device.type == "cpu" else lambda step: pin_memory(make_batch(step))


def _line(plan: Plan, step: int, train: dict[str, float], valid: dict[str, float]) -> str:
    numbers = "  ".join(f"{name} {value:.4f}" for name, value in valid.items() if name != "score")
    return (
        f"epoch {plan.epoch(step)}/{plan.n_epoch}  step {step}/{plan.total_steps}  "
        f"train loss {train['loss']:.4f}  valid {numbers or 'nothing'}"
    )


def _check_finite(values: dict[str, Tensor], step: int) -> None:
    if not all(math.isfinite(value.item()) for value in values.values()):
        parts = ", ".join(f"{name} = {value.item()}" for name, value in values.items())
        raise FloatingPointError(
            f"the loss or its gradient is not finite at step {step}: {parts}; "
            "nothing was saved since the last checkpoint. A lower --max_lr or --clip may help"
        )


def _save(run: Run, model: nn.Module, stepper: Stepper, step: int, best: float) -> None:
    save_checkpoint(
        run.checkpoint,
        run.kind,
        config=run.config,
        schema=run.schema.to_dict(),
        model=model.state_dict(),
        **stepper.state_dict(),
        rng=torch.get_rng_state(),
        cuda_rng=torch.cuda.get_rng_state(run.device) if run.device.type == "cuda" else None,
        step=step,
        best=best,
    )


def _restore(run: Run, model: nn.Module, stepper: Stepper) -> tuple[int, float]:
    """Steps done and best score: from the checkpoint when resuming, else (0, -inf)."""
    if not run.resume:
        # A kill before this run's first checkpoint must not leave an older run's to resume from.
        run.checkpoint.unlink(missing_ok=True)
    if not run.checkpoint.exists():
        return 0, -math.inf
    record = load_checkpoint(run.checkpoint, run.kind)
    check_schema(run.checkpoint, record["schema"], run.schema)
    saved = record["config"]
    for group in dict.fromkeys([*run.config, *saved]):
        what = f"run ({group} settings)"
        check_same(run.checkpoint, what, saved.get(group, {}), run.config.get(group, {}))
    model.load_state_dict(record["model"])
    stepper.load_state_dict(record)
    torch.set_rng_state(record["rng"])
    if record["cuda_rng"] is not None and run.device.type == "cuda":
        torch.cuda.set_rng_state(record["cuda_rng"], run.device)
    return record["step"], record["best"]
