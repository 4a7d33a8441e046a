"""Every objective as a run: with every layer, again, interrupted, and what its file says."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from GPT_GNN.conv import CONVS
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.objectives.graphsage import GraphSAGE
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.system.runner import Interrupted
from GPT_GNN.train.checkpoint import CheckpointError, load_checkpoint
from GPT_GNN.train.encoder import (
    new_encoder,
    new_objective,
    pretrained_encoder,
    pretrained_gpt_gnn,
)
from GPT_GNN.train.models import open_encoder
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import PretrainRunConfig
from GPT_GNN.train.pretrain import pretrain
from tests.made import encoder_settings, method_of

SAMPLER = SamplerConfig(sample_depth=2, sample_width=8, batch_size=64, n_pool=0)
TRAINED = [name for name in OBJECTIVES if name != "none"]


def run(toy, file, objective, conv_name="hgt", n_epoch=1, resume=False, seed=0, **place):
    """Pre-train for some steps; the lines of its log."""
    encoder = encoder_settings(conv_name, n_hid=8, n_heads=2, n_layers=1)
    method, gpt = ObjectiveConfig(objective), GPTConfig(queue_size=8)
    model = new_objective(
        new_encoder(toy, encoder, seed), toy, OAG.facts(toy), method_of(method, gpt), seed
    )
    config = {"encoder": vars(encoder), "objective": vars(method), "gpt": vars(gpt)}
    place = PretrainRunConfig(
        pretrain_model_dir=str(file), seed=seed, cuda=-1, resume=resume, **place
    )
    optim = OptimConfig(n_epoch=n_epoch, n_batch=2)
    pretrain(model, toy, OAG.facts(toy), SAMPLER, optim, place, config)
    lines = file.with_name(file.name + ".run") / "metrics.jsonl"
    return [json.loads(line) for line in lines.read_text().splitlines()]


def same_state(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("conv_name", CONVS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_with_every_layer(toy, tmp_path, objective, conv_name):
    lines = run(toy, tmp_path / "model.pt", objective, conv_name)
    config = encoder_settings(conv_name, n_hid=8, n_heads=2, n_layers=1)
    encoder = pretrained_encoder(toy, config, tmp_path / "model.pt")
    assert same_state(encoder, new_encoder(toy, config, 0)) == (objective == "none")
    steps = [line for line in lines if line["split"] == "train"]
    assert len(steps) == (0 if objective == "none" else 6)
    assert all(math.isfinite(line["loss"]) for line in lines if line["split"] != "end")


@pytest.mark.parametrize("objective", ["gae", "graphsage", "infomax"])
def test_a_run_repeats_and_another_seed_differs(toy, tmp_path, objective):
    first = run(toy, tmp_path / "a.pt", objective)
    assert run(toy, tmp_path / "b.pt", objective) == first
    assert run(toy, tmp_path / "c.pt", objective, seed=1) != first


@pytest.mark.parametrize("objective", ["gae", "graphsage"])
def test_resumed_is_uninterrupted(toy, tmp_path, objective, monkeypatch):
    whole = run(toy, tmp_path / "whole.pt", objective, n_epoch=3)
    sample, calls = HGSampler.sample, []

    def fail(self, *args):
        calls.append(1)
        if len(calls) == 9:  # one of validation, then seven steps
            raise Interrupted
        return sample(self, *args)

    monkeypatch.setattr(HGSampler, "sample", fail)
    with pytest.raises(Interrupted):
        run(toy, tmp_path / "part.pt", objective, n_epoch=3)
    monkeypatch.setattr(HGSampler, "sample", sample)
    done = load_checkpoint(tmp_path / "part.pt.run" / "checkpoint.pt", "pretrain")["step"]
    assert done == 6
    assert run(toy, tmp_path / "part.pt", objective, n_epoch=3, resume=True) == whole
    a, b = (load_checkpoint(tmp_path / f"{name}.pt", "pretrain") for name in ("whole", "part"))
    assert all(torch.equal(a["model"][name], b["model"][name]) for name in a["model"])


# The first five losses; a change says that an objective or what it draws has changed.
GOLDEN = {
    "gpt_gnn": [2.14837, 2.24650, 2.35317, 2.28967, 2.49128],
    "gae": [1.26193, 1.59737, 1.30903, 1.61151, 1.52150],
    "graphsage": [66.49176, 62.83331, 56.01911, 56.52009, 57.76641],
    "infomax": [0.69844, 0.69656, 0.69037, 0.69331, 0.69519],
}


@pytest.mark.parametrize("objective", TRAINED)
def test_golden_losses(toy, tmp_path, objective):
    lines = run(toy, tmp_path / "model.pt", objective, n_epoch=2)
    losses = [line["loss"] for line in lines if line["split"] == "train"][:5]
    np.testing.assert_allclose(losses, GOLDEN[objective], rtol=1e-4)


def test_targets_in_means_is_another_run_and_refused_where_it_changes_nothing(toy, tmp_path):
    losses = [
        [line["loss"] for line in run(toy, tmp_path / "gae.pt", "gae", targets_in_means=kept)]
        for kept in (False, True)
    ]
    assert len(losses[0]) == len(losses[1]) and not set(losses[0]) & set(losses[1])
    with pytest.raises(ValueError, match="expected an objective that trains, and a store with"):
        run(toy, tmp_path / "none.pt", "none", targets_in_means=True)
    assert not (tmp_path / "none.pt").exists()


def test_an_older_store_keeps_them_with_a_warning(toy, tmp_path, capsys):
    older = HeteroGraph.open(toy.path)
    older.meta["facts"] = {name: fact for name, fact in toy.facts.items() if name != "means"}
    assert run(older, tmp_path / "a.pt", "gae") != run(toy, tmp_path / "b.pt", "gae")
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("warning: ") == 1 and "preprocess again" in printed.out
    with pytest.raises(ValueError, match="a store with the fact 'means'"):
        run(older, tmp_path / "c.pt", "gae", targets_in_means=True)


def test_an_unknown_objective(toy):
    with pytest.raises(ValueError, match="objective: expected one of gpt_gnn, gae, .*, got 'gan'"):
        run(toy, None, "gan")


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "gpt_gnn"])
def test_the_file_says_the_objective(toy, tmp_path, objective):
    path = tmp_path / "model.pt"
    run(toy, path, objective)
    record = load_checkpoint(path, "pretrain")
    assert record["config"]["objective"]["objective"] == objective
    told = json.loads((tmp_path / "model.pt.run" / "config.json").read_text())
    assert told["objective"]["objective"] == objective and told["graph"]
    assert open_encoder(path, toy).n_hid == 8
    with pytest.raises(CheckpointError, match=f"pre-trained with objective '{objective}'"):
        pretrained_gpt_gnn(toy, OAG.facts(toy), path)


def test_none_is_fine_tuning_from_scratch(toy, tmp_path):
    config = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)
    run(toy, tmp_path / "model.pt", "none", seed=5)
    written = pretrained_encoder(toy, config, tmp_path / "model.pt")
    assert same_state(written, new_encoder(toy, config, 5))
    assert load_checkpoint(tmp_path / "model.pt", "pretrain")["step"] == 0


def test_only_what_an_objective_reads_reaches_it(toy):
    encoder = new_encoder(toy, EncoderConfig(n_hid=8, n_heads=2, n_layers=1), 0)
    method = ObjectiveConfig("graphsage", walk_length=2, n_walks=3, n_walk_negatives=4)
    sage = new_objective(encoder, toy, OAG.facts(toy), method_of(method, GPTConfig("text")), 0)
    assert sage.settings == GraphSAGE.Settings(2, 3, 4)
    gpt = GPTConfig(mask_ratio=0.3)
    gae = new_objective(encoder, toy, OAG.facts(toy), method_of(ObjectiveConfig("gae"), gpt), 0)
    assert gae.settings.mask_ratio == 0.3 and gae.rel_stop_list == tuple(OAG.FACTS.rel_stop_list)
    assert len(gae.relations) < len(toy.schema.edge_types_into("paper"))
