"""Time every convolution, forward and backward, at the published size: 400 hidden, 3 layers.

    python benchmarks/bench_encoders.py                   # built-in graph, 20,000 papers
    python benchmarks/bench_encoders.py --data_dir STORE
    python benchmarks/bench_encoders.py --conv_name hetgnn

Prints one JSON line for each key of ``CONVS``: its encoder's parameters, its time on one masked
batch of 256 targets, and as ``ratio`` how many times that of ``hgt`` it is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_conv import encoder_and_batch, ours_pass
from benchmarks.measure import interleaved, line, show
from benchmarks.published import ENCODER, open_graph
from GPT_GNN.conv import CONVS
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.encoder import new_encoder
from tests.made import encoder_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="a graph store")
    parser.add_argument("--conv_name", default="", choices=CONVS, help="only this one, and hgt")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, in turn")
    args = parser.parse_args()
    torch.manual_seed(0)
    graph = open_graph(args.data_dir)
    hgt, batch = encoder_and_batch(graph)
    names = [args.conv_name] if args.conv_name else list(CONVS)
    encoders = {
        name: new_encoder(
            graph,
            encoder_settings(name, ENCODER.n_heads, n_hid=ENCODER.n_hid, n_layers=ENCODER.n_layers),
            seed=0,
        )
        for name in names
    }
    encoders["hgt"] = hgt
    h_grad = torch.randn(batch.graph.num_nodes, ENCODER.n_hid)
    passes = {name: ours_pass(encoder, batch, h_grad) for name, encoder in encoders.items()}
    seconds = interleaved(passes, args.runs, warm_up=1)
    for name in names:
        extra = {
            "parameters": sum(p.numel() for p in encoders[name].parameters()),
            "layer_parameters": sum(p.numel() for p in encoders[name].convs[0].parameters()),
            "nodes": batch.graph.num_nodes,
            "edges": len(batch.graph.src),
            "threads": torch.get_num_threads(),
        }
        show(line("encoders", name, seconds[name], seconds["hgt"], args.runs, **extra))


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
