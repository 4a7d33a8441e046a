"""GAE: which pairs are told apart, their loss, and that the encoder does not see the links."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch.mask import mask_links
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives.gae import GAE, link_pairs
from GPT_GNN.rng import derive
from tests.made import indexed
from tests.objectives.batches import Given, edges_of, sample
from tests.oracle.baselines import gae_loss
from tests.oracle.edge_scorer import LiteralMatcher
from tests.sampler.graphs import random_graph
from tests.stores import films, pages

STOP = ("rev_about",)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return random_graph(tmp_path_factory.mktemp("gae") / "store", 0, n_edges=400)


def gae_of(graph, target="paper", stop=STOP, ratio=0.5, n_layers=1):
    encoder = GNN(graph.schema, graph.feature_dims, n_hid=6, n_heads=2, n_layers=n_layers)
    return GAE(encoder, GraphFacts(target, stop), mask_ratio=ratio).eval()


def edges_by_loops(subgraph, relation, offsets):
    """(target row, source row, position) of one relation's edges."""
    source, _, target = subgraph.schema.edge_types[relation]
    s, t = subgraph.schema.node_type_id(source), subgraph.schema.node_type_id(target)
    return [
        (int(subgraph.dst[e] + offsets[t]), int(subgraph.src[e] + offsets[s]), e)
        for e in range(subgraph.edge_offsets[relation], subgraph.edge_offsets[relation + 1])
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("target, stop", [("paper", STOP), ("author", ())])
def test_every_masked_link_with_a_source_that_is_not_linked(graph, seed, target, stop):
    ids = derive(seed, "ids").choice(graph.num_nodes(target), 25, replace=False)
    subgraph = sample(graph, target, ids, seed)
    objective = gae_of(graph, target, stop)
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in subgraph.node_ids])])
    masked = mask_links(subgraph, target, stop, 0.5, derive(seed, "mask"))
    pairs = link_pairs(subgraph, masked, objective.relations, offsets, derive(seed, "pairs"))
    found = {record.relation: record for record in pairs}
    assert len(found) > 1
    uniform = derive(seed, "pairs")
    for position, relation in enumerate(objective.relations):
        edges = edges_by_loops(subgraph, relation, offsets)
        if not any(masked.generated[e] for _, _, e in edges):
            assert position not in found
            continue
        sources = sorted({s for _, s, _ in edges})
        linked = {(t, s) for t, s, _ in edges}
        want = []
        for (t, s, e), draw in zip(edges, uniform.random(len(edges)), strict=True):
            free = [c for c in sources if c != t and (t, c) not in linked]
            if masked.generated[e] and free:
                want.append((t, s, free[int(draw * len(free))]))
        assert (position in found) == bool(want)
        if want:
            record = found[position]
            assert [t for t, _, _ in want] == record.target.tolist()
            assert [s for _, s, _ in want] == record.source.tolist()
            assert [n for _, _, n in want] == record.negative.tolist()


def test_a_page_is_no_negative_of_itself(tmp_path):
    """Of the sources in the subgraph, all of which are targets."""
    graph = pages(tmp_path / "pages")
    objective = gae_of(graph, "page", ())
    (relation,) = objective.relations
    checked = 0
    for seed in range(30):
        subgraph = sample(graph, "page", derive(seed, "ids").choice(80, 60, replace=False), depth=1)
        data = indexed(objective.transform(graph, subgraph, derive(seed, "transform")))
        joined = {(t, s) for t, s, _ in edges_by_loops(subgraph, relation, [0])}
        for record in data.links:
            pairs = set(zip(record.target.tolist(), record.negative.tolist(), strict=True))
            assert all(t != n for t, n in pairs) and not pairs & joined
            checked += len(pairs)
    assert checked > 1000


def test_a_negative_is_any_of_the_others_alike(graph):
    subgraph = sample(graph, "paper", np.arange(40))
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in subgraph.node_ids])])
    objective, counts = gae_of(graph), Counter()
    for seed in range(300):
        masked = mask_links(subgraph, "paper", STOP, 1.0, derive(seed))
        record = link_pairs(subgraph, masked, objective.relations, offsets, derive(seed, "n"))[0]
        counts.update(record.negative[:1].tolist())
    edges = edges_by_loops(subgraph, objective.relations[0], offsets)
    first = min(t for t, _, _ in edges)
    free = {s for _, s, _ in edges} - {s for t, s, _ in edges if t == first}
    assert set(counts) == free
    expected = 300 / len(free)
    chi2 = sum((counts[s] - expected) ** 2 / expected for s in free)
    assert chi2 < len(free) + 5 * (2 * len(free)) ** 0.5


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradients(graph, seed):
    torch.manual_seed(seed)
    objective = gae_of(graph).double()
    subgraph = sample(graph, "paper", derive(seed, "ids").choice(60, 30, replace=False), seed)
    data = indexed(objective.transform(graph, subgraph, derive(seed, "transform")))
    objective.encoder = Given(data.batch.graph.num_nodes)
    got = objective(data)["loss"]
    theirs = objective.encoder.h.detach().clone().requires_grad_()
    literal = [LiteralMatcher(6, 6).eval().double() for _ in objective.scorers]
    for slow, scorer in zip(literal, objective.scorers, strict=True):
        slow.load_state_dict(scorer.state_dict())
    relations = []
    for record in data.links:
        t, s, n = record.target.tolist(), record.source.tolist(), record.negative.tolist()
        pairs = list(zip(t, s, strict=True)), list(zip(t, n, strict=True))
        relations.append((literal[record.relation], *pairs))
    want = gae_loss(theirs, relations)
    torch.testing.assert_close(got, want)
    got.backward()
    want.backward()
    torch.testing.assert_close(objective.encoder.h.grad, theirs.grad)
    for slow, scorer in zip(literal, objective.scorers, strict=True):
        for a, b in zip(slow.parameters(), scorer.parameters(), strict=True):
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None:
                torch.testing.assert_close(a.grad, b.grad)


def test_reconstructed_links_are_hidden_in_both_directions(graph):
    objective = gae_of(graph)
    subgraph = sample(graph, "paper", np.arange(40))
    data = indexed(objective.transform(graph, subgraph, derive(0, "transform")))
    checked = 0
    for record in data.links:
        relation = objective.relations[record.relation]
        seen = set(edges_of(data.batch, relation))
        turned = set(edges_of(data.batch, graph.schema.inverse[relation]))
        assert seen and turned
        for s, t in zip(record.source.tolist(), record.target.tolist(), strict=True):
            assert (s, t) not in seen and (t, s) not in turned
            checked += 1
    assert checked > 50


def test_what_is_at_the_other_end_does_not_move_the_target(tmp_path):
    """With all links masked, other features of the films cannot be felt by their actors."""
    graph = films(tmp_path / "films")
    objective = gae_of(graph, "actor", (), ratio=1.0, n_layers=2)
    subgraph = sample(graph, "actor", np.arange(25), width=60)
    data = indexed(objective.transform(graph, subgraph, derive(0, "transform")))
    x = [torch.randn_like(features) for features in data.batch.x]
    rows = data.links[0].target.unique()
    assert len(rows) == 25
    moved = objective.encoder(replace(data.batch, x=tuple(x)))
    h = objective.encoder(data.batch)
    assert torch.equal(h[rows], moved[rows]) and not torch.equal(h, moved)
    seen = gae_of(graph, "actor", (), ratio=0.5, n_layers=2)
    data = indexed(seen.transform(graph, subgraph, derive(0, "transform")))
    moved = seen.encoder(replace(data.batch, x=tuple(x)))
    assert not torch.equal(seen.encoder(data.batch)[rows], moved[rows])


@pytest.mark.parametrize("ids", [[59], [58, 59]])
def test_targets_without_links(graph, ids):
    objective = gae_of(graph)
    data = indexed(objective.transform(graph, sample(graph, "paper", ids), derive(0)))
    loss = objective(data)["loss"]
    assert data.links == [] and loss == 0
    loss.backward()  # a batch that teaches nothing does not stop a run
    assert all(p.grad is None or not p.grad.any() for p in objective.parameters())


def test_a_relation_with_one_source_teaches_nothing(tmp_path):
    """Each film is by the one studio: no pair is not linked."""
    film = np.arange(30)
    nodes = {
        "film": NodeArrays(30, {"x": np.ones((30, 2))}),
        "studio": NodeArrays(1),
        "actor": NodeArrays(5),
    }
    edges = {
        ("studio", "made", "film"): EdgeArrays(np.zeros(30, dtype=int), film),
        ("actor", "in", "film"): EdgeArrays(film % 5, film),
    }
    graph = write_graph(tmp_path / "store", nodes, edges)
    objective = gae_of(graph, "film", ())
    data = indexed(
        objective.transform(graph, sample(graph, "film", film[:20], width=50), derive(0))
    )
    relations = [graph.edge_types[objective.relations[record.relation]] for record in data.links]
    assert relations == [("actor", "in", "film")]
    assert torch.isfinite(objective(data)["loss"])


@pytest.mark.parametrize("settings", [{"ratio": 0.0}, {"target": "ghost", "stop": ("rev_haunts",)}])
def test_nothing_to_reconstruct(graph, settings):
    with pytest.raises(ValueError, match="gae reconstructs masked links: expected a mask_ratio"):
        gae_of(graph, **settings)
