"""A parsed pickle: what the machine made of it, and how much may be taken out of it."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.published.pickles.gather import count_held, held
from GPT_GNN.published.pickles.machine import AT, OBJECT_ROW, STACK, run

_MOST_TAKEN = 64  # times the file's size: what may be taken out of a tree, in bytes
_LEAST_TAKEN = 2**20
_FIRST_ROOM = 64
_GROWING = ("stack", "marks", "memo", "objects", "items")  # in the order of their registers
# What code that reads a tree trips over when the tree is another than the one it was written for.
_SLIPS = (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError)


class PickleError(ValueError):
    """A file that is no whole pickle, or not the one that was expected."""


@contextmanager
def expected_layout(name: str) -> Iterator[None]:
    """Read a tree of the file ``name`` as it should be, without a check of each thing.

    Whatever opens a file reads its tree in one such block: what the functions of this folder trip
    over becomes a PickleError there.
    """
    try:
        yield
    except PickleError:
        raise
    except _SLIPS as error:
        kind = type(error).__name__
        raise PickleError(f"{name}: not laid out as expected ({kind}: {error})") from error


class Tree:
    """All values of one pickle.

    Attributes:
        data: [B] uint8, the file.
        name: of the file, for errors.
        mapping: the file, if it is mapped into memory.
        register: [7] int64, see the names in ``machine.py``.
        stack, memo: values.
        marks: heights of the stack at the open marks.
        objects: rows of ``OBJECT_ROW``, chained to a list of segments for each object.
        items: values that objects hold and that do not lie one behind the other in the file.
        global_names: full names of all globals that the pickle asks for.
    """

    def __init__(self, data: np.ndarray, name: str, mapping: mmap.mmap | None, start: int) -> None:
        self.data, self.name, self.mapping = data, name, mapping
        self.register = np.zeros(7, dtype=np.int64)
        self.register[AT] = start
        self.stack, self.marks, self.memo, self.items = np.empty((4, _FIRST_ROOM), dtype=np.int64)
        self.objects = np.empty(_FIRST_ROOM, dtype=OBJECT_ROW)
        self.global_names: set[str] = set()
        self._left = _LEAST_TAKEN + _MOST_TAKEN * len(data)

    @property
    def end(self) -> int:
        """Position behind the pickle, or what the machine has come to."""
        return int(self.register[AT])

    def run(self, until: int) -> int:
        """Follow the opcodes up to a position; returns why the machine stopped."""
        while True:
            arrays = (getattr(self, name) for name in _GROWING)
            reason = int(run(self.data, self.register, *arrays, until))
            if reason != o.ROOM:
                return reason
            for register, name in enumerate(_GROWING, STACK):
                old, used = getattr(self, name), int(self.register[register])
                needed = used + 2 + (int(self.register[STACK]) if name == "items" else 0)
                if needed > len(old):  # pages of new room are taken when they are written
                    new = np.empty(max(needed, 2 * len(old)), dtype=old.dtype)
                    new[:used] = old[:used]
                    setattr(self, name, new)

    def take(self, size: int) -> None:
        """Note that so many bytes are taken out of the tree.

        Raises:
            PickleError: far more than the file has: a few bytes can refer to one part many times.
        """
        self._left -= size
        if self._left < 0:
            raise PickleError(
                f"{self.name}: far more in it than a file of {len(self.data):,} bytes can "
                "hold: parts of it are repeated without end"
            )

    def release(self) -> None:
        """Let go of the pages of the file that were looked at; they come back when needed."""
        if self.mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapping.madvise(mmap.MADV_DONTNEED)

    def counts(self, heads: np.ndarray, form: int) -> np.ndarray:
        """How many values of a form objects hold, [N] int64; an entry counts as two."""
        counts = np.empty(len(heads), dtype=np.int64)
        # A step is charged as a byte: so parts that are shared cost no time without end, either.
        self.take(int(count_held(self.objects, heads, form, counts, max(self._left, 0))))
        if (counts < 0).any():
            expected = "entries, not values" if form == o.ENTRIES else "values, not entries"
            raise PickleError(f"{self.name}: expected {expected}")
        return counts

    def held(self, heads: np.ndarray, form: int, most: int | None = None) -> np.ndarray:
        """The values that :meth:`counts` counts, object by object, [n] int64; ``most`` at most."""
        total = int(self.counts(heads, form).sum())
        out = np.empty(total if most is None else min(most, total), dtype=np.int64)
        self.take(out.nbytes)
        held(self.data, self.objects, self.items, heads, form, out)
        return out
