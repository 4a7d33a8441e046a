"""Time one sampled subgraph: batch 256, depth 6, width 128.

    python benchmarks/bench_sampler.py --data_dir STORE
    python benchmarks/bench_sampler.py --profile             # where our time goes

Prints a JSON line for each reference. ``literal`` is the sampler of ``tests/oracle``: nested dicts
and a loop over targets, as published; its dicts are made outside the timing. ``hgtloader`` is PyG's
HGTLoader, where torch-sparse or pyg-lib is installed. The last line compares our subgraph with a
masked batch ready for the encoder (sampled, masked, features gathered): there the ratio is the
subgraph's share of the batch.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks.batches import BATCH, DEPTH, WIDTH, Drawer, objective_of, stepping
from benchmarks.measure import interleaved, line, show
from benchmarks.published import open_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.system.runner import run_command
from tests.made import indexed
from tests.oracle import hgsampling as literal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="a graph store of OAG's kind")
    parser.add_argument("--runs", type=int, default=10, help="samples that count, of each")
    parser.add_argument("--profile", action="store_true", help="print where our time goes")
    args = parser.parse_args()
    graph = open_graph(args.data_dir)
    if args.profile:
        from benchmarks.sampler_profile import show_profile

        show_profile(graph, objective_of(graph), 10 * args.runs)
        return
    draw = Drawer(graph)
    against_literal(graph, draw, args.runs)
    against_hgtloader(graph, draw, args.runs)
    masked_batch(graph, draw, 10 * args.runs)


def against_literal(graph: HeteroGraph, draw: Drawer, runs: int) -> None:
    """The published structure: dicts of dicts, target by target."""
    lists = literal.edge_lists(graph, set())

    def reference(step: int) -> object:
        ids, rng = draw.seeds(step)
        seeds = {OAG.FACTS.target: list(zip(ids.tolist(), draw.time[ids].tolist(), strict=True))}
        return literal.sample(graph, lists, DEPTH, WIDTH, seeds, draw.time_max, rng)

    functions = {"literal": stepping(reference), "ours": stepping(lambda i: draw.sample(i))}
    seconds = interleaved(functions, runs, warm_up=2)
    sample, _ = draw.sample(0)
    show(
        line(
            "sampler",
            "literal",
            seconds["literal"],
            seconds["ours"],
            runs,
            nodes=sum(map(len, sample.node_ids)),
            edges=len(sample.src),
        )
    )


def against_hgtloader(graph: HeteroGraph, draw: Drawer, runs: int) -> None:
    """PyG's sampler of the same paper; it knows neither times of edges nor hidden ones."""
    if not (find_spec("torch_sparse") or find_spec("pyg_lib")):
        missing = "neither torch-sparse nor pyg-lib is installed"
        show(line("sampler", "hgtloader", None, None, 0, skipped=missing))
        return
    from torch_geometric.data import HeteroData
    from torch_geometric.loader import HGTLoader

    data = HeteroData()
    for node_type in graph.node_types:
        data[node_type].num_nodes = graph.num_nodes(node_type)
    for edge_type in graph.edge_types:
        csr = graph.csr(edge_type)
        data[edge_type].edge_index = torch.from_numpy(
            np.stack([csr.indices, csr.targets()]).astype(np.int64)
        )
    loader = HGTLoader(
        data,
        num_samples=[WIDTH] * DEPTH,
        input_nodes=(OAG.FACTS.target, torch.from_numpy(draw.nodes)),
        batch_size=BATCH,
        shuffle=True,
    )
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    functions = {
        "hgtloader": lambda: next(batches),
        "ours": stepping(lambda i: draw.sample(i)),
    }
    seconds = interleaved(functions, runs, warm_up=2)
    show(line("sampler", "hgtloader", seconds["hgtloader"], seconds["ours"], runs))


def masked_batch(graph: HeteroGraph, draw: Drawer, runs: int) -> None:
    """What masking, splitting the targets and gathering features add to a subgraph."""
    objective = objective_of(graph)

    def batch(step: int) -> object:
        subgraph, rng = draw.sample(step)
        return indexed(objective.transform(graph, subgraph, rng))

    functions = {"subgraph": stepping(lambda i: draw.sample(i)), "batch": stepping(batch)}
    seconds = interleaved(functions, runs, warm_up=10)
    show(
        line(
            "sampler/masked batch",
            "subgraph",
            seconds["subgraph"],
            seconds["batch"],
            runs,
            times_subgraph=round(seconds["batch"] / seconds["subgraph"], 3),
        )
    )


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
