"""NumPy arrays and scalars, and torch tensors, out of a pickle's tree."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from GPT_GNN.pickles.heap import BYTES, FLOATS, INTS, OBJECT, VALUES
from GPT_GNN.pickles.tree import Node

_RECONSTRUCT = {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"}
_FROM_BUFFER = {"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"}
_EMPTY_BYTES = {"__builtin__.bytes", "builtins.bytes"}  # in protocol 2
_SCALAR = {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}
NUMPY_GLOBALS = {
    *_RECONSTRUCT,
    *_FROM_BUFFER,
    *_SCALAR,
    *_EMPTY_BYTES,
    "numpy.ndarray",
    "numpy.dtype",
    "_codecs.encode",
    "dill._dill._create_array",
}
_DTYPE = re.compile(r"[<>|=]?[bBiufc?]\d*|[<>|=]?[SU]\d+")
_CREATE = "dill._dill._create_array"  # dill wraps what an array's own reduction calls


def is_array(node: Node) -> bool:
    """Whether a node is a NumPy array."""
    return node.callee in _RECONSTRUCT | _FROM_BUFFER | {_CREATE}


def is_number_scalar(node: Node) -> bool:
    """Whether a node is a NumPy scalar."""
    return node.callee in _SCALAR


def bytes_of(node: Node) -> np.ndarray:
    """Bytes as [n] uint8: as such, or as protocol 2 has them, text to be encoded as Latin-1."""
    if node.tag == BYTES:
        return node.raw
    if node.callee == "_codecs.encode" and node.args and node.args[-1].kind == "str":
        text, coding = node.args
        if coding.text != "latin1":
            raise coding.error("the encoding latin1")
        return np.frombuffer(text.text.encode("latin1", "replace"), dtype=np.uint8)
    if node.callee in _EMPTY_BYTES and not node.args:
        return np.empty(0, dtype=np.uint8)
    raise node.error("bytes")


def dtype_of(node: Node) -> np.dtype:
    """A NumPy dtype: numbers, fixed-width strings, or object.

    Raises:
        PickleError: a dtype of another kind, e.g. a record or a datetime.
    """
    if node.callee != "numpy.dtype":
        raise node.error("a NumPy dtype")
    code = node.args[0].text
    order = "="
    if node.state is not None:
        order = list(node.state.values())[1].text
    if code in ("O8", "O4", "O"):
        return np.dtype(object)
    if not _DTYPE.fullmatch(code):
        raise node.args[0].error(f"a dtype of numbers or strings, not {code!r}")
    try:
        return np.dtype(code).newbyteorder(">" if order == ">" else "=")
    except (TypeError, ValueError) as error:
        raise node.args[0].error(f"a dtype of numbers or strings, not {code!r}") from error


def array(node: Node) -> np.ndarray | list[Node]:
    """An array of numbers or strings; of an object array its elements, flat, as nodes.

    Raises:
        PickleError: not an array, or one whose bytes are not those that its shape declares.
    """
    callee, args, state = node.callee, node.args, node.state
    if callee == _CREATE:
        return _created(node)
    if callee in _FROM_BUFFER:
        data, dtype, shape, order = args
        return _from_bytes(node, bytes_of(data), dtype_of(dtype), _shape(shape), order.text)
    if callee not in _RECONSTRUCT or state is None:
        raise node.error("a NumPy array")
    return _from_state(node, state)


def _created(node: Node) -> np.ndarray | list[Node]:
    """dill: ``_create_array(function, arguments, state[, attributes])``."""
    args = node.args
    if len(args) < 3 or args[0].kind != "global" or args[0].name not in _RECONSTRUCT:
        raise node.error("a NumPy array")
    return _from_state(node, args[2])


def _from_state(node: Node, state: Node) -> np.ndarray | list[Node]:
    """An array from what its ``__setstate__`` is given: version, shape, dtype, order, data."""
    parts = list(state.values())
    if len(parts) != 5:
        raise state.error("the state of a NumPy array")
    _, shape, dtype, fortran, data = parts
    if dtype_of(dtype).hasobject:
        if len(data) != math.prod(_shape(shape)):
            raise data.error(f"{math.prod(_shape(shape))} elements of an array")
        return list(data.values())
    order = "F" if fortran.scalar else "C"
    return _from_bytes(node, bytes_of(data), dtype_of(dtype), _shape(shape), order)


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(n.integer(0, 2**40) for n in node.values())


def _from_bytes(
    node: Node, data: np.ndarray, dtype: np.dtype, shape: tuple[int, ...], order: str
) -> np.ndarray:
    if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(data):
        raise node.error(f"an array of shape {shape} in {len(data)} bytes")
    flat = np.frombuffer(data.tobytes(), dtype=dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def scalar(node: Node) -> Any:
    """A Python or NumPy scalar as a Python one.

    Raises:
        PickleError: neither.
    """
    if node.callee not in _SCALAR:
        return node.scalar
    dtype, data = node.args
    return _from_bytes(node, bytes_of(data), dtype_of(dtype), (1,), "C")[0].item()


def numbers(node: Node) -> np.ndarray:
    """Numbers in a row: a list, a tuple or an array, [n] float64, int64 or the array's dtype.

    Raises:
        PickleError: something else, or of more than one dimension.
    """
    if node.tag == OBJECT and node.kind in ("list", "tuple"):
        parts = []
        for form, start, count in node.segments():
            if form == FLOATS:
                parts.append(node.tree.heap.floats[start : start + count])
            elif form == INTS:
                parts.append(node.tree.heap.ints[start : start + count])
            elif form == VALUES:
                parts.append(_as_numbers(node, start, count))
        return np.concatenate(parts) if parts else np.empty(0)
    out = array(node)
    if isinstance(out, list):
        out = np.array([scalar(value) for value in out])
    if out.ndim != 1 or out.dtype.kind not in "biuf":
        raise node.error("a row of numbers")
    return out


def _as_numbers(node: Node, start: int, count: int) -> np.ndarray:
    values = [scalar(value) for value in node._items(start, count)]
    if any(type(value) not in (int, float, bool) for value in values):
        raise node.error("a row of numbers")
    return np.array(values)
