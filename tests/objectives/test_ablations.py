"""GPT-GNN without one of its parts: what is left is what it was, and the rest is not computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import gpt_gnn
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.rng import derive
from GPT_GNN.train.encoder import new_encoder, new_objective
from tests.made import indexed, method_of
from tests.objectives.batches import edges_of, sample
from tests.oracle.edge_scorer import LiteralMatcher
from tests.stores import films

FILM = GraphFacts("film", text_part="plot")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return films(tmp_path_factory.mktemp("ablations") / "films")


def objective_of(graph, facts=FILM, n_layers=1, **settings):
    encoder = new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=n_layers), 0)
    gpt = GPTConfig(queue_size=4, **settings)
    return new_objective(encoder, graph, facts, method_of("gpt_gnn", gpt), 0).eval()


def batch_of(graph, objective, seed=0):
    ids = np.arange(25 if objective.target == "actor" else 50)
    subgraph = sample(graph, objective.target, ids, seed)
    return indexed(objective.transform(graph, subgraph, derive(seed, "mask")))


def refuse(*args, **kwargs):
    raise AssertionError("computed what weighs nothing")


@pytest.mark.parametrize("loss_sum", ["ratio", "plain"])
def test_links_alone(graph, monkeypatch, loss_sum):
    objective = objective_of(graph, attr_ratio=0.0, loss_sum=loss_sum)
    monkeypatch.setattr(objective, "attr_loss", refuse)
    data = batch_of(graph, objective)
    losses = objective(data)
    assert set(losses) == {"loss", "edge_loss"} and losses["loss"] == losses["edge_loss"] > 0
    assert objective.decoder is None and objective.init_emb is None
    # The same links as with attributes, whose copies of the 50 films only shift the later types.
    both = batch_of(graph, objective_of(graph))
    for alone, beside in zip(data.links, both.links, strict=True):
        assert torch.equal(alone.edge_target, beside.edge_target)
        assert torch.equal(alone.edge_source + 50, beside.edge_source)
    assert both.batch.graph.num_nodes == data.batch.graph.num_nodes + 50


def test_attributes_alone(graph, monkeypatch):
    objective = objective_of(graph, attr_ratio=1.0)
    monkeypatch.setattr(gpt_gnn, "contrastive_loss", refuse)
    monkeypatch.setattr(objective.queue, "push", refuse)
    data = batch_of(graph, objective)
    losses = objective.train()(data)
    assert set(losses) == {"loss", "attr_loss"} and losses["loss"] == losses["attr_loss"]
    assert data.links == [] and len(data.attr_nodes) == 50
    whole = objective_of(graph, attr_ratio=1.0, loss_sum="plain")
    assert batch_of(graph, whole).links  # edge + 1 attribute: both


def test_links_of_a_target_type_without_features(graph):
    facts = GraphFacts("actor")
    objective = objective_of(graph, facts, attr_ratio=0.0)
    losses = objective(batch_of(graph, objective))
    assert losses["loss"] > 0
    losses["loss"].backward()
    with pytest.raises(ValueError, match="'actor' has none.*attr_ratio 0 generates links alone"):
        objective_of(graph, facts)


def test_links_alone_need_relations(graph):
    facts = replace(FILM, rel_stop_list=("in", "made"))
    with pytest.raises(ValueError, match="expected relations into 'film' outside rel_stop_list"):
        objective_of(graph, facts, attr_ratio=0.0)
    assert objective_of(graph, facts).relations == []


def test_links_alone_need_no_words(graph):
    objective_of(graph, attr_ratio=0.0, attr_type="text")
    with pytest.raises(ValueError):
        objective_of(graph, attr_type="text")


def test_a_batch_without_masked_links_still_has_a_gradient(graph):
    objective = objective_of(graph, attr_ratio=0.0, mask_ratio=0.0)
    loss = objective(batch_of(graph, objective))["loss"]
    assert loss == 0
    loss.backward()


def test_without_node_separation_a_target_generates_what_it_shows(graph):
    objective = objective_of(graph, node_separation=False)
    data = batch_of(graph, objective)
    separate = batch_of(graph, objective_of(graph))
    assert torch.equal(data.attr_nodes, data.edge_nodes)
    assert data.batch.graph.num_nodes == separate.batch.graph.num_nodes - 50
    assert objective.init_emb is None
    h = objective.embed(data)
    literal = LiteralMatcher(8, 5).eval()
    literal.load_state_dict(objective.decoder.state_dict())
    features = data.batch.x[0][:50, objective.attr_columns]
    losses = objective(data)
    torch.testing.assert_close(
        losses["attr_loss"], literal.attribute_loss(h[data.edge_nodes], features)
    )
    torch.testing.assert_close(
        losses["loss"], 0.5 * losses["edge_loss"] + 0.5 * losses["attr_loss"]
    )
    # Its own attributes do reach it: this is what node separation is against.
    x = list(data.batch.x)
    x[0] = x[0].clone()
    x[0][7] += 1
    moved = objective.embed(replace(data, batch=replace(data.batch, x=tuple(x))))
    assert not torch.equal(h[data.attr_nodes[7]], moved[data.attr_nodes[7]])


def test_without_node_separation_masked_links_stay_hidden(graph):
    objective = objective_of(graph, node_separation=False)
    data = batch_of(graph, objective)
    checked = 0
    for task in data.links:
        relation = objective.relations[task.relation]
        seen = set(edges_of(data.batch, relation))
        turned = set(edges_of(data.batch, graph.schema.inverse[relation]))
        assert seen and turned
        targets = task.targets[task.edge_target].tolist()
        for s, t in zip(task.edge_source.tolist(), targets, strict=True):
            assert (s, t) not in seen and (t, s) not in turned
            checked += 1
    assert checked > 50


@pytest.mark.parametrize("settings", [{"node_separation": False}, {"attr_ratio": 0.0}])
def test_two_passes_need_attribute_generation_nodes(graph, settings):
    with pytest.raises(ValueError, match="two_pass keeps attributes from the nodes that generate"):
        objective_of(graph, two_pass=True, **settings)


def test_without_a_queue(graph):
    objective = new_objective(
        new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=1), 0),
        graph,
        FILM,
        method_of("gpt_gnn", GPTConfig(queue_size=0)),
        0,
    ).train()
    objective.start_epoch(1, 1)
    for seed in range(2):
        objective(batch_of(graph, objective, seed))["loss"].backward()
    assert objective.queue.rows.shape[1] == 0
    assert all(len(ids) == 0 for _, ids in map(objective.queue.read, range(2)))


@pytest.mark.parametrize(("attr_ratio", "passes"), [(0.5, 2), (1.0, 1)])
def test_two_passes_encode_no_more_than_is_read(graph, monkeypatch, attr_ratio, passes):
    objective = objective_of(graph, attr_ratio=attr_ratio, two_pass=True)
    data, seen = batch_of(graph, objective), []
    forward = objective.encoder.forward
    monkeypatch.setattr(objective.encoder, "forward", lambda b: seen.append(b) or forward(b))
    assert objective(data)["attr_loss"].isfinite() and len(seen) == passes
    film = graph.node_types.index("film")
    shown = seen[-1].x[film][: len(data.attr_nodes)]
    assert torch.equal(shown, objective.init_emb.expand_as(shown))  # no target shows its own
