"""What a parsed pickle consists of: growing arrays, filled by the machine, read by the tree.

A value is a tag and 64 bits. A container or call is a row of ``objects``, which heads a chain of
segments: rows of the same table that say where its items lie and in which form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Tags of values. What the 64 bits are: nothing; 0 or 1; the integer; where in the file the opcode
# stands that holds the float, long integer, string or bytes; the row of the object.
NONE, BOOL, INT, FLOAT, BIG_INT, STR, BYTES, OBJECT = range(8)

# Kinds of objects. CALL is a callable that would be called with arguments, NEW a class that would
# be instantiated: of both only the names are known here.
LIST, DICT, TUPLE, SET, FROZENSET, GLOBAL, CALL, NEW, PERSISTENT, SEGMENT = range(10)

# Forms of segments. VALUES are n tagged values, ENTRIES 2 n of them (key, value, key, ...), PAIRS
# n rows of (int32, int32 or NO_VALUE for None), INTS n plain numbers, FLOATS n floats that stay in
# the file, one opcode behind the other, STATE the value that BUILD would set, EMPTY nothing, TEXT
# the position of a GLOBAL opcode.
EMPTY, VALUES, ENTRIES, PAIRS, FLOATS, INTS, STATE, TEXT = range(8)

NO_VALUE = np.iinfo(np.int32).min  # None as the value of a pair

OBJECT_ROW = np.dtype(
    [
        ("kind", "u1"),
        ("form", "u1"),
        ("count", "<i4"),
        ("start", "<i8"),
        ("next", "<i4"),  # row of the next segment, -1 for none
        ("last", "<i4"),  # of a head: row of the last segment
    ],
    align=True,
)

FLOAT_STEP = 9  # bytes of a BINFLOAT opcode

# Registers: how much of each array is in use; where to pause; which array must grow, to what.
POSITION, STACK, MARKS, MEMO, OBJECTS, ITEMS, PAIR_ROWS, INT_ROWS, UNTIL, NEED, NEEDED = range(11)


class Heap(NamedTuple):
    """The machine's memory.

    Attributes:
        data: [B] uint8, the file.
        register: [11] int64, see the names above.
        stack_tag, stack_value: values on the stack.
        marks: heights of the stack at the open marks.
        memo_tag, memo_value: the memo.
        objects: rows of ``OBJECT_ROW``.
        item_tag, item_value: tagged values of VALUES, ENTRIES and STATE segments.
        pairs: [n, 2] int32, of PAIRS segments.
        ints: [n] int64, of INTS segments.
    """

    data: np.ndarray
    register: np.ndarray
    stack_tag: np.ndarray
    stack_value: np.ndarray
    marks: np.ndarray
    memo_tag: np.ndarray
    memo_value: np.ndarray
    objects: np.ndarray
    item_tag: np.ndarray
    item_value: np.ndarray
    pairs: np.ndarray
    ints: np.ndarray


# The arrays that grow together, by the register that counts them.
GROWING = {
    STACK: ("stack_tag", "stack_value"),
    MARKS: ("marks",),
    MEMO: ("memo_tag", "memo_value"),
    OBJECTS: ("objects",),
    ITEMS: ("item_tag", "item_value"),
    PAIR_ROWS: ("pairs",),
    INT_ROWS: ("ints",),
}


def new_heap(data: np.ndarray) -> Heap:
    """An empty heap over a file's bytes."""
    return Heap(
        data,
        np.zeros(11, dtype=np.int64),
        np.empty(64, dtype=np.uint8),
        np.empty(64, dtype=np.int64),
        np.empty(64, dtype=np.int64),
        np.empty(64, dtype=np.uint8),
        np.empty(64, dtype=np.int64),
        np.empty(64, dtype=OBJECT_ROW),
        np.empty(64, dtype=np.uint8),
        np.empty(64, dtype=np.int64),
        np.empty((64, 2), dtype=np.int32),
        np.empty(64, dtype=np.int64),
    )


def grown(heap: Heap, register: int, needed: int) -> Heap:
    """The heap with room for at least ``needed`` in the arrays that a register counts.

    Pages of the new room are taken from the system when they are written, and the old arrays go
    one by one: the peak is the heap and one of its arrays.
    """
    used = int(heap.register[register])
    for name in GROWING[register]:
        old = getattr(heap, name)
        new = np.empty((max(needed, 2 * len(old)), *old.shape[1:]), dtype=old.dtype)
        new[:used] = old[:used]
        heap = heap._replace(**{name: new})
    return heap
