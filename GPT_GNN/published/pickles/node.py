"""Values of a parsed pickle as nodes of a tree: looked at one by one, never executed.

A node that is asked for what it is not raises a PickleError, or an error that
:func:`GPT_GNN.published.pickles.tree.expected_layout` makes one of.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.published.pickles.machine import OBJECTS
from GPT_GNN.published.pickles.tree import PickleError, Tree

_CALLS = ("call", "new")
_HOLDERS = ("list", "dict", "tuple", "set", "frozenset", *_CALLS)
_TRUE, _UNSIGNED = pickle.NEWTRUE[0], pickle.BININT1 + pickle.BININT2
_DILL = ("dill._dill", "dill.dill")
_DILL_TYPES = {"PartialType": "functools.partial"}
_LONGEST_NAME = 512  # of a global
_MOST_ARGUMENTS = 255  # of a call
_MOST_DIMENSIONS = 32
_ENTRY = 100  # bytes of a dict's entry in Python


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a pickle."""

    tree: Tree = field(repr=False, compare=False)
    value: int  # position of a scalar's opcode in the file, or ~row of an object

    @property
    def kind(self) -> str:
        """``none bool int float str bytes list dict tuple set frozenset``; ``global``, a name;
        ``call``, a callable and its arguments; ``new``, a class and its arguments; or
        ``persistent``, an id of something outside of the pickle."""
        if self.value < 0:
            return o.KINDS[self.tree.objects["kind"][~self.value]]
        return o.KINDS[o.KIND[self.tree.data[self.value]]]

    def error(self, expected: str) -> PickleError:
        """An error that says what was expected here and what was found."""
        found = self.kind
        if found in _CALLS:
            found = f"an object of {self.callee or 'no name'}"
        elif found == "global":
            found = self.name
        return PickleError(f"{self.tree.name}: expected {expected}, found {found}")

    # Scalars ----------------------------------------------------------------------------------

    @property
    def raw(self) -> np.ndarray:
        """The bytes of a string, of bytes or of a number: a view of the file, [n] uint8."""
        data, start = self.tree.data, self.value + 1
        op = int(data[self.value])
        size = int(o.WIDTH[op])
        if o.IS_COUNTED[op]:
            start, packed = start + size, data[start : start + size].tobytes()
            size = int.from_bytes(packed, "little")
        return data[start : start + size]

    @property
    def text(self) -> str:
        """A string."""
        if self.kind != "str":
            raise self.error("a string")
        return _decoded(self.raw.tobytes())

    @property
    def scalar(self) -> None | bool | int | float | str | bytes:
        """The Python value of a scalar."""
        kind = self.kind
        if self.value < 0:
            raise self.error("a plain value")
        op, raw = int(self.tree.data[self.value]), self.raw.tobytes()
        if kind == "bool":
            return op == _TRUE
        if kind == "int":
            return int.from_bytes(raw, "little", signed=op not in _UNSIGNED)
        if kind == "float":
            return float(struct.unpack(">d", raw)[0])
        if kind == "str":
            return _decoded(raw)
        return raw if kind == "bytes" else None

    def integer(self, low: int = -(2**63), high: int = 2**63 - 1) -> int:
        """An integer in [low, high]."""
        value = self.scalar if self.kind in ("int", "bool") and len(self.raw) <= 8 else None
        if not isinstance(value, int) or not low <= value <= high:
            raise self.error(f"an integer from {low} to {high}")
        return value

    def sizes(self) -> tuple[int, ...]:
        """The shape or the strides of an array."""
        if len(self) > _MOST_DIMENSIONS:
            raise self.error(f"an array of at most {_MOST_DIMENSIONS} dimensions")
        return tuple(value.integer(0, 2**40) for value in self.values())

    # Containers -------------------------------------------------------------------------------

    @property
    def head(self) -> np.ndarray:
        """The container as :meth:`Tree.held` takes it."""
        if self.kind not in _HOLDERS:
            raise self.error("a container")
        return np.array([self.value])

    def __len__(self) -> int:
        """Number of values, or of a dict's entries."""
        per_item, form = (2, o.ENTRIES) if self.kind == "dict" else (1, o.VALUES)
        return int(self.tree.counts(self.head, form)[0]) // per_item

    def values(self, most: int | None = None) -> Iterator[Node]:
        """The values of a list, tuple or set, or of what a call makes; the first ``most``."""
        return self._nodes(self.tree.held(self.head, o.VALUES, most))

    def entries(self) -> Iterator[tuple[Node, Node]]:
        """(key, value) of a dict, or of what a call makes."""
        pairs = self._nodes(self.tree.held(self.head, o.ENTRIES))
        return zip(pairs, pairs, strict=True)

    def by_name(self) -> dict[str, Node]:
        """The entries of a dict whose keys are strings; the last of equal keys counts."""
        if self.kind not in ("dict", *_CALLS):
            raise self.error("a dict")
        out = {}
        for key, value in self.entries():
            self.tree.take(_ENTRY)
            out[key.text] = value
        return out

    def _nodes(self, values: np.ndarray) -> Iterator[Node]:
        return (Node(self.tree, value) for value in values.tolist())

    # Calls ------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """``module.name`` of a global."""
        if self.kind != "global":
            raise self.error("a global")
        parts = self._parts()
        if not parts:  # two lines of the file
            start = int(self.tree.objects["start"][~self.value]) + 1
            lines = self.tree.data[start : start + _LONGEST_NAME].tobytes().split(b"\n")
            if len(lines) < 3:
                raise PickleError(f"{self.tree.name}: a global's name is longer than it may be")
            return ".".join(_decoded(line) for line in lines[:2])
        if any(part.kind != "str" or len(part.raw) > _LONGEST_NAME for part in parts):
            raise PickleError(f"{self.tree.name}: a global is not named by two short strings")
        return ".".join(part.text for part in parts)

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
        return self.called.reference if self.kind in _CALLS else ""

    @property
    def called(self) -> Node:
        """What a call would call."""
        if self.kind not in _CALLS:
            raise self.error("a call")
        return self._parts()[0]

    @property
    def args(self) -> list[Node]:
        """Arguments of a call, at most 255: many could share a long tuple; or a reference's id."""
        if self.kind == "persistent":
            return self._parts()
        if self.kind not in _CALLS:
            raise self.error("a call")
        args = list(self._parts()[1].values(_MOST_ARGUMENTS + 1))
        if len(args) > _MOST_ARGUMENTS:
            raise self.error(f"at most {_MOST_ARGUMENTS} arguments")
        return args

    @property
    def state(self) -> Node | None:
        """What BUILD would set: the last state given to a call, None if there is none."""
        if self.kind not in _CALLS:
            return None
        states = self.tree.held(self.head, o.STATE)
        return Node(self.tree, int(states[-1])) if len(states) else None

    def _parts(self) -> list[Node]:
        """What a call, a name or a reference consists of."""
        row = self.tree.objects[~self.value]
        start, count = int(row["start"]), int(row["count"])
        if start < 0:  # as nearly always: not through the kernels, which are for many values
            return list(self._nodes(self.tree.items[~start : ~start + count]))
        return list(self._nodes(self.tree.held(np.array([self.value]), o.PARTS)))


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def nodes_of(tree: Tree, kind: str) -> Iterator[Node]:
    """All objects of a kind, in the order in which the pickle makes them."""
    kinds = tree.objects["kind"][: int(tree.register[OBJECTS])]
    for row in np.flatnonzero(kinds == o.KINDS.index(kind)):
        yield Node(tree, ~int(row))
