"""Time one pre-training step at the published size: 400 hidden, 8 heads, 3 layers, batch 256.

    python benchmarks/bench_step.py --data_dir STORE

Prints one JSON line for ``vec`` and one for ``text``. The reference ``literal`` is the encoder
alone, forward and backward, in the literal layers of ``tests/oracle`` (per-edge projections, as
published), on the same batch and with the same weights' shapes; ours is the whole step, sampling
and optimiser included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from GPT_GNN.config import EncoderConfig, GPTConfig, OptimConfig
from GPT_GNN.datasets.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.objectives.gpt_gnn import GPTGNN, GPTBatch
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.train.optim import build_optimizer
from GPT_GNN.train.runtime import versions
from GPT_GNN.train.start import new_encoder, new_gpt_gnn
from tests.oracle.hgt import LiteralHGTConv

WARM_UP = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="a graph store")
    parser.add_argument("--runs", type=int, default=10, help="steps that count")
    parser.add_argument(
        "--reference_runs", type=int, default=0, help="literal passes (many minutes each)"
    )
    args = parser.parse_args()
    graph = OAG.open(args.data_dir)
    for attr_type in ("vec", "text"):
        print(json.dumps(bench(graph, attr_type, args.runs, args.reference_runs)), flush=True)


def bench(graph: HeteroGraph, attr_type: str, runs: int, reference_runs: int) -> dict[str, object]:
    """Median seconds of our step and of the literal encoder pass."""
    encoder = new_encoder(graph, EncoderConfig(), seed=0)
    objective = new_gpt_gnn(encoder, graph, OAG, GPTConfig(attr_type=attr_type), seed=0)
    optimizer = build_optimizer(objective, "adamw", 1e-3, 1e-2)
    sampler = HGSampler(graph, depth=6, width=128)
    nodes = OAG.split.nodes(graph, OAG.target, "pretrain")
    objective.start_epoch(1, 1)  # the whole queue
    seconds, peak = [], 0.0
    for step in range(WARM_UP + runs):
        start = time.perf_counter()
        data = _step(graph, objective, optimizer, sampler, nodes, step)
        seconds.append(time.perf_counter() - start)
        peak = max(peak, anonymous_mb())
    reference = [_literal(graph, data) for _ in range(reference_runs)]
    ours = median(seconds[WARM_UP:])
    return {
        "benchmark": f"step/{attr_type}",
        "reference": "literal" if reference else None,
        "reference_s": round(median(reference), 3) if reference else None,
        "ours_s": round(ours, 3),
        "ratio": round(median(reference) / ours, 1) if reference else None,
        "peak_mb": round(peak),
        "runs": runs,
        "nodes": data.batch.graph.num_nodes,
        "edges": len(data.batch.graph.src),
        "vocabulary": len(objective.titles.word_vectors) if objective.titles else None,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "versions": versions(),
    }


def _step(
    graph: HeteroGraph,
    objective: GPTGNN,
    optimizer: torch.optim.Optimizer,
    sampler: HGSampler,
    nodes: np.ndarray,
    step: int,
) -> GPTBatch:
    rng = derive(0, "bench", step)
    ids = rng.choice(nodes, min(256, len(nodes)), replace=False)
    time_of = graph.node_time(OAG.target)
    assert time_of is not None
    seeds = {OAG.target: (ids, time_of[ids])}
    subgraph = sampler.sample(seeds, OAG.split.time_max("pretrain"), None, rng)
    data = objective.transform(graph, subgraph, rng)
    objective.train()
    optimizer.zero_grad()
    objective(data)["loss"].backward()
    torch.nn.utils.clip_grad_norm_(objective.parameters(), OptimConfig.clip)
    optimizer.step()
    return data


def _literal(graph: HeteroGraph, data: GPTBatch) -> float:
    """Seconds of one forward and backward pass of three literal layers on a batch."""
    structure = data.batch.graph
    num_types, num_relations = len(graph.node_types), len(graph.edge_types) + 1
    layers = [LiteralHGTConv(400, num_types, num_relations, 8, 0.2, False, True) for _ in range(3)]
    sizes = np.diff(structure.node_offsets)
    node_type = torch.from_numpy(np.repeat(np.arange(num_types), sizes))
    relation = np.repeat(np.arange(num_relations), np.diff(structure.relation_rows))
    edge_type = torch.from_numpy(relation)[structure.row_of_edge]
    edge_row = structure.time_index[structure.edge_time % len(structure.time_index)]
    h = torch.randn(structure.num_nodes, 400)
    start = time.perf_counter()
    for layer in layers:
        h = layer(h, node_type, torch.stack([structure.src, structure.dst]), edge_type, edge_row)
    h.sum().backward()
    return time.perf_counter() - start


def anonymous_mb() -> float:
    """``RssAnon`` of this process in MB, 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(x.split()[1]) / 1024 for x in lines if x.startswith("RssAnon")), 0.0)


if __name__ == "__main__":
    main()
