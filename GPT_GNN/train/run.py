"""One run: its settings, its files, the machine it is on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from GPT_GNN.command_line import ORIGIN
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.system.runtime import pick_device, versions
from GPT_GNN.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint, state_on_cpu
from GPT_GNN.train.log import Console, JsonLines, Loggers
from GPT_GNN.train.matching import graph_record
from GPT_GNN.train.optim import Stepper
from GPT_GNN.train.place import CHECKPOINT, Place, RunConfig


@dataclass(frozen=True)
class Run:
    """One run: what it is, where it writes, on what it runs.

    Attributes:
        place: its files.
        config: all settings that the numbers depend on, as plain values.
        recorded: for config.json only: ``places``, paths of what the run reads, and ``origin`` of
            the settings.
        of_graph: what a model's file keeps of the graph, see :func:`graph_record`.
        resume: continue from checkpoint.pt where there is one.
        replaces: a run of other settings is at the place.
    """

    place: Place
    config: dict[str, Any]
    recorded: dict[str, Any]
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

    def save_state(
        self, model: nn.Module, stepper: Stepper, step: int, best: float, best_step: int
    ) -> None:
        """Write all that :meth:`restore` needs."""
        save_checkpoint(
            self.checkpoint,
            self.place.kind,
            config=self.config,
            schema=self.of_graph["schema"],
            model=model.state_dict(),
            **stepper.state_dict(),
            step=step,
            best=best,
            best_step=best_step,
        )

    def restore(self, model: nn.Module, stepper: Stepper) -> tuple[int, float, int]:
        """Load the checkpoint when resuming: steps done, best score and its step.

        A new run removes what an earlier one left, and begins at (0, -inf, 0).
        """
        if self.replaces or not self.resume:
            # A kill before this run's first checkpoint must not leave an older run's to resume.
            self.place.clear(best=self.replaces)
        if not self.checkpoint.exists():
            return 0, -math.inf, 0
        record = load_checkpoint(self.checkpoint, self.place.kind)
        best_step = record.get("best_step", 0)
        if best_step and not self.place.best.exists():
            raise CheckpointError(
                f"{self.place.best}, the best model of the run that --resume continues, is gone"
            )
        model.load_state_dict(record["model"])
        stepper.load_state_dict(record)
        if "best_step" not in record and record["best"] > -math.inf:  # of an older version
            best_step = load_checkpoint(self.place.best, self.place.kind)["step"]
        return record["step"], record["best"], best_step


@contextmanager
def open_run(
    place: Place,
    graph: HeteroGraph,
    config: Mapping[str, Any],
    settings: RunConfig,
    n_pool: int,
    reads: Mapping[str, str] | None = None,
) -> Iterator[Run]:
    """Hold a run's place while it lasts.

    Args:
        config: all settings that the numbers depend on, group by group, see :meth:`Flags.record`;
            with what the run reads, by content, as the group ``graph``.
        reads: paths of what it reads beside the graph, by the names of their flags.

    Raises:
        ValueError: no such device; the place is in use, or holds another run (see :class:`Place`).
    """
    of_settings = {name: group for name, group in config.items() if name != ORIGIN}
    places = {"data_dir": str(graph.path), **(reads or {})}
    device, of_graph = pick_device(settings.cuda), graph_record(graph)
    with place.taken(of_settings, settings.resume, settings.overwrite) as replaces:
        yield Run(
            place=place,
            config=of_settings,
            recorded={"places": places, ORIGIN: config.get(ORIGIN, {})},
            of_graph=of_graph,
            device=device,
            seed=settings.seed,
            resume=settings.resume,
            n_pool=n_pool,
            replaces=replaces,
        )
