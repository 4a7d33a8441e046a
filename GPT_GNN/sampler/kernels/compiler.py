"""How kernels are compiled: serial, without the GIL, the entry point kept on disk."""

from __future__ import annotations

import zlib
from pathlib import Path

import numba

from GPT_GNN.compiler import SERIAL

kernel = numba.njit(**SERIAL)


def fingerprint() -> int:
    """A checksum of the kernels' sources.

    Numba notices a change of the file that holds the cached function, and of no other; a function
    that closes over this number is compiled anew when any of them changes.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return zlib.crc32(b"".join(source.read_bytes() for source in sources))
