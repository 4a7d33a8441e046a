"""How much the features of a paper's neighbours tell of its own text.

    python benchmarks/attribute_leak.py --data_dir STORE

For each relation from a type whose text is a mean over papers: the cosine of a paper's text with
the sum of its neighbours' features (each of length 1), mean over papers of pre-training that have
such neighbours; as the store holds them (the paper is in these means), and with each paper taken
out of them in turn, as pre-training does with a batch's targets. Beside them, the cosine with the
mean of all papers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.published import open_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.means import SeedMeans
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.schema import EdgeType
from GPT_GNN.system.runner import run_command

VIEW = "pretrain"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="an OAG store")
    parser.add_argument("--papers", type=int, default=2000, help="papers that are looked at")
    args = parser.parse_args()
    graph = open_graph(args.data_dir)
    split = OAG.facts(graph).split
    known = split.nodes(graph, OAG.FACTS.target, VIEW)
    means = SeedMeans(graph)
    papers = derive(0, "papers").choice(known, min(args.papers, len(known)), replace=False)
    every = unit(text(graph, OAG.FACTS.target, known)).mean(0)
    own = unit(text(graph, OAG.FACTS.target, papers))
    print(f"mean of all papers: {(own @ unit(every[None])[0]).mean():.3f}")
    print(f"{'relation':<32}{'papers with':>12}{'as stored':>12}{'without it':>12}")
    for edge_type in graph.edge_types:
        if edge_type[2] == OAG.FACTS.target and means.over.get(edge_type[0]) == OAG.FACTS.target:
            found = cosines(graph, means, edge_type, papers, own)
            if len(found):
                stored, without = found.mean(0)
                share = len(found) / len(papers)
                print(f"{':'.join(edge_type):<32}{share:12.0%}{stored:12.3f}{without:12.3f}")


def cosines(
    graph: HeteroGraph,
    means: SeedMeans,
    edge_type: EdgeType,
    papers: np.ndarray,
    own: np.ndarray,
) -> np.ndarray:
    """Of every paper that has neighbours by a relation, the two cosines: [n, 2]."""
    t = graph.schema.node_type_id(edge_type[0])
    csr, found = graph.csr(edge_type), []
    for paper, row in zip(papers, own, strict=True):
        near = np.unique(csr.indices[csr.rows(np.array([paper]))[1]])
        if not len(near):
            continue
        ids = [np.empty(0, dtype=np.int64)] * len(graph.node_types)
        ids[t] = near
        ids[graph.schema.node_type_id(OAG.FACTS.target)] = np.array([paper])
        x = [
            graph.gather_features(node_type, each, VIEW)
            for node_type, each in zip(graph.node_types, ids, strict=True)
        ]
        seeds = [int(node_type == OAG.FACTS.target) for node_type in graph.node_types]
        columns = graph.feature_parts(edge_type[0])[OAG.FACTS.text_part]
        stored = x[t][:, columns].copy()
        means.leave_out(ids, seeds, x, VIEW)
        each = (unit(unit(part).sum(0)[None])[0] @ row for part in (stored, x[t][:, columns]))
        found.append(tuple(each))
    return np.array(found).reshape(-1, 2)


def text(graph: HeteroGraph, node_type: str, ids: np.ndarray) -> np.ndarray:
    """The part that holds encoded text, [n, W]."""
    columns = graph.feature_parts(node_type)[OAG.FACTS.text_part]
    return graph.gather_features(node_type, ids, VIEW)[:, columns]


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1, or zeros."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
