"""Time one pre-training step at the published size: 400 hidden, 8 heads, 3 layers, batch 256.

    python benchmarks/bench_step.py                       # built-in graph, 20,000 papers
    python benchmarks/bench_step.py --data_dir STORE
    python benchmarks/bench_step.py --device cuda

Prints one JSON line for ``vec`` and one for ``text``. Ours is the whole step as a user runs it:
loader threads sample and mask while the training thread works. The reference ``literal``, for
``vec``, is the step of ``tests/oracle`` in a process of its own: nested dicts, the layers with the
published structure, negatives drawn a target at a time. The two run in turn.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.literal_step import LiteralProcess
from benchmarks.measure import PeakMemory, line, show
from benchmarks.published import ENCODER, SAMPLER, new_objective, open_graph
from GPT_GNN.batch.batch import to_device
from GPT_GNN.batch.loader import Loader
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.objectives import Objective
from GPT_GNN.objectives.gpt_gnn import GPTBatch
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.optim import OptimConfig, Stepper, autocast
from GPT_GNN.train.pretrain import PretrainBatches

# Batches made ahead while the reference ran, and two more: after them the loader threads are as
# far ahead as in a long run.
WARM_UP = 2 * SAMPLER.n_pool + 2


@dataclass
class Seconds:
    """Of the steps that count: whole steps, and the training thread's waits for a batch."""

    step: list[float] = field(default_factory=list)
    wait: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="a graph store")
    parser.add_argument("--runs", type=int, default=10, help="steps that count, a round")
    parser.add_argument(
        "--reference_runs", type=int, default=3, help="rounds: literal steps; 0 for ours alone"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--masks", action="store_true", help="the literal layers select triples by masks"
    )
    parser.add_argument("--amp", default="off", choices=("off", "bf16", "fp16"), help="ours only")
    args = parser.parse_args()
    graph, device = open_graph(args.data_dir), torch.device(args.device)
    for attr_type in ("vec", "text"):
        references = args.reference_runs if attr_type == "vec" else 0
        with ExitStack() as stack:
            literal = None
            if references:
                reference = LiteralProcess(args.data_dir, device, args.masks)
                literal = stack.enter_context(reference)
            bench(graph, attr_type, device, args.runs, references, literal, args.amp)


def bench(
    graph: HeteroGraph,
    attr_type: str,
    device: torch.device,
    runs: int,
    references: int,
    literal: LiteralProcess | None,
    amp: str,
) -> None:
    """Our steps and literal ones, round by round; prints the line."""
    objective = new_objective(graph, attr_type).to(device)
    batches = PretrainBatches(objective, graph, OAG.facts(graph), SAMPLER, seed=0)
    rounds = max(references, 1)
    total = rounds * (WARM_UP + runs)
    ours, theirs, last = Seconds(), [], None
    with PeakMemory() as peak:
        steps = training(objective, batches, device, total, amp)
        for _ in range(rounds):
            for number in range(WARM_UP + runs):
                step, wait, last = next(steps)
                if number >= WARM_UP:
                    ours.step.append(step)
                    ours.wait.append(wait)
            if literal:
                theirs.append(literal.step())
        steps.close()
    assert last is not None
    layers = last.batch.layers(ENCODER.n_layers)
    extra: dict[str, object] = {"peak_mb": round(peak.mb), "reference_runs": references}
    if theirs:
        extra |= {name: round(median(s[name] for s in theirs), 3) for name in theirs[0]}
        extra = {f"literal_{k}" if k.endswith("_s") else k: v for k, v in extra.items()}
    if device.type == "cuda":
        extra["peak_gpu_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
    reference_s = median(s["total_s"] for s in theirs) if theirs else None
    reference = ("literal-masks" if literal.masks else "literal") if literal else None
    show(
        line(
            f"step/{attr_type}",
            reference,
            reference_s,
            median(ours.step),
            len(ours.step),
            **extra,
            wait_s=round(median(ours.wait), 4),
            most_wait_s=round(max(ours.wait), 4),
            nodes=[layer.graph.num_nodes for layer in layers],
            edges=[len(layer.graph.src) for layer in layers],
            vocabulary=len(objective.titles.word_vectors) if attr_type == "text" else None,
            threads=torch.get_num_threads(),
            amp=amp,
            device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        )
    )


def training(
    objective: Objective, batches: PretrainBatches, device: torch.device, steps: int, amp: str
) -> Iterator[tuple[float, float, GPTBatch]]:
    """Train, step by step, as :func:`GPT_GNN.train.fit.fit` does, with the whole queue in use.

    Yields:
        Seconds of the step, those of them that went into waiting for its batch, and the batch.
    """
    stepper = Stepper(objective, device, OptimConfig(amp=amp), steps)
    loader = iter(Loader(batches.train, range(steps), SAMPLER.n_pool, device))
    try:
        for _ in range(steps):
            start = time.perf_counter()
            batch = next(loader)
            wait = time.perf_counter() - start
            objective.train()
            objective.start_epoch(1, 1)
            with autocast(amp, device):
                values = objective(to_device(batch, device))
            stepper.backward(values["loss"])
            stepper.step()
            objective.after_step()
            values["loss"].item()  # on a GPU, the step ends here
            if device.type == "cuda":
                torch.cuda.synchronize()
            yield time.perf_counter() - start, wait, batch
    finally:
        loader.close()


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
