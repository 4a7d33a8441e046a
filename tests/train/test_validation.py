"""What chooses the best pre-trained model: the parts of the loss that validation has."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import RandomSplit
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import Objective, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.train.checkpoint import load_checkpoint
from GPT_GNN.train.encoder import new_encoder, new_objective, pretrained_gpt_gnn
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import PretrainRunConfig
from GPT_GNN.train.pretrain import Validation, pretrain
from tests.made import method_of

CPU = torch.device("cpu")


class Parts(Objective):
    """Gives what a batch says: [edges, attributes], with NaN where there is nothing to measure."""

    weights = {"edge_loss": 0.3, "attr_loss": 0.7}  # noqa: RUF012

    def __init__(self):
        nn.Module.__init__(self)

    def remedy(self):
        return "take more"

    def measures(self, batch):
        return [n for n, x in zip(self.weights, batch.tolist(), strict=True) if x == x]

    def forward(self, batch):
        edge, attr = batch.nan_to_num()
        return {"loss": 0.3 * edge + 0.7 * attr, "edge_loss": edge, "attr_loss": attr}


def batches(*rows):
    return [(targets, torch.tensor(values)) for targets, *values in rows]


def test_each_part_is_the_mean_over_the_nodes_of_the_batches_that_have_it(capsys):
    nan = float("nan")
    valid = Validation(Parts(), batches((4, 2.0, 1.0), (4, nan, 3.0), (2, 8.0, 0.0)), CPU)
    assert valid.chosen_by == "chosen by validation's edge_loss and attr_loss"
    assert capsys.readouterr().out == ""
    edge, attr = (4 * 2 + 2 * 8) / 6, (4 * 1 + 4 * 3 + 2 * 0) / 10
    loss = 0.3 * edge + 0.7 * attr
    want = {"loss": loss, "edge_loss": edge, "attr_loss": attr, "score": -loss}
    assert valid() == pytest.approx(want)


def test_a_part_that_no_batch_has_is_not_there_and_that_is_said(capsys):
    valid = Validation(Parts(), batches((4, float("nan"), 1.0), (1, float("nan"), 6.0)), CPU)
    assert valid() == pytest.approx({"loss": 1.4, "attr_loss": 2.0, "score": -1.4})
    assert capsys.readouterr().out == (
        "warning: the 5 nodes that validate have no edge_loss: the best model is chosen by "
        "validation's attr_loss; take more\n"
    )


def test_nothing_to_choose_by(capsys):
    valid = Validation(Parts(), batches((4, float("nan"), float("nan"))), CPU)
    assert valid() == {} and valid.chosen_by == "the last one: validation has nothing to choose by"
    told = "have no edge_loss and no attr_loss: the best model is the last one: validation has noth"
    assert told in capsys.readouterr().out


def test_an_objective_without_parts():
    class Plain(Objective):
        def __init__(self):
            nn.Module.__init__(self)

        def forward(self, batch):
            return {"loss": batch[0], "accuracy": batch[1]}

    valid = Validation(Plain(), batches((3, 1.0, 0.5), (1, 5.0, 1.0)), CPU)
    want = {"loss": 2.0, "accuracy": 0.625, "score": -2.0}
    assert valid.chosen_by == "chosen by validation's loss" and valid() == pytest.approx(want)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Posts whose links of one relation are many, of the other few: never 9 in a small batch."""
    rng = np.random.default_rng(0)
    nodes = {"post": NodeArrays(300, {"x": rng.normal(size=(300, 4)).astype(np.float32)})}
    edges = {
        ("post", name, "post"): EdgeArrays(*rng.integers(0, 300, (2, n)), inverse=name)
        for name, n in (("likes", 1500), ("hates", 30))
    }
    return write_graph(tmp_path_factory.mktemp("posts") / "store", nodes, edges)


def run(graph, file, batch_size=32, objective="gpt_gnn", n_epoch=1, **gpt):
    encoder = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)
    facts = GraphFacts("post", split=RandomSplit((0.97, 0.01, 0.01, 0.01)))
    gpt, method = GPTConfig(queue_size=8, **gpt), ObjectiveConfig(objective)
    model = new_objective(new_encoder(graph, encoder, 0), graph, facts, method_of(method, gpt), 0)
    sampler = SamplerConfig(sample_depth=1, sample_width=16, batch_size=batch_size, n_pool=0)
    place, optim = (
        PretrainRunConfig(pretrain_model_dir=str(file), cuda=-1),
        OptimConfig(n_epoch=n_epoch, n_batch=8),
    )
    config = {"encoder": vars(encoder), "objective": vars(method), "gpt": vars(gpt)}
    pretrain(model, graph, facts, sampler, optim, place, config)
    lines = file.with_name(file.name + ".run") / "metrics.jsonl"
    return facts, [json.loads(line) for line in lines.read_text().splitlines()]


def test_a_run_says_what_had_no_edge_loss(graph, tmp_path, capsys):
    _, lines = run(graph, tmp_path / "m.pt")
    out = capsys.readouterr().out
    assert "1 of 2 relations had an edge loss in none: post:hates:post; relations with 8" in out
    assert "m.pt (chosen by validation's edge_loss and attr_loss)" in out
    assert lines[-1]["relations_without"] == {"post:likes:post": 0.0, "post:hates:post": 1.0}
    _, lines = run(graph, tmp_path / "all.pt", min_masked=0)
    assert "had an edge loss in none" not in capsys.readouterr().out
    assert lines[-1]["relations_without"]["post:hates:post"] < 0.5


def test_a_run_whose_validation_has_no_links_is_chosen_by_the_rest(graph, tmp_path, capsys):
    _, lines = run(graph, tmp_path / "n.pt", batch_size=8, min_masked=99)
    out = capsys.readouterr().out
    assert "no edge_loss: the best model is chosen by validation's attr_loss; relations" in out
    assert "n.pt (chosen by validation's attr_loss)" in out
    valid = [line for line in lines if line["split"] == "valid"]
    assert all("edge_loss" not in line for line in valid)
    assert [line["loss"] for line in valid] == [0.5 * line["attr_loss"] for line in valid]
    steps = sum(line["split"] == "train" for line in lines)
    assert f"{steps} of {steps} batches had no edge loss (100%)" in out
    _, lines = run(graph, tmp_path / "o.pt", batch_size=8, min_masked=99, attr_ratio=0.0)
    assert "o.pt (the last one: validation has nothing to choose by)" in capsys.readouterr().out
    valid = [line for line in lines if line["split"] == "valid"]
    assert len(valid) > 1 and all("loss" not in line for line in valid)
    assert load_checkpoint(tmp_path / "o.pt", "pretrain")["step"] == steps


def test_a_file_without_counts_opens(graph, tmp_path):
    """As those that were written before there were any."""
    facts, _ = run(graph, tmp_path / "m.pt")
    record = load_checkpoint(tmp_path / "m.pt", "pretrain")
    record["model"] = {n: x for n, x in record["model"].items() if not n.startswith("counts.")}
    torch.save(record, tmp_path / "old.pt")
    old, new = (pretrained_gpt_gnn(graph, facts, tmp_path / f"{n}.pt") for n in ("old", "m"))
    state = new.state_dict()
    assert all(
        torch.equal(x, state[name])
        for name, x in old.state_dict().items()
        if not name.startswith("counts.")
    )
