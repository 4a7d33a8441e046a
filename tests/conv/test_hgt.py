"""The factored HGT layer against the literal one: values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import batch_edges
from GPT_GNN.graph.store import NO_TIME
from tests.made import layer_of
from tests.oracle.hgt import LiteralHGTConv, table_row
from tests.oracle.legacy import ours_hgt
from tests.oracle.masked_hgt import MaskedHGTConv

D, HEADS = 8, 2


def case(seed, sizes, num_edges, timed):
    """Random edges of 3 relations and ``self``: node types, edges, batch graph and table rows.

    Some nodes have no time and some no edge but their loop; the last node has not even that.
    """
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    n = int(offsets[-1])
    relation = np.concatenate([rng.integers(0, 3, num_edges), np.full(n - 1, 3)])
    src = np.concatenate([rng.integers(0, n, num_edges), np.arange(n - 1)])
    dst = np.concatenate([rng.integers(0, n - 1, num_edges), np.arange(n - 1)])
    order = np.lexsort((dst, relation))
    relation, src, dst = relation[order], src[order], dst[order]
    time = rng.integers(1800, 2021, n).astype(np.int32)
    time[rng.random(n) < 0.2] = NO_TIME
    graph = batch_edges(
        offsets, src, dst, np.searchsorted(relation, np.arange(5)), time if timed else None
    ).index()
    known = [None if t == NO_TIME else int(t) for t in time]
    rows = [table_row(known[i], known[j]) for j, i in zip(src, dst, strict=True)]
    node_type = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
    edges = torch.from_numpy(np.stack([src, dst]))
    return (
        graph,
        node_type,
        edges,
        torch.from_numpy(relation),
        torch.tensor(rows) if timed else None,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("conv", [LiteralHGTConv, MaskedHGTConv])
@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("use_norm", [True, False])
@pytest.mark.parametrize(
    ("sizes", "num_edges"), [((7, 0, 5), 60), ((1, 1, 1), 1), ((4, 3, 2), 0), ((30, 2, 9), 300)]
)
def test_equals_the_literal_layer(sizes, num_edges, use_norm, timed, conv, dtype):
    torch.manual_seed(0)
    graph, node_type, edges, relation, rows = case(1, sizes, num_edges, timed)
    literal = conv(D, len(sizes), 4, HEADS, 0.0, use_norm, timed)
    for name, parameter in literal.named_parameters():
        if not name.startswith("emb.emb"):
            torch.nn.init.normal_(parameter, std=0.5)
    ours = layer_of(
        "hgt", D, len(sizes), 4, HEADS, 0.0, timed, last_norm=use_norm, train_time_table=True
    )
    ours.load_state_dict(ours_hgt(literal.state_dict()))
    literal.eval().to(dtype), ours.eval().to(dtype)

    x = torch.randn(sum(sizes), D, dtype=dtype)
    weight = torch.randn(sum(sizes), D, dtype=dtype)
    results = []
    for layer, arguments in ((literal, (node_type, edges, relation, rows)), (ours, (graph,))):
        own_x = x.clone().requires_grad_()
        out = layer(own_x, *arguments)
        (out * weight).sum().backward()
        zero = {name: torch.zeros_like(p) for name, p in layer.named_parameters()}
        grads = {name: p.grad for name, p in layer.named_parameters() if p.grad is not None}
        results.append((out, own_x.grad, zero | grads))
    (want, want_x, want_grads), (got, got_x, got_grads) = results
    forward, backward = (1e-5, 1e-4) if dtype == torch.float32 else (1e-12, 1e-10)
    assert (got - want).abs().max() <= forward * want.abs().max()
    pairs = {"x": (got_x, want_x)}
    pairs |= {name: (got_grads[name], grad) for name, grad in ours_hgt(want_grads).items()}
    for name, (ours_grad, literal_grad) in pairs.items():
        error = (ours_grad - literal_grad).norm()
        assert error <= backward * max(literal_grad.norm(), 0.1), name  # some are 0
