"""How kernels are compiled: serial, without the GIL, the entry point kept on disk."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

kernel = numba.njit(nogil=True, error_model="numpy")


def cached(function: Callable[..., Any]) -> Any:
    """Compile and keep the machine code, callees included, on disk where there is a place."""
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder is writable
        return kernel(function)


def fingerprint() -> int:
    """A checksum of the kernels' sources.

    Numba notices a change of the file that holds the cached function, and of no other; a function
    that closes over this number is compiled anew when any of them changes.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return zlib.crc32(b"".join(source.read_bytes() for source in sources))
