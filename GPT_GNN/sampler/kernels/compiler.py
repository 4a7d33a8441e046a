"""How kernels are compiled: serial, without the GIL, the entry point kept on disk."""

from __future__ import annotations

import zlib
from pathlib import Path

import numba

from GPT_GNN import prefetch
from GPT_GNN.compiler import SERIAL

kernel = numba.njit(**SERIAL)
# For functions that allocate nothing: they count no references to the arrays that they are given,
# which at every call would cost more than what a small function does.
leaf = numba.njit(_nrt=False, **SERIAL)


def fingerprint() -> int:
    """A checksum of the kernels' sources.

    Numba notices a change of the file that holds the cached function, and of no other; a function
    that closes over this number is compiled anew when any of them changes.
    """
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(prefetch.__file__)]
    return zlib.crc32(b"".join(source.read_bytes() for source in sources))
