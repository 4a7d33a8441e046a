"""The settings of a trained model's encoder, which its file says, and what flags may change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields, replace
from typing import Any

from GPT_GNN.settings import EncoderConfig
from GPT_GNN.train.checkpoint import CheckpointError
from GPT_GNN.train.models import TrainedModel

# Settings that fine-tuning may change: no weight depends on them.
_FREE = ("dropout", "train_time_table", "gradient_checkpointing")
_WITH_HEADS = ("hgt", "gat", "han")
ALL_SETTINGS = frozenset(f.name for f in fields(EncoderConfig))


def trained_architecture(
    model: TrainedModel,
    wanted: EncoderConfig,
    given: Collection[str] = ALL_SETTINGS,
) -> EncoderConfig:
    """An encoder's settings: the file's, and ``wanted`` where no weight depends on them.

    Args:
        model: of a file.
        given: names of the settings that somebody asks for, such as the flags of a command; the
            file's take the place of the others.

    Raises:
        CheckpointError: settings that were asked for are others in the file; names them all.
    """
    of_file = model.architecture
    fixed = {name: value for name, value in of_file.items() if name not in _free(of_file)}
    own = asdict(wanted)
    differing = [
        f"{name} is {value!r} in the file and {own[name]!r} here"
        for name, value in fixed.items()
        if name in given and value != own[name]
    ]
    if differing:
        raise CheckpointError(
            f"{model.path} is of another architecture: {'; '.join(differing)}. "
            "Leave these out to take the file's"
        )
    return replace(wanted, **fixed)


def _free(settings: dict[str, Any]) -> tuple[str, ...]:
    return _FREE if settings["conv_name"] in _WITH_HEADS else (*_FREE, "n_heads")
