"""What pre-training and fine-tuning draw: which nodes, how often, up to when."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.conv import CONVS
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import ColumnSplit, TimeSplit
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import Objective
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.tasks import AuthorDisambiguation, LabelClassification, NodeClassification
from GPT_GNN.tasks.task import NodeBatch
from GPT_GNN.train.checkpoint import load_checkpoint
from GPT_GNN.train.encoder import new_encoder, new_objective, pretrained_encoder
from GPT_GNN.train.finetune import _by_time, finetune
from GPT_GNN.train.log import JsonLines
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import FinetuneRunConfig, PretrainRunConfig
from GPT_GNN.train.pretrain import pretrain
from tests.made import encoder_settings, method_of

ENCODER = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)
SAMPLER = SamplerConfig(sample_depth=2, sample_width=8, batch_size=32, n_pool=0)
OPTIM = OptimConfig(n_epoch=2, n_batch=5)


@pytest.fixture
def drawn(monkeypatch):
    """Every call of the sampler: (ids of the papers, time_max)."""
    calls, sample = [], HGSampler.sample

    def spy(self, query, rng):
        calls.append((query.seeds["paper"][0].tolist(), query.time_max))
        return sample(self, query, rng)

    monkeypatch.setattr(HGSampler, "sample", spy)
    return calls


def pretrained(toy, folder, facts=None, seed=0, **run):
    gpt = GPTConfig(queue_size=8)
    objective = new_objective(
        new_encoder(toy, ENCODER, seed), toy, OAG.facts(toy), method_of("gpt_gnn", gpt), seed
    )
    run = PretrainRunConfig(pretrain_model_dir=str(folder / "gpt.pt"), seed=seed, cuda=-1, **run)
    pretrain(objective, toy, facts or OAG.facts(toy), SAMPLER, OPTIM, run, {})
    return [json.loads(x) for x in (folder / "gpt.pt.run/metrics.jsonl").read_text().splitlines()]


def test_an_epoch_of_pretraining_is_one_pass_without_the_validation_nodes(toy, tmp_path, drawn):
    lines = pretrained(toy, tmp_path)
    nodes = set(OAG.FACTS.split.nodes(toy, "paper", "pretrain").tolist())
    assert {time_max for _, time_max in drawn} == {2013}
    steps = [line["step"] for line in lines if line["split"] == "train"]
    # The validation batches come first and are kept, so that every validation is the same.
    batches = [ids for ids, _ in drawn]
    valid = [i for ids in batches[: -len(steps)] for i in ids]
    assert len(set(valid)) == len(valid) == int(len(nodes) * 0.05)
    half = len(steps) // 2
    epochs = [sum(batches[start:][:half], []) for start in (-len(steps), -half)]
    rest = nodes - set(valid)
    for epoch in epochs:
        assert len(set(epoch)) == len(epoch) == len(rest) // 32 * 32
        assert set(epoch) <= rest
    assert epochs[0] != epochs[1]


def test_the_pretrained_model_is_the_best_of_the_validations(toy, tmp_path):
    lines = pretrained(toy, tmp_path)
    valid = [line for line in lines if line["split"] == "valid"]
    best = min(valid, key=lambda line: line["loss"])
    record = load_checkpoint(tmp_path / "gpt.pt", "pretrain")
    assert record["step"] == best["step"] and record["metrics"]["loss"] == best["loss"]
    last = load_checkpoint(tmp_path / "gpt.pt.run/checkpoint.pt", "pretrain")
    assert last["step"] == valid[-1]["step"]
    assert last["model"]["queue.count"].max() > 0  # the queue is part of it


def test_the_validation_loss_is_the_mean_over_nodes_whatever_the_batches(toy, tmp_path):
    """The last of the held-out batches is smaller: it must not count like the others."""

    class ByNode(Objective):
        def __init__(self, encoder):
            super().__init__(encoder, OAG.facts(toy))
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def transform(self, graph, subgraph, rng):
            ids = subgraph.node_ids[graph.schema.node_type_id("paper")]
            asked = torch.from_numpy(ids[: subgraph.num_seeds[0]].astype(np.float32))
            return NodeBatch(make_batch(graph, subgraph), asked, asked)

        def forward(self, data):
            seen.append((self.training, data.y))
            return {"loss": data.y.mean() + 0 * self.weight}

    seen = []
    run = PretrainRunConfig(pretrain_model_dir=str(tmp_path / "gpt.pt"), cuda=-1)
    small = replace(SAMPLER, batch_size=8)
    pretrain(ByNode(new_encoder(toy, ENCODER, 0)), toy, OAG.facts(toy), small, OPTIM, run, {})
    lines = (tmp_path / "gpt.pt.run/metrics.jsonl").read_text().splitlines()
    valid = [json.loads(line) for line in lines if json.loads(line)["split"] == "valid"]
    batches = [ids for training, ids in seen if not training]
    of_one = batches[: len(batches) // len(valid)]
    assert len({len(ids) for ids in of_one}) > 1
    assert valid[0]["loss"] == pytest.approx(torch.cat(of_one).mean().item(), rel=1e-5)


@pytest.mark.parametrize("conv_name", CONVS)
def test_every_convolution_is_pretrained_and_finetuned(toy, tmp_path, conv_name):
    """Both verbs move its weights, and fine-tuning starts from those of pre-training."""
    settings = encoder_settings(conv_name, n_hid=8, n_heads=2, n_layers=2)
    config = {"encoder": asdict(settings)}
    fresh, optim = new_encoder(toy, settings, 0), OptimConfig(n_epoch=1, n_batch=3)
    state = {name: value.clone() for name, value in fresh.state_dict().items()}
    objective = new_objective(
        fresh, toy, OAG.facts(toy), method_of("gpt_gnn", GPTConfig(queue_size=8)), 0
    )
    run = PretrainRunConfig(pretrain_model_dir=str(tmp_path / "gpt.pt"), cuda=-1)
    pretrain(objective, toy, OAG.facts(toy), SAMPLER, optim, run, config)
    encoder = pretrained_encoder(toy, settings, tmp_path / "gpt.pt")
    saved = {name: value.clone() for name, value in encoder.state_dict().items()}
    run = FinetuneRunConfig(model_dir=str(tmp_path), cuda=-1)
    result = finetune(encoder, make_task(toy, "PF"), toy, SAMPLER, optim, run, config)
    assert 0 < result["ndcg"] < 1
    for before, after in ((state, saved), (saved, encoder.state_dict())):
        moved = [name for name in before if not torch.equal(before[name], after[name])]
        for layer in ("adapt", "convs.0", "convs.1"):
            assert any(name.startswith(layer) for name in moved), layer


def test_nothing_to_pretrain_on(toy, tmp_path):
    early = GraphFacts("paper", split=TimeSplit(1900, 2016, 2017))
    with pytest.raises(ValueError, match="expected at least 2 nodes of type 'paper' in the pre-tr"):
        pretrained(toy, tmp_path, facts=early)


def make_task(toy, name, **settings):
    if name == "AD":
        return AuthorDisambiguation(toy, OAG.FACTS.split, OAG.paper_author(toy), **settings)
    return NodeClassification(toy, OAG.FACTS.split, [OAG.paper_field("L2")], **settings)


def finetuned(toy, folder, name="PF", resume=False, **settings):
    task = make_task(toy, name, **settings)
    run = FinetuneRunConfig(model_dir=str(folder), cuda=-1, resume=resume)
    encoder = new_encoder(toy, ENCODER, 0)
    result = finetune(encoder, task, toy, SAMPLER, OPTIM, run, {}) | {"encoder": encoder}
    lines = (folder / "task" / "metrics.jsonl").read_text().splitlines()
    return task, result, [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", ["PF", "AD"])
def test_validation_and_test_cover_their_splits_once(toy, tmp_path, monkeypatch, name):
    asked = []
    kind = type(make_task(toy, name))
    query = kind.query

    def spy(self, split, items):
        asked.append((split, items.tolist()))
        return query(self, split, items)

    monkeypatch.setattr(kind, "query", spy)
    task, result, lines = finetuned(toy, tmp_path, name)
    splits = [*["train"] * 5, "valid"] * 2 + ["test by time", "test"]
    assert [line["split"] for line in lines] == splits
    for split, times in (("valid", 2), ("test", 1)):
        found = [i for this, items in asked if this == split for i in items]
        assert found == task.items(split).tolist() * times
    for split, items in asked:
        assert split != "train" or set(items) <= set(task.items("train").tolist())
    assert result["items"] == len(task.items("test"))
    by_time = lines[-2]
    years = task.times("test").tolist()
    assert by_time["items"] == {str(year): years.count(year) for year in sorted(set(years))}
    total = sum(by_time["ndcg"][year] * n for year, n in by_time["items"].items())
    assert total / len(years) == pytest.approx(result["ndcg"])
    floor = task.most_frequent("test")
    for metric in ("ndcg", "mrr"):
        assert lines[-1][metric] == result[metric]
        assert lines[-1][f"most_frequent_{metric}"] == pytest.approx(floor[metric].mean())


@pytest.mark.parametrize("original", [False, True])
@pytest.mark.parametrize("name", ["PF", "AD"])
def test_the_scores_of_the_test_items_are_kept(toy, tmp_path, monkeypatch, name, original):
    """They are there before the test line, and the test line is their metrics."""
    record = JsonLines.record

    def spy(self, split, **values):
        assert split != "test" or (tmp_path / "task" / "test_scores.npz").is_file()
        record(self, split=split, **values)

    monkeypatch.setattr(JsonLines, "record", spy)
    task, result, lines = finetuned(toy, tmp_path, name, original_protocol=original)
    assert lines[-1]["split"] == "test"
    with np.load(tmp_path / "task" / "test_scores.npz") as file:
        kept = dict(file)
    items = kept.pop("items")
    assert np.isin(items, task.items("test")).all()
    assert original or np.array_equal(items, task.items("test"))
    assert {len(values) for values in kept.values()} == {len(items)} == {result["items"]}
    assert task.metrics(kept).items() <= result.items()


def test_the_published_protocol_tests_on_ten_random_batches(toy, tmp_path, drawn):
    task, result, _ = finetuned(toy, tmp_path, original_protocol=True)
    assert result["items"] == 320
    batches = [ids for ids, time_max in drawn if time_max > 2017]
    assert len(batches) == 10 and all(len(set(ids)) == 32 for ids in batches)
    assert np.isin(np.concatenate(batches), task.items("test")).all()


@pytest.mark.parametrize("name", ["PF", "AD"])
def test_finetuning_resumed_equals_uninterrupted(toy, tmp_path, monkeypatch, name):
    _, want, want_lines = finetuned(toy, tmp_path / "whole", name)
    kind = type(make_task(toy, name))
    loss, calls = kind.loss, iter(range(1, 99))

    def power_cut(self, *args):
        if next(calls) == 8:
            raise RuntimeError("power cut")
        return loss(self, *args)

    monkeypatch.setattr(kind, "loss", power_cut)
    with pytest.raises(RuntimeError, match="power cut"):
        finetuned(toy, tmp_path / "cut", name)
    _, got, got_lines = finetuned(toy, tmp_path / "cut", name, resume=True)
    assert got_lines == want_lines
    assert [got[x] for x in ("ndcg", "mrr")] == [want[x] for x in ("ndcg", "mrr")]
    a, b = (load_checkpoint(tmp_path / x / "task/best.pt", "finetune") for x in ("whole", "cut"))
    assert all(map(torch.equal, a["model"].values(), b["model"].values()))


def test_the_test_uses_the_best_model_not_the_last(toy, tmp_path, monkeypatch):
    """After the first validation all are worse; the tested weights are those of that step."""
    metrics, calls = NodeClassification.metrics, iter(range(99))

    def falling(self, values):
        return metrics(self, values) | {"ndcg": 1.0 - 0.1 * next(calls)}

    monkeypatch.setattr(NodeClassification, "metrics", falling)
    _, result, _ = finetuned(toy, tmp_path)
    best = load_checkpoint(tmp_path / "task/best.pt", "finetune")
    last = load_checkpoint(tmp_path / "task/checkpoint.pt", "finetune")
    assert (best["step"], last["step"]) == (5, 10)
    tested = result["encoder"].adapt[0].weight
    assert torch.equal(tested, best["model"]["encoder.adapt.0.weight"])
    assert not torch.equal(tested, last["model"]["encoder.adapt.0.weight"])


def test_by_time_f1_is_that_of_each_year_and_no_mean_over_nodes(tmp_path):
    """Of several classes a node: three nodes in one year, one in the next."""
    label = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1]], dtype=np.uint8)
    edges = EdgeArrays(np.array([0]), np.array([1]))
    nodes = NodeArrays(4, {"x": np.eye(4)}, {"y": label, "split": np.array([1, 2, 3, 3])})
    graph = write_graph(tmp_path / "store", {"film": nodes}, {("film", "like", "film"): edges})
    task = LabelClassification(graph, ColumnSplit(), "film")
    predicted = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1], [0, 0, 1]], dtype=bool)
    values = {"true": label > 0, "predicted": predicted}
    years = np.array([2001, 2001, 2001, 2002])
    assert _by_time(task, years, values) == {
        # Of 2001 three right, one wrong, two missed; the mean of the nodes' own F1 is 5 / 9.
        "micro_f1": {"2001": pytest.approx(6 / (6 + 1 + 2)), "2002": 1.0},
        "items": {"2001": 3, "2002": 1},
    }
