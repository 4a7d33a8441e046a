"""Columns of a pickle: many values of one kind, taken over at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from GPT_GNN.published.pickles import arrays
from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.published.pickles.gather import copy_spans, kinds_of, read_numbers, spans
from GPT_GNN.published.pickles.node import Node
from GPT_GNN.published.pickles.tree import Tree

_CHUNK = 2**18  # numbers that are converted at once


@dataclass(frozen=True)
class Texts:
    """Strings one behind the other."""

    indptr: np.ndarray  # [N + 1] int64, where each begins
    values: np.ndarray  # [bytes] uint8, UTF-8

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def take(self, rows: np.ndarray) -> Texts:
        """Some of them, in a given order."""
        return _gathered(self.values, self.indptr[:-1][rows], self.indptr[1:][rows])

    def tolist(self) -> list[str]:
        """As Python strings."""
        data = self.values.tobytes()
        bounds = self.indptr.tolist()
        return [data[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(bounds)]


@dataclass(frozen=True)
class Cells:
    """Values of any kind in a row."""

    tree: Tree
    values: np.ndarray  # [N] int64, see machine.py

    def __len__(self) -> int:
        return len(self.values)

    def node(self, row: int) -> Node:
        """One of them."""
        return Node(self.tree, int(self.values[row]))

    def take(self, rows: np.ndarray | slice) -> Cells:
        """Some of them, in a given order."""
        return Cells(self.tree, self.values[rows])

    def kinds(self) -> np.ndarray:
        """Their kinds, [N] uint8: numbers in ``opcodes.KINDS``."""
        kinds = np.empty(len(self), dtype=np.uint8)
        kinds_of(self.tree.data, self.tree.objects, self.values, kinds)
        return kinds

    def are_values(self) -> bool:
        """Whether the first cell that is no plain value is a NumPy scalar or pandas' NA."""
        objects = np.flatnonzero(self.values < 0)
        if not len(objects):
            return True
        node = self.node(int(objects[0]))
        return node.callee in arrays.SCALARS or node.reference in arrays.MISSING

    def texts(self) -> Texts:
        """As strings; None is an empty one, numbers are written out, others are refused."""
        if not np.isin(self.kinds(), (o.STR, o.NONE)).all():
            return self._mixed_texts()
        starts, ends = self._spans(o.STR)
        self.tree.take(int((ends - starts).sum()))
        return _gathered(self.tree.data, starts, ends)

    def _spans(self, kind: int) -> tuple[np.ndarray, np.ndarray]:
        starts, ends = np.empty((2, len(self)), dtype=np.int64)
        spans(self.tree.data, self.values, kind, starts, ends)
        return starts, ends

    def _mixed_texts(self) -> Texts:
        rows = []
        for node in map(self.node, range(len(self))):
            value = arrays.scalar(node)
            if isinstance(value, bytes):
                raise node.error("a string or a number")
            missing = value is None or value != value  # NaN: how pandas has a missing string
            rows.append(b"" if missing else str(value).encode("utf-8", "surrogatepass"))
            self.tree.take(len(rows[-1]))
        return texts_of(rows)

    def numbers(self) -> np.ndarray:
        """As numbers: [N] int64 if all are integers, else float64 with NaN for None."""
        out, done = self._read(np.int64)
        if done.all():
            return out
        out, done = self._read(np.float64, floats=True, missing=True)
        for row in np.flatnonzero(~done).tolist():
            value = arrays.scalar(self.node(row))
            if value is not None and not isinstance(value, int | float):
                raise self.node(row).error("a number")
            out[row] = np.nan if value is None else value
        return out

    def _read(
        self, dtype: type, floats: bool = False, missing: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        out: np.ndarray = np.empty(len(self), dtype=dtype)
        done = np.zeros(len(self), dtype=np.bool_)
        bits = np.empty(1, dtype=np.uint64)
        read_numbers(self.tree.data, self.values, floats, missing, bits, out, done)
        return out, done

    def width(self) -> int:
        """How many numbers the first cell has; 0 without cells."""
        width = len(numbers(self.node(0))) if len(self) else 0
        self.tree.take(width * len(self))
        return width

    def vectors_into(self, out: np.ndarray) -> None:
        """Fill ``out``, [N, F] float, from lists, tuples or NumPy arrays of F numbers."""
        step = max(_CHUNK // max(out.shape[1], 1), 1)
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            self.take(rows)._vectors_into(out[rows])
            self.tree.release()

    def _vectors_into(self, out: np.ndarray) -> None:
        done = np.zeros(len(self), dtype=np.bool_)
        kinds, width = self.kinds(), out.shape[1]
        self._lists_into(np.flatnonzero((kinds == o.LIST) | (kinds == o.TUPLE)), out, done)
        self._arrays_into(np.flatnonzero(kinds == o.CALL), out, done)
        for row in np.flatnonzero(~done).tolist():
            found = numbers(self.node(row))
            if len(found) != width:
                raise self.node(row).error(f"a row of {width} numbers")
            out[row] = found

    def _lists_into(self, rows: np.ndarray, out: np.ndarray, done: np.ndarray) -> None:
        """Rows of cells that are lists or tuples of plain numbers."""
        rows = rows[self.tree.counts(self.values[rows], o.VALUES) == out.shape[1]]
        inner = Cells(self.tree, self.tree.held(self.values[rows], o.VALUES))
        found, read = inner._read(np.float64, floats=True)
        shape = (len(rows), out.shape[1])
        with np.errstate(over="ignore"):  # a number that is none of float32 becomes infinite
            out[rows], done[rows] = found.reshape(shape), read.reshape(shape).all(axis=1)

    def _arrays_into(self, rows: np.ndarray, out: np.ndarray, done: np.ndarray) -> None:
        """Rows of cells that are plain NumPy arrays of the same few dtypes."""
        tree, width, heads = self.tree, out.shape[1], self.take(rows)
        callees = heads._column(o.PARTS, 0)
        if not all(arrays.is_array_function(Node(tree, v)) for v in set(callees.values.tolist())):
            return
        # NumPy gives the state to BUILD, dill as the third argument of its own function.
        states = heads._column(o.STATE, -1) or heads._column(o.PARTS, 1)._column(o.VALUES, 2)
        dtypes, packed = (states._column(o.VALUES, k) for k in (2, 4))
        for dtype in np.unique(dtypes.values[: len(packed)]).tolist():
            known = arrays.dtype_of(Node(tree, dtype))
            mine = np.flatnonzero(dtypes.values == dtype)
            if known.kind not in "biuf":
                continue
            starts, ends = packed.take(mine)._spans(o.BYTES)
            whole = ends - starts == width * known.itemsize
            data = _gathered(tree.data, starts[whole], ends[whole]).values
            out[rows[mine[whole]]] = data.view(known).reshape(-1, width)
            done[rows[mine[whole]]] = True

    def _column(self, form: int, k: int) -> Cells:
        """Value k of a form of each cell, or its last one (-1); no cells if one has too few."""
        counts = self.tree.counts(self.values, form)
        ends = np.cumsum(counts)
        at = ends - 1 if k < 0 else ends - counts + k
        whole = (counts > max(k, 0)).all()
        return Cells(self.tree, self.tree.held(self.values, form)[at if whole else []])


def cells(node: Node) -> Cells:
    """The values of a list, a tuple or an object array."""
    if arrays.is_array(node):
        node = arrays.object_list(node)
    return Cells(node.tree, node.tree.held(node.head, o.VALUES))


def entry_cells(node: Node) -> tuple[Cells, Cells]:
    """Keys and values of a dict, or of what a call makes."""
    values = node.tree.held(node.head, o.ENTRIES)
    return Cells(node.tree, values[::2]), Cells(node.tree, values[1::2])


def numbers(node: Node) -> np.ndarray:
    """Numbers in a row: a list, a tuple or an array, [n] float64, int64 or the array's dtype."""
    if node.kind not in ("list", "tuple") and not arrays.holds_objects(node):
        out = arrays.array(node)
        if out.ndim != 1 or out.dtype.kind not in "biuf":
            raise node.error("a row of numbers")
        return out
    row = cells(node)
    kinds = row.kinds()
    if not np.isin(kinds, (o.BOOL, o.INT, o.FLOAT, o.CALL)).all():
        raise node.error("a row of numbers")
    out = row.numbers()
    if out.dtype.kind == "f" and (np.abs(out[kinds == o.INT]) > 2.0**63).any():
        raise node.error("a row of numbers")
    if not len(out):
        return np.empty(0)
    return out.astype(np.bool_) if (kinds == o.BOOL).all() else out


def texts_of(rows: list[bytes]) -> Texts:
    """Strings from their UTF-8 bytes."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Texts(indptr, np.frombuffer(b"".join(rows), dtype=np.uint8))


def _gathered(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Texts:
    indptr = np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64)
    values = np.empty(int(indptr[-1]), dtype=np.uint8)
    copy_spans(data, starts, ends, values)
    return Texts(indptr, values)
