"""Infomax: what is shuffled, and its loss against a literal one."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.conv import CONVS
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives.infomax import Infomax
from GPT_GNN.rng import derive
from tests.made import encoder_settings, indexed
from tests.objectives.batches import sample
from tests.oracle.baselines import infomax_loss
from tests.sampler.graphs import random_graph
from tests.stores import films


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return films(tmp_path_factory.mktemp("infomax") / "films")


def infomax_of(graph, target="film"):
    encoder = GNN(graph.schema, graph.feature_dims, n_hid=6, n_heads=2, n_layers=1)
    return Infomax(encoder, GraphFacts(target)).eval()


class Own(nn.Module):
    """In an encoder's place: a linear map of a node's own features; none is a constant."""

    def __init__(self, widths, n_hid=6):
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, n_hid).double() for width in widths)

    def forward(self, batch):
        return torch.cat([f(x.double()) for f, x in zip(self.maps, batch.x, strict=True)])


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradients(graph, seed):
    torch.manual_seed(seed)
    objective = infomax_of(graph).double()
    subgraph = sample(graph, "film", derive(seed).choice(60, 20, replace=False), seed)
    data = indexed(objective.transform(graph, subgraph, derive(seed, "transform")))
    objective.encoder = Own(graph.feature_dims.values())
    got = objective(data)["loss"]
    got.backward()
    grads = [p.grad.clone() for p in objective.parameters() if p.grad is not None]
    objective.zero_grad()
    t = graph.schema.node_type_id("film")
    x, order = data.batch.x[t].double(), data.order[t].tolist()
    true = torch.stack([objective.encoder.maps[t](x[i]) for i in range(20)])
    false = torch.stack([objective.encoder.maps[t](x[order[i]]) for i in range(20)])
    want = infomax_loss(true, false, objective.discriminator.weight, objective.activation.weight)
    torch.testing.assert_close(got, want)
    want.backward()
    again = [p.grad for p in objective.parameters() if p.grad is not None]
    for a, b in zip((g for g in grads if g.any()), (g for g in again if g.any()), strict=True):
        torch.testing.assert_close(a, b)


def communities(path):
    """Pages of four kinds, linked within their kind, which their features tell."""
    rng = np.random.default_rng(0)
    kind = np.arange(200) % 4
    a, b = rng.integers(0, 200, (2, 6000))
    a, b = a[kind[a] == kind[b]], b[kind[a] == kind[b]]
    nodes = NodeArrays(200, {"x": np.eye(4)[kind] + 0.3 * rng.normal(size=(200, 4))})
    links = EdgeArrays(np.append(a, b), np.append(b, a), inverse="link")
    return write_graph(path, {"page": nodes}, {("page", "link", "page"): links})


@pytest.mark.parametrize("conv_name", CONVS)
def test_it_can_be_learned_with_every_layer(tmp_path, conv_name):
    """That a discriminator is linear must not meet layers that are."""
    graph = communities(tmp_path / "pages")
    torch.manual_seed(0)
    encoder = GNN(
        graph.schema,
        graph.feature_dims,
        **asdict(encoder_settings(conv_name, 2, n_hid=16, n_layers=1, dropout=0.0)),
    )
    objective = Infomax(encoder, GraphFacts("page"))
    optimizer = torch.optim.Adam(objective.parameters(), 0.01)
    losses = []
    for step in range(100):
        ids = derive(step, "ids").choice(200, 100, replace=False)
        data = indexed(objective.transform(graph, sample(graph, "page", ids, step), derive(step)))
        optimizer.zero_grad()
        loss = objective(data)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.5  # chance is 0.69


def test_features_are_shuffled_within_types_and_links_stay(graph):
    objective = infomax_of(graph)
    subgraph = sample(graph, "film", np.arange(30))
    data = indexed(objective.transform(graph, subgraph, derive(0, "transform")))
    seen = []
    hook = objective.encoder.register_forward_hook(lambda m, args, out: seen.append(args[0]))
    objective(data)
    hook.remove()
    true, false = seen
    assert true.graph is false.graph
    for a, b in zip(true.x, false.x, strict=True):
        assert sorted(map(tuple, a.tolist())) == sorted(map(tuple, b.tolist()))
    t = graph.schema.node_type_id("film")
    assert not torch.equal(true.x[t], false.x[t])
    assert data.targets.tolist() == [data.batch.graph.node_offsets[t] + i for i in range(30)]


def test_a_target_type_without_features_has_neighbours_that_are_shuffled(graph):
    objective = infomax_of(graph, "actor")
    data = indexed(objective.transform(graph, sample(graph, "actor", np.arange(20)), derive(0)))
    true = objective.encoder(data.batch)[data.targets]
    assert torch.isfinite(objective(data)["loss"])
    assert len(true.unique(dim=0)) > 1


def test_one_target(graph):
    objective = infomax_of(graph)
    data = indexed(objective.transform(graph, sample(graph, "film", [3]), derive(0)))
    loss = objective(data)["loss"]
    loss.backward()
    assert torch.isfinite(loss) and objective.discriminator.weight.grad.any()


def test_a_graph_without_any_features_is_refused(tmp_path):
    store = random_graph(tmp_path / "store", 0)
    with pytest.raises(ValueError, match="infomax shuffles features, but no node type has any"):
        infomax_of(store, "paper")
