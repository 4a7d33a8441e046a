"""The array files of a store that is being built: their names, and room for them on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

_LONGEST_NAME = 100  # of what is part of a file's name: file systems take 255 bytes


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
