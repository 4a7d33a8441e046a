"""A parsed pickle as a tree of nodes: looked at piece by piece, never executed."""

from __future__ import annotations

import mmap
import pickle
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.published.pickles.errors import PickleError
from GPT_GNN.published.pickles.gather import count_held, held
from GPT_GNN.published.pickles.machine import OBJECTS, Heap

_CONTAINERS = ("list", "dict", "tuple", "set", "frozenset")
_CALLS = ("call", "new")
_TRUE, _UNSIGNED = pickle.NEWTRUE[0], pickle.BININT1 + pickle.BININT2
_DILL = ("dill._dill", "dill.dill")
_DILL_TYPES = {"PartialType": "functools.partial"}
_LONGEST_NAME = 512  # of a global
_MOST_ARGUMENTS = 255  # of a call
_MOST_TAKEN = 64  # times the file's size: what may be taken out of a tree, in bytes
_LEAST_TAKEN = 2**20
_ENTRY = 100  # bytes of a dict's entry in Python


class Tree:
    """All nodes of one pickle.

    Attributes:
        heap: what the machine made of it.
        name: of the file, for errors.
        end: position behind the pickle.
        mapping: the file, if it is mapped into memory.
        global_names: full names of all globals that the pickle asks for.
    """

    def __init__(self, heap: Heap, name: str, mapping: mmap.mmap | None) -> None:
        self.heap = heap
        self.name = name
        self.end = 0
        self.mapping = mapping
        self._left = _LEAST_TAKEN + _MOST_TAKEN * len(heap.data)
        self._checked = 0
        self.global_names: set[str] = set()

    def check_globals(self, allowed: Callable[[str], bool]) -> None:
        """Look at the globals that came since the last look.

        Raises:
            PickleError: one of them is not allowed; the message names it.
        """
        rows = int(self.heap.register[OBJECTS])
        kinds = self.heap.objects["kind"][self._checked : rows]
        for row in np.flatnonzero(kinds == o.GLOBAL) + self._checked:
            name = Node(self, ~int(row)).name
            if not allowed(name):
                raise PickleError(
                    f"{self.name} asks for {name}, which such a file has no use for; refused"
                )
            self.global_names.add(name)
        self._checked = rows

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
        for row in np.flatnonzero(kinds == o.KINDS.index(kind)):
            yield Node(self, ~int(row))

    def counts(self, heads: np.ndarray, form: int) -> np.ndarray:
        """How many values of a form objects hold, [N] int64; see :meth:`take`.

        Args:
            heads: [N] int64, the objects' values.
            form: VALUES, ENTRIES (two values each), STATE or PARTS.

        Raises:
            PickleError: entries where values are asked for, or the reverse.
        """
        counts = np.empty(len(heads), dtype=np.int64)
        # A step is charged as a byte: so parts that are shared cost no time without end, either.
        self.take(int(count_held(self.heap.objects, heads, form, counts, max(self._left, 0))))
        if len(counts) and counts.min() < 0:
            wrong = Node(self, int(heads[np.argmin(counts)]))
            raise wrong.error("entries, not values" if form == o.ENTRIES else "values, not entries")
        return counts

    def held(self, heads: np.ndarray, form: int, most: int | None = None) -> np.ndarray:
        """The values that :meth:`counts` counts, object by object: [n] int64.

        Args:
            most: values at most.
        """
        total = int(self.counts(heads, form).sum())
        out = np.empty(total if most is None else min(most, total), dtype=np.int64)
        self.take(out.nbytes)
        held(self.heap.data, self.heap.objects, self.heap.items, heads, form, out)
        return out


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a pickle.

    Attributes:
        tree: it belongs to.
        value: position of a scalar's opcode in the file, or ``~row`` of an object.
    """

    tree: Tree = field(repr=False, compare=False)
    value: int

    @property
    def is_object(self) -> bool:
        """Whether it is no scalar."""
        return self.value < 0

    @property
    def kind(self) -> str:
        """``none bool int float str bytes list dict tuple set frozenset``; ``global``, a name;
        ``call``, a callable and its arguments; ``new``, a class and its arguments; or
        ``persistent``, an id of something outside of the pickle."""
        heap = self.tree.heap
        if self.value < 0:
            return o.KINDS[heap.objects["kind"][~self.value]]
        return o.KINDS[o.KIND[heap.data[self.value]]]

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
        data, start = self.tree.heap.data, self.value + 1
        op = int(data[self.value])
        size = int(o.WIDTH[op])
        if o.IS_COUNTED[op]:
            start, packed = start + size, data[start : start + size].tobytes()
            size = int.from_bytes(packed, "little")
        return data[start : start + size]

    @property
    def length(self) -> int:
        """Bytes of a string or of bytes."""
        return len(self.raw)

    @property
    def text(self) -> str:
        """A string. Raises PickleError if it is something else, or no UTF-8."""
        if self.kind != "str":
            raise self.error("a string")
        return _text(self.raw.tobytes(), self.tree.name)

    @property
    def scalar(self) -> None | bool | int | float | str | bytes:
        """The Python value of a scalar. Raises PickleError for anything else."""
        kind = self.kind
        if kind == "none":
            return None
        if kind == "bool":
            return bool(self.tree.heap.data[self.value] == _TRUE)
        if kind == "int":
            signed = self.tree.heap.data[self.value] not in _UNSIGNED
            return int.from_bytes(self.raw.tobytes(), "little", signed=signed)
        if kind == "float":
            return float(struct.unpack(">d", self.raw.tobytes())[0])
        if kind == "bytes":
            return self.raw.tobytes()
        if kind == "str":
            return self.text
        raise self.error("a plain value")

    def integer(self, low: int = -(2**63), high: int = 2**63 - 1) -> int:
        """An integer in [low, high]. Raises PickleError for anything else."""
        if self.kind not in ("int", "bool") or len(self.raw) > 8:
            raise self.error(f"an integer from {low} to {high}")
        value = self.scalar
        if not isinstance(value, int) or not low <= value <= high:
            raise self.error(f"an integer from {low} to {high}")
        return value

    # Containers -------------------------------------------------------------------------------

    @property
    def head(self) -> np.ndarray:
        """The object as :meth:`Tree.held` takes it. Raises PickleError if it holds nothing."""
        if self.kind not in (*_CONTAINERS, *_CALLS):
            raise self.error("a container")
        return np.array([self.value])

    def __len__(self) -> int:
        """Number of values, or of entries."""
        form = o.ENTRIES if self.kind == "dict" else o.VALUES
        return int(self.tree.counts(self.head, form)[0]) // (2 if form == o.ENTRIES else 1)

    def values(self, most: int | None = None) -> Iterator[Node]:
        """The values of a list, tuple or set, or of what a call makes; the first ``most``."""
        return self._nodes(self.tree.held(self.head, o.VALUES, most))

    def entries(self) -> Iterator[tuple[Node, Node]]:
        """(key, value) of a dict, or of what a call makes."""
        pairs = self._nodes(self.tree.held(self.head, o.ENTRIES))
        return zip(pairs, pairs, strict=True)

    def by_name(self) -> dict[str, Node]:
        """The entries of a dict whose keys are strings; the last of equal keys counts.

        Raises:
            PickleError: something else; see also :meth:`Tree.take`.
        """
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
        """``module.name`` of a global. Raises PickleError for anything else."""
        if self.kind != "global":
            raise self.error("a global")
        parts = self._parts()
        if not parts:  # two lines of the file
            start = int(self.tree.heap.objects["start"][~self.value]) + 1
            lines = self.tree.heap.data[start : start + _LONGEST_NAME].tobytes().split(b"\n")
            if len(lines) < 3:
                raise PickleError(f"{self.tree.name}: a global's name is longer than it may be")
            return ".".join(_text(line, self.tree.name) for line in lines[:2])
        if any(part.kind != "str" or part.length > _LONGEST_NAME for part in parts):
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
        """What a call would call. Raises PickleError for anything else."""
        if self.kind not in _CALLS:
            raise self.error("a call")
        return self._parts()[0]

    @property
    def args(self) -> list[Node]:
        """Arguments of a call; the id of a persistent reference.

        Raises:
            PickleError: something else, or more than 255: many calls can share a long tuple.
        """
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
        heap, row = self.tree.heap, self.tree.heap.objects[~self.value]
        start, count = int(row["start"]), int(row["count"])
        if start < 0:  # as nearly always: not through the kernels, which are for many values
            return list(self._nodes(heap.items[~start : ~start + count]))
        return list(self._nodes(self.tree.held(np.array([self.value]), o.PARTS)))


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise PickleError(f"{name}: a string is not UTF-8 ({error})") from error
