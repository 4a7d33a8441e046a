"""The pickle machine, compiled: it follows the opcodes of protocols 2 to 5 and calls nothing.

Where Python's unpickler imports a global, calls it or sets an object's state, this one writes down
that the pickle asks for it. Every length and index is checked against the file and the stack.

Source: the opcodes are those of Python's ``pickletools``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic

from GPT_GNN.published.pickles.heap import (
    BIG_INT,
    BOOL,
    BYTES,
    CALL,
    DICT,
    EMPTY,
    FLOAT,
    FROZENSET,
    GLOBAL,
    INT,
    INT_ROWS,
    ITEMS,
    LIST,
    MARKS,
    MEMO,
    NEED,
    NEEDED,
    NEW,
    NONE,
    OBJECT,
    OBJECTS,
    PAIR_ROWS,
    PERSISTENT,
    POSITION,
    SET,
    STACK,
    STATE,
    STR,
    TEXT,
    TUPLE,
    UNTIL,
    Heap,
)
from GPT_GNN.published.pickles.objects import (
    add_entries,
    add_values,
    holder_at,
    keep_values,
    new_object,
    new_segment,
    push,
    wrap,
)
from GPT_GNN.published.pickles.opcodes import (
    ACTION,
    CUT,
    DO_ADD_ONE,
    DO_GLOBAL,
    DO_GROUP,
    DO_MARK,
    DO_NEW_EMPTY,
    DO_NOTE,
    DO_OBJECT_OF,
    DO_RECALL,
    DO_SCALAR,
    DO_STACK_ONLY,
    DO_STOP,
    DO_UNKNOWN,
    LENGTH,
    NO_MARK,
    NO_MEMO,
    NOT_ITS_KIND,
    PAUSED,
    ROOM,
    STOPPED,
    TOO_BIG,
    UNDERFLOW,
    UNKNOWN,
)
from GPT_GNN.system.compiler import inlined_kernel, kernel_of

_NOT_NOTED = 255  # tag of a place in the memo that was skipped
_MAX_OBJECTS = 2**31 - 8
_SMALL = 4  # room that any opcode but those of whole groups may need


@inlined_kernel
def _unsigned(data, at, n):
    """A little-endian unsigned number of n bytes (n <= 8); huge ones saturate."""
    out = np.uint64(0)
    for k in range(n):
        out |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return np.int64(min(out, np.uint64(2**62)))


@inlined_kernel
def _signed(data, at, n):
    """A little-endian two's complement number of n bytes (n <= 8)."""
    out = np.int64(0)
    for k in range(n):
        out |= np.int64(data[at + k]) << np.int64(8 * k)
    if 0 < n < 8 and data[at + n - 1] & 0x80:
        out -= np.int64(1) << np.int64(8 * n)
    return out


@inlined_kernel
def _line_end(data, at):
    """Position of the next newline, or -1."""
    for k in range(at, len(data)):
        if data[k] == 10:
            return k
    return -1


@inlined_kernel
def _note_lack(heap, more):
    """Note which array must grow."""
    lengths = (
        (STACK, len(heap.stack_tag), _SMALL),
        (MARKS, len(heap.marks), _SMALL),
        (MEMO, len(heap.memo_tag), _SMALL),
        (OBJECTS, len(heap.objects), _SMALL),
        (ITEMS, len(heap.item_tag), more),
        (PAIR_ROWS, len(heap.pairs), more),
        (INT_ROWS, len(heap.ints), more),
    )
    for counted, length, needed in lengths:
        if heap.register[counted] + needed > length:
            heap.register[NEED], heap.register[NEEDED] = counted, heap.register[counted] + needed


@inlined_kernel
def _scalar(data, op, at, length):
    """Tag and value of a number, constant, string or bytes, and the length of what it declares.

    The length is -1 if the file ends before.
    """
    if op == 0x4B or op == 0x4D:  # BININT1 BININT2
        return INT, _unsigned(data, at, length), 0
    if op == 0x4A:  # BININT
        return INT, _signed(data, at, 4), 0
    if op == 0x47:  # BINFLOAT
        return FLOAT, at - 1, 0
    if op == 0x4E:  # NONE
        return NONE, np.int64(0), 0
    if op == 0x88 or op == 0x89:  # NEWTRUE NEWFALSE
        return BOOL, np.int64(0x89 - op), 0
    n = _unsigned(data, at, length)
    if n > len(data) - at - length:
        return NONE, np.int64(0), -1
    if op == 0x8A or op == 0x8B:  # LONG1 LONG4
        if n <= 8:
            return INT, _signed(data, at + length, n), n
        return BIG_INT, at - 1, n
    return (STR if op == 0x8C or op == 0x58 or op == 0x8D else BYTES), at - 1, n


@inlined_kernel
def _note(heap, op, at, floor):
    """MEMOIZE and BINPUT: note the top of the stack; returns a reason to stop, or PAUSED."""
    register, memo_tag = heap.register, heap.memo_tag
    index, top = register[MEMO], register[STACK] - 1
    if op != 0x94:
        index = _unsigned(heap.data, at, 4 if op == 0x72 else 1)
    if top < floor:
        return UNDERFLOW
    if index > at:  # each earlier note takes at least a byte
        return NO_MEMO
    if index >= len(memo_tag):
        register[NEED], register[NEEDED] = MEMO, index + 1
        return ROOM
    while register[MEMO] <= index:
        memo_tag[register[MEMO]] = _NOT_NOTED
        register[MEMO] += 1
    memo_tag[index], heap.memo_value[index] = heap.stack_tag[top], heap.stack_value[top]
    return PAUSED


@inlined_kernel
def _close_group(heap, op, floor):
    """TUPLE, APPENDS, SETITEMS and the like: what stands above the last mark."""
    if heap.register[MARKS] == 0:
        return NO_MARK
    low, high = floor, heap.register[STACK]
    below = heap.marks[heap.register[MARKS] - 2] if heap.register[MARKS] > 1 else 0
    if op == 0x65 or op == 0x75 or op == 0x90:  # APPENDS SETITEMS ADDITEMS
        if low - 1 < below:
            return UNDERFLOW
        kind = DICT if op == 0x75 else (LIST if op == 0x65 else SET)
        holder = holder_at(heap, low - 1, kind)
        if holder < 0 or (op == 0x75 and (high - low) % 2):
            return NOT_ITS_KIND
        if op == 0x75:
            add_entries(heap, holder, low, high)
        else:
            add_values(heap, holder, low, high)
        heap.register[STACK] = low
    elif op == 0x31:  # POP_MARK
        heap.register[STACK] = low
    else:  # TUPLE LIST FROZENSET DICT
        if op == 0x64 and (high - low) % 2:
            return NOT_ITS_KIND
        kind = TUPLE if op == 0x74 else (LIST if op == 0x6C else FROZENSET)
        row = new_object(heap, DICT if op == 0x64 else kind, EMPTY, 0, 0)
        if op == 0x64:
            add_entries(heap, row, low, high)
        else:
            add_values(heap, row, low, high)
        heap.register[STACK] = low
        push(heap, OBJECT, row)
    heap.register[MARKS] -= 1
    return PAUSED


@inlined_kernel
def _add_one(heap, op, floor):
    """APPEND, SETITEM and BUILD: the top values go into the object below them."""
    n = 2 if op == 0x73 else 1
    low = heap.register[STACK] - n
    if low - 1 < floor:
        return UNDERFLOW
    # BUILD is for calls and instances; CALL here, so that no container passes.
    own = CALL if op == 0x62 else (DICT if op == 0x73 else LIST)
    holder = holder_at(heap, low - 1, own)
    if holder < 0:
        return NOT_ITS_KIND
    if op == 0x62:
        new_segment(heap, holder, STATE, 1, keep_values(heap, low, low + 1))
    elif op == 0x73:
        add_entries(heap, holder, low, low + 2)
    else:
        add_values(heap, holder, low, low + 1)
    heap.register[STACK] = low
    return PAUSED


@inlined_kernel
def _empty(heap, op):
    """EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE, EMPTY_SET."""
    kind = DICT
    if op == 0x5D:
        kind = LIST
    elif op == 0x29:
        kind = TUPLE
    elif op == 0x8F:
        kind = SET
    push(heap, OBJECT, new_object(heap, kind, EMPTY, 0, 0))


@inlined_kernel
def _stack_only(heap, op, floor):
    """POP and DUP."""
    top = heap.register[STACK] - 1
    if op == 0x30 and top < floor and heap.register[MARKS]:  # POP of a mark, as Python has it
        heap.register[MARKS] -= 1
        return PAUSED
    if top < floor:
        return UNDERFLOW
    if op == 0x30:
        heap.register[STACK] = top
    else:
        push(heap, heap.stack_tag[top], heap.stack_value[top])
    return PAUSED


@inlined_kernel
def _object_of(heap, op, floor):
    """Tuples of one to three, and what the pickle asks to import, call or instantiate."""
    if 0x85 <= op <= 0x87:  # TUPLE1 TUPLE2 TUPLE3
        return wrap(heap, TUPLE, op - 0x84, floor)
    if op == 0x52:  # REDUCE
        return wrap(heap, CALL, 2, floor)
    if op == 0x81:  # NEWOBJ
        return wrap(heap, NEW, 2, floor)
    if op == 0x92:  # NEWOBJ_EX
        return wrap(heap, NEW, 3, floor)
    if op == 0x93:  # STACK_GLOBAL
        return wrap(heap, GLOBAL, 2, floor)
    return wrap(heap, PERSISTENT, 1, floor)  # BINPERSID


@inlined_kernel
def _scalars(heap):
    """Push numbers, constants, strings and bytes until another opcode comes.

    Nine of ten opcodes are such: this loop keeps position and height out of memory.
    """
    data, stack_tag, stack_value = heap.data, heap.stack_tag, heap.stack_value
    at, top = heap.register[POSITION], heap.register[STACK]
    end = min(heap.register[UNTIL], len(data))
    while at < end and top < len(stack_tag):
        op = data[at]
        length = LENGTH[op]
        if ACTION[op] != DO_SCALAR or at + 1 + length > len(data):
            break
        tag, value, n = _scalar(data, op, at + 1, length)
        if n < 0:
            break
        stack_tag[top], stack_value[top] = tag, value
        top += 1
        at += 1 + length + n
    heap.register[POSITION], heap.register[STACK] = at, top


@intrinsic
def _borrowed(typing_context, array):
    """An array without its owner: Numba would count references to it at every call."""

    def code(context, builder, signature, arguments):
        view = context.make_array(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), code


@kernel_of(Path(__file__).with_name(name) for name in ("heap.py", "objects.py", "opcodes.py"))
def run(owned):
    """Follow the opcodes from the position register on.

    Returns:
        why it stopped: STOPPED at the end of the pickle, PAUSED at the UNTIL register, ROOM when
        the array of register NEED must grow to NEEDED, or what is wrong with the opcode at the
        position.
    """
    heap = Heap(
        _borrowed(owned.data),
        _borrowed(owned.register),
        _borrowed(owned.stack_tag),
        _borrowed(owned.stack_value),
        _borrowed(owned.marks),
        _borrowed(owned.memo_tag),
        _borrowed(owned.memo_value),
        _borrowed(owned.objects),
        _borrowed(owned.item_tag),
        _borrowed(owned.item_value),
        _borrowed(owned.pairs),
        _borrowed(owned.ints),
    )
    data, register, marks = heap.data, heap.register, heap.marks
    stack_tag, memo_tag, objects = heap.stack_tag, heap.memo_tag, heap.objects
    item_tag, pairs, ints = heap.item_tag, heap.pairs, heap.ints
    while True:
        _scalars(heap)
        if register[POSITION] >= register[UNTIL]:
            return PAUSED
        if register[POSITION] >= len(data):
            return CUT
        op, at = data[register[POSITION]], register[POSITION] + 1
        action, length = ACTION[op], LENGTH[op]
        if action == DO_UNKNOWN:
            return UNKNOWN
        if at + length > len(data):
            return CUT
        floor = marks[register[MARKS] - 1] if register[MARKS] else 0
        top = register[STACK]
        more = _SMALL + (top - floor if action == DO_GROUP else 0)
        if (
            top + _SMALL > len(stack_tag)
            or register[MARKS] + _SMALL > len(marks)
            or register[MEMO] + _SMALL > len(memo_tag)
            or register[OBJECTS] + _SMALL > len(objects)
            or register[ITEMS] + more > len(item_tag)
            or register[PAIR_ROWS] + more > len(pairs)
            or register[INT_ROWS] + more > len(ints)
        ):
            _note_lack(heap, more)
            return ROOM
        if max(register[OBJECTS], top - floor) > _MAX_OBJECTS:
            return TOO_BIG
        reason = PAUSED
        if action == DO_SCALAR:  # ends before what it declares
            return CUT
        if action == DO_NOTE:
            reason = _note(heap, op, at, floor)
        elif action == DO_RECALL:
            index = _unsigned(data, at, length)
            if index >= register[MEMO] or heap.memo_tag[index] == _NOT_NOTED:
                return NO_MEMO
            push(heap, heap.memo_tag[index], heap.memo_value[index])
        elif action == DO_NEW_EMPTY:
            _empty(heap, op)
        elif action == DO_MARK:
            marks[register[MARKS]] = top
            register[MARKS] += 1
        elif action == DO_GROUP:
            reason = _close_group(heap, op, floor)
        elif action == DO_ADD_ONE:
            reason = _add_one(heap, op, floor)
        elif action == DO_OBJECT_OF:
            reason = _object_of(heap, op, floor)
        elif action == DO_STACK_ONLY:
            reason = _stack_only(heap, op, floor)
        elif action == DO_GLOBAL:  # two lines of text
            end = _line_end(data, at)
            end = _line_end(data, end + 1) if end >= 0 else end
            if end < 0:
                return CUT
            push(heap, OBJECT, new_object(heap, GLOBAL, TEXT, 0, at))
            length = end + 1 - at
        elif action == DO_STOP:
            register[POSITION] = at
            return STOPPED if register[STACK] > floor else UNDERFLOW
        if reason != PAUSED:
            return reason
        register[POSITION] = at + length
