"""Flags of the training scripts: the settings, and which layers and objectives there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from GPT_GNN.config import (
    FINETUNE_DEFAULTS,
    FINETUNE_GROUPS,
    PRETRAIN_GROUPS,
    DataConfig,
    TaskDataConfig,
    parse_flags,
)
from GPT_GNN.conv import CONVS
from GPT_GNN.objectives import OBJECTIVES


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
    """
    groups = {**PRETRAIN_GROUPS, "data": data} | ({"facts": facts} if facts else {})
    choices = {"conv_name": CONVS, "objective": OBJECTIVES}
    return parse_flags(groups, description, argv, choices=choices, **defaults)


def parse_finetune_flags(
    description: str | None,
    argv: Sequence[str] | None = None,
    data: type = TaskDataConfig,
    facts: type | None = None,
    extra: type | None = None,
    **defaults: Any,
) -> Any:
    """Flags of a fine-tuning script; see :func:`parse_pretrain_flags`. ``extra``: its task's."""
    groups = {**FINETUNE_GROUPS, "data": data} | ({"facts": facts} if facts else {})
    defaults = {**FINETUNE_DEFAULTS, **defaults}
    choices = {"conv_name": CONVS}
    return parse_flags(groups, description, argv, extra, choices, **defaults)
