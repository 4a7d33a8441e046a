"""Flags of the training scripts: the settings, and which layers and objectives there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from GPT_GNN.conv import CONVS
from GPT_GNN.objectives import OBJECTIVES
from GPT_GNN.settings import (
    FINETUNE_DEFAULTS,
    FINETUNE_GROUPS,
    PRETRAIN_GROUPS,
    DataConfig,
    TaskDataConfig,
    parse_flags,
)
from GPT_GNN.train.architecture import trained_architecture
from GPT_GNN.train.models import open_model
from GPT_GNN.train.place import finetuning_place, pretraining_place


def parse_pretrain_flags(
    description: str | None,
    argv: Sequence[str] | None = None,
    data: type = DataConfig,
    facts: type | None = None,
    **defaults: Any,
) -> Any:
    """Flags of a pre-training script; see :func:`parse_flags`.

    Args:
        data: flags that say which graph.
        facts: flags that say what of it, if the script has them, as group ``facts``.

    Raises:
        ValueError: the run cannot write where it is told to, or what it starts from is not there.
    """
    groups = {**PRETRAIN_GROUPS, "data": data} | ({"facts": facts} if facts else {})
    choices = {"conv_name": CONVS, "objective": OBJECTIVES}
    args = parse_flags(groups, description, argv, choices=choices, **defaults)
    pretraining_place(args.run)  # an hour of reading must not end at a place that cannot be
    return args


def parse_finetune_flags(
    description: str | None,
    argv: Sequence[str] | None = None,
    data: type = TaskDataConfig,
    facts: type | None = None,
    extra: type | None = None,
    **defaults: Any,
) -> Any:
    """Flags of a fine-tuning script; see :func:`parse_pretrain_flags`. ``extra``: its task's.

    With ``use_pretrain`` the encoder's settings are those of the model's file, so that the record
    of the run says what was used.

    Raises:
        CheckpointError: the file is no pre-trained model, or flags contradict it; names them all.
    """
    groups = {**FINETUNE_GROUPS, "data": data} | ({"facts": facts} if facts else {})
    defaults = {**FINETUNE_DEFAULTS, **defaults}
    choices = {"conv_name": CONVS}
    args = parse_flags(groups, description, argv, extra, choices, **defaults)
    finetuning_place(args.run)
    if not args.run.use_pretrain:
        unread = sorted({"pretrain_model_dir", "other_features"} & args.given)
        if unread:
            tqdm.write(f"note: without --use_pretrain nothing reads --{', --'.join(unread)}")
        return args
    model = open_model(args.run.pretrain_model_dir, "pretrain")
    return replace(args, encoder=trained_architecture(model, args.encoder, args.given))
