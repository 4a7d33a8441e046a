"""Ten million nodes: build, open, sample and train on a store much larger than a batch needs.

    python benchmarks/bench_scale.py --data_dir FOLDER
    python benchmarks/bench_scale.py --data_dir FOLDER --profile      # where a batch's time goes

Builds two stores of the same degree distribution under FOLDER where they are not yet there
(``python -m GPT_GNN build scale``), one 100 times smaller, in processes of their own, and
touches every page of both, so that no figure depends on what the page cache held before. Prints a
JSON line for: the generator (seconds, peak memory), opening, one batch (sampled, masked, features
gathered; the reference ``small`` is the smaller store, ``times_small`` how often its cost ours is),
and training steps at 128 hidden with the process's peak memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks.batches import Drawer, objective_of, stepping
from benchmarks.measure import PeakMemory, interleaved, line, show
from GPT_GNN.datasets.toy.scale import build_scale
from GPT_GNN.graph.store import HeteroGraph, StoreError
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.optim import build_optimizer
from tests.made import indexed

HIDDEN = 128  # width of the encoder that is trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="data", help="folder for the two stores (4 GB)")
    parser.add_argument("--nodes", type=int, default=10_000_000, help="of the larger store")
    parser.add_argument("--runs", type=int, default=100, help="batches that count, of each store")
    parser.add_argument("--steps", type=int, default=5, help="training steps that count")
    parser.add_argument("--generate", metavar="STORE", help="only build a store and report on it")
    parser.add_argument("--profile", action="store_true", help="print where our time goes")
    args = parser.parse_args()
    if args.generate:
        generate(args.generate, args.nodes)
        return
    paths = [Path(args.data_dir) / f"scale_{n}" for n in (args.nodes, args.nodes // 100)]
    for path, nodes in zip(paths, (args.nodes, args.nodes // 100), strict=True):
        if not is_store(path):
            command = [sys.executable, __file__, "--generate", str(path), "--nodes", str(nodes)]
            subprocess.run(command, check=True)
    if args.profile:
        profile(paths, args.runs)
        return
    with PeakMemory() as peak:
        large, small = (opened(path) for path in paths)
        warm(large), warm(small)
        seconds = cost_of_a_batch(large, small, args.runs)
        training = training_step(large, args.steps)
    extra = {
        "times_small": round(seconds["large"] / seconds["small"], 3),
        "reached": reached(large),
        "reached_small": reached(small),
    }
    show(line("scale/batch", "small", seconds["small"], seconds["large"], args.runs, **extra))
    show(line("scale/step", None, None, training, args.steps, peak_mb=round(peak.mb), n_hid=HIDDEN))


def is_store(path: Path) -> bool:
    """Whether a whole store, of this version, is there."""
    try:
        HeteroGraph.open(path)
    except StoreError:
        return False
    return True


def generate(path: str, nodes: int) -> None:
    """Build a store; seconds and peak memory of this process."""
    start = time.perf_counter()
    with PeakMemory() as peak:
        graph = build_scale(path, nodes)
    extra = {
        "peak_mb": round(peak.mb),
        "nodes": nodes,
        "stored_edges": sum(graph.meta["num_edges"]),
        "store_mb": round(sum(f["bytes"] for f in graph.meta["files"].values()) / 1e6),
    }
    show(line("scale/generate", None, None, time.perf_counter() - start, 1, **extra))


def opened(path: Path) -> HeteroGraph:
    """Open a store, once, in this process, and say how long that took."""
    start = time.perf_counter()
    graph = HeteroGraph.open(path)
    seconds = time.perf_counter() - start
    nodes = sum(graph.num_nodes(node_type) for node_type in graph.node_types)
    show(line("scale/open", None, None, seconds, 1, nodes=nodes))
    return graph


def warm(graph: HeteroGraph) -> None:
    """Touch every page of a store, so that no batch waits for the disk or for a page table."""
    features = [graph._feature_array(f) for f in graph.meta["files"] if f.startswith("features/")]
    for array in (graph.indptr, graph.edges, *features):
        array.reshape(-1).view(np.uint8)[::4096].max(initial=0)


def profile(paths: Sequence[Path], runs: int) -> None:
    """Where the time of a batch goes, of either store."""
    from benchmarks.sampler_profile import show_profile

    for path in paths:
        graph = HeteroGraph.open(path)
        warm(graph)
        print(f"\n{path}")
        show_profile(graph, objective_of(graph, HIDDEN), runs)


def cost_of_a_batch(large: HeteroGraph, small: HeteroGraph, runs: int) -> dict[str, float]:
    """Median seconds of a batch, ready for the encoder, of either store in turn."""
    functions = {}
    for name, graph in (("large", large), ("small", small)):
        draw, objective = Drawer(graph), objective_of(graph, HIDDEN)

        def batch(step: int, graph=graph, draw=draw, objective=objective) -> object:
            subgraph, rng = draw.sample(step)
            return indexed(objective.transform(graph, subgraph, rng))

        functions[name] = stepping(batch)
    return interleaved(functions, runs, warm_up=runs)


def reached(graph: HeteroGraph) -> int:
    """Distinct nodes that a sample drew an edge to, of which it keeps the drawn ones: its work."""
    draw = Drawer(graph)
    draw.sample(0)
    return draw.reached()


def training_step(graph: HeteroGraph, runs: int) -> float:
    """Median seconds of a whole step, sampling not overlapped."""
    draw, objective = Drawer(graph), objective_of(graph, HIDDEN)
    optimizer = build_optimizer(objective, "adamw", 1e-3, 1e-2)
    objective.start_epoch(1, 1)
    objective.train()

    def step(i: int) -> None:
        subgraph, rng = draw.sample(i)
        data = indexed(objective.transform(graph, subgraph, rng))
        optimizer.zero_grad()
        objective(data)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), 0.5)
        optimizer.step()

    return interleaved({"step": stepping(step)}, runs, warm_up=2)["step"]


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
