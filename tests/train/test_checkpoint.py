"""Checkpoints: what was saved comes back, and what is not a checkpoint is refused by name."""

from __future__ import annotations

import os
import pickle
import resource
import zipfile
from dataclasses import asdict

import pytest
import torch

from GPT_GNN.conv import CONVS
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.schema import Schema
from GPT_GNN.train.checkpoint import (
    CheckpointError,
    check_same,
    check_schema,
    load_checkpoint,
    save_checkpoint,
    state_on_cpu,
)
from GPT_GNN.train.encoder import (
    new_encoder,
    new_objective,
    pretrained_encoder,
    pretrained_gpt_gnn,
)
from tests.made import encoder_settings, method_of

CONTENT = {
    "model": {"weight": torch.arange(6.0).reshape(2, 3)},
    "config": {"encoder": {"n_hid": 8, "name": "hgt", "norm": False, "rate": 0.1}},
    "rng": torch.get_rng_state(),
    "step": 7,
    "best": float("-inf"),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.pt"
    save_checkpoint(path, "pretrain", **CONTENT)
    return path


def test_round_trip(file):
    record = load_checkpoint(file, "pretrain")
    assert record["kind"] == "pretrain" and set(CONTENT) < set(record)
    assert torch.equal(record["model"]["weight"], CONTENT["model"]["weight"])
    assert torch.equal(record["rng"], CONTENT["rng"])
    for name in ("config", "step", "best"):
        assert record[name] == CONTENT[name]
    assert {"gpt_gnn", "python", "torch", "numpy"} <= set(record["versions"])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.95, 0.999])
def test_cut_short(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match="model.pt is not a whole checkpoint"):
        load_checkpoint(file, "pretrain")


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x))])
def test_a_file_that_would_run_code_is_refused_and_not_run(tmp_path, save):
    path, proof = tmp_path / "model.pt", tmp_path / "it_ran"
    payload = {"format": "gpt-gnn-checkpoint", "x": Payload(f"touch {proof}")}
    save(payload, path)
    with pytest.raises(CheckpointError, match="model.pt is not a whole checkpoint"):
        load_checkpoint(path, "pretrain")
    assert not proof.exists()
    torch.load(path, weights_only=False) if save is torch.save else pickle.loads(path.read_bytes())
    assert proof.exists()  # the payload itself works


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\x80\x04N.", b"PK\x03\x04", os.urandom(999)]
)
def test_other_files(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="model.pt"):
        load_checkpoint(path, "pretrain")


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "nothing.pt", tmp_path):
        with pytest.raises(CheckpointError, match="no such file; expected a pretrain checkpoint"):
            load_checkpoint(path, "pretrain")


def test_other_kinds(tmp_path, file):
    with pytest.raises(CheckpointError, match="expected a finetune checkpoint .* found a pretrain"):
        load_checkpoint(file, "finetune")
    for record in ({"weights": 1}, [1, 2], {"format": "gpt-gnn-checkpoint"}):
        torch.save(record, tmp_path / "other.pt")
        with pytest.raises(CheckpointError, match="other.pt"):
            load_checkpoint(tmp_path / "other.pt", "pretrain")
    record = torch.load(file, weights_only=True) | {"version": 99}
    torch.save(record, file)
    with pytest.raises(CheckpointError, match="of version 1, found a pretrain one of version 99"):
        load_checkpoint(file, "pretrain")


def test_the_first_setting_that_differs_is_named():
    saved = {"conv_name": "hgt", "n_hid": 400, "n_heads": 8}
    check_same("model.pt", "architecture", saved, dict(saved))
    with pytest.raises(CheckpointError, match="n_hid is 400 in the checkpoint and 32 here"):
        check_same("model.pt", "architecture", saved, saved | {"n_hid": 32, "n_heads": 2})
    with pytest.raises(CheckpointError, match="norm is None in the checkpoint and True here"):
        check_same("model.pt", "architecture", saved, saved | {"norm": True})
    with pytest.raises(CheckpointError, match="n_heads is 8 in the checkpoint and None here"):
        check_same("model.pt", "architecture", saved, {"conv_name": "hgt", "n_hid": 400})


def test_the_first_difference_of_schemas_is_named():
    schema = Schema(("a", "b"), (("a", "to", "b"), ("b", "rev_to", "a")), (1, 0), (True, True))
    check_schema("model.pt", schema.to_dict(), schema)
    others = {
        r"node_types\[1\] is b in the checkpoint and c": Schema(
            ("a", "c"), (("a", "to", "c"), ("c", "rev_to", "a")), (1, 0), (True, True)
        ),
        r"edge_types\[0\] is .*to.* and .*of": Schema(
            ("a", "b"), (("a", "of", "b"), ("b", "rev_to", "a")), (1, 0), (True, True)
        ),
        r"timed\[0\] is True in the checkpoint and False": Schema(
            ("a", "b"), schema.edge_types, (1, 0), (False, True)
        ),
        r"2 edge_types in the checkpoint and 0": Schema(("a", "b"), (), (), ()),
    }
    for message, other in others.items():
        with pytest.raises(
            CheckpointError, match=f"model.pt was made for another schema: {message}"
        ):
            check_schema("model.pt", schema.to_dict(), other)


def full_disk(record, path, *more):
    """torch.save on a disk that fills up half-way."""
    path.write_bytes(b"half of it")
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(file, "pretrain", **CONTENT)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["model.pt"]


def test_a_write_that_the_system_refuses_is_an_oserror(file):
    """torch reports it as RuntimeError, which a script would not turn into one line."""
    before = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OSError, match="model.pt"):
            save_checkpoint(file, "pretrain", model={"weight": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["model.pt"]


# A pre-trained model and what fine-tuning takes from it ------------------------------------------

TINY = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)


def saved(toy, encoder, path):
    """A file as pre-training writes it, and what is in it."""
    objective = new_objective(
        new_encoder(toy, encoder, 3),
        toy,
        OAG.facts(toy),
        method_of("gpt_gnn", GPTConfig(queue_size=4)),
        3,
    )
    save_checkpoint(
        path,
        "pretrain",
        config={"encoder": asdict(encoder), "gpt": asdict(GPTConfig(queue_size=4))},
        schema=toy.schema.to_dict(),
        feature_dims=toy.feature_dims,
        model=state_on_cpu(objective),
    )
    return path, objective


@pytest.fixture
def pretrained(toy, tmp_path):
    return saved(toy, TINY, tmp_path / "gpt.pt")


def same_state(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("conv_name", CONVS)
def test_what_is_taken_from_a_pretrained_model(toy, tmp_path, conv_name):
    encoder = encoder_settings(conv_name, 2, n_hid=TINY.n_hid, n_layers=TINY.n_layers)
    path, objective = saved(toy, encoder, tmp_path / "gpt.pt")
    assert same_state(pretrained_encoder(toy, encoder, path), objective.encoder)
    assert same_state(pretrained_gpt_gnn(toy, OAG.facts(toy), path), objective)
    assert not same_state(new_encoder(toy, encoder, 0), objective.encoder)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"n_hid": 16}, "n_hid is 8 in the file and 16 here"),
        (
            {"n_layers": 3, "n_heads": 4},
            "n_layers is 1 in the file and 3 here; n_heads is 2 in the file and 4 here",
        ),
        ({"conv_name": "gat"}, "conv_name is 'hgt' in the file and 'gat' here"),
        ({"last_norm": True}, "last_norm is False in the file and True here"),
    ],
)
def test_another_architecture(toy, pretrained, change, message):
    with pytest.raises(CheckpointError, match=f"gpt.pt is of another architecture: {message}"):
        pretrained_encoder(
            toy, encoder_settings(**{"n_heads": 2, **asdict(TINY), **change}), pretrained[0]
        )


def test_fine_tuning_may_change_what_no_weight_depends_on(toy, pretrained):
    path, objective = pretrained
    other = EncoderConfig(**{**asdict(TINY), "dropout": 0.7, "train_time_table": True})
    loaded = pretrained_encoder(toy, other, path)
    assert same_state(loaded, objective.encoder) and loaded.dropout.p == 0.7


def test_another_graph(random_store, pretrained):
    with pytest.raises(CheckpointError, match="made for another schema: node_types"):
        pretrained_encoder(random_store, TINY, pretrained[0])


def test_a_compressed_file_is_refused(tmp_path):
    """torch would take memory for what it declares: a thousand times the file."""
    torch.save({"gcs.0.x": torch.zeros(2**20)}, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain:
        with zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed:
            for name in plain.namelist():
                packed.writestr(name, plain.read(name))
    with pytest.raises(CheckpointError, match=r"packed\.pt is not a whole checkpoint.*compressed"):
        load_checkpoint(tmp_path / "packed.pt", "pretrain")
