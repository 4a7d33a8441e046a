"""GraphSAGE: walks, negatives and their loss, against literal ones."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives.graphsage import GraphSAGE, draw_negatives
from GPT_GNN.rng import derive
from tests.made import indexed
from tests.objectives.batches import Given, edges_of, sample
from tests.oracle.baselines import graphsage_loss, random_walks
from tests.sampler.graphs import random_graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return random_graph(tmp_path_factory.mktemp("sage") / "store", 0, n_edges=200)


def sage_of(graph, target="paper", length=3, walks=4, negatives=5):
    encoder = GNN(graph.schema, graph.feature_dims, n_hid=6, n_heads=2, n_layers=1)
    return GraphSAGE(
        encoder,
        GraphFacts(target),
        walk_length=length,
        n_walks=walks,
        n_walk_negatives=negatives,
    ).eval()


def literal_pairs(graph, subgraph, target, draws):
    """The pairs of the same draws, walked over a dict of neighbours."""
    batch = make_batch(graph, subgraph).index()
    neighbours: dict[int, list[int]] = {}
    for s, t in zip(batch.graph.src.tolist(), batch.graph.dst.tolist(), strict=True):
        if s != t:
            neighbours.setdefault(t, []).append(s)
    first = batch.graph.node_offsets[graph.schema.node_type_id(target)]
    return sum((random_walks(neighbours, first + i, d) for i, d in enumerate(draws)), [])


def kinds_of(batch):
    return np.repeat(
        np.arange(len(batch.graph.node_offsets) - 1), np.diff(batch.graph.node_offsets)
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("target", ["paper", "author"])
def test_pairs_loss_and_gradients(graph, seed, target):
    torch.manual_seed(seed)
    objective = sage_of(graph, target)
    ids = derive(seed, "ids").choice(graph.num_nodes(target), 12, replace=False)
    subgraph = sample(graph, target, ids, seed, width=6)
    data = indexed(objective.transform(graph, subgraph, derive(seed, "transform")))
    pairs = literal_pairs(graph, subgraph, target, derive(seed, "transform").random((12, 4, 3)))
    targets, contexts = data.targets.tolist(), data.contexts.tolist()
    found = Counter()
    for t, c, count in zip(
        data.pair_target.tolist(), data.pair_context.tolist(), data.pair_count.tolist(), strict=True
    ):
        found[targets[t], contexts[c]] += int(count)
    assert found == Counter(pairs) and len(found) > 20
    assert sorted(set(contexts)) == contexts == sorted({v for _, v in pairs})
    objective.encoder = Given(data.batch.graph.num_nodes)
    got = objective(data)["loss"]
    theirs = objective.encoder.h.detach().clone().requires_grad_()
    kind = kinds_of(data.batch)
    want = graphsage_loss(theirs, pairs, data.negatives.tolist(), kind, 5)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)  # weights are float32
    got.backward()
    want.backward()
    torch.testing.assert_close(objective.encoder.h.grad, theirs.grad, rtol=1e-6, atol=1e-6)


def test_the_weights_of_a_target_add_up_to_its_pairs(graph):
    """Each pair has Q negatives of its type, unless walks reached all that were drawn."""
    objective = sage_of(graph)
    data = indexed(
        objective.transform(graph, sample(graph, "paper", np.arange(30)), derive(0, "x"))
    )
    kind = kinds_of(data.batch)
    drawn, contexts = kind[data.negatives], kind[data.contexts]
    assert {k: int((drawn == k).sum()) for k in set(drawn)} == dict.fromkeys(set(contexts), 5)
    full = 0
    for t in range(30):
        mine = data.pair_target == t
        reached = {int(data.targets[t]), *data.contexts[data.pair_context[mine]].tolist()}
        for k in set(drawn):
            weights = data.negative_weight[t, drawn == k]
            free = [int(n) not in reached for n in data.negatives[drawn == k]]
            assert ((weights > 0) == (torch.tensor(free) & bool(weights.any()))).all()
            if any(free):
                of_type = torch.from_numpy(contexts[data.pair_context] == k)
                expected = 5 * data.pair_count[mine & of_type].sum()
                torch.testing.assert_close(weights.sum(), expected)
                full += 1
    assert full > 60


def test_negatives_by_degree_to_the_power_of_three_quarters():
    degrees = np.array([7, 1, 0, 16, 81, 5, 3])
    offsets = np.array([0, 2, 5, 5, 7])  # four types, the third without nodes
    drawn = draw_negatives(degrees, offsets, np.array([3]), 20_000, derive(0))
    share = np.bincount(drawn, minlength=7) / len(drawn)
    want = np.array([0, 0, 0, 8, 27, 0, 0]) / 35
    np.testing.assert_allclose(share, want, atol=0.015)
    both = draw_negatives(degrees, offsets, np.array([0, 6]), 10, derive(0))
    assert (both[:10] < 2).all() and (both[10:] >= 5).all() and len(both) == 20
    assert len(draw_negatives(degrees, offsets, np.array([], dtype=int), 10, derive(0))) == 0


def test_nothing_is_masked(graph):
    subgraph = sample(graph, "paper", np.arange(30))
    data = indexed(sage_of(graph).transform(graph, subgraph, derive(0)))
    for relation in range(len(graph.edge_types)):
        count = subgraph.edge_offsets[relation + 1] - subgraph.edge_offsets[relation]
        assert len(edges_of(data.batch, relation)) == count


@pytest.mark.parametrize("ids", [[59], [58, 59]])
def test_targets_without_neighbours(graph, ids):
    objective = sage_of(graph)
    data = indexed(objective.transform(graph, sample(graph, "paper", ids), derive(0)))
    loss = objective(data)["loss"]
    assert loss == 0
    loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in objective.parameters())


def test_one_target_and_lone_ones_beside_it(graph):
    objective = sage_of(graph)
    for ids in ([0], [0, 58, 59]):
        data = indexed(objective.transform(graph, sample(graph, "paper", ids), derive(0)))
        assert set(data.pair_target.tolist()) == {0}
        assert torch.isfinite(objective(data)["loss"]) and objective(data)["loss"] > 0
        assert not data.negative_weight[1:].any()


def test_training_on_pairs_makes_them_alike(graph):
    """The loss falls when embeddings are free to move."""
    objective = sage_of(graph)
    data = indexed(
        objective.transform(graph, sample(graph, "paper", np.arange(10), width=6), derive(0))
    )
    torch.manual_seed(0)
    objective.encoder = Given(data.batch.graph.num_nodes)
    optimizer = torch.optim.Adam(objective.parameters(), 0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = objective(data)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
