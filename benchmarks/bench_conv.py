"""Time the encoder, forward and backward, at the published size: 400 hidden, 8 heads, 3 layers.

    python benchmarks/bench_conv.py                       # built-in graph, 20,000 papers
    python benchmarks/bench_conv.py --data_dir STORE
    python benchmarks/bench_conv.py --list                # the products of the floor
    python benchmarks/bench_conv.py --profile             # where our time goes

Prints one JSON line for each reference, on one masked batch of 256 targets:

- ``matmul-floor``: the matrix products that the encoder cannot do without, back to back.
- ``literal``: the layers of ``tests/oracle``, structured like the published code, a triple's edges
  picked once; ``literal-masks``: with its boolean mask over all edges for every triple.
- ``pyg``: torch_geometric's HGTConv after the same input layer; it has no temporal encoding.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.floor import Product, products
from benchmarks.measure import PeakMemory, interleaved, line, show
from benchmarks.published import ENCODER, SAMPLER, new_objective, open_graph
from GPT_GNN.batch.batch import Batch
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.pretrain import PretrainBatches
from tests.made import whole
from tests.oracle.encoder import LiteralGNN, literal_edges
from tests.oracle.hgt import LiteralHGTConv
from tests.oracle.masked_hgt import MaskedHGTConv

Pass = Callable[[], object]  # forward and backward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="toy", help="a graph store")
    parser.add_argument("--runs", type=int, default=10, help="runs against the floor")
    parser.add_argument("--literal_runs", type=int, default=3, help="0 leaves this reference out")
    parser.add_argument("--pyg_runs", type=int, default=1, help="0 leaves this reference out")
    parser.add_argument("--profile", action="store_true", help="print where our time goes")
    parser.add_argument("--list", action="store_true", help="print the products of the floor")
    args = parser.parse_args()
    torch.manual_seed(0)
    graph = open_graph(args.data_dir)
    encoder, batch = encoder_and_batch(graph)
    floor = products(
        batch,
        graph.node_types,
        [*(name for _, name, _ in graph.edge_types), "self"],
        ENCODER.n_hid,
        ENCODER.n_heads,
        ENCODER.n_layers,
    )
    if args.list:
        show_list(floor)
        return
    h_grad = torch.randn(batch.graph.num_nodes, ENCODER.n_hid)
    ours = ours_pass(encoder, batch, h_grad)
    with PeakMemory() as peak:
        ours(), ours()
    if args.profile:
        show_profile(ours)
        return
    extra = {
        "peak_mb": round(peak.mb),
        "nodes": batch.graph.num_nodes,
        "edges": len(batch.graph.src),
        "floor_gflop": round(sum(p.gflop for p in floor), 1),
        "threads": torch.get_num_threads(),
    }
    references = {
        "matmul-floor": (lambda: floor_pass(floor), args.runs),
        "literal": (
            lambda: literal_pass(graph, batch, h_grad, LiteralHGTConv),
            args.literal_runs,
        ),
        "literal-masks": (
            lambda: literal_pass(graph, batch, h_grad, MaskedHGTConv),
            args.literal_runs,
        ),
        "pyg": (lambda: pyg_pass(graph, batch, h_grad), args.pyg_runs),
    }
    for name, (make, runs) in references.items():
        if runs:
            seconds = interleaved({name: make(), "ours": ours}, runs, warm_up=1)
            show(line("conv", name, seconds[name], seconds["ours"], runs, **extra))


def encoder_and_batch(graph: HeteroGraph) -> tuple[GNN, Batch]:
    """Our encoder and the input that it gets in pre-training: targets twice, half their edges."""
    objective = new_objective(graph, "vec")
    data = whole(PretrainBatches(objective, graph, OAG.facts(graph), SAMPLER, seed=0), 0)
    x = list(data.batch.x)
    target = graph.node_types.index(OAG.FACTS.target)
    copies = objective.init_emb.detach().expand(len(data.attr_nodes), -1)
    x[target] = torch.cat([x[target], copies])
    return objective.encoder, Batch(tuple(x), data.batch.graph)


def ours_pass(encoder: GNN, batch: Batch, h_grad: torch.Tensor) -> Pass:
    """Our encoder in training mode."""
    encoder.train()

    def run() -> None:
        encoder.zero_grad()
        encoder(batch).backward(h_grad)

    return run


def floor_pass(floor: list[Product]) -> Pass:
    """The products of the floor, forward once and backward twice."""
    work = [(product, product.operands()) for product in floor]

    def run() -> None:
        for product, operands in work:
            product.run(operands)

    return run


def literal_pass(
    graph: HeteroGraph, batch: Batch, h_grad: torch.Tensor, conv: type[LiteralHGTConv]
) -> Pass:
    """The published structure, in training mode."""
    widths = [graph.feature_dim(node_type) for node_type in graph.node_types]
    settings = (ENCODER.n_hid, len(graph.edge_types) + 1, ENCODER.n_heads, ENCODER.n_layers)
    timed = any(graph.schema.timed)
    encoder = LiteralGNN(widths, *settings, ENCODER.dropout, timed=timed, conv=conv).train()
    edges = literal_edges(batch.graph)

    def run() -> None:
        encoder.zero_grad()
        encoder(batch.x, *edges).backward(h_grad)

    return run


def pyg_pass(graph: HeteroGraph, batch: Batch, h_grad: torch.Tensor) -> Pass:
    """PyG's layers after an input layer like ours; types and relations without data left out."""
    from torch_geometric.nn import HGTConv

    present = {t: x for t, x in zip(graph.node_types, batch.x, strict=True) if len(x)}
    edges = pyg_edges(graph, batch)
    grads = dict(zip(graph.node_types, batch.graph.by_type(h_grad), strict=True))
    n_hid = ENCODER.n_hid
    adapt = nn.ModuleDict({t: nn.Linear(x.shape[1], n_hid) for t, x in present.items()})
    metadata = (list(present), list(edges))
    convs = nn.ModuleList(
        HGTConv(n_hid, n_hid, metadata, ENCODER.n_heads) for _ in range(ENCODER.n_layers)
    )

    def run() -> None:
        adapt.zero_grad(), convs.zero_grad()
        h = {t: torch.tanh(adapt[t](x)) for t, x in present.items()}
        for conv in convs:
            h = conv(h, edges)
        torch.autograd.backward(list(h.values()), [grads[t] for t in h])

    return run


def pyg_edges(graph: HeteroGraph, batch: Batch) -> dict[tuple[str, str, str], torch.Tensor]:
    """The batch's edges as PyG wants them: ids count within a node type; ``self`` per type."""
    _, (src, dst), relation, _ = literal_edges(batch.graph)
    first = dict(zip(graph.node_types, batch.graph.node_offsets, strict=False))
    out = {}
    for r, (source, name, target) in enumerate(graph.edge_types):
        mine = relation == r
        if mine.any():
            ends = [src[mine] - first[source], dst[mine] - first[target]]
            out[source, name, target] = torch.stack(ends)
    for node_type, x in zip(graph.node_types, batch.x, strict=True):
        if len(x):
            out[node_type, "self", node_type] = torch.arange(len(x)).expand(2, -1)
    return out


def show_profile(ours: Pass, runs: int = 5) -> None:
    """Milliseconds a pass of the operations that take most, of ``runs`` passes."""
    with torch.profiler.profile() as profiler:
        for _ in range(runs):
            ours()
    rows = sorted(profiler.key_averages(), key=lambda row: -row.self_cpu_time_total)
    for row in rows[:15]:
        print(f"{row.key:<40} {row.self_cpu_time_total / 1e3 / runs:8.1f} ms")


def show_list(floor: list[Product]) -> None:
    """One line a product: name, shapes, how often, GFLOP; then the sum."""
    print(f"{'product':<40} {'shapes':<36} times passes    GFLOP")
    for p in floor:
        shapes = f"[{p.blocks}, {p.rows}, {p.n_in}] x [{p.blocks}, {p.n_in}, {p.n_out}]"
        print(f"{p.name:<40} {shapes:<36} {p.times:5} {2 + p.input_gradient:6} {p.gflop:8.3f}")
    print(f"{'sum':<40} {'':<36} {'':5} {'':6} {sum(p.gflop for p in floor):8.3f}")


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
