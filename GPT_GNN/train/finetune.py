"""The verb of the fine-tuning scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from GPT_GNN.batch.batch import make_batch as tensors
from GPT_GNN.batch.batch import to_device
from GPT_GNN.config import FinetuneRunConfig, OptimConfig, SamplerConfig
from GPT_GNN.graph.store import HeteroGraph, file_checksum
from GPT_GNN.model.gnn import GNN
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.loader import Loader
from GPT_GNN.tasks import Task
from GPT_GNN.tasks.query import ClassBatch, PairBatch
from GPT_GNN.train.checkpoint import load_checkpoint, save_checkpoint
from GPT_GNN.train.fit import Plan, Run, fit
from GPT_GNN.train.runtime import pick_device, seeded
from GPT_GNN.train.start import state_on_cpu

ORIGINAL_TEST_BATCHES = 10


class TaskModel(nn.Module):
    """An encoder with a task's head on it."""

    def __init__(self, encoder: GNN, task: Task) -> None:
        super().__init__()
        self.encoder = encoder
        self.head: Any = task.head(encoder.n_hid)
        self.task = task

    def forward(self, data: Any) -> dict[str, Tensor]:
        """The task's loss of one batch."""
        return {"loss": self.task.loss(self.head, self.encoder(data.batch), data)}

    def scores(self, data: Any) -> dict[str, np.ndarray]:
        """The task's metrics, one value an item."""
        return self.task.scores(self.head, self.encoder(data.batch), data)

    def start_epoch(self, epoch: int, n_epoch: int) -> None:
        """Nothing grows in fine-tuning."""


def finetune(
    encoder: GNN,
    task: Task,
    graph: HeteroGraph,
    sampler: SamplerConfig,
    optim: OptimConfig,
    run: FinetuneRunConfig,
    config: dict[str, Any],
) -> dict[str, float]:
    """Fine-tune an encoder on a task, keep the best by validation NDCG, test it.

    An epoch is ``n_batch`` batches. Validation and test cover their whole splits. The folder
    ``<model_dir>/<task_name>/`` gets config.json, metrics.jsonl (its last line is the test result),
    checkpoint.pt (the last state) and best.pt. The test line holds, as ``floor_*``, the result of
    always answering the most frequent labels.

    Args:
        config: all settings that the numbers depend on, group by group (``config.comparable``).

    Returns:
        The test metrics.
    """
    with seeded(run.seed, "head"):
        model = TaskModel(encoder, task)
    device = pick_device(run.cuda)
    model.to(device)
    hgs = HGSampler(graph, sampler.sample_depth, sampler.sample_width)
    folder = Path(run.model_dir) / run.task_name
    batch_size = sampler.batch_size
    if batch_size > len(task.items("train")):
        tqdm.write(
            f"warning: batch_size {batch_size} is cut to the {len(task.items('train'))} training "
            "items there are"
        )

    def sampled(split: str, items: np.ndarray, rng: np.random.Generator) -> ClassBatch | PairBatch:
        query = task.query(split, items)
        subgraph = hgs.sample(query.seeds, query.time_max, query.hidden, rng)
        return task.collate(split, items, tensors(graph, subgraph, query.view))

    def make_batch(step: int) -> ClassBatch | PairBatch:
        rng = derive(run.seed, "batch", step)
        return sampled("train", task.draw(batch_size, rng), rng)

    def score(split: str) -> dict[str, np.ndarray]:
        batches = _evaluation_batches(task, split, batch_size, run.seed)

        def make(i: int) -> ClassBatch | PairBatch:
            return sampled(split, batches[i], derive(run.seed, split, i))

        parts: dict[str, list[np.ndarray]] = {}
        for data in Loader(make, range(len(batches)), sampler.n_pool):
            for name, values in model.scores(to_device(data, device)).items():
                parts.setdefault(name, []).append(values)
        return {name: np.concatenate(values) for name, values in parts.items()}

    def evaluate() -> dict[str, float]:
        metrics = _means(score("valid"))
        return {**metrics, "score": metrics["ndcg"]}

    labels = [" -> ".join(relation) for relation in task.relations]
    config = {
        **config,
        "graph": {"fingerprint": graph.fingerprint},
        "labels": {"task": type(task).__name__, "relations": labels},
    }
    places = {"data_dir": str(graph.path)}
    if run.use_pretrain:
        places["pretrain_model_dir"] = run.pretrain_model_dir
        pretrained = file_checksum(Path(run.pretrain_model_dir))[:16]
        config["graph"]["pretrained"] = pretrained
    best = folder / "best.pt"

    def save_best(step: int, metrics: dict[str, float]) -> None:
        save_checkpoint(
            best,
            "finetune",
            config=config,
            schema=graph.schema.to_dict(),
            feature_dims=graph.feature_dims,
            model=state_on_cpu(model),
            step=step,
            metrics=metrics,
        )

    log = fit(
        model,
        make_batch,
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
    with torch.no_grad():
        values = score("test")
    test = _means(values)
    if not task.original_protocol:
        by_time = _by_time(task.times("test"), values["ndcg"])
        log.record(split="test by time", **by_time)
    floor = {f"floor_{n}": float(v.mean()) for n, v in task.most_frequent("test").items()}
    log.record(split="test", best_step=record["step"], **floor, **test)
    log.say("test " + "  ".join(f"{name} {value:.4f}" for name, value in (test | floor).items()))
    log.close()
    return test


def _evaluation_batches(task: Task, split: str, batch_size: int, seed: int) -> list[np.ndarray]:
    """The whole split in order; under the original protocol, ten random test batches."""
    items = task.items(split)
    if task.original_protocol and split == "test":
        rng = derive(seed, "original test")
        size = min(batch_size, len(items))
        return [rng.choice(items, size, replace=False) for _ in range(ORIGINAL_TEST_BATCHES)]
    return [items[start : start + batch_size] for start in range(0, len(items), batch_size)]


def _by_time(times: np.ndarray, ndcg: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean NDCG and number of items per year."""
    years = np.unique(times)
    return {
        "ndcg": {str(year): float(ndcg[times == year].mean()) for year in years},
        "items": {str(year): int((times == year).sum()) for year in years},
    }


def _means(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Means over items; also over the items whose class was seen in training, where told."""
    result = {name: float(values[name].mean()) for name in ("ndcg", "mrr")}
    result["items"] = len(values["ndcg"])
    if "seen" in values and not values["seen"].all():
        seen = values["seen"]
        result |= {
            f"{n}_seen": float(values[n][seen].mean()) for n in ("ndcg", "mrr") if seen.any()
        }
        result["items_seen"] = int(seen.sum())
    return result
