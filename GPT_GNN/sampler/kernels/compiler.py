"""How kernels are compiled: serial, without the GIL, the entry point kept on disk."""

from __future__ import annotations

from pathlib import Path

import numba

from GPT_GNN.system import prefetch
from GPT_GNN.system.compiler import SERIAL

kernel = numba.njit(**SERIAL)
# For functions that allocate nothing: they count no references to the arrays that they are given,
# which at every call would cost more than what a small function does.
leaf = numba.njit(_nrt=False, **SERIAL)
# Of the entry point, which is kept on disk with all that it calls.
SOURCES = (*sorted(Path(__file__).parent.glob("*.py")), Path(prefetch.__file__))
