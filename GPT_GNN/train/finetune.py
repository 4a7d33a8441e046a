"""The verb of the fine-tuning scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from GPT_GNN.batch.batch import make_batch, to_device
from GPT_GNN.batch.trim import seed_rows, trim_record
from GPT_GNN.config import FinetuneRunConfig, OptimConfig, SamplerConfig
from GPT_GNN.files import atomic_file
from GPT_GNN.graph.store import HeteroGraph, file_checksum
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import full_precision
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.loader import Loader
from GPT_GNN.tasks import Task
from GPT_GNN.tasks.query import ClassBatch, LabelBatch, PairBatch
from GPT_GNN.train.checkpoint import load_checkpoint, save_checkpoint
from GPT_GNN.train.fit import Plan, Run, fit
from GPT_GNN.train.matching import graph_record
from GPT_GNN.train.optim import autocast
from GPT_GNN.train.runtime import pick_device, seeded
from GPT_GNN.train.start import state_on_cpu

ORIGINAL_TEST_BATCHES = 10
SCORES_FILE = "test_scores.npz"
TaskBatch = ClassBatch | LabelBatch | PairBatch


class TaskModel(nn.Module):
    """An encoder with a task's head on it."""

    def __init__(self, encoder: GNN, task: Task) -> None:
        super().__init__()
        self.encoder = encoder
        self.head: Any = task.head(encoder.n_hid)
        self.task = task

    def forward(self, data: Any) -> dict[str, Tensor]:
        """The task's loss of one batch."""
        h = self.encoder(data.batch)
        with full_precision(h):
            return {"loss": self.task.loss(self.head, h, data)}

    def scores(self, data: Any) -> dict[str, np.ndarray]:
        """The task's metrics, one value an item."""
        h = self.encoder(data.batch)
        with full_precision(h):
            return self.task.scores(self.head, h, data)

    def start_epoch(self, epoch: int, n_epoch: int) -> None:
        """Nothing grows in fine-tuning."""


class TaskBatches:
    """Batches of a task, each a function of the seed and its number.

    Args:
        task: what to draw, hide and label.
        graph: the store.
        sampler: size of the samples and of the batches; a batch is cut to the training items there
            are, with a warning.
        seed: of the run.
        reach: of the encoder that will embed the batches' seeds, ``GNN.reach``; None: the batches
            are whole.
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
        self.reach = reach
        self.graph = graph
        self.hgs = HGSampler(graph, sampler.sample_depth, sampler.sample_width)
        self.batch_size = sampler.batch_size
        self.n_pool = sampler.n_pool
        self.seed = seed
        available = len(task.items("train"))
        if self.batch_size > available:
            tqdm.write(
                f"warning: batch_size {self.batch_size} is cut to the {available} training items "
                "there are"
            )

    def train(self, step: int) -> TaskBatch:
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

    def evaluate(self, split: str) -> Loader[TaskBatch]:
        """The batches of :meth:`chunks`."""
        chunks = self.chunks(split)

        def make(i: int) -> TaskBatch:
            return self._sampled(split, chunks[i], derive(self.seed, split, i))

        return Loader(make, range(len(chunks)), self.n_pool)

    def _sampled(self, split: str, items: np.ndarray, rng: np.random.Generator) -> TaskBatch:
        query = self.task.query(split, items)
        subgraph = self.hgs.sample(query.seeds, query.time_max, query.hidden, rng)
        data = self.task.collate(split, items, make_batch(self.graph, subgraph, query.view))
        return trim_record(data, seed_rows(subgraph, data.batch.graph), self.reach)


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
    The test line holds, as ``floor_*``, the result of always answering the most frequent labels;
    ties count as their expected value.

    Args:
        config: all settings that the numbers depend on, group by group (``config.comparable``).

    Returns:
        The test metrics.
    """
    with seeded(run.seed, "head"):
        model = TaskModel(encoder, task)
    device = pick_device(run.cuda)
    model.to(device)
    batches = TaskBatches(task, graph, sampler, run.seed, encoder.reach)
    folder = Path(run.model_dir) / run.task_name
    best = folder / "best.pt"
    main = task.metric_names[0]
    config, places = _described(config, task, graph, run)

    def evaluate() -> dict[str, float]:
        metrics = task.metrics(_scores(model, batches.evaluate("valid"), device))
        return {**metrics, "score": metrics[main]}

    of_graph = graph_record(graph)

    def save_best(step: int, metrics: dict[str, float]) -> None:
        save_checkpoint(
            best,
            "finetune",
            config=config,
            **of_graph,
            model=state_on_cpu(model),
            step=step,
            metrics=metrics,
        )

    log = fit(
        model,
        batches.train,
        evaluate,
        save_best,
        Plan(optim.n_epoch, optim.n_batch, optim.n_batch),
        optim,
        Run(
            kind="finetune",
            folder=folder,
            config=config,
            places=places,
            schema=graph.schema,
            device=device,
            seed=run.seed,
            resume=run.resume,
            n_pool=sampler.n_pool,
        ),
    )
    record = load_checkpoint(best, "finetune")
    model.load_state_dict(record["model"])
    model.eval()
    with torch.no_grad(), autocast(optim.amp, device):
        values = _scores(model, batches.evaluate("test"), device)
    test = task.metrics(values)
    times = task.times("test")
    if not task.original_protocol and times is not None:
        log.record(split="test by time", **_by_time(task, times, values))
    # Before the test line, which says that the run is finished.
    scores: dict[str, Any] = {"items": np.concatenate(batches.chunks("test")), **values}
    with atomic_file(folder / SCORES_FILE) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **scores)
    known = task.metrics(task.most_frequent("test"))
    floor = {f"floor_{name}": known[name] for name in task.metric_names}
    log.record(split="test", best_step=record["step"], **floor, **test)
    log.say("test " + "  ".join(f"{name} {value:.4f}" for name, value in (test | floor).items()))
    log.close()
    return test


def _described(
    config: dict[str, Any], task: Task, graph: HeteroGraph, run: FinetuneRunConfig
) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings with what the run reads: by content, to compare, and by place, to tell."""
    sources = {"fingerprint": graph.fingerprint}
    places = {"data_dir": str(graph.path)}
    if run.use_pretrain:
        sources["pretrained"] = file_checksum(Path(run.pretrain_model_dir))[:16]
        places["pretrain_model_dir"] = run.pretrain_model_dir
    return {**config, "graph": sources, "labels": task.describe()}, places


def _scores(
    model: TaskModel, batches: Loader[TaskBatch], device: torch.device
) -> dict[str, np.ndarray]:
    """Metrics of every item, by name."""
    parts: dict[str, list[np.ndarray]] = {}
    for data in batches:
        for name, values in model.scores(to_device(data, device)).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


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
