"""How Numba compiles functions: machine code is kept on disk where there is a place for it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
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
    return numba.njit(forceinline=True, **SERIAL)(function)


def kernel_of(
    sources: Iterable[Path], allocates: bool = True
) -> Callable[[Callable[..., Any]], Any]:
    """A :func:`serial_kernel` for functions that use callees or constants of other files.

    Numba notices a change of the file that holds a kept function, and of no other; so a checksum of
    the other files becomes part of the name under which it is kept.

    Args:
        sources: the other files.
        allocates: whether the functions make arrays. Those that do not are compiled to count no
            references to the arrays they are given, which in a tight loop takes most of the time.
    """
    version = zlib.crc32(b"".join(source.read_bytes() for source in sources))

    def decorate(function: Callable[..., Any]) -> Any:
        function.__qualname__ = f"{function.__qualname__}_{version:08x}"
        return serial_kernel(function) if allocates else _kept(function, _nrt=False, **SERIAL)

    return decorate


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """Compile for all cores; only the training thread may call it."""
    return _kept(function, parallel=True, nogil=True, fastmath=_VECTORS)
