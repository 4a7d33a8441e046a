"""What runs hand to an encoder is trimmed, and gives what the whole batch gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import Batch
from GPT_GNN.batch.trim import TrimmedBatch
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.tasks import AuthorDisambiguation, LinkRanking, NodeClassification
from GPT_GNN.train import embed as embed_module
from GPT_GNN.train.embed import embed
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.finetune import TaskBatches, TaskModel
from GPT_GNN.train.pretrain import PretrainBatches
from tests.made import method_of, whole
from tests.objectives.batches import in_double

ENCODER = EncoderConfig(n_hid=8, n_heads=2, n_layers=2)
SAMPLER = SamplerConfig(sample_depth=4, sample_width=24, batch_size=6, n_pool=0)
FIRST = ("author", "AP_write_first", "paper")
TASKS = {
    "fields": lambda graph: NodeClassification(graph, OAG.FACTS.split, [OAG.paper_field("L2")]),
    "authors": lambda graph: AuthorDisambiguation(graph, OAG.FACTS.split, OAG.paper_author(graph)),
    "links": lambda graph: LinkRanking(graph, OAG.FACTS.split, FIRST, 4),
}


@pytest.mark.parametrize("name", TASKS)
@torch.no_grad()
def test_batches_of_a_task(toy, name):
    task = TASKS[name](toy)
    model = TaskModel(new_encoder(toy, ENCODER, 0), task).double().eval()
    whole, smaller = (
        TaskBatches(task, toy, SAMPLER, 0, reach) for reach in (None, model.encoder.reach)
    )
    pairs = [(whole.train(3), smaller.train(3))]
    pairs += [next(iter(zip(whole.evaluate("valid"), smaller.evaluate("valid"), strict=False)))]
    for every, left in pairs:
        assert isinstance(every.batch, Batch) and isinstance(left.batch, TrimmedBatch)
        edges = [len(layer.graph.src) for layer in left.batch.layers(2)]
        assert edges[1] < len(every.batch.graph.src) / 2
        want, got = model.scores(in_double(every)), model.scores(in_double(left))
        assert want.keys() == got.keys()
        for key, values in want.items():
            np.testing.assert_allclose(got[key], values, rtol=1e-9)
        assert torch.allclose(model(in_double(left))["loss"], model(in_double(every))["loss"])


@pytest.mark.parametrize("objective", ["infomax", "gpt_gnn"])
def test_batches_of_an_objective(toy, monkeypatch, objective):
    encoder, gpt = new_encoder(toy, ENCODER, 0), GPTConfig(attr_type="vec", neg_samp_num=4)
    chosen = ObjectiveConfig(objective=objective)
    built = new_objective(encoder, toy, OAG.facts(toy), method_of(chosen, gpt), 0)
    batches = PretrainBatches(built, toy, OAG.facts(toy), SAMPLER, 0)
    assert isinstance(whole(batches, 3).batch, Batch)
    if objective == "infomax":  # it reads the targets alone
        assert isinstance(batches.train(3).batch, TrimmedBatch)
        assert isinstance(batches.valid[0][1].batch, TrimmedBatch)
    built.double().eval()
    loss = built(in_double(batches.train(3)))["loss"]
    assert torch.allclose(loss, built(in_double(whole(batches, 3)))["loss"]) and loss.isfinite()
    monkeypatch.setattr(
        type(built), "outputs", lambda self, data: None
    )  # one that does not say what it reads
    assert isinstance(batches.train(3).batch, Batch)


def test_batches_of_an_embedding(toy, monkeypatch):
    encoder, ids = new_encoder(toy, ENCODER, 0).double(), np.arange(20, 40)
    settings = {"sample_depth": 4, "sample_width": 24, "batch_size": 6, "n_pool": 0}
    seen = []
    monkeypatch.setattr(embed_module, "to_device", lambda data, _: seen.append(data.batch) or data)
    monkeypatch.setattr(
        encoder, "forward", lambda batch: type(encoder).forward(encoder, in_double(batch))
    )
    smaller = embed(encoder, toy, "paper", ids, **settings)
    assert len(seen) == 4 and all(isinstance(batch, TrimmedBatch) for batch in seen)
    monkeypatch.setattr(type(encoder), "reach", None)
    np.testing.assert_allclose(embed(encoder, toy, "paper", ids, **settings), smaller, rtol=1e-5)
    assert all(isinstance(batch, Batch) for batch in seen[4:])
