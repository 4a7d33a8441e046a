"""With a trained model the architecture is the file's; flags that contradict it are one error."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.train.checkpoint import CheckpointError, save_checkpoint
from GPT_GNN.train.encoder import check_architecture, pretrained_encoder
from GPT_GNN.train.flags import parse_finetune_flags
from GPT_GNN.train.models import open_model
from tests.made import encoder_settings
from tests.published.models import published_models as published

TRAINED = EncoderConfig(n_hid=16, n_heads=2, n_layers=2, dropout=0.4, last_norm=True)


def saved(path, encoder=TRAINED):
    save_checkpoint(path, "pretrain", config={"encoder": asdict(encoder)})
    return path


def parsed(path, *flags, **defaults):
    argv = ["--use_pretrain", "--pretrain_model_dir", str(path), *flags]
    return parse_finetune_flags("doc", argv, groups={}, **defaults)


def test_what_no_flag_says_is_the_files(tmp_path):
    path = saved(tmp_path / "gpt.pt")
    # Dropout and its like are the user's, whatever the file was trained with.
    want = asdict(TRAINED) | {"dropout": 0.2, "train_time_table": True}
    args = parsed(path, "--train_time_table", "--n_heads", "2", n_hid=32)
    assert asdict(args.encoder) == want
    recorded = args.record()["encoder"]  # which --resume compares
    assert recorded.items() <= want.items() and recorded["n_hid"] == 16
    origin = args.record()["origin"]
    assert [origin[name] for name in ("n_hid", "n_heads", "clip")] == ["model", "flag", "script"]
    assert "dropout" not in origin
    assert asdict(parse_finetune_flags("doc", [], groups={}).encoder) == asdict(EncoderConfig())


def test_all_contradictions_are_one_error(tmp_path):
    path = saved(tmp_path / "gpt.pt")
    flags = "--n_hid 400 --n_layers 2 --conv_name gat --n_heads 4 --dropout 0.9".split()
    with pytest.raises(CheckpointError) as error:
        parsed(path, *flags)
    assert str(error.value) == (
        f"{path} is of another architecture: conv_name is 'hgt' in the file and 'gat' here; n_hid "
        "is 16 in the file and 400 here; n_heads is 2 in the file and 4 here. Leave these out to "
        "take the file's"
    )


def test_a_default_that_is_typed_counts(tmp_path):
    with pytest.raises(CheckpointError, match="n_heads is 2 in the file and 8 here"):
        parsed(saved(tmp_path / "gpt.pt"), "--n_heads", "8")


def test_heads_of_a_layer_that_has_none(tmp_path, capsys):
    """The flags are those of the layer in the file; older files have heads for any layer."""
    path = tmp_path / "gpt.pt"
    settings = asdict(encoder_settings("gcn", n_hid=16)) | {"n_heads": 2}
    save_checkpoint(path, "pretrain", config={"encoder": settings})
    encoder = parsed(path).encoder
    assert (encoder.conv_name, encoder.n_hid) == ("gcn", 16)
    with pytest.raises(SystemExit):
        parsed(path, "--n_heads", "5")
    assert "--n_heads: --conv_name gcn does not read it" in capsys.readouterr().err


def test_a_published_file(tmp_path):
    graph = published.store(tmp_path / "store")
    path = tmp_path / "old.pt"
    torch.save(published.state(published.literal(graph, "hgt", last_norm=True)), path)
    encoder = parsed(path, "--dropout", "0.7").encoder
    want = EncoderConfig(
        n_hid=published.D, n_heads=2, n_layers=published.LAYERS, dropout=0.7, last_norm=True
    )
    assert encoder == want
    with pytest.raises(CheckpointError, match=f"n_hid is {published.D} in the file and 9 here"):
        parsed(path, "--n_hid", "9")


def test_a_published_encoder_of_one_layer(tmp_path):
    """Its file says nothing of ``prev_norm``, which no weight depends on."""
    graph = published.store(tmp_path / "store")
    path = tmp_path / "one.pt"
    literal = published.literal(graph, "hgt", n_layers=1)
    torch.save(published.state(literal), path)
    for prev_norm in ([], ["--no-prev_norm"]):
        args = parsed(path, *prev_norm)
        assert args.encoder.n_layers == 1
        assert pretrained_encoder(graph, args.encoder, path).n_hid == published.D


def test_help_does_without_a_model(tmp_path, capsys):
    (tmp_path / "gpt.pt").write_text("no model")
    with pytest.raises(CheckpointError):
        parsed(tmp_path / "gpt.pt")
    with pytest.raises(SystemExit) as exit_:
        parsed(tmp_path / "gpt.pt", "--help")
    assert exit_.value.code == 0 and "--n_hid" in capsys.readouterr().out


def test_help_shows_the_models_settings(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parsed(saved(tmp_path / "gpt.pt"), "--help")
    assert "hidden width (default: 16)" in capsys.readouterr().out


def test_a_file_that_does_not_say(tmp_path):
    path = tmp_path / "gpt.pt"
    save_checkpoint(path, "pretrain", config={"gpt": {}})
    with pytest.raises(CheckpointError, match="expected the encoder's settings in its config, fou"):
        check_architecture(open_model(path, "pretrain"), TRAINED)
    with pytest.raises(CheckpointError, match="no such file"):
        parsed(tmp_path / "none.pt")


def test_settings_of_a_file_are_checked_as_a_flag_is(tmp_path):
    path = tmp_path / "gpt.pt"
    save_checkpoint(path, "pretrain", config={"encoder": asdict(TRAINED) | {"n_hid": -1}})
    with pytest.raises(ValueError, match=r"gpt\.pt: n_hid: expected a value in .*, got -1"):
        parsed(path)
