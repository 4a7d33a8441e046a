"""Self-describing checkpoints: written whole or not at all, read without running code in them."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from GPT_GNN.schema import Schema
from GPT_GNN.system.files import atomic_file
from GPT_GNN.system.runtime import versions

FORMAT = "gpt-gnn-checkpoint"
VERSION = 1
State = dict[str, Tensor]  # a state dict

# How torch before 1.6 begins a file: its magic number, pickled with protocol 2.
PRE_ZIP = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
# What torch and zipfile raise at bytes that are not as they were written.
_TORN = (
    *(RuntimeError, OSError, EOFError, struct.error, zipfile.BadZipFile),
    *(LookupError, ValueError, TypeError, AttributeError, AssertionError),
)


class CheckpointError(ValueError):
    """A file that is no whole checkpoint, or one of another version, architecture or schema."""


class NotPlainError(CheckpointError):
    """A file that holds more than tensors and plain values, such as a whole pickled module."""


def save_checkpoint(path: str | os.PathLike[str], kind: str, **content: Any) -> None:
    """Write a checkpoint.

    Args:
        kind: ``pretrain`` or ``finetune``.
        **content: state dicts, ``config`` and ``schema`` as plain dicts, numbers, strings, tensors.

    Raises:
        OSError: the file could not be written, e.g. for want of space.
    """
    record = {"format": FORMAT, "version": VERSION, "kind": kind, "versions": versions(), **content}
    with atomic_file(path) as temporary:
        try:
            torch.save(record, temporary)
        except RuntimeError as error:  # torch's zip writer reports a full disk so
            raise OSError(f"{path} could not be written (a full disk?): {error}") from error


def state_on_cpu(model: nn.Module) -> State:
    """A model's state as CPU tensors, for a file that opens anywhere."""
    return {name: value.detach().cpu() for name, value in model.state_dict().items()}


def under(state: Mapping[str, Tensor], prefix: str) -> State:
    """The entries whose names begin with ``prefix``, without it."""
    return {name[len(prefix) :]: x for name, x in state.items() if name.startswith(prefix)}


def load_checkpoint(path: str | os.PathLike[str], kind: str) -> dict[str, Any]:
    """Read a checkpoint of a kind onto the CPU.

    Raises:
        CheckpointError: no such file, cut short, not ours, or of another kind.
    """
    return checked_record(path, read_plain(path, kind), kind)


def read_plain(path: str | os.PathLike[str], kind: str) -> Any:
    """What ``torch.save`` wrote, of any version of torch, onto the CPU and without running code.

    Args:
        kind: of the checkpoint that is expected, for the message.

    Raises:
        NotPlainError: a whole file that holds more than tensors and plain values.
        CheckpointError: no such file, cut short, or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; expected a {kind} checkpoint")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                # torch never compresses, but opens it: memory for far more than the file holds.
                if any(x.compress_type != zipfile.ZIP_STORED for x in archive.infolist()):
                    raise zipfile.BadZipFile("it is compressed, which torch does not do")
                damaged = archive.testzip()  # torch does not compare the checksums
            if damaged is not None:
                raise zipfile.BadZipFile(f"the bytes of {damaged} are not those that were written")
        elif not is_pre_zip(path):
            raise zipfile.BadZipFile("cut short, or of another format")
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise NotPlainError(_not_whole(path, error)) from error
    except _TORN as error:
        raise CheckpointError(_not_whole(path, error)) from error


def is_pre_zip(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as torch before 1.6 wrote it."""
    with open(path, "rb") as file:
        return file.read(len(PRE_ZIP)) == PRE_ZIP


def _not_whole(path: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{path} is not a whole checkpoint: {reason}"


def checked_record(path: str | os.PathLike[str], record: Any, *kinds: str) -> dict[str, Any]:
    """What was read, if it is a checkpoint of ours of one of the kinds; else CheckpointError."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise CheckpointError(f"{path}: expected a {FORMAT}, found another kind of file")
    if record.get("version") != VERSION or record.get("kind") not in kinds:
        raise CheckpointError(
            f"{path}: expected a {' or '.join(kinds)} checkpoint of version {VERSION}, "
            f"found a {record.get('kind')} one of version {record.get('version')}"
        )
    return record


def check_same(path: str | os.PathLike[str], what: str, saved: Any, wanted: Any) -> None:
    """Compare two settings records; name the first setting that differs.

    Raises:
        CheckpointError: they differ.
    """
    for name in [*wanted, *(set(saved) - set(wanted))]:
        if saved.get(name) != wanted.get(name):
            raise CheckpointError(
                f"{path} is of another {what}: {name} is {saved.get(name)!r} in the checkpoint "
                f"and {wanted.get(name)!r} here"
            )


def check_schema(path: str | os.PathLike[str], saved: dict[str, Any], schema: Schema) -> None:
    """Raise CheckpointError, naming the first difference, unless the schema is the same."""
    wanted = schema.to_dict()
    for name in wanted:
        for position, (a, b) in enumerate(zip(saved[name], wanted[name], strict=False)):
            if a != b:
                raise CheckpointError(
                    f"{path} was made for another schema: {name}[{position}] is {a} in the "
                    f"checkpoint and {b} in the graph"
                )
        if len(saved[name]) != len(wanted[name]):
            raise CheckpointError(
                f"{path} was made for another schema: {len(saved[name])} {name} in the checkpoint "
                f"and {len(wanted[name])} in the graph"
            )
