"""What is in a file that a pre-trained model is asked of: a checkpoint of ours or a published one.

The published scripts wrote a state dict of the pre-training model (Reddit), that model itself
(OAG), or ``nn.Sequential(gnn, head)`` (fine-tuning), with any torch from 1.3 on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from GPT_GNN.published.models.keys import State, under
from GPT_GNN.published.models.whole_model import read_module
from GPT_GNN.train.checkpoint import (
    CheckpointError,
    NotPlainError,
    checked_record,
    read_plain,
)

# Where the encoder is: in the pre-training model, by itself, in a fine-tuned model.
ENCODERS = ("gnn.", "", "0.")
HEADS = ("params.", "attr_decoder.", "init_emb")


@dataclass(frozen=True)
class PublishedModel:
    """A published model's weights by part, under their published names.

    Attributes:
        path: the file.
        encoder: ``adapt_ws.*`` and ``gcs.*``.
        heads: of pre-training, ``params.*``, ``attr_decoder.*`` and ``init_emb``; empty when the
            file is not of pre-training.
        task_head: of fine-tuning, ``linear.*``; no use is made of it.
        scorers: (source type, relation) of each edge scorer, when the file says so.
    """

    path: str
    encoder: State
    heads: State
    task_head: State
    scorers: list[tuple[str, str]] | None = None


def open_pretrained(path: str | os.PathLike[str]) -> dict[str, Any] | PublishedModel:
    """Read a pre-trained model onto the CPU without running any code of the file.

    Returns:
        The record of a checkpoint of ours, or the weights of a published model.

    Raises:
        CheckpointError: no such file, cut short, neither of the two.
    """
    return _opened(path, "pretrain")


def open_trained(path: str | os.PathLike[str]) -> dict[str, Any] | PublishedModel:
    """The same, or a fine-tuned model of ours."""
    return _opened(path, "pretrain", "finetune")


def _opened(path: str | os.PathLike[str], *kinds: str) -> dict[str, Any] | PublishedModel:
    try:
        content = read_plain(path, " or ".join(kinds))
    except NotPlainError:
        return by_part(path, *read_module(path))
    if _is_state_dict(content):
        return by_part(path, dict(content))
    return checked_record(path, content, *kinds)


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and len(content) > 0
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    )


def by_part(
    path: str | os.PathLike[str],
    state: State,
    scorers: list[tuple[str, str]] | None = None,
) -> PublishedModel:
    """Split a published state dict.

    Raises:
        CheckpointError: no encoder in it, entries beside the known parts, or an entry that claims
            more values than the file holds.
    """
    for name, tensor in state.items():
        held = tensor.untyped_storage().nbytes() if tensor.layout == torch.strided else 0
        if tensor.numel() * tensor.element_size() > held:
            raise CheckpointError(
                f"{path}: {name} has {tensor.numel()} values, the file holds less"
            )
    prefix = next((p for p in ENCODERS if under(under(state, p), "gcs.")), None)
    if prefix is None:
        raise CheckpointError(
            f"{path} holds tensors but no encoder: expected gcs.*, under gnn. or 0. or by itself; "
            f"found {', '.join(list(state)[:6])}"
        )
    encoder = {k: v for k, v in under(state, prefix).items() if k.startswith(("gcs.", "adapt_ws."))}
    heads = {k: v for k, v in state.items() if prefix == "gnn." and k.startswith(HEADS)}
    task_head = under(state, "1.") if prefix == "0." else {}
    known = {prefix + name for name in encoder} | set(heads) | {f"1.{name}" for name in task_head}
    unexpected = [name for name in state if name not in known]
    if unexpected:
        raise CheckpointError(
            f"{path} is not a published model; unexpected: {', '.join(unexpected)}"
        )
    return PublishedModel(os.fspath(path), encoder, heads, task_head, scorers)
