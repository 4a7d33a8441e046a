"""A parsed pickle as a tree of nodes: looked at piece by piece, never executed."""

from __future__ import annotations

import functools
import mmap
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from GPT_GNN.published.pickles.heap import (
    BIG_INT,
    BOOL,
    BYTES,
    CALL,
    DICT,
    EMPTY,
    ENTRIES,
    FLOAT,
    FLOAT_STEP,
    FLOATS,
    FROZENSET,
    GLOBAL,
    INT,
    INTS,
    LIST,
    NEW,
    NO_VALUE,
    NONE,
    OBJECT,
    OBJECTS,
    PAIRS,
    PERSISTENT,
    SET,
    STATE,
    STR,
    TEXT,
    TUPLE,
    VALUES,
    Heap,
)

_SCALAR_KINDS = {
    NONE: "none",
    BOOL: "bool",
    INT: "int",
    BIG_INT: "int",
    FLOAT: "float",
    STR: "str",
    BYTES: "bytes",
}
_OBJECT_KINDS = {
    LIST: "list",
    DICT: "dict",
    TUPLE: "tuple",
    SET: "set",
    FROZENSET: "frozenset",
    GLOBAL: "global",
    CALL: "call",
    NEW: "new",
    PERSISTENT: "persistent",
}
_LENGTH_FORMAT = {1: "<B", 4: "<I", 8: "<Q"}
_LENGTH_BYTES = {op: 1 for op in b"\x8cC\x8a"} | {op: 4 for op in b"XB\x8b"}
_LENGTH_BYTES |= {op: 8 for op in b"\x8d\x8e\x96"}
_DILL = ("dill._dill", "dill.dill")
_DILL_TYPES = {"PartialType": "functools.partial"}
_LONGEST_NAME = 512  # of a global
_MOST_ARGUMENTS = 255  # of a call
_MOST_TAKEN = 64  # times the file's size: what may be taken out of a tree, in bytes
_LEAST_TAKEN = 2**20
_ENTRY = 100  # bytes of a dict's entry in Python
_DEEPEST = 60  # nesting that :meth:`Node.plain` follows
# What code that reads a tree trips over when the tree is another than the one it was written for.
_SLIPS = (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
_Given = ParamSpec("_Given")
_Read = TypeVar("_Read")


class PickleError(ValueError):
    """A file that is no whole pickle, asks for what it must not, or is not what was expected."""


@contextmanager
def expected_layout(name: str) -> Iterator[None]:
    """Read a tree as it should be: ``dtype, data = node.args`` and the like, without a check each.

    Args:
        name: of the file, for the error.

    Raises:
        PickleError: the tree is another one, and what is done with it failed.
    """
    try:
        yield
    except PickleError:
        raise
    except _SLIPS as error:
        kind = type(error).__name__
        raise PickleError(f"{name}: not laid out as expected ({kind}: {error})") from error


def reader(
    read: Callable[Concatenate[Node, _Given], _Read],
) -> Callable[Concatenate[Node, _Given], _Read]:
    """Decorate a function of a node: it runs under :func:`expected_layout`."""

    @functools.wraps(read)
    def checked(node: Node, *args: _Given.args, **kwargs: _Given.kwargs) -> _Read:
        with expected_layout(node.tree.name):
            return read(node, *args, **kwargs)

    return checked


class Tree:
    """All nodes of one pickle.

    Attributes:
        heap: the arrays that hold it.
        name: of the file, for errors.
        end: position behind the pickle.
        mapping: the file, if it is mapped into memory.
    """

    def __init__(self, heap: Heap, name: str) -> None:
        self.heap = heap
        self.name = name
        self.end = 0
        self.mapping: mmap.mmap | None = None
        self._left = _LEAST_TAKEN + _MOST_TAKEN * len(heap.data)
        self._checked = 0
        self._names: set[str] = set()

    def check_globals(self, allowed: Callable[[str], bool]) -> None:
        """Look at the globals that came since the last look.

        Raises:
            PickleError: one of them is not allowed; the message names it.
        """
        rows = int(self.heap.register[OBJECTS])
        kinds = self.heap.objects["kind"][self._checked : rows]
        for row in np.flatnonzero(kinds == GLOBAL) + self._checked:
            name = self.global_name(int(row))
            if not allowed(name):
                raise PickleError(
                    f"{self.name} asks for {name}, which such a file has no use for; refused"
                )
            self._names.add(name)
        self._checked = rows

    def global_names(self) -> set[str]:
        """Full names of all globals that the pickle asks for."""
        return set(self._names)

    def global_name(self, row: int) -> str:
        """``module.name`` of a row of kind GLOBAL."""
        head = self.heap.objects[row]
        start = int(head["start"])
        if head["form"] == TEXT:
            data = self.heap.data[start : start + _LONGEST_NAME].tobytes()
            lines = data.split(b"\n")
            if len(lines) < 3:
                raise PickleError(f"{self.name}: a global's name is longer than it may be")
            return ".".join(_text(line, self.name) for line in lines[:2])
        parts = [
            Node(self, int(self.heap.item_tag[start + i]), int(self.heap.item_value[start + i]))
            for i in range(2)
        ]
        if any(part.kind != "str" or part.length > _LONGEST_NAME for part in parts):
            raise PickleError(f"{self.name}: a global is not named by two short strings")
        return ".".join(part.text for part in parts)

    def take(self, size: int) -> None:
        """Note that so many bytes are taken out of the tree.

        Raises:
            PickleError: it comes to far more than the file has: a few bytes can refer to one part
                again and again.
        """
        self._left -= size
        if self._left < 0:
            raise PickleError(
                f"{self.name}: far more in it than a file of {len(self.heap.data):,} bytes can "
                "hold: parts of it are repeated without end"
            )

    def release(self) -> None:
        """Let go of the pages of the file that were looked at; they come back when needed."""
        if self.mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapping.madvise(mmap.MADV_DONTNEED)

    def nodes(self, kind: str) -> Iterator[Node]:
        """All objects of a kind, in the order in which the pickle makes them."""
        kinds = self.heap.objects["kind"][: int(self.heap.register[OBJECTS])]
        number = next(n for n, name in _OBJECT_KINDS.items() if name == kind)
        for row in np.flatnonzero(kinds == number):
            yield Node(self, OBJECT, int(row))

    def segments(self, row: int) -> Iterator[tuple[int, int, int]]:
        """(form, start, count) of each segment of an object."""
        objects = self.heap.objects
        while row >= 0:
            head = objects[row]
            if head["form"] != EMPTY:
                yield int(head["form"]), int(head["start"]), int(head["count"])
            row = int(head["next"])


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a pickle.

    Attributes:
        tree: it belongs to.
        tag, value: see :mod:`GPT_GNN.published.pickles.heap`.
    """

    tree: Tree = field(repr=False, compare=False)
    tag: int
    value: int

    @property
    def kind(self) -> str:
        """``none bool int float str bytes list dict tuple set frozenset``; ``global``, a name;
        ``call``, a callable and its arguments; ``new``, a class and its arguments; or
        ``persistent``, an id of something outside of the pickle."""
        if self.tag == OBJECT:
            return _OBJECT_KINDS[int(self.tree.heap.objects[self.value]["kind"])]
        return _SCALAR_KINDS[self.tag]

    def error(self, expected: str) -> PickleError:
        """An error that says what was expected here and what was found."""
        found = self.kind
        if found in ("call", "new"):
            found = f"an object of {self.callee or 'no name'}"
        elif found == "global":
            found = self.name
        return PickleError(f"{self.tree.name}: expected {expected}, found {found}")

    # Scalars ----------------------------------------------------------------------------------

    @property
    def span(self) -> tuple[int, int]:
        """Where the bytes of a string, bytes or long integer lie in the file: [start, end)."""
        data = self.tree.heap.data
        width = _LENGTH_BYTES[int(data[self.value])]
        start = self.value + 1 + width
        packed = data[self.value + 1 : start].tobytes()
        return start, start + int(struct.unpack(_LENGTH_FORMAT[width], packed)[0])

    @property
    def length(self) -> int:
        """Bytes of a string or of bytes."""
        start, end = self.span
        return end - start

    @property
    def raw(self) -> np.ndarray:
        """The bytes of a string or of bytes: a view of the file, [n] uint8."""
        start, end = self.span
        return self.tree.heap.data[start:end]

    @property
    def text(self) -> str:
        """A string. Raises PickleError if it is something else, or no UTF-8."""
        if self.tag != STR:
            raise self.error("a string")
        return _text(self.raw.tobytes(), self.tree.name)

    @property
    def scalar(self) -> None | bool | int | float | str | bytes:
        """The Python value of a scalar. Raises PickleError for anything else."""
        if self.tag == NONE:
            return None
        if self.tag == BOOL:
            return bool(self.value)
        if self.tag == INT:
            return self.value
        if self.tag == FLOAT:
            packed = self.tree.heap.data[self.value + 1 : self.value + FLOAT_STEP].tobytes()
            return float(struct.unpack(">d", packed)[0])
        if self.tag == STR:
            return self.text
        if self.tag == BYTES:
            return self.raw.tobytes()
        if self.tag == BIG_INT:
            return int.from_bytes(self.raw.tobytes(), "little", signed=True)
        raise self.error("a plain value")

    def integer(self, low: int = -(2**63), high: int = 2**63 - 1) -> int:
        """An integer in [low, high]. Raises PickleError for anything else."""
        if self.tag not in (INT, BOOL) or not low <= self.value <= high:
            raise self.error(f"an integer from {low} to {high}")
        return self.value

    # Containers -------------------------------------------------------------------------------

    def segments(self) -> Iterator[tuple[int, int, int]]:
        """(form, start, count) of what an object holds; of a call without its arguments."""
        if self.tag != OBJECT:
            raise self.error("a container")
        chain = self.tree.segments(self.value)
        if self.kind in ("call", "new"):
            next(chain)
        return (segment for segment in chain if segment[0] != STATE)

    def __len__(self) -> int:
        """Number of values, or of entries."""
        return sum(count for _, _, count in self.segments())

    def values(self) -> Iterator[Node]:
        """The values of a list, tuple or set, or of what a call makes."""
        heap = self.tree.heap
        for form, start, count in self.segments():
            if form == INTS:
                for value in heap.ints[start : start + count].tolist():
                    yield Node(self.tree, INT, value)
            elif form == FLOATS:
                for value in range(start, start + FLOAT_STEP * count, FLOAT_STEP):
                    yield Node(self.tree, FLOAT, value)
            elif form == VALUES:
                yield from self._items(start, count)
            else:
                raise self.error("values, not entries")

    def entries(self) -> Iterator[tuple[Node, Node]]:
        """(key, value) of a dict, or of what a call makes."""
        for form, start, count in self.segments():
            if form == PAIRS:
                for key, value in self.tree.heap.pairs[start : start + count].tolist():
                    none = value == NO_VALUE
                    yield (
                        Node(self.tree, INT, key),
                        Node(self.tree, NONE if none else INT, 0 if none else value),
                    )
            elif form == ENTRIES:
                items = self._items(start, 2 * count)
                yield from zip(items, items, strict=True)
            else:
                raise self.error("entries, not values")

    def by_name(self) -> dict[str, Node]:
        """The entries of a dict whose keys are strings; the last of equal keys counts.

        Raises:
            PickleError: something else; see also :meth:`Tree.take`.
        """
        if self.kind not in ("dict", "call", "new"):
            raise self.error("a dict")
        self.tree.take(_ENTRY * (1 + len(self)))
        return {key.text: value for key, value in self.entries()}

    def _items(self, start: int, count: int) -> Iterator[Node]:
        heap = self.tree.heap
        tags = heap.item_tag[start : start + count].tolist()
        values = heap.item_value[start : start + count].tolist()
        return (Node(self.tree, tag, value) for tag, value in zip(tags, values, strict=True))

    # Calls ------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """``module.name`` of a global. Raises PickleError for anything else."""
        if self.kind != "global":
            raise self.error("a global")
        return self.tree.global_name(self.value)

    @property
    def reference(self) -> str:
        """What a node refers to, as ``module.name``; empty if it is no reference.

        Besides globals dill writes ``_load_type("slice")`` for built-in types, and
        ``_get_attr(_import_module("module"), "name")`` for built-in functions.
        """
        if self.kind == "global":
            return self.name
        dill, _, function = self._function.rpartition(".")
        if dill not in _DILL or function not in ("_load_type", "_get_attr"):
            return ""
        texts = [a.text for a in self.args if a.kind == "str"]
        if function == "_load_type" and texts:
            return _DILL_TYPES.get(texts[0], f"builtins.{texts[0]}")
        module = self.args[0] if self.args else self
        if texts and module._function == f"{dill}._import_module":
            texts.insert(0, module.args[0].text if module.args else "")
        return ".".join(texts)

    @property
    def _function(self) -> str:
        """The global that a call would call, empty for all else: calls may be of calls of calls."""
        named = self.kind == "call" and self.called.kind == "global"
        return self.called.name if named else ""

    @property
    def callee(self) -> str:
        """Name of what a call would call or instantiate; empty for anything that has none."""
        return self.called.reference if self.kind in ("call", "new") else ""

    @property
    def called(self) -> Node:
        """What a call would call. Raises PickleError for anything else."""
        if self.kind not in ("call", "new"):
            raise self.error("a call")
        return self._first()[0]

    @property
    def args(self) -> list[Node]:
        """Arguments of a call; the id of a persistent reference.

        Raises:
            PickleError: something else, or more than 255: many calls can share a long tuple.
        """
        if self.kind == "persistent":
            return self._first()
        if self.kind not in ("call", "new"):
            raise self.error("a call")
        args = self._first()[1]
        if len(args) > _MOST_ARGUMENTS:
            raise self.error(f"at most {_MOST_ARGUMENTS} arguments")
        return list(args.values())

    @property
    def state(self) -> Node | None:
        """What BUILD would set: the last state given to a call, None if there is none."""
        if self.kind not in ("call", "new"):
            return None
        states = [start for form, start, _ in self.tree.segments(self.value) if form == STATE]
        return next(self._items(states[-1], 1)) if states else None

    def _first(self) -> list[Node]:
        form, start, count = next(self.tree.segments(self.value))
        return list(self._items(start, count)) if form == VALUES else []

    # All at once ------------------------------------------------------------------------------

    def plain(self, most: int = 100_000) -> Any:
        """Nested lists, tuples, dicts and scalars as Python has them.

        Args:
            most: values at most; a few bytes can refer to one thing again and again.

        Raises:
            PickleError: it contains calls or other things that are no plain data, nests deeper than
                60, or holds more values.
        """
        with expected_layout(self.tree.name):  # a list as a key
            return self._plain([most], _DEEPEST, {})

    def _plain(self, left: list[int], depth: int, made: dict[Node, Any]) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth == 0:
            raise PickleError(f"{self.tree.name}: more, or more deeply nested, than expected")
        if self.tag != OBJECT:
            if self not in made:  # a long string takes its memory once, however often it stands
                made[self] = self.scalar
            return made[self]
        if self.kind == "dict":
            return {
                key._plain(left, depth - 1, made): value._plain(left, depth - 1, made)
                for key, value in self.entries()
            }
        if self.kind not in ("list", "tuple", "set", "frozenset"):
            raise self.error("plain data")
        values = [value._plain(left, depth - 1, made) for value in self.values()]
        makers: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set}
        return makers.get(self.kind, frozenset if self.kind == "frozenset" else list)(values)


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise PickleError(f"{name}: a string is not UTF-8 ({error})") from error
