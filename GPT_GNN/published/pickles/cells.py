"""Columns of a pickle: many values of one kind, taken over at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from GPT_GNN.published.pickles import arrays
from GPT_GNN.published.pickles.gather import array_parts, copy_spans, list_rows, string_spans
from GPT_GNN.published.pickles.heap import (
    BOOL,
    BYTES,
    ENTRIES,
    FLOAT,
    FLOAT_STEP,
    FLOATS,
    INT,
    INTS,
    NO_VALUE,
    NONE,
    OBJECT,
    PAIRS,
    STR,
    VALUES,
)
from GPT_GNN.published.pickles.tree import Node, Tree, expected_layout

MISSING = {"pandas._libs.missing.NA", "pandas.NA"}
_CHUNK = 2**22  # numbers that are converted at once
_CELL = 9  # bytes of a tag and a value


@dataclass(frozen=True)
class Texts:
    """Strings one behind the other.

    Attributes:
        indptr: [N + 1] int64, where each begins.
        values: [bytes] uint8, UTF-8.
    """

    indptr: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def take(self, rows: np.ndarray) -> Texts:
        """Some of them, in a given order."""
        starts, ends = self.indptr[:-1][rows], self.indptr[1:][rows]
        return _gathered(self.values, starts, ends)

    def tolist(self) -> list[str]:
        """As Python strings."""
        data = self.values.tobytes()
        bounds = self.indptr.tolist()
        return [data[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(bounds)]


@dataclass(frozen=True)
class Cells:
    """Values of any kind in a row, as the heap has them.

    Attributes:
        tree: they belong to.
        tags: [N] uint8.
        values: [N] int64.
    """

    tree: Tree
    tags: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.tags)

    def node(self, row: int) -> Node:
        """One of them."""
        return Node(self.tree, int(self.tags[row]), int(self.values[row]))

    def take(self, rows: np.ndarray | slice) -> Cells:
        """Some of them, in a given order."""
        return Cells(self.tree, self.tags[rows], self.values[rows])

    def are_values(self) -> bool:
        """Whether the first cell that is no plain value is a NumPy scalar or pandas' NA."""
        objects = np.flatnonzero(self.tags == OBJECT)
        if not len(objects):
            return True
        node = self.node(int(objects[0]))
        return arrays.is_number_scalar(node) or node.reference in MISSING

    def texts(self) -> Texts:
        """As strings; None is an empty one, numbers are written out.

        Raises:
            PickleError: something else among them, or one string repeated without end.
        """
        if not np.isin(self.tags, (STR, NONE)).all():
            return self._mixed_texts()
        starts, ends = self._spans(STR)
        self.tree.take(int((ends - starts).sum()))
        return _gathered(self.tree.heap.data, starts, ends)

    def _spans(self, tag: int) -> tuple[np.ndarray, np.ndarray]:
        starts = np.empty(len(self), dtype=np.int64)
        ends = np.empty(len(self), dtype=np.int64)
        string_spans(self.tags, self.values, self.tree.heap.data, tag, starts, ends)
        return starts, ends

    def _mixed_texts(self) -> Texts:
        rows = []
        with expected_layout(self.tree.name):  # an integer of a million digits
            for row in range(len(self)):
                node = self.node(row)
                value = _value(node)
                if isinstance(value, bytes):
                    raise node.error("a string or a number")
                missing = value is None or value != value  # NaN: how pandas has a missing string
                rows.append(b"" if missing else str(value).encode("utf-8", "surrogatepass"))
                self.tree.take(len(rows[-1]))
        return texts_of(rows)

    def numbers(self) -> np.ndarray:
        """As numbers: [N] int64 if all are integers, else float64 with NaN for None.

        Raises:
            PickleError: something else among them.
        """
        if np.isin(self.tags, (INT, BOOL)).all():
            return self.values.copy()
        out = np.empty(len(self), dtype=np.float64)
        integers, floats = np.isin(self.tags, (INT, BOOL)), self.tags == FLOAT
        out[integers] = self.values[integers]
        data, starts = self.tree.heap.data, self.values[floats]
        packed = data[starts[:, None] + np.arange(1, FLOAT_STEP)]
        out[floats] = packed.view(">f8")[:, 0]
        for row in np.flatnonzero(~integers & ~floats).tolist():
            value = _value(self.node(row))
            if not (value is None or isinstance(value, int | float)) or _is_huge(value):
                raise self.node(row).error("a number")
            out[row] = np.nan if value is None else value
        return out

    def width(self) -> int:
        """How many numbers the first cell has in a row; 0 without cells.

        Raises:
            PickleError: the cell has no numbers, or so many in each row make far more than the file
                has: one row repeated without end.
        """
        width = len(arrays.numbers(self.node(0))) if len(self) else 0
        self.tree.take(width * len(self))
        return width

    def vectors_into(self, out: np.ndarray) -> None:
        """As rows of numbers: lists, tuples or NumPy arrays.

        Args:
            out: [N, F] float, filled.

        Raises:
            PickleError: a cell that is no row of F numbers.
        """
        step = max(_CHUNK // max(out.shape[1], 1), 1)
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            self.take(rows)._vectors_into(out[rows])
            self.tree.release()

    def _vectors_into(self, out: np.ndarray) -> None:
        heap, width = self.tree.heap, out.shape[1]
        buffer = np.empty(out.shape, dtype=out.dtype)
        done = np.zeros(len(self), dtype=np.bool_)
        objects = np.flatnonzero(self.tags == OBJECT)
        if len(objects) == len(self):
            bits = np.empty(width, dtype=np.uint64)
            list_rows(heap, self.values, bits, buffer, done)
        self._arrays_into(objects[~done[objects]], buffer, done)
        for row in np.flatnonzero(~done).tolist():
            numbers = arrays.numbers(self.node(row))
            if len(numbers) != width:
                raise self.node(row).error(f"a row of {width} numbers")
            buffer[row] = numbers
        out[:] = buffer

    def _arrays_into(self, objects: np.ndarray, buffer: np.ndarray, done: np.ndarray) -> None:
        """Rows of cells that are plain NumPy arrays of the same few dtypes."""
        heap, width = self.tree.heap, buffer.shape[1]
        callee, dtype, where = (np.empty(len(objects), dtype=np.int64) for _ in range(3))
        array_parts(
            heap.objects,
            heap.item_tag,
            heap.item_value,
            self.values[objects],
            callee,
            dtype,
            where,
        )
        for row in np.unique(callee[callee >= 0]):
            if not arrays.is_array_function(Node(self.tree, OBJECT, int(row))):
                dtype[callee == row] = -1
        for row in np.unique(dtype[dtype >= 0]):
            known = arrays.dtype_of(Node(self.tree, OBJECT, int(row)))
            mine = np.flatnonzero(dtype == row)
            if known.kind not in "biuf":
                continue
            parts = Cells(self.tree, np.full(len(mine), BYTES, np.uint8), where[mine])
            starts, ends = parts._spans(BYTES)
            whole = ends - starts == width * known.itemsize
            packed = _gathered(heap.data, starts[whole], ends[whole]).values
            rows = objects[mine[whole]]
            buffer[rows] = packed.view(known).reshape(len(rows), width)
            done[rows] = True


def cells(node: Node) -> Cells:
    """The values of a list, tuple or object array.

    Raises:
        PickleError: something else.
    """
    if arrays.is_array(node):
        node = arrays.object_list(node)
    heap = node.tree.heap
    node.tree.take(_CELL * len(node))
    tags, values = [np.empty(0, np.uint8)], [np.empty(0, np.int64)]
    for form, start, count in node.segments():
        if form == INTS:
            tags.append(np.full(count, INT, dtype=np.uint8))
            values.append(heap.ints[start : start + count])
        elif form == FLOATS:
            tags.append(np.full(count, FLOAT, dtype=np.uint8))
            values.append(start + FLOAT_STEP * np.arange(count))
        elif form == VALUES:
            tags.append(heap.item_tag[start : start + count])
            values.append(heap.item_value[start : start + count])
        else:
            raise node.error("values, not entries")
    return Cells(node.tree, np.concatenate(tags), np.concatenate(values))


def entry_cells(node: Node) -> tuple[Cells, Cells]:
    """Keys and values of a dict, or of what a call makes.

    Raises:
        PickleError: something else.
    """
    heap = node.tree.heap
    node.tree.take(2 * _CELL * len(node))
    tags, values = [np.empty((0, 2), np.uint8)], [np.empty((0, 2), np.int64)]
    for form, start, count in node.segments():
        if form == PAIRS:
            pairs = heap.pairs[start : start + count].astype(np.int64)
            none = pairs == NO_VALUE
            tags.append(np.where(none, NONE, INT).astype(np.uint8))
            values.append(np.where(none, 0, pairs))
        elif form == ENTRIES:
            tags.append(heap.item_tag[start : start + 2 * count].reshape(-1, 2))
            values.append(heap.item_value[start : start + 2 * count].reshape(-1, 2))
        else:
            raise node.error("entries, not values")
    tag, value = np.concatenate(tags), np.concatenate(values)
    return (
        Cells(node.tree, tag[:, 0], value[:, 0]),
        Cells(node.tree, tag[:, 1], value[:, 1]),
    )


def _is_huge(value: int | float | None) -> bool:
    """Whether an integer is none that a float can have."""
    return isinstance(value, int) and value.bit_length() > 1023


def _value(node: Node) -> Any:
    """A Python or NumPy scalar; None for pandas' NA."""
    if node.kind == "global" and node.name in MISSING:
        return None
    return arrays.scalar(node)


def texts_of(rows: list[bytes]) -> Texts:
    """Strings from their UTF-8 bytes."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Texts(indptr, np.frombuffer(b"".join(rows), dtype=np.uint8))


def _gathered(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Texts:
    indptr = np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64)
    values = np.empty(int(indptr[-1]), dtype=np.uint8)
    copy_spans(data, starts, ends, values)
    return Texts(indptr, values)
