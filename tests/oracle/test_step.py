"""The literal step: its batch is ours given the same masks, its loss is what it is meant to be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import assemble
from GPT_GNN.batch.mask import mask_links
from GPT_GNN.batch.separate import separate_targets
from GPT_GNN.model.gnn import GNN
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from tests.oracle import hgsampling, legacy
from tests.oracle.edge_scorer import LiteralMatcher
from tests.oracle.encoder import LiteralGNN, literal_edges
from tests.oracle.link_loss import LiteralLinks, relation_loss
from tests.oracle.masking import literal_batch, masked_edges
from tests.oracle.step import LiteralGPTGNN, train_step
from tests.sampler.graphs import random_graph

STOP = ["rev_about"]
D, WIDTH, TARGETS = 8, 5, 30


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return random_graph(tmp_path_factory.mktemp("step") / "store", 0, n_edges=400)


def sampled(graph, seed):
    """A subgraph around 30 papers, and their ids."""
    rng = derive(seed, "test")
    ids = rng.choice(60, TARGETS, replace=False)
    seeds = {"paper": (ids, np.full(TARGETS, 2011, dtype=np.int32))}
    return (
        HGSampler(graph, sample_depth=2, sample_width=20).sample(
            Query(seeds, 2011, "pretrain"), rng
        ),
        ids.tolist(),
        rng,
    )


def edge_set(graph, subgraph, chosen):
    """The chosen edges of a subgraph as the oracle names them."""
    out = set()
    for e, (source, _, target) in enumerate(graph.edge_types):
        s, t = graph.node_types.index(source), graph.node_types.index(target)
        for i in range(*subgraph.edge_offsets[e : e + 2]):
            if chosen[i]:
                ends = subgraph.node_ids[s][subgraph.src[i]], subgraph.node_ids[t][subgraph.dst[i]]
                out.add((e, *map(int, ends)))
    return out


def both_batches(graph, seed):
    """The literal batch and ours, from one sample and one mask; features are random."""
    subgraph, ids, rng = sampled(graph, seed)
    masked = mask_links(subgraph, "paper", STOP, 0.5, rng)
    hidden = edge_set(graph, subgraph, ~masked.observed)
    generated = edge_set(graph, subgraph, masked.generated)
    sample = hgsampling.as_sample(graph, subgraph)
    slow = literal_batch(graph, sample, "paper", ids, hidden, generated, graph.views[0])
    features = [torch.randn(len(nodes), WIDTH) for nodes in subgraph.node_ids]
    t, times = graph.node_types.index("paper"), list(subgraph.node_times)
    times[t] = np.concatenate([times[t], times[t][:TARGETS]])
    x = list(features)
    x[t] = torch.cat([x[t], torch.randn(TARGETS, WIDTH)])
    edges = separate_targets(subgraph, "paper", masked)
    ours = assemble(graph.schema, [a.numpy() for a in x], times, *edges).index()
    return replace(slow, features=features), ours


def rows(*columns):
    return Counter(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_the_batch_is_ours(graph, seed):
    slow, ours = both_batches(graph, seed)
    node_type, edge_index, edge_type, edge_row = literal_edges(ours.graph)
    assert torch.equal(slow.node_type, node_type)
    got = rows(*slow.edge_index, slow.edge_type, slow.edge_row)
    assert got == rows(*edge_index, edge_type, edge_row)
    assert {e for e in slow.masked} <= {e for e in slow.linked}
    for e, pairs in slow.masked.items():
        assert Counter(pairs) <= Counter(slow.linked[e])


def test_the_encoder_is_ours(graph):
    torch.manual_seed(0)
    _, batch = both_batches(graph, 0)
    num_relations = len(graph.edge_types) + 1
    slow = LiteralGNN([WIDTH] * len(graph.node_types), D, num_relations, 2, 2).eval()
    widths = dict.fromkeys(graph.node_types, WIDTH)
    ours = GNN(graph.schema, widths, n_hid=D, n_heads=2, n_layers=2, train_time_table=True).eval()
    state = slow.state_dict()
    adapt = legacy.numbered(state, "adapt_ws.")
    layers = [legacy.under(layer, "base_conv.") for layer in legacy.numbered(state, "gcs.")]
    ours.load_state_dict(
        legacy.ours_encoder(legacy.PublishedState(adapt, layers, [], {}, None, state))
    )
    got, want = ours(batch), slow(batch.x, *literal_edges(batch.graph))
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    weight = torch.randn_like(want)
    (got * weight).sum().backward()
    (want * weight).sum().backward()
    for mine, theirs in zip(ours.adapt.parameters(), slow.adapt_ws.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-4)


def test_what_is_masked(graph):
    subgraph, ids, rng = sampled(graph, 0)
    sample = hgsampling.as_sample(graph, subgraph)
    hidden, generated = masked_edges(graph, sample, "paper", ids, STOP, 0.5, rng)
    inverse = graph.schema.inverse
    assert hidden == {(inverse[e], v, u) for e, u, v in hidden} and generated <= hidden
    eligible = set()
    for e, u, v in sample.edges:
        source, relation, into = graph.edge_types[e]
        loop = source == into and u == v
        if into == "paper" and v in ids and relation not in STOP and not loop:
            eligible.add((e, u, v))
    assert generated <= eligible
    assert 0.4 < len(generated) / len(eligible) < 0.6
    assert hidden & eligible == generated


def test_the_edge_loss_and_the_queue():
    torch.manual_seed(0)
    n_sources, n_targets = 12, 10
    # Target row t is linked to sources t and t + 1, so that all have ten negatives.
    linked = np.array([(t, n_targets + s) for t in range(n_targets) for s in (t, t + 1)])
    masked = linked[::2]
    model = LiteralGPTGNN(
        LiteralGNN([WIDTH], D, 1, 2, 1), D, 0, [7], slice(0, 2), torch.zeros(WIDTH), 255, 4
    ).eval()
    h = torch.randn(n_targets + n_sources, D)
    sources = range(n_targets, n_targets + n_targets + 1)  # those that occur
    pairs = {t: {n_targets + t, n_targets + t + 1} for t in range(n_targets)}
    links = LiteralLinks(model.scorers["7"], [tuple(m) for m in masked.tolist()], sources, pairs)
    got = model.relation_loss(h, 7, masked, linked, derive(0))
    torch.testing.assert_close(got, relation_loss(h, links))
    assert torch.equal(model.queue[7], h[list(sources)])
    assert model.relation_loss(h, 7, masked, linked, derive(0)) > got  # a queued row each
    for _ in range(5):
        model.relation_loss(h, 7, masked, linked, derive(0))
    assert len(model.queue[7]) == 4 * n_targets


def test_a_step_trains(graph):
    torch.manual_seed(0)
    slow, _ = both_batches(graph, 0)
    relations = graph.schema.edge_types_into("paper")
    t, types = graph.node_types.index("paper"), len(graph.node_types)
    encoder = LiteralGNN([WIDTH] * types, D, len(graph.edge_types) + 1, 2, 2, dropout=0.0)
    model = LiteralGPTGNN(encoder, D, t, relations, slice(1, 4), torch.zeros(WIDTH), 20, 4)
    assert isinstance(model.decoder, LiteralMatcher)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = [train_step(model, optimizer, slow, 0.5, derive(i)) for i in range(30)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert model.init_emb.grad.abs().sum() > 0
