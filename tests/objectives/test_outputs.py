"""Each objective names the rows that its loss reads: trimmed to them, its batches give the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch import trim as trim_module
from GPT_GNN.batch.batch import _mapped
from GPT_GNN.batch.trim import TrimmedBatch, trimmed
from GPT_GNN.config import EncoderConfig, GPTConfig, ObjectiveConfig
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.objectives import OBJECTIVES
from GPT_GNN.rng import derive
from GPT_GNN.train.start import new_encoder, new_objective
from tests.objectives.batches import sample
from tests.stores import films

FILM = GraphFacts("film", text_part="plot")
VARIANTS = [
    *((name, {}) for name in OBJECTIVES if name not in ("none", "gpt_gnn")),
    ("gpt_gnn", {}),
    ("gpt_gnn", {"attr_ratio": 0.0}),
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


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_the_loss_of_a_trimmed_batch_is_that_of_the_whole(
    graph, monkeypatch, name, settings, training
):
    monkeypatch.setattr(trim_module, "WORTH_IT", 1.0)
    config = EncoderConfig(n_hid=8, n_heads=2, n_layers=1, dropout=0.0)
    gpt = GPTConfig(**{"attr_type": "vec", "queue_size": 4, **settings})

    def fresh():
        encoder = new_encoder(graph, config, 0)
        objective = new_objective(encoder, graph, FILM, ObjectiveConfig(objective=name), gpt, 0)
        objective.start_epoch(1, 1)
        return objective.double()

    objective = fresh()
    subgraph = sample(graph, "film", np.arange(12), depth=3, width=12)
    data = objective.transform(graph, subgraph, derive(0, "mask"))
    data = in_double(data)
    smaller = trimmed(data, objective.outputs(data), objective.encoder.reach)
    assert isinstance(smaller.batch, TrimmedBatch)
    want, got = losses(objective, data, training), losses(fresh(), smaller, training)
    assert want["loss"].isfinite() and want["loss"] != 0
    assert got.keys() == want.keys()
    for key, value in want.items():
        torch.testing.assert_close(got[key], value, rtol=1e-8, atol=1e-9, msg=key)


def in_double(record):
    """A record with its floating-point tensors in float64."""
    return _mapped(record, lambda x: x.double() if x.is_floating_point() else x)
