"""The settings of a trained model's encoder, which its file says, and what flags may change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields

from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.train.checkpoint import CheckpointError
from GPT_GNN.train.models import TrainedModel

# Settings that fine-tuning may change: no weight depends on them.
_FREE = ("dropout", "train_time_table", "gradient_checkpointing")


def trained_architecture(
    model: TrainedModel,
    wanted: EncoderConfig,
    given: Collection[str] | None = None,
) -> EncoderConfig:
    """An encoder's settings: the file's, and ``wanted`` where no weight depends on them.

    Args:
        model: of a file.
        given: names of the settings that somebody asks for, such as the flags of a command; the
            file's take the place of the others. None: all.

    Raises:
        CheckpointError: settings that were asked for are others in the file; names them all.
    """
    of_file = model.architecture
    fixed = {name: value for name, value in of_file.items() if name not in _FREE}
    own = asdict(wanted)
    asked = [name for name in own if name not in _FREE and (given is None or name in given)]
    differing = [
        f"{name} is {of_file.get(name, 'no setting')!r} in the file and {own[name]!r} here"
        for name in asked
        if of_file.get(name) != own[name]
    ]
    if differing:
        raise CheckpointError(
            f"{model.path} is of another architecture: {'; '.join(differing)}. "
            "Leave these out to take the file's"
        )
    names = {f.name for f in fields(EncoderConfig.joined(of_file["conv_name"]))}
    return EncoderConfig(**{name: own[name] for name in names & own.keys()} | fixed)
