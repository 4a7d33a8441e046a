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
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks.measure import interleaved, line, show
from benchmarks.published import SAMPLER, open_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.settings import EncoderConfig, GPTConfig
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.start import new_encoder, new_gpt_gnn
from tests.oracle import hgsampling as literal

BATCH, DEPTH, WIDTH = SAMPLER.batch_size, SAMPLER.sample_depth, SAMPLER.sample_width


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


class Drawer:
    """Draws batch after batch; every function that it gives counts its own batches."""

    def __init__(self, graph: HeteroGraph) -> None:
        self.sampler = HGSampler(graph, DEPTH, WIDTH)
        self.nodes = OAG.split.nodes(graph, OAG.target, "pretrain")
        time = graph.node_time(OAG.target)
        assert time is not None
        self.time = time
        self.time_max = OAG.split.time_max("pretrain")

    def seeds(self, step: int) -> tuple[np.ndarray, np.random.Generator]:
        """Ids of a batch's targets, and the generator to go on with."""
        rng = derive(0, "bench", step)
        ids = np.unique(self.nodes[rng.integers(0, len(self.nodes), 2 * BATCH)])
        return rng.permutation(ids)[:BATCH], rng

    def sample(self, step: int) -> tuple[Any, np.random.Generator]:
        """Our subgraph."""
        ids, rng = self.seeds(step)
        seeds = {OAG.target: (ids, self.time[ids])}
        return self.sampler.sample(seeds, self.time_max, None, rng), rng

    def reached(self) -> int:
        """Distinct nodes to which the last sample drew an edge; it keeps some of them."""
        return int((self.sampler._room.pool.table >= 0).sum())


def stepping(make: Callable[[int], object]) -> Callable[[], object]:
    """Call ``make`` with 0, 1, 2, ..."""
    steps = itertools.count()
    return lambda: make(next(steps))


def against_literal(graph: HeteroGraph, draw: Drawer, runs: int) -> None:
    """The published structure: dicts of dicts, target by target."""
    lists = literal.edge_lists(graph, set())

    def reference(step: int) -> object:
        ids, rng = draw.seeds(step)
        seeds = {OAG.target: list(zip(ids.tolist(), draw.time[ids].tolist(), strict=True))}
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
        input_nodes=(OAG.target, torch.from_numpy(draw.nodes)),
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


def objective_of(graph: HeteroGraph, n_hid: int = 32) -> GPTGNN:
    """The published task around a small encoder: of the batch only."""
    encoder = new_encoder(graph, EncoderConfig(n_hid=n_hid), seed=0)
    return new_gpt_gnn(encoder, graph, OAG, GPTConfig(), seed=0)


def masked_batch(graph: HeteroGraph, draw: Drawer, runs: int) -> None:
    """What masking, splitting the targets and gathering features add to a subgraph."""
    objective = objective_of(graph)

    def batch(step: int) -> object:
        subgraph, rng = draw.sample(step)
        return objective.transform(graph, subgraph, rng)

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
