"""A graph of the size and degree of GraphSAGE's Reddit: preprocessing, pre-training, evaluation.

    python benchmarks/bench_reddit.py --data_dir FOLDER

Generates GraphSAGE's two files under FOLDER where they are not yet there (232,965 posts, 602
features, 11.6 million links of two directions; 0.9 GB), then preprocesses them, pre-trains for
``--steps`` steps and evaluates some validation batches at the published size. Prints one JSON
line: seconds and peak anonymous memory of preprocessing (``preprocess_*``, its own process), of
a training step (``ours_s``) and of a batch of evaluation (``evaluate_s``), with the peak of both
(``peak_mb``).
"""

from __future__ import annotations

import argparse
import sys
import time
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks.measure import PeakMemory, line, show
from GPT_GNN.datasets.reddit.preprocess import DATA_FILE, GRAPH_FILE, build_reddit
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.datasets.reddit.toy import write_files
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import ObjectiveConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import LabelClassification
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.finetune import TaskBatches, TaskModel
from GPT_GNN.train.optim import build_optimizer
from GPT_GNN.train.pretrain import PretrainBatches

SAMPLER = SamplerConfig(n_pool=0)
WARM_UP = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="data", help="folder for files and store")
    parser.add_argument("--posts", type=int, default=232_965, help="number of nodes")
    parser.add_argument("--links", type=int, default=11_606_919, help="number of undirected edges")
    parser.add_argument("--width", type=int, default=602, help="columns of the features")
    parser.add_argument("--steps", type=int, default=100, help="training steps that count")
    parser.add_argument("--batches", type=int, default=20, help="batches of evaluation that count")
    args = parser.parse_args()
    raw = Path(args.data_dir) / f"reddit_files_{args.posts}_{args.links}"
    store = Path(args.data_dir) / f"reddit_{args.posts}_{args.links}"
    with get_context("spawn").Pool(1, maxtasksperchild=1) as apart:  # their memory is their own
        if not (raw / DATA_FILE).is_file():
            apart.apply(generate, (raw, args.posts, args.links, args.width))
        seconds, peak_mb = apart.apply(preprocess, (raw, store))
    graph = HeteroGraph.open(store)
    with PeakMemory() as peak:
        step_s = train(graph, args.steps)
        evaluate_s = evaluate(graph, args.batches)
    extra = {
        "nodes": graph.num_nodes(Reddit.FACTS.target),
        "stored_edges": graph.num_edges(Reddit.relation),
        "file_mb": round(sum((raw / f).stat().st_size for f in (DATA_FILE, GRAPH_FILE)) / 1e6),
        "preprocess_s": round(seconds, 1),
        "preprocess_peak_mb": round(peak_mb),
        "evaluate_s": float(f"{evaluate_s:.4g}"),
        "peak_mb": round(peak.mb),
    }
    show(line("reddit", None, None, step_s, args.steps, **extra))


def generate(folder: Path, posts: int, links: int, width: int) -> None:
    """Write GraphSAGE's two files."""
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder, posts, 0, communities=41, width=width, mean_degree=2 * links / posts)


def preprocess(raw: Path, store: Path) -> tuple[float, float]:
    """Seconds and peak anonymous memory of this process, in MB."""
    start = time.perf_counter()
    with PeakMemory() as peak:
        build_reddit(raw, store)
    return time.perf_counter() - start, peak.mb


def train(graph: HeteroGraph, steps: int) -> float:
    """Seconds of a pre-training step, its sample included."""
    encoder = new_encoder(graph, EncoderConfig(), seed=0)
    objective = new_objective(encoder, graph, Reddit.facts(graph), ObjectiveConfig(), seed=0)
    objective.start_epoch(20, 20)  # the whole queue
    batches = PretrainBatches(objective, graph, Reddit.facts(graph), SAMPLER, seed=0)
    optimizer = build_optimizer(objective, "adamw", 1e-3, 1e-2)
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            start = time.perf_counter()
        loss = objective(batches.train(step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), 0.5)
        optimizer.step()
    return (time.perf_counter() - start) / steps


def evaluate(graph: HeteroGraph, count: int) -> float:
    """Seconds of a batch of the validation set, its sample included."""
    task = LabelClassification(graph, Reddit.FACTS.split, Reddit.FACTS.target)
    model = TaskModel(new_encoder(graph, EncoderConfig(), seed=0), task).eval()
    batches = iter(TaskBatches(task, graph, SAMPLER, 0, model.encoder.reach).evaluate("valid"))
    with torch.no_grad():
        model.scores(next(batches))
        start = time.perf_counter()
        for _, data in zip(range(count), batches, strict=False):
            model.scores(data)
    return (time.perf_counter() - start) / count


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
