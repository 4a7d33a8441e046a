"""Time a batch that is trimmed to what its outputs depend on against the whole batch.

    python benchmarks/bench_trim.py --data_dir STORE          # the published size
    python benchmarks/bench_trim.py --data_dir STORE --small  # that of the preset small
    python benchmarks/bench_trim.py                           # built-in graph, 20,000 papers

Prints one JSON line each for a fine-tuning step (PF: encode, loss, backward), a batch of its
evaluation, and a step of every objective. Trimming itself is in the time of ours, and all draw the
same batch. ``edges`` are those of each layer, ``whole_edges`` those of the batch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import interleaved, line, show
from benchmarks.published import ENCODER, SAMPLER, open_graph
from GPT_GNN.batch import pipeline
from GPT_GNN.batch.trim import trim
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives import OBJECTIVES, ObjectiveConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import NodeClassification
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.finetune import TaskBatches, TaskModel
from GPT_GNN.train.pretrain import PretrainBatches

SMALL = replace(ENCODER, n_hid=128, n_heads=4, n_layers=2, prev_norm=True, last_norm=True)
SMALL_SAMPLER = SamplerConfig(sample_depth=4, sample_width=128, batch_size=128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="a graph store")
    parser.add_argument("--small", action="store_true", help="the size of the preset small")
    parser.add_argument("--runs", type=int, default=10, help="runs of each, in turn")
    args = parser.parse_args()
    graph = open_graph(args.data_dir)
    settings, sampler = (SMALL, SMALL_SAMPLER) if args.small else (ENCODER, SAMPLER)
    encoder = new_encoder(graph, settings, seed=0)
    model, data, seeds = finetuning(graph, encoder, sampler)
    compare("finetune", model.train(), data, seeds, args.runs)
    compare("evaluate", model.eval(), data, seeds, args.runs)
    for name in OBJECTIVES:
        if name != "none":
            objective, data, outputs = pretraining(graph, encoder, name, sampler)
            compare(f"pretrain/{name}", objective.train(), data, outputs, args.runs)


def finetuning(
    graph: HeteroGraph, encoder: GNN, sampler: SamplerConfig
) -> tuple[TaskModel, Any, Tensor]:
    """PF with a whole training batch, and the rows that it reads."""
    task = NodeClassification(graph, OAG.facts(graph).split, relations=[OAG.paper_field("L2")])
    data = raw(TaskBatches(task, graph, sampler, seed=0, reach=None))
    return TaskModel(encoder, task), data, data.nodes


def pretraining(
    graph: HeteroGraph, encoder: GNN, name: str, sampler: SamplerConfig
) -> tuple[Any, Any, Tensor]:
    """An objective with a whole batch, and the rows that its loss reads."""
    chosen = ObjectiveConfig(name)
    objective = new_objective(encoder, graph, OAG.facts(graph), chosen, seed=0)
    data = raw(PretrainBatches(objective, graph, OAG.facts(graph), sampler, seed=0))
    return objective, data, objective.outputs(data)


def raw(batches: TaskBatches | PretrainBatches) -> Any:
    """The first training batch, neither trimmed nor indexed."""
    with patch.object(pipeline, "trim", lambda batch, outputs, reach: batch):
        return batches.train(0)


def compare(name: str, model: Any, data: Any, outputs: Tensor, runs: int) -> None:
    """Time a model on a whole batch and on what is left of it; prints the line."""
    reach = model.encoder.reach

    def step(batch: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            if model.training:
                model.zero_grad()
                model(batch())["loss"].backward()
            else:
                with torch.no_grad():
                    model.encoder(batch().batch)

        return run

    def ready(rows: Tensor | None) -> Any:
        return replace(data, batch=trim(data.batch, rows, reach))

    passes = {"whole": step(lambda: ready(None)), "ours": step(lambda: ready(outputs))}
    seconds = interleaved(passes, runs, warm_up=2)
    layers = ready(outputs).batch.layers(len(reach))
    show(
        line(
            f"trim/{name}",
            "whole-batch",
            seconds["whole"],
            seconds["ours"],
            runs,
            outputs=len(outputs.unique()),
            nodes=[layer.graph.num_nodes for layer in layers],
            edges=[len(layer.graph.src) for layer in layers],
            whole_nodes=data.batch.node_offsets[-1],
            whole_edges=len(data.batch.edges.src),
            threads=torch.get_num_threads(),
        )
    )


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
