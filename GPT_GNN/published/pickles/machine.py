"""The pickle machine, compiled: it follows the opcodes of protocols 2 to 5 and calls nothing.

Where Python's unpickler imports a global, calls it or sets an object's state, this one writes down
that the pickle asks for it. Every length and index is checked against the file and the stack.

A value is one number: where in the file the opcode of a scalar stands, or ``~row`` of an object.
Scalars that lie one behind the other in the file stay there: an object that is given such only
notes where they begin. So the ids and years of millions of edges take no memory.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.system.compiler import inlined_kernel, kernel_of

OBJECT_ROW = np.dtype(
    [
        ("kind", "u1"),  # 0 for the row of a further segment
        ("form", "u1"),  # of what this segment holds; 0 for nothing
        ("count", "<i4"),  # values in it
        ("start", "<i8"),  # of the first in the file, or ~ its place in the items
        ("next", "<i4"),  # row of the next segment, -1 for none
        ("last", "<i4"),  # of an object's own row: that of its last segment
    ],
    align=True,
)
AT, STACK, MARKS, MEMO, OBJECTS, ITEMS, OTHER = range(7)  # registers
_NOT_NOTED = np.iinfo(np.int64).min  # a place in the memo that was skipped
_MAX_OBJECTS = 2**31 - 8
_LONGEST = int(o.SCALAR_SIZE.max())
_POP, _GLOBAL, _MEMOIZE = ord(pickle.POP), ord(pickle.GLOBAL), ord(pickle.MEMOIZE)


def _empty(dtype: np.dtype | type = np.int64) -> np.ndarray:
    return np.empty(64, dtype=dtype)


@dataclass
class Heap:
    """The machine's memory.

    Attributes:
        data: [B] uint8, the file.
        register: [7] int64: the position; how much of each array is in use; position of the last
            opcode that was neither a scalar's nor one that changes no value.
        stack: values.
        marks: heights of the stack at the open marks.
        memo: values by number.
        objects: rows of ``OBJECT_ROW``, chained to one list of segments for each object.
        items: values that objects hold and that do not lie one behind the other in the file.
    """

    data: np.ndarray
    register: np.ndarray = field(default_factory=lambda: np.zeros(7, dtype=np.int64))
    stack: np.ndarray = field(default_factory=_empty)
    marks: np.ndarray = field(default_factory=_empty)
    memo: np.ndarray = field(default_factory=_empty)
    objects: np.ndarray = field(default_factory=lambda: _empty(OBJECT_ROW))
    items: np.ndarray = field(default_factory=_empty)

    def run(self, until: int) -> int:
        """Follow the opcodes up to a position.

        Returns:
            why it stopped: STOPPED at the end of the pickle, PAUSED at the position, or what is
            wrong with the opcode at which it stands.
        """
        while True:
            arrays = (self.stack, self.marks, self.memo, self.objects, self.items)
            reason = int(_run(self.data, self.register, *arrays, until))
            if reason != o.ROOM:
                return reason
            self._grow()

    def _grow(self) -> None:
        """Double what is full. Pages of the new room are taken when they are written."""
        for register, name in enumerate(("stack", "marks", "memo", "objects", "items"), STACK):
            old, used = getattr(self, name), int(self.register[register])
            needed = used + 2 + (int(self.register[STACK]) if name == "items" else 0)
            if needed > len(old):
                new = np.empty(max(needed, 2 * len(old)), dtype=old.dtype)
                new[:used] = old[:used]
                setattr(self, name, new)


@inlined_kernel
def unsigned(data, at, n):
    """A little-endian unsigned number of n bytes (n <= 8); huge ones saturate."""
    out = np.uint64(0)
    for k in range(n):
        out |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return np.int64(min(out, np.uint64(2**62)))


@inlined_kernel
def size_at(data, at):
    """Bytes of an opcode with its argument; more than the file has where the file ends before."""
    op = data[at]
    size = 1 + o.WIDTH[op]
    if o.IS_COUNTED[op] and size <= len(data) - at:
        size += unsigned(data, at + 1, o.WIDTH[op])
    elif op == _GLOBAL:  # two lines
        lines = 0
        while lines < 2 and at + size <= len(data):
            lines += at + size < len(data) and data[at + size] == 10
            size += 1
    return size


@inlined_kernel
def _note(op, at, top, data, register, stack, marks, memo):
    """MEMOIZE and BINPUT."""
    index = register[MEMO] if op == _MEMOIZE else unsigned(data, at + 1, o.WIDTH[op])
    if top == (marks[register[MARKS] - 1] if register[MARKS] else 0):
        return o.UNDERFLOW
    if index > at:  # each earlier note takes at least a byte
        return o.NO_MEMO
    while register[MEMO] <= index:
        if register[MEMO] == len(memo):
            return o.ROOM
        memo[register[MEMO]] = _NOT_NOTED
        register[MEMO] += 1
    memo[index] = stack[top - 1]
    return o.PAUSED


@inlined_kernel
def _add_segment(head, form, low, top, register, stack, objects, items):
    """Give values [low, top) of the stack to an object."""
    start = stack[low]
    if start <= register[OTHER]:  # not all of them were pushed just now, one by one
        start = ~register[ITEMS]
        for i in range(top - low):
            items[register[ITEMS] + i] = stack[low + i]
        register[ITEMS] += top - low
    row = head
    if objects[head]["form"]:  # it has a segment: chain another one
        row = register[OBJECTS]
        register[OBJECTS] += 1
        objects[objects[head]["last"]]["next"] = row
        objects[head]["last"] = row
        objects[row]["kind"] = 0
    new = objects[row]
    new["form"], new["count"], new["start"], new["next"] = form, top - low, start, -1


@inlined_kernel
def _take(op, action, at, top, register, stack, marks, objects, items):
    """MAKE, ADD and DROP what stands above the last mark, or the top values.

    Returns:
        a reason to stop, or PAUSED; the new height of the stack.
    """
    n_marks = register[MARKS]
    floor = marks[n_marks - 1] if n_marks else 0
    low = top - o.TAKES[op]
    if o.IS_MARKED[op]:
        if n_marks == 0:
            return o.NO_MARK, top
        low, floor = floor, marks[n_marks - 2] if n_marks > 1 else 0
        register[MARKS] -= 1
    elif op == _POP and n_marks and top == floor:  # it pops the mark, as Python has it
        register[MARKS] -= 1
        return o.PAUSED, top
    if low - (action == o.ADD) < floor:
        return o.UNDERFLOW, top
    if action == o.DROP:
        return o.PAUSED, low
    form = o.FORM[op]
    if form == o.ENTRIES and (top - low) % 2:
        return o.NOT_ITS_KIND, top
    if action == o.ADD:
        if stack[low - 1] >= 0:
            return o.NOT_ITS_KIND, top
        row = ~stack[low - 1]
        kind = objects[row]["kind"]
        if kind != o.KIND[op] and kind != o.CALL and kind != o.NEW:
            return o.NOT_ITS_KIND, top
        new_top = low
    else:
        row = register[OBJECTS]
        register[OBJECTS] += 1
        new = objects[row]
        new["kind"], new["form"], new["count"], new["start"] = o.KIND[op], 0, 0, at
        new["next"], new["last"] = -1, row
        new_top = low + 1
    if top > low:
        _add_segment(row, form, low, top, register, stack, objects, items)
    if action == o.MAKE:
        stack[low] = ~row
    return o.PAUSED, new_top


@kernel_of([Path(o.__file__)], allocates=False)
def _run(data, register, stack, marks, memo, objects, items, until):
    at, top, reason = register[AT], register[STACK], o.PAUSED
    while at < until:
        # Nine of ten opcodes are numbers and constants: they go through this loop.
        while at < until and at + _LONGEST <= len(data) and top < len(stack):
            size = o.SCALAR_SIZE[data[at]]
            if size == 0:
                break
            stack[top] = at
            top, at = top + 1, at + size
        if at >= until:
            break
        if at >= len(data):
            reason = o.CUT
            break
        op = data[at]
        action, size = o.ACTION[op], size_at(data, at)
        if action == o.REFUSE:
            reason = o.UNKNOWN
        elif size > len(data) - at:
            reason = o.CUT
        elif top >= len(stack):
            reason = o.ROOM
        elif action == o.PUSH:
            stack[top] = at
            top += 1
        elif action == o.NOTE:
            reason = _note(op, at, top, data, register, stack, marks, memo)
        elif action != o.SKIP:
            if (
                register[MARKS] >= len(marks)
                or register[OBJECTS] + 1 >= len(objects)
                or register[ITEMS] + top >= len(items)
            ):
                reason = o.ROOM
            elif max(register[OBJECTS], top) > _MAX_OBJECTS:
                reason = o.TOO_BIG
            elif action == o.MARK:
                marks[register[MARKS]] = top
                register[MARKS] += 1
            elif action == o.RECALL:
                index = unsigned(data, at + 1, o.WIDTH[op])
                if index >= register[MEMO] or memo[index] == _NOT_NOTED:
                    reason = o.NO_MEMO
                else:
                    stack[top] = memo[index]
                    top += 1
            elif top == (marks[register[MARKS] - 1] if register[MARKS] else 0) and (
                action == o.DUP or action == o.STOP
            ):
                reason = o.UNDERFLOW
            elif action == o.DUP:
                stack[top] = stack[top - 1]
                top += 1
            elif action == o.STOP:
                reason = o.STOPPED
            else:
                reason, top = _take(op, action, at, top, register, stack, marks, objects, items)
            if reason == o.PAUSED:
                register[OTHER] = at
        if reason != o.PAUSED:
            break
        at += size
    register[AT], register[STACK] = at + (reason == o.STOPPED), top
    return reason
