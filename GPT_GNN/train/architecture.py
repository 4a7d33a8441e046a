"""The settings of a trained model's encoder, which its file says, and what flags may change."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import asdict, fields, replace
from typing import Any

from GPT_GNN.published.models.encoder import read_architecture
from GPT_GNN.published.models.files import PublishedModel
from GPT_GNN.settings import EncoderConfig
from GPT_GNN.train.checkpoint import CheckpointError

# Settings that fine-tuning may change: no weight depends on them.
_FREE = ("dropout", "train_time_table", "gradient_checkpointing")
_WITH_HEADS = ("hgt", "gat", "han")
ALL_SETTINGS = frozenset(f.name for f in fields(EncoderConfig))


def trained_architecture(
    path: str | os.PathLike[str],
    model: dict[str, Any] | PublishedModel,
    wanted: EncoderConfig,
    given: Collection[str] = ALL_SETTINGS,
) -> EncoderConfig:
    """An encoder's settings: the file's, and ``wanted`` where no weight depends on them.

    Args:
        path: of the file, for messages.
        model: what is in it.
        given: names of the settings that somebody asks for, such as the flags of a command; the
            file's take the place of the others.

    Raises:
        CheckpointError: settings that were asked for are others in the file; names them all.
    """
    of_file = saved_architecture(path, model)
    fixed = {name: value for name, value in of_file.items() if name not in _free(of_file)}
    own = asdict(wanted)
    differing = [
        f"{name} is {value!r} in the file and {own[name]!r} here"
        for name, value in fixed.items()
        if name in given and value != own[name]
    ]
    if differing:
        raise CheckpointError(
            f"{path} is of another architecture: {'; '.join(differing)}. "
            "Leave these out to take the file's"
        )
    return replace(wanted, **fixed)


def saved_architecture(
    path: str | os.PathLike[str], model: dict[str, Any] | PublishedModel
) -> dict[str, Any]:
    """The settings that a file says, by name: all of ours, of a published one those in its shapes.

    Raises:
        CheckpointError: it says none, or is no whole published encoder.
    """
    if isinstance(model, PublishedModel):
        return dict(read_architecture(model).settings)
    config = model.get("config", {})
    if "encoder" not in config:
        raise CheckpointError(
            f"{path}: expected the encoder's settings in its config, found those of "
            f"{', '.join(config) or 'nothing'}"
        )
    return asdict(EncoderConfig.from_record(config["encoder"], path))


def _free(settings: dict[str, Any]) -> tuple[str, ...]:
    return _FREE if settings["conv_name"] in _WITH_HEADS else (*_FREE, "n_heads")
