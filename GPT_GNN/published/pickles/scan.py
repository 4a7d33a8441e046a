"""Read a pickle into a tree, in slices, so that it can be refused early and shows its progress."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.published.pickles.machine import OBJECTS, STACK
from GPT_GNN.published.pickles.node import Node
from GPT_GNN.published.pickles.tree import PickleError, Tree, expected_layout

_SLICE = 2**24  # bytes of the file between two looks at what it asks for


def read_pickle(
    source: str | os.PathLike[str] | bytes | np.ndarray,
    allowed: Callable[[str], bool],
    *,
    name: str = "",
    start: int = 0,
    progress: bool = False,
) -> Node:
    """Parse one pickle of protocol 2 to 5; nothing in it is imported, called or built.

    Args:
        source: a file, mapped into memory, or its bytes.
        allowed: says of a global's full name, e.g. ``collections.OrderedDict``, whether such a
            file may contain it. What is allowed is not executed either.
        name: what errors call the source; a file's own path by default.
        start: where in the source the pickle begins.
        progress: show a bar.

    Returns:
        the root of the tree; ``root.tree.end`` is where the pickle ends.

    Raises:
        PickleError: no such file, no whole pickle, or a global that is not allowed.
    """
    data, mapping, name = file_bytes(source, name)
    if len(data) < start + 2 or data[start] != 0x80 or not 2 <= data[start + 1] <= 5:
        raise PickleError(f"{name}: expected a pickle of protocol 2 to 5")
    tree, reason = Tree(data, name, mapping, start), o.PAUSED
    shown = {"desc": Path(name).name, "unit": "B", "unit_scale": True, "leave": False}
    with tqdm(total=len(data), disable=not progress, **shown) as bar:
        while reason == o.PAUSED:
            known = int(tree.register[OBJECTS])
            reason = tree.run(min(tree.end + _SLICE, len(data) + 1))
            bar.update(tree.end - bar.n)
            with expected_layout(name):
                _check_globals(tree, known, allowed)
            tree.release()
    if reason != o.STOPPED:
        raise PickleError(f"{name} is not a whole pickle: {o.REASONS[reason]} (byte {tree.end:,})")
    root = Node(tree, int(tree.stack[tree.register[STACK] - 1]))
    tree.stack = tree.memo = np.empty(0, dtype=np.int64)
    return root


def _check_globals(tree: Tree, known: int, allowed: Callable[[str], bool]) -> None:
    """Raise PickleError for a global, among the objects from a row on, that is not allowed."""
    kinds = tree.objects["kind"][known : tree.register[OBJECTS]]
    for row in np.flatnonzero(kinds == o.GLOBAL) + known:
        name = Node(tree, ~int(row)).name
        if not allowed(name):
            raise PickleError(
                f"{tree.name} asks for {name}, which such a file has no use for; refused"
            )
        tree.global_names.add(name)


def file_bytes(
    source: str | os.PathLike[str] | bytes | np.ndarray, name: str
) -> tuple[np.ndarray, mmap.mmap | None, str]:
    """The bytes of a source, [n] uint8, how they are mapped, and the source's name."""
    if isinstance(source, np.ndarray):
        return source, None, name or "a pickle"
    if isinstance(source, bytes):
        return np.frombuffer(source, dtype=np.uint8), None, name or "a pickle"
    path = Path(source)
    if not path.is_file():
        found = "expected a file, found a folder" if path.is_dir() else "no such file"
        raise PickleError(f"{path}: {found}")
    if path.stat().st_size == 0:
        raise PickleError(f"{path} is empty")
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype=np.uint8), mapped, name or str(path)
