"""Flags of the training scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from GPT_GNN.command_line import Flags, Group, parse_flags, peek
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import ObjectiveConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.train.encoder import as_defaults, check_architecture
from GPT_GNN.train.models import TrainedModel, open_model
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import (
    FinetuneRunConfig,
    PretrainRunConfig,
    finetuning_place,
    pretraining_place,
)

_COMMON = {"encoder": EncoderConfig, "sampler": SamplerConfig, "optim": OptimConfig}
# Where fine-tuning's usual settings are not those of pre-training, as published.
FINETUNE_DEFAULTS: dict[str, Any] = {
    "scheduler": "cosine",
    "max_lr": 5e-4,
    "clip": 0.25,
    "n_epoch": 50,
    "n_batch": 16,
}


def parse_pretrain_flags(
    description: str | None,
    argv: Sequence[str] | None = None,
    *,
    groups: Mapping[str, Group],
    **defaults: Any,
) -> Flags:
    """Flags of a pre-training script; see :func:`parse_flags`.

    Args:
        groups: flags of the script's own, such as which graph, before the common ones.

    Raises:
        ValueError: the run cannot write to its place, or the pre-trained model is missing.
    """
    common: dict[str, Group] = {"objective": ObjectiveConfig, **_COMMON, "run": PretrainRunConfig}
    args = parse_flags({**groups, **common}, description, argv, **defaults)
    pretraining_place(args.run)  # an hour of reading must not end at a place that cannot be
    return args


def parse_finetune_flags(
    description: str | None,
    argv: Sequence[str] | None = None,
    *,
    groups: Mapping[str, Group],
    **defaults: Any,
) -> Flags:
    """Flags of a fine-tuning script; see :func:`parse_pretrain_flags`.

    With ``use_pretrain`` the encoder's settings are those of the model's file, so that the record
    of the run says what was used.

    Raises:
        CheckpointError: the file is no pre-trained model, or flags contradict it; names them all.
    """
    defaults = {**FINETUNE_DEFAULTS, **defaults}
    given = peek(FinetuneRunConfig, ("use_pretrain", "pretrain_model_dir"), argv, defaults)
    path = given["pretrain_model_dir"] if given["use_pretrain"] else ""
    model, of_model = model_of_defaults(path, argv, as_defaults, "pretrain")
    every = {**groups, **_COMMON, "run": FinetuneRunConfig}
    args = parse_flags(every, description, argv, of_model=of_model, **defaults)
    finetuning_place(args.run)
    if model is not None:
        check_architecture(model, args.encoder)
        return args
    unread = sorted({"pretrain_model_dir", "other_features"} & args.given)
    if unread:
        tqdm.write(f"note: without --use_pretrain nothing reads --{', --'.join(unread)}")
    return args


def model_of_defaults(
    path: str,
    argv: Sequence[str] | None,
    defaults: Callable[[TrainedModel], dict[str, Any]],
    *kinds: str,
) -> tuple[TrainedModel | None, dict[str, Any]]:
    """A trained model and the defaults of flags that it gives; none where there is no file.

    Raises:
        CheckpointError: see :func:`open_model`; but ``--help`` does without the model.
    """
    if not Path(path).is_file():
        return None, {}
    try:
        model = open_model(path, *kinds)
        return model, defaults(model)
    except ValueError:
        if {"-h", "--help"} & {*(sys.argv[1:] if argv is None else argv)}:
            return None, {}
        raise
