"""Read a pickle into a tree, in slices, so that it can be refused early and shows its progress."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from GPT_GNN.published.pickles.errors import PickleError
from GPT_GNN.published.pickles.machine import AT, STACK, Heap
from GPT_GNN.published.pickles.opcodes import PAUSED, REASONS, STOPPED
from GPT_GNN.published.pickles.tree import Node, Tree

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
    heap = Heap(data)
    heap.register[AT], reason = start, PAUSED
    tree = Tree(heap, name, mapping)
    with tqdm(
        total=len(data) - start,
        unit="B",
        unit_scale=True,
        desc=Path(name).name,
        disable=not progress,
        leave=False,
    ) as bar:
        while reason == PAUSED:
            before = int(heap.register[AT])
            reason = heap.run(min(before + _SLICE, len(data) + 1))
            bar.update(int(heap.register[AT]) - before)
            tree.check_globals(allowed)
            tree.release()
    tree.end = int(heap.register[AT])
    if reason != STOPPED:
        raise PickleError(f"{name} is not a whole pickle: {REASONS[reason]} (byte {tree.end:,})")
    root = Node(tree, int(heap.stack[heap.register[STACK] - 1]))
    heap.stack = heap.memo = np.empty(0, dtype=np.int64)
    return root


def file_bytes(
    source: str | os.PathLike[str] | bytes | np.ndarray, name: str
) -> tuple[np.ndarray, mmap.mmap | None, str]:
    """The bytes of a source, [n] uint8, how they are mapped, and the source's name.

    Raises:
        PickleError: no such file, or an empty one.
    """
    if isinstance(source, np.ndarray):
        return source, None, name or "a pickle"
    if isinstance(source, bytes):
        return np.frombuffer(source, dtype=np.uint8), None, name or "a pickle"
    path = Path(source)
    if not path.is_file():
        raise PickleError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise PickleError(f"{path} is empty")
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype=np.uint8), mapped, name or str(path)
