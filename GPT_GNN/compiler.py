"""How Numba compiles functions: machine code is kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

SERIAL: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
# Lets sums become vector instructions; keeps inf and nan.
_VECTORS = {"reassoc", "contract", "nsz", "arcp"}


def _kept(function: Callable[..., Any], **options: Any) -> Any:
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder is writable
        return numba.njit(**options)(function)


def serial_kernel(function: Callable[..., Any]) -> Any:
    """Compile for any thread, loader threads among them."""
    return _kept(function, **SERIAL)


def inlined_kernel(function: Callable[..., Any]) -> Any:
    """Compile into its callers: what is handed many arrays spends its time on handing them over."""
    return _kept(function, forceinline=True, **SERIAL)


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """Compile for all cores; only the training thread may call it."""
    return _kept(function, parallel=True, nogil=True, fastmath=_VECTORS)
