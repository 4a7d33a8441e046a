"""Fine-tune: batches of a task, the run, its test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from GPT_GNN.batch.batch import make_batch, to_device
from GPT_GNN.batch.loader import Loader
from GPT_GNN.batch.pipeline import Pipeline
from GPT_GNN.graph.store import HeteroGraph, file_checksum
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import full_precision
from GPT_GNN.model.trainable import Trainable
from GPT_GNN.rng import derive
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.system.files import atomic_file
from GPT_GNN.system.runtime import seeded
from GPT_GNN.tasks.task import Task, joined
from GPT_GNN.train.fit import Plan, check_finite, fit
from GPT_GNN.train.log import Logger
from GPT_GNN.train.optim import OptimConfig, autocast
from GPT_GNN.train.place import SCORES, FinetuneRunConfig, finetuning_place
from GPT_GNN.train.run import open_run

ORIGINAL_TEST_BATCHES = 10


class TaskModel(Trainable):
    """An encoder with a task's head on it."""

    def __init__(self, encoder: GNN, task: Task) -> None:
        super().__init__()
        self.encoder = encoder
        self.head: Any = task.head(encoder.n_hid)
        self.head.register_forward_hook(_check_answers)
        self.task = task

    def forward(self, data: Any) -> dict[str, Tensor]:
        """The task's loss of one batch."""
        h = self.encoder(data.batch)
        with full_precision(h):
            return {"loss": self.task.loss(self.head, h, data)}

    def scores(self, data: Any) -> dict[str, np.ndarray]:
        """What the task's metrics need, one value per item."""
        h = self.encoder(data.batch)
        with full_precision(h):
            return self.task.scores(self.head, h, data)


def _check_answers(head: nn.Module, rows: object, answers: Tensor) -> None:
    """Refuse answers that are not finite in validation and test; training checks its loss.

    The class of the highest score of NaNs is a class like any other.
    """
    if not head.training and not answers.isfinite().all():
        wrong = int((~answers.isfinite()).sum())
        raise FloatingPointError(
            f"{wrong} of {answers.numel()} scores of a batch are not finite, in validation or "
            "test. A lower --max_lr or --clip, or --amp off, may help"
        )


class TaskBatches:
    """Batches of a task, each a function of the seed and its number.

    Args:
        task: what to draw, hide and label.
        sampler: size of the samples and of the batches; a batch is cut to the training items there
            are, with a warning.
        reach: of the encoder that will embed the batches' seed nodes, ``GNN.reach``; None: the
            batches are whole.
    """

    def __init__(
        self,
        task: Task,
        graph: HeteroGraph,
        sampler: SamplerConfig,
        seed: int,
        reach: Sequence[int] | None,
    ) -> None:
        self.task = task
        self.pipeline = Pipeline(graph, sampler.open(graph), reach)
        self.batch_size = sampler.batch_size
        self.n_pool = sampler.n_pool
        self.seed = seed
        available = len(task.items("train"))
        if self.batch_size > available:
            tqdm.write(
                f"warning: batch_size {self.batch_size} is cut to the {available} training items "
                "there are"
            )

    def train(self, step: int) -> Any:
        """The batch of one training step."""
        rng = derive(self.seed, "batch", step)
        return self._sampled("train", self.task.draw(self.batch_size, rng), rng)

    def chunks(self, split: str) -> list[np.ndarray]:
        """The whole split in order; under the original protocol, ten random test batches."""
        items = self.task.items(split)
        if self.task.original_protocol and split == "test":
            rng, size = derive(self.seed, "original test"), min(self.batch_size, len(items))
            return [rng.choice(items, size, replace=False) for _ in range(ORIGINAL_TEST_BATCHES)]
        return [items[i : i + self.batch_size] for i in range(0, len(items), self.batch_size)]

    def evaluate(self, split: str) -> Loader[Any]:
        """The batches of :meth:`chunks`."""
        chunks = self.chunks(split)

        def make(i: int) -> Any:
            return self._sampled(split, chunks[i], derive(self.seed, split, i))

        return Loader(make, range(len(chunks)), self.n_pool)

    def _sampled(self, split: str, items: np.ndarray, rng: np.random.Generator) -> Any:
        def transform(subgraph: Subgraph) -> Any:
            return self.task.collate(split, items, make_batch(self.pipeline.graph, subgraph))

        return self.pipeline.batch(self.task.query(split, items), rng, transform)


def finetune(
    encoder: GNN,
    task: Task,
    graph: HeteroGraph,
    sampler: SamplerConfig,
    optim: OptimConfig,
    run: FinetuneRunConfig,
    config: dict[str, Any],
) -> dict[str, float]:
    """Fine-tune an encoder on a task, keep the best by the task's first metric, test it.

    An epoch is ``n_batch`` batches. Validation and test cover their whole splits. The folder
    ``<model_dir>/<task_name>/`` gets config.json, metrics.jsonl (its last line is the test result),
    checkpoint.pt (the last state), best.pt and test_scores.npz: ``items`` [n] or [n, 2], as
    ``task.items`` names them, and what ``task.scores`` gave for each, by its name, [n] or [n, C].
    The test line holds, as ``most_frequent_*``, the result of always answering the most frequent
    labels; ties count as their expected value.

    Args:
        config: all settings that the numbers depend on, group by group, see :meth:`Flags.record`;
            what the task says of itself is added to the group ``labels``.

    Returns:
        The test metrics.

    Raises:
        ValueError: a place that cannot be written to, is in use, or holds another run (see
            :class:`Place`).
        FloatingPointError: see :func:`fit`; or a score is not finite.
    """
    place = finetuning_place(run)
    content, reads = {"fingerprint": graph.fingerprint}, {}
    if run.use_pretrain:
        content["pretrained"] = file_checksum(Path(run.pretrain_model_dir))[:16]
        reads["pretrain_model_dir"] = run.pretrain_model_dir
    labels = {**config.get("labels", {}), **task.describe()}
    config = {**config, "graph": content, "labels": labels}
    with open_run(place, graph, config, run, sampler.n_pool, reads) as of_run:
        device = of_run.device
        with seeded(run.seed, "head"):
            model = TaskModel(encoder, task)
        model.to(device)
        batches = TaskBatches(task, graph, sampler, run.seed, encoder.reach)

        def evaluate() -> dict[str, float]:
            metrics = task.metrics(_scores(model, batches.evaluate("valid"), device))
            return {**metrics, "score": metrics[task.metric_names[0]]}

        # Train, then test the best model.
        plan = Plan(optim.n_epoch, optim.n_batch, optim.n_batch)
        log, best = fit(model, batches.train, evaluate, plan, optim, of_run)
        model.load_state_dict(best["model"])
        model.eval()
        with torch.no_grad(), autocast(optim.amp, device):
            values = _scores(model, batches.evaluate("test"), device)
        test = _record_test(batches, values, best["step"], log, place.folder)
        log.close()
    return test


def _record_test(
    batches: TaskBatches, values: dict[str, np.ndarray], step: int, log: Logger, folder: Path
) -> dict[str, float]:
    """Write the scores of the test items and the test line; gives the metrics."""
    task = batches.task
    test = task.metrics(values)
    check_finite("the test", test)
    times = task.times("test")
    if not task.original_protocol and times is not None:
        log.record(split="test by time", **_by_time(task, times, values))
    # Before the test line, which says that the run is finished.
    scores: dict[str, Any] = {"items": np.concatenate(batches.chunks("test")), **values}
    with atomic_file(folder / SCORES) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **scores)
    known = task.metrics(task.most_frequent("test"))
    baseline = {f"most_frequent_{name}": known[name] for name in task.metric_names}
    log.record(split="test", best_step=step, **baseline, **test)
    log.say("test " + "  ".join(f"{name} {value:.4f}" for name, value in (test | baseline).items()))
    return test


def _scores(model: TaskModel, batches: Loader[Any], device: torch.device) -> dict[str, np.ndarray]:
    """Scores of every item, by name."""
    return joined(model.scores(to_device(data, device)) for data in batches)


def _by_time(
    task: Task, times: np.ndarray, values: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """The task's first metric and the number of items per year."""
    years = {str(year): times == year for year in np.unique(times)}
    main = task.metric_names[0]
    return {
        main: {
            year: task.metrics({name: v[of_year] for name, v in values.items()})[main]
            for year, of_year in years.items()
        },
        "items": {year: int(of_year.sum()) for year, of_year in years.items()},
    }
