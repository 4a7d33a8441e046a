"""The pickle machine, compiled: it follows the opcodes of protocols 2 to 5 and calls nothing.

Where Python's unpickler imports a global, calls it or sets an object's state, this one notes that
the pickle asks for it. Every length and index is checked against the file and the stack.

A value is one number: the place of a scalar's opcode in the file, or ``~row`` of an object.
Scalars one behind the other stay in the file: the object that holds them notes where they begin.
So the ids and years of millions of edges take no memory.
"""

from __future__ import annotations

import pickle
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
# Registers: the position; how much of each array is in use; position of the last opcode that is
# neither a scalar's nor one that changes no value.
AT, STACK, MARKS, MEMO, OBJECTS, ITEMS, OTHER = range(7)
_NOT_NOTED = np.iinfo(np.int64).min  # a place in the memo that was skipped
_MAX_OBJECTS = 2**31 - 8
_HUGE = 2**62
_LONGEST = int(o.SCALAR_SIZE.max())
_POP, _GLOBAL, _MEMOIZE = pickle.POP[0], pickle.GLOBAL[0], pickle.MEMOIZE[0]


@inlined_kernel
def number_at(data, at, n):
    """A little-endian number of n bytes (n <= 8), unsigned if they are fewer than 8."""
    out = np.int64(0)
    for k in range(n):
        out |= np.int64(data[at + k]) << np.int64(8 * k)
    return out


@inlined_kernel
def size_at(data, at):
    """Bytes of an opcode with its argument; more than the file has where the file ends before."""
    op = data[at]
    size = 1 + o.WIDTH[op]
    if o.IS_COUNTED[op] and size <= len(data) - at:
        length = number_at(data, at + 1, o.WIDTH[op])
        size += length if 0 <= length < _HUGE else _HUGE
    elif op == _GLOBAL:  # two lines
        lines = 0
        while lines < 2 and at + size <= len(data):
            lines += at + size < len(data) and data[at + size] == 10
            size += 1
    return size


@inlined_kernel
def _note(op, at, value, data, register, memo):
    """MEMOIZE and BINPUT."""
    index = register[MEMO] if op == _MEMOIZE else number_at(data, at + 1, o.WIDTH[op])
    if index > at:  # each earlier note takes at least a byte
        return o.NO_MEMO
    while register[MEMO] <= index:
        if register[MEMO] == len(memo):
            return o.ROOM
        memo[register[MEMO]] = _NOT_NOTED
        register[MEMO] += 1
    memo[index] = value
    return o.PAUSED


@inlined_kernel
def _new_row(register, objects, kind, start):
    """An object, or a segment, that holds nothing."""
    row = register[OBJECTS]
    register[OBJECTS] += 1
    new = objects[row]
    new["kind"], new["form"], new["count"], new["start"] = kind, 0, 0, start
    new["next"], new["last"] = -1, row
    return row


@inlined_kernel
def _hold(op, at, low, top, register, stack, objects, items):
    """Give values [low, top) of the stack to a new object, or to the one below them.

    Returns:
        a reason to stop, or PAUSED.
    """
    n, form = top - low, o.FORM[op]
    if form == o.ENTRIES and n % 2:
        return o.NOT_ITS_KIND
    start = stack[low]
    if o.ACTION[op] == o.MAKE:
        head = _new_row(register, objects, o.KIND[op], at)
        stack[low] = ~head
    else:
        if stack[low - 1] >= 0:
            return o.NOT_ITS_KIND
        head = ~stack[low - 1]
        kind = objects[head]["kind"]
        if kind != o.KIND[op] and kind != o.CALL and kind != o.NEW:
            return o.NOT_ITS_KIND
    if n == 0:
        return o.PAUSED
    if start <= register[OTHER]:  # not all of them were pushed just now, one by one
        items[register[ITEMS]] = start
        for i in range(1, n):
            items[register[ITEMS] + i] = stack[low + i]
        start = ~register[ITEMS]
        register[ITEMS] += n
    segment = objects[head]["last"]
    if objects[segment]["form"]:  # taken: chain another one
        row = _new_row(register, objects, 0, 0)
        objects[segment]["next"] = objects[head]["last"] = row
        segment = row
    objects[segment]["form"], objects[segment]["count"] = form, n
    objects[segment]["start"] = start
    return o.PAUSED


@kernel_of([Path(o.__file__)], allocates=False)
def run(data, register, stack, marks, memo, objects, items, until):
    """Follow the opcodes up to a position; the arrays are those of :class:`tree.Tree`.

    Returns:
        why it stopped: STOPPED at the end of the pickle, PAUSED at the position, ROOM when an array
        is full, or what is wrong with the opcode at which it stands.
    """
    at, top, reason = register[AT], register[STACK], o.PAUSED
    while True:
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
        # What the opcode is, and which values it takes: those from low on.
        op, n_marks = data[at], register[MARKS]
        action, marked, size = o.ACTION[op], o.IS_MARKED[op], size_at(data, at)
        lowest = marks[n_marks - 1] if n_marks else 0
        pops_mark = op == _POP and n_marks and top == lowest  # as Python has it
        low = top - (0 if pops_mark else o.TAKES[op])
        if marked:
            low, lowest = lowest, marks[n_marks - 2] if n_marks > 1 else 0
        # Whether it may: the file, the arrays and the stack have what it needs.
        if action == o.REFUSE:
            reason = o.UNKNOWN
        elif size > len(data) - at:
            reason = o.CUT
        elif (
            top >= len(stack)
            or n_marks >= len(marks)
            or register[OBJECTS] + 2 > len(objects)
            or register[ITEMS] + top >= len(items)
        ):
            reason = o.ROOM
        elif max(register[OBJECTS], top) > _MAX_OBJECTS:
            reason = o.TOO_BIG
        elif marked and n_marks == 0:
            reason = o.NO_MARK
        elif low - (action == o.ADD) < lowest:
            reason = o.UNDERFLOW
        # What it does.
        elif action == o.PUSH or action == o.DUP:
            stack[top] = at if action == o.PUSH else stack[top - 1]
            top += 1
        elif action == o.NOTE:
            reason = _note(op, at, stack[top - 1], data, register, memo)
        elif action == o.RECALL:
            index = number_at(data, at + 1, o.WIDTH[op])
            stack[top] = memo[index] if index < register[MEMO] else _NOT_NOTED
            reason = o.NO_MEMO if stack[top] == _NOT_NOTED else o.PAUSED
            top += 1
        elif action == o.MARK:
            marks[n_marks] = top
            register[MARKS] += 1
        elif action == o.STOP:
            reason = o.STOPPED
        elif action != o.SKIP:  # MAKE, ADD, DROP
            if action != o.DROP:
                reason = _hold(op, at, low, top, register, stack, objects, items)
            top = low + (action == o.MAKE)
            register[MARKS] -= marked or pops_mark
        if reason != o.PAUSED:
            break
        if action != o.PUSH and action != o.NOTE and action != o.SKIP:
            register[OTHER] = at
        at += size
    register[AT], register[STACK] = at + (reason == o.STOPPED), top
    return reason
