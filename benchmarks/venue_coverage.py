"""What gives a paper's venue away: the coverage behind "Why PV hides fields".

    python benchmarks/venue_coverage.py --data_dir STORE
    python benchmarks/venue_coverage.py --data_dir STORE --run FOLDER

Prints by year the papers, the share of them with a level-2 field, and their mean citations each
way; for training's years the same share by venue, and where the papers with such a field appeared;
with ``--run``, the folder of a fine-tuned model, which venues it ranks first on validation.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import NodeClassification
from GPT_GNN.train.checkpoint import load_checkpoint
from GPT_GNN.train.finetune import TaskBatches, TaskModel
from GPT_GNN.train.matching import encoder_weights

SHOWN = 8  # venues


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="a graph store")
    parser.add_argument("--run", type=Path, help="folder of a fine-tuning run on all labels")
    args = parser.parse_args()
    graph = OAG.open(args.data_dir)
    coverage(graph)
    if args.run:
        ranked_first(graph, args.run)


def coverage(graph: HeteroGraph) -> None:
    """Tables of the store alone."""
    year = graph.node_time(OAG.FACTS.target)
    assert year is not None
    has_field = graph.csr(OAG.paper_field("L2")).degrees() > 0
    cited, citing = (graph.csr(edge_type).degrees() for edge_type in OAG.citations(graph))
    print(f"{'year':<6}{'papers':>8}{'L2 field':>10}{'PP_cite':>9}{'rev_PP_cite':>13}")
    for y in np.unique(year[year >= OAG.FACTS.split.time_max("pretrain")]):
        own = year == y
        means = f"{cited[own].mean():9.1f}{citing[own].mean():13.1f}"
        print(f"{y:<6}{own.sum():8,}{has_field[own].mean():10.0%}{means}")
    venue = venue_of(graph)
    own = np.zeros(len(year), dtype=bool)
    own[OAG.FACTS.split.nodes(graph, OAG.FACTS.target, "train")] = True
    own &= venue >= 0
    print(f"\ntraining's years: {has_field[own].mean():.0%} of the papers have a level-2 field")
    print(f"{'papers':>8}{'of them with':>14}{'of all with':>13}  venue")
    for v, papers in Counter(venue[own].tolist()).most_common(SHOWN):
        here = has_field[own & (venue == v)]
        share = here.sum() / has_field[own].sum()
        print(f"{papers:8,}{here.mean():14.0%}{share:13.0%}  {name(graph, v)}")


def ranked_first(graph: HeteroGraph, run: Path) -> None:
    """How often a model ranks each venue first on validation."""
    record = load_checkpoint(run / "best.pt", "finetune")
    task = NodeClassification(graph, OAG.FACTS.split, OAG.paper_venue(graph), "all")
    encoder = GNN(graph.schema, graph.feature_dims, **record["config"]["encoder"])
    model = TaskModel(encoder, task)
    weights = encoder_weights(run / "best.pt", record, graph)
    model.load_state_dict(record["model"] | {f"encoder.{k}": x for k, x in weights.items()})
    model.eval()
    sampler = SamplerConfig(**record["config"]["sampler"])
    first: Counter[int] = Counter()
    with torch.no_grad():
        for data in TaskBatches(task, graph, sampler, 0, encoder.reach).evaluate("valid"):
            first.update(model.head(model.encoder(data.batch)[data.nodes]).argmax(1).tolist())
    print(f"\nranked first, of {first.total():,} validation papers")
    for v, papers in first.most_common(SHOWN):
        print(f"{papers / first.total():8.0%}  {name(graph, v)}")


def venue_of(graph: HeteroGraph) -> np.ndarray:
    """The (last) venue of every paper, -1 for none."""
    venue = np.full(graph.num_nodes(OAG.FACTS.target), -1)
    for edge_type in OAG.paper_venue(graph):
        csr = graph.csr(edge_type)
        venue[csr.targets()] = csr.indices
    return venue


def name(graph: HeteroGraph, venue: int) -> str:
    """A venue as it is called in the dump."""
    return graph.ragged("venue", "name").text(venue)


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
