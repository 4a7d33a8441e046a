"""A tree as Python's own unpickler would build it, for plain data; and a look at all of a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from GPT_GNN.published.pickles import Node, PickleError, expected_layout, read_pickle
from GPT_GNN.published.pickles.arrays import (
    array,
    bytes_of,
    dtype_of,
    holds_objects,
    object_list,
    scalar,
    shape,
)
from GPT_GNN.published.pickles.cells import cells, entry_cells, numbers
from GPT_GNN.published.pickles.frames import frame
from GPT_GNN.published.pickles.tensors import tensor

# How protocols 2 and 3 write what has no opcode there.
BUILTINS: dict[str, Callable[..., Any]] = {
    "set": set,
    "frozenset": frozenset,
    "bytearray": bytearray,
    "complex": complex,
    "bytes": bytes,
}
PLAIN = {"_codecs.encode"} | {
    f"{m}.{name}" for m in ("builtins", "__builtin__") for name in BUILTINS
}


def load(data: bytes) -> Any:
    """Plain data out of a pickle, through the machine."""
    return build(read_pickle(data, PLAIN.__contains__))


def build(node: Node, made: dict[int, Any] | None = None) -> Any:
    """Python objects of a tree of plain data; what the pickle shares, they share."""
    made = {} if made is None else made
    if node.value >= 0:
        return node.scalar
    if node.value not in made:
        if node.kind in ("list", "dict", "set"):  # before what it holds: it may hold itself
            made[node.value] = {"list": [], "dict": {}, "set": set()}[node.kind]
            _fill(made[node.value], node, made)
        elif node.kind in ("tuple", "frozenset"):
            maker = tuple if node.kind == "tuple" else frozenset
            built = maker([build(value, made) for value in node.values()])
            made.setdefault(node.value, built)
        else:
            made[node.value] = _call(node, made)
    return made[node.value]


def _fill(out: Any, node: Node, made: dict[int, Any]) -> None:
    if isinstance(out, dict):
        for key, value in node.entries():
            out[build(key, made)] = build(value, made)
    else:
        for value in node.values():
            (out.append if isinstance(out, list) else out.add)(build(value, made))


def _call(node: Node, made: dict[int, Any]) -> Any:
    if node.callee == "_codecs.encode":
        return bytes_of(node).tobytes()
    return BUILTINS[node.callee.split(".")[1]](*(build(value, made) for value in node.args))


def plain(node: Node, most: int = 100_000) -> Any:
    """Nested lists, tuples, dicts and scalars as Python has them, by walking the tree.

    Args:
        most: values at most; a few bytes can refer to one thing again and again.

    Raises:
        PickleError: it contains calls or other things that are no plain data, nests deeper than 60,
            or holds more values.
    """
    with expected_layout(node.tree.name):  # a list as a key
        return _plain(node, [most], 60, {})


def _plain(node: Node, left: list[int], depth: int, made: dict[Node, Any]) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth == 0:
        raise PickleError(f"{node.tree.name}: more, or more deeply nested, than expected")
    if node.value >= 0:
        if node not in made:  # a long string takes its memory once, however often it stands
            made[node] = node.scalar
        return made[node]
    if node.kind == "dict":
        return {
            _plain(key, left, depth - 1, made): _plain(value, left, depth - 1, made)
            for key, value in node.entries()
        }
    if node.kind not in ("list", "tuple", "set", "frozenset"):
        raise node.error("plain data")
    values = [_plain(value, left, depth - 1, made) for value in node.values()]
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[node.kind](values)


def look(root: Node) -> int:
    """Ask everything that can be asked of every node of a tree; returns how many refused.

    Raises:
        whatever a node raises that is no PickleError.
    """
    refused = 0
    for node in reachable(root):
        for question in _OF_OBJECTS if node.value < 0 else _OF_SCALARS:
            try:
                with expected_layout(node.tree.name):
                    question(node)
            except PickleError:
                refused += 1
    return refused


@contextmanager
def refused(match: str = "") -> Iterator[None]:
    """Expect a PickleError of a block that reads a tree, as what opens a file would raise."""
    with pytest.raises(PickleError, match=match), expected_layout("a pickle"):
        yield


def reachable(root: Node) -> Iterator[Node]:
    """All nodes below a root, each object once."""
    seen, left = set(), [root]
    while left:
        node = left.pop()
        if node.value < 0:
            if node.value in seen:
                continue
            seen.add(node.value)
            left.extend(_below(node))
        yield node


def _below(node: Node) -> list[Node]:
    below: list[Node] = []
    for part in (
        lambda: node.values(),
        lambda: [value for entry in node.entries() for value in entry],
        lambda: node.args,
        lambda: [node.called],
        lambda: [state] if (state := node.state) is not None else [],
    ):
        try:
            with expected_layout(node.tree.name):
                below += part()
        except PickleError:
            pass
    return below


_OF_SCALARS: tuple[Callable[[Node], Any], ...] = (
    lambda node: node.error("another thing"),
    lambda node: node.scalar,
    lambda node: node.integer(0, 10),
    lambda node: node.by_name(),
    lambda node: node.args,
    lambda node: node.state,
    lambda node: plain(node, most=1000),
    bytes_of,
    dtype_of,
    numbers,
)
_OF_OBJECTS: tuple[Callable[[Node], Any], ...] = (
    lambda node: node.error("another thing"),
    lambda node: node.text,
    lambda node: node.scalar,
    len,
    lambda node: list(node.values()),
    lambda node: list(node.entries()),
    lambda node: node.by_name(),
    lambda node: node.name,
    lambda node: node.callee,
    lambda node: node.args,
    lambda node: node.state,
    lambda node: plain(node, most=1000),
    array,
    object_list,
    shape,
    holds_objects,
    lambda node: cells(node).texts(),
    lambda node: cells(node).numbers(),
    lambda node: cells(node).vectors_into(np.empty((len(cells(node)), cells(node).width()))),
    entry_cells,
    frame,
    bytes_of,
    dtype_of,
    numbers,
    scalar,
    tensor,
)
