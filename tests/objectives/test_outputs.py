"""Each objective names the rows that its loss reads: trimmed to them, its batches give the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch import trim as trim_module
from GPT_GNN.batch.trim import TrimmedBatch, trim
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.rng import derive
from GPT_GNN.train.encoder import new_encoder, new_objective
from tests.made import indexed, method_of
from tests.objectives.batches import in_double, sample
from tests.stores import films

FILM = GraphFacts("film", text_part="plot")
# Few negatives and walks: what is read in several roles would hide that one of them is left out.
VARIANTS = [
    ("gae", {}),
    ("infomax", {}),
    ("graphsage", {"walk_length": 1, "n_walks": 1, "n_walk_negatives": 3}),
    ("gpt_gnn", {"neg_samp_num": 1, "queue_size": 8}),
    ("gpt_gnn", {"neg_samp_num": 8, "queue_size": 1}),
    ("gpt_gnn", {"attr_ratio": 0.0, "neg_samp_num": 1, "queue_size": 1}),
    ("gpt_gnn", {"attr_ratio": 1.0}),
    ("gpt_gnn", {"two_pass": True}),
    ("gpt_gnn", {"node_separation": False}),
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return films(tmp_path_factory.mktemp("outputs") / "films")


def losses(objective, data, training):
    """The loss and its gradients; the queue starts empty and, in training, takes in the batch."""
    objective.train(training)
    objective.zero_grad()
    torch.manual_seed(0)
    loss = objective(data)["loss"]
    loss.backward()
    named = objective.named_parameters()
    grads = {name: p.grad.clone() for name, p in named if p.grad is not None and p.grad.any()}
    buffers = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    return {"loss": loss.detach(), **grads, **buffers}


def test_every_objective_is_there():
    assert {name for name, _ in VARIANTS} == set(OBJECTIVES) - {"none"}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_the_loss_of_a_trimmed_batch_is_that_of_the_whole(
    graph, monkeypatch, name, settings, training
):
    monkeypatch.setattr(trim_module, "MAX_EDGE_SHARE", 1.0)
    config = EncoderConfig(n_hid=8, n_heads=2, n_layers=1, dropout=0.0)
    own = {"attr_type": "vec", "queue_size": 4} if name == "gpt_gnn" else {}
    chosen = ObjectiveConfig(name, **own | settings)

    def fresh():
        encoder = new_encoder(graph, config, 0)
        objective = new_objective(encoder, graph, FILM, chosen, 0)
        objective.start_epoch(1, 1)
        return objective.double()

    objective = fresh()
    subgraph = sample(graph, "film", np.arange(12), depth=3, width=12)
    raw = in_double(objective.transform(graph, subgraph, derive(0, "mask")))
    data = indexed(raw)
    smaller = replace(raw, batch=trim(raw.batch, objective.outputs(raw), objective.encoder.reach))
    assert isinstance(smaller.batch, TrimmedBatch)
    want, got = losses(objective, data, training), losses(fresh(), smaller, training)
    assert want["loss"].isfinite() and want["loss"] != 0
    assert got.keys() == want.keys()
    for key, value in want.items():
        torch.testing.assert_close(got[key], value, rtol=1e-8, atol=1e-9, msg=key)


def test_what_enters_the_queue_is_among_the_outputs(graph):
    """Else NaN would enter it, where a source is neither true nor a candidate."""
    gpt = GPTConfig(attr_ratio=0.0, neg_samp_num=1, queue_size=40, mask_ratio=0.3)
    encoder = new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=1), 0)
    objective = new_objective(encoder, graph, FILM, method_of(ObjectiveConfig(), gpt), 0)
    subgraph = sample(graph, "film", np.arange(40), depth=3, width=30)
    data = indexed(objective.transform(graph, subgraph, derive(0, "mask")))
    outputs = set(objective.outputs(data).tolist())
    (task,) = (task for task in data.links if len(task.entering) > 10)
    entering = set(task.entering.tolist())
    assert entering - set(task.edge_source.tolist()) - set(task.candidates.tolist())
    assert entering < outputs
