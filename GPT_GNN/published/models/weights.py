"""A published model's weights by part: encoder, heads of pre-training, head of a task.

The published scripts wrote a state dict of the pre-training model (Reddit), that model itself
(OAG), or ``nn.Sequential(gnn, head)`` (fine-tuning).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from GPT_GNN.train.checkpoint import CheckpointError, State, under

# Where the encoder is: in the pre-training model, by itself, in a fine-tuned model.
ENCODERS = ("gnn.", "", "0.")
HEADS = ("params.", "attr_decoder.", "init_emb")


@dataclass(frozen=True)
class Weights:
    """The weights in a published file, under their published names.

    Attributes:
        encoder: ``adapt_ws.*`` and ``gcs.*``.
        heads: of pre-training, ``params.*``, ``attr_decoder.*`` and ``init_emb``; empty when the
            file is not of pre-training.
        task_head: of fine-tuning, ``linear.*``; nothing reads it.
        scorers: (source type, relation) of each edge scorer, when the file says so.
    """

    path: str
    encoder: State
    heads: State
    task_head: State
    scorers: list[tuple[str, str]] | None = None


def by_part(path: str, state: State, scorers: list[tuple[str, str]] | None = None) -> Weights:
    """Split a published state dict.

    Raises:
        CheckpointError: no encoder in it, unknown entries, or one larger than the file.
    """
    for name, tensor in state.items():
        held = tensor.untyped_storage().nbytes() if tensor.layout == torch.strided else 0
        if tensor.numel() * tensor.element_size() > held:
            raise CheckpointError(
                f"{path}: {name} has {tensor.numel()} values, the file holds less"
            )
    prefix = next((p for p in ENCODERS if under(state, f"{p}gcs.")), None)
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
    return Weights(path, encoder, heads, task_head, scorers)
