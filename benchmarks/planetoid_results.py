"""Fill Planetoid's table of docs/RESULTS.md: a linear probe on frozen pre-trained embeddings.

    python benchmarks/planetoid_results.py --root DATA --out runs/planetoid_results --jobs 2

DATA is PyG's folder of Cora, CiteSeer and PubMed (fetched where there is a network). Each seed
pre-trains on the whole graph without labels, embeds all nodes with the frozen encoder, and trains a
linear classifier on the public split's labels. Finished seeds are kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.linear_probe import linear_probe
from GPT_GNN.datasets.pyg.catalog import build
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.report.text import markdown_table, mean_std
from GPT_GNN.system.children import run_chains
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.checkpoint import load_checkpoint
from GPT_GNN.train.embed import embed
from GPT_GNN.train.encoder import new_encoder
from GPT_GNN.train.models import open_encoder

# The published figure of GPT-GNN, as GraphMAE's paper has it (Hou et al., KDD 2022, table 1).
PUBLISHED = {"Cora": "80.1 ± 1.0", "CiteSeer": "68.4 ± 1.6", "PubMed": "76.3 ± 0.8"}
SEEDS = range(5)
ENCODER = "--conv_name gcn --n_hid 512 --n_layers 2 --dropout 0"
PRETRAIN = (
    "--attr_ratio 0.9 --n_epoch 20 --n_batch 5 --sample_depth 2 --sample_width 512 "
    "--batch_size 512 --n_pool 0 --cuda -1"
)
STARTS = ("random encoder", "pre-trained")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="PyG's folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path("runs/planetoid_results"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    args = parser.parse_args()
    started, out = time.monotonic(), args.out.resolve()
    for name in PUBLISHED:
        if not (out / name).exists():
            build(name, out / name, args.root)
    run_chains((pretrain(out, *one) for one in product(SEEDS, PUBLISHED)), args.jobs)
    print(f"\n{table(out)}\n")
    print(f"{(time.monotonic() - started) / 60:.0f} minutes")


def pretrain(out: Path, seed: int, name: str) -> Iterator[list[str]]:
    """Pre-train one model unless it is there."""
    done = model_file(out, seed, name).with_suffix(".done")
    if not done.exists():
        flags = f"{ENCODER} {PRETRAIN} --seed {seed} --resume --overwrite"
        words = ["-m", "GPT_GNN", "pretrain", *flags.split()]
        words += ["--data_dir", str(out / name)]
        yield [*words, "--pretrain_model_dir", str(model_file(out, seed, name))]
        done.touch()


def model_file(out: Path, seed: int, name: str) -> Path:
    """The pre-trained model of one seed."""
    return out / f"{name}_{seed}.pt"


def probe(out: Path, seed: int, name: str, start: str) -> dict[str, float]:
    """Accuracies of a linear classifier on the embeddings of one seed's encoder."""
    graph = HeteroGraph.open(out / name)
    facts = GraphFacts.stored(graph)
    assert facts is not None
    path = model_file(out, seed, name)
    if start == "pre-trained":
        encoder = open_encoder(path, graph)
    else:
        settings = load_checkpoint(path, "pretrain")["config"]["encoder"]
        encoder = new_encoder(graph, EncoderConfig(**settings), seed)
    n = graph.num_nodes(facts.target)
    # One batch of all nodes: the sample is the whole graph.
    h = embed(encoder, graph, facts.target, np.arange(n), sample_depth=1, batch_size=n, n_pool=0)
    splits = {s: facts.split.nodes(graph, facts.target, s) for s in ("train", "valid", "test")}
    return linear_probe(h, np.array(graph.column(facts.target, facts.label)), splits, seed)


def table(out: Path) -> str:
    """Test accuracy by data set (columns) and encoder (rows)."""
    rows = {}
    for start, split in product(STARTS, ("valid", "test")):
        rows[f"{start}, {split}"] = [
            mean_std([100 * probe(out, seed, name, start)[split] for seed in SEEDS], digits=1)
            for name in PUBLISHED
        ]
    rows["GPT-GNN in GraphMAE's paper, test"] = list(PUBLISHED.values())
    return markdown_table(["accuracy, %", *PUBLISHED], rows)


if __name__ == "__main__":
    sys.exit(run_command(main))
