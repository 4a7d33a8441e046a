"""NumPy arrays and scalars out of a pickle's tree."""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import numpy as np

from GPT_GNN.published.pickles.node import Node

_CORE = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core._multiarray_umath")
_RECONSTRUCT = {f"{module}._reconstruct" for module in _CORE}
_FROM_BUFFER = {"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"}
_EMPTY_BYTES = {"__builtin__.bytes", "builtins.bytes"}  # in protocol 2
BYTE_ARRAY = {"builtins.bytearray", "__builtin__.bytearray"}
SCALARS = {f"{module}.scalar" for module in _CORE}
MISSING = {"pandas._libs.missing.NA", "pandas.NA"}
_CREATE = "dill._dill._create_array"  # dill wraps what an array's own reduction calls
NUMPY_GLOBALS = {
    *_RECONSTRUCT | _FROM_BUFFER | SCALARS | _EMPTY_BYTES,
    *("numpy.ndarray", "numpy.dtype", "_codecs.encode", _CREATE),
}
# Not the long double of C: what its bytes mean depends on the machine.
_DTYPE = re.compile(r"[<>|=]?([bBiuc?][0-9]*|f[248]?|[SU][1-9][0-9]*)")
_LONGEST_CODE = 16  # of a dtype


def is_array(node: Node) -> bool:
    """Whether a node is a NumPy array."""
    return node.callee in _RECONSTRUCT | _FROM_BUFFER | {_CREATE}


def is_array_function(node: Node) -> bool:
    """Whether a global is a function that makes NumPy arrays from their state."""
    return node.reference in _RECONSTRUCT | {_CREATE}


def bytes_of(node: Node) -> np.ndarray:
    """Bytes, [n] uint8. Protocol 2 writes them as text to be encoded as Latin-1."""
    if node.callee in BYTE_ARRAY and node.args:
        (node,) = node.args
    if node.kind == "bytes":
        return node.raw
    if node.callee == "_codecs.encode":
        text, coding = node.args
        if coding.text not in ("latin1", "latin-1"):
            raise coding.error("the encoding latin1")
        return np.frombuffer(text.text.encode("latin1"), dtype=np.uint8)
    if node.callee in _EMPTY_BYTES | BYTE_ARRAY and not node.args:
        return np.empty(0, dtype=np.uint8)
    raise node.error("bytes")


def dtype_of(node: Node) -> np.dtype:
    """A NumPy dtype: numbers, fixed-width strings or object, not e.g. records or datetimes."""
    if node.callee != "numpy.dtype":
        raise node.error("a NumPy dtype")
    if len(node.args[0].raw) > _LONGEST_CODE:
        raise node.args[0].error("the short code of a dtype")
    code = node.args[0].text
    order = "=" if node.state is None else list(node.state.values(2))[1].text
    if code in ("O8", "O4", "O"):
        return np.dtype(object)
    if not _DTYPE.fullmatch(code):
        raise node.args[0].error(f"a dtype of numbers or strings, not {code!r}")
    return np.dtype(code).newbyteorder(">" if order == ">" else "=")


def _parts(node: Node) -> tuple[tuple[int, ...], np.dtype, str, Node]:
    """Shape, dtype, order (C or F) and data of an array: what its ``__setstate__`` would get."""
    if node.callee in _FROM_BUFFER:
        data, dtype, size, letter = node.args
        order = letter.text
    else:
        state = node.state if node.callee in _RECONSTRUCT else None
        if node.callee == _CREATE and len(node.args) > 2 and is_array_function(node.args[0]):
            state = node.args[2]  # function, its arguments, state[, attributes]
        if state is None or state.kind != "tuple" or len(state) != 5:
            raise node.error("a NumPy array")
        _, size, dtype, fortran, data = state.values()
        order = "F" if fortran.scalar else "C"
    return size.sizes(), dtype_of(dtype), order, data


def array(node: Node) -> np.ndarray:
    """An array of numbers or strings whose bytes are as many as its shape declares."""
    shape, dtype, order, data = _parts(node)
    return _from_bytes(node, bytes_of(data), dtype, shape, order)


def object_list(node: Node) -> Node:
    """The list with the elements of an object array, flat and in C order."""
    shape, dtype, _, data = _parts(node)
    if not dtype.hasobject:
        raise node.error("an array of objects")
    if data.kind != "list" or len(data) != math.prod(shape):
        raise data.error(f"{math.prod(shape)} elements of an array")
    return data


def shape(node: Node) -> tuple[int, ...]:
    """Shape of a NumPy array."""
    return _parts(node)[0]


def holds_objects(node: Node) -> bool:
    """Whether a NumPy array is one of objects."""
    return _parts(node)[1].hasobject


def _from_bytes(
    node: Node, data: np.ndarray, dtype: np.dtype, shape: tuple[int, ...], order: str
) -> np.ndarray:
    if math.prod(shape) * dtype.itemsize != len(data):
        raise node.error(f"an array of shape {shape} in {len(data)} bytes")
    node.tree.take(len(data))
    flat = np.frombuffer(data.tobytes(), dtype=dtype)
    if dtype.kind == "U" and (flat.view(dtype.str[0] + "u4") > sys.maxunicode).any():
        raise node.error("an array of text")  # NumPy would fail at the first look at it
    return flat.reshape(shape, order="F" if order == "F" else "C")


def scalar(node: Node) -> Any:
    """A Python or NumPy scalar as a Python one; None for pandas' NA."""
    if node.kind == "global" and node.name in MISSING:
        return None
    if node.callee not in SCALARS:
        return node.scalar
    dtype, data = node.args
    return _from_bytes(node, bytes_of(data), dtype_of(dtype), (1,), "C")[0].item()
