"""The files of a store: their names, room on the disk, which of an older one are replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from GPT_GNN.graph.store import FORMAT, StoreError, read_meta
from GPT_GNN.system.files import OtherFilesError, checked_folder

META = "meta.json"
_LONGEST_NAME = 100  # of what is part of a file's name: file systems take 255 bytes


def check_output(path: str | os.PathLike[str], keep_other_files: bool) -> None:
    """Raise OtherFilesError where no store may be written; call it before any long work."""
    checked_folder(path, store_files, keep_other_files)


def store_files(folder: Path) -> set[str]:
    """Names of the files that a build of any version wrote into a folder; none without a store.

    Raises OtherFilesError for a ``meta.json`` that is damaged or no store's.
    """
    file = folder / META
    if not os.path.lexists(file):
        return set()
    try:
        meta = read_meta(file)
        if meta.get("format") == FORMAT:
            return {META, *meta["files"]}
    except (StoreError, OSError):
        pass
    raise OtherFilesError(
        f"{file}: expected a store's, found one that is damaged or of something else; nothing was "
        "replaced: give another folder, or delete this one"
    )


def file_name(*names: str) -> str:
    """Join names that may come from others' files into a file's name.

    What could lead out of the folder, or give two files one name, is written as %XX.
    """
    quoted = [quote(name, safe=" ").replace(".", "%2E") for name in names]
    if any(len(name) > _LONGEST_NAME for name in quoted):
        raise ValueError(f"expected names of at most {_LONGEST_NAME} letters, got {names}")
    return ".".join(quoted)


def zeros(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Create an ``.npy`` file of zeros and map it writable."""
    array = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    # A mapped file is a hole until it is written; on a full disk that write would kill the process
    # (SIGBUS) and leave a half-written folder, so the space is claimed now, with an OSError.
    if hasattr(os, "posix_fallocate"):
        with open(path, "rb+") as file:
            os.posix_fallocate(file.fileno(), 0, max(path.stat().st_size, 1))
    return array
