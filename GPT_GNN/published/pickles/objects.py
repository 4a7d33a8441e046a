"""Objects of the heap: made by the machine, and filled from its stack."""

from __future__ import annotations

from GPT_GNN.published.pickles.heap import (
    CALL,
    EMPTY,
    ENTRIES,
    FLOAT,
    FLOAT_STEP,
    FLOATS,
    INT,
    INT_ROWS,
    INTS,
    ITEMS,
    NEW,
    NO_VALUE,
    NONE,
    OBJECT,
    OBJECTS,
    PAIR_ROWS,
    PAIRS,
    SEGMENT,
    STACK,
    TUPLE,
    VALUES,
)
from GPT_GNN.published.pickles.opcodes import (
    PAUSED,
    UNDERFLOW,
)
from GPT_GNN.system.compiler import inlined_kernel


@inlined_kernel
def new_object(heap, kind, form, count, start):
    """A new row of the object table."""
    row = heap.register[OBJECTS]
    heap.register[OBJECTS] = row + 1
    new = heap.objects[row]
    new["kind"], new["form"], new["count"], new["start"] = kind, form, count, start
    new["next"], new["last"] = -1, row
    return row


@inlined_kernel
def new_segment(heap, head, form, count, start):
    """Chain a segment to an object; an object without items becomes its own first segment."""
    first = heap.objects[head]
    if first["form"] == EMPTY:
        first["form"], first["count"], first["start"] = form, count, start
        return
    row = new_object(heap, SEGMENT, form, count, start)
    heap.objects[first["last"]]["next"] = row
    first["last"] = row


@inlined_kernel
def keep_values(heap, low, high):
    """Move stack values [low, high) to the items; returns where they lie. The stack stays."""
    start = heap.register[ITEMS]
    for i in range(high - low):
        heap.item_tag[start + i] = heap.stack_tag[low + i]
        heap.item_value[start + i] = heap.stack_value[low + i]
    heap.register[ITEMS] = start + high - low
    return start


@inlined_kernel
def _are_pairs(heap, low, high):
    """Whether all of (key, value, key, ...) are int32 keys with int32 values or None."""
    for i in range(low, high):
        value = heap.stack_value[i]
        if heap.stack_tag[i] == INT:
            if value <= NO_VALUE or value > 2147483647:
                return False
        elif heap.stack_tag[i] != NONE or (i - low) % 2 == 0:
            return False
    return True


@inlined_kernel
def _all_tagged(heap, low, high, tag):
    for i in range(low, high):
        if heap.stack_tag[i] != tag:
            return False
    return True


@inlined_kernel
def add_entries(heap, head, low, high):
    """Add (key, value, ...) of the stack to a dict, or to what a call would make."""
    n = (high - low) // 2
    if n and _are_pairs(heap, low, high):
        start = heap.register[PAIR_ROWS]
        for i in range(n):
            heap.pairs[start + i, 0] = heap.stack_value[low + 2 * i]
            none = heap.stack_tag[low + 2 * i + 1] == NONE
            heap.pairs[start + i, 1] = NO_VALUE if none else heap.stack_value[low + 2 * i + 1]
        heap.register[PAIR_ROWS] = start + n
        new_segment(heap, head, PAIRS, n, start)
    elif n:
        new_segment(heap, head, ENTRIES, n, keep_values(heap, low, high))


@inlined_kernel
def _floats_in_a_row(heap, low, high):
    """Whether values are floats whose opcodes lie one behind the other in the file."""
    for i in range(low, high):
        if heap.stack_tag[i] != FLOAT:
            return False
        if heap.stack_value[i] != heap.stack_value[low] + FLOAT_STEP * (i - low):
            return False
    return True


@inlined_kernel
def add_values(heap, head, low, high):
    """Add values of the stack to a list, set or tuple, or to what a call would make."""
    n = high - low
    if n > 1 and _all_tagged(heap, low, high, INT):
        start = heap.register[INT_ROWS]
        for i in range(n):
            heap.ints[start + i] = heap.stack_value[low + i]
        heap.register[INT_ROWS] = start + n
        new_segment(heap, head, INTS, n, start)
    elif n > 1 and _floats_in_a_row(heap, low, high):
        new_segment(heap, head, FLOATS, n, heap.stack_value[low])
    elif n:
        new_segment(heap, head, VALUES, n, keep_values(heap, low, high))


@inlined_kernel
def push(heap, tag, value):
    top = heap.register[STACK]
    heap.stack_tag[top], heap.stack_value[top] = tag, value
    heap.register[STACK] = top + 1


@inlined_kernel
def holder_at(heap, at, own):
    """The object at a stack position if it may take items of a kind of container, else -1."""
    if heap.stack_tag[at] != OBJECT:
        return -1
    row = heap.stack_value[at]
    kind = heap.objects[row]["kind"]
    return row if kind == own or kind == CALL or kind == NEW else -1


@inlined_kernel
def wrap(heap, kind, n, floor):
    """Replace the top n values of the stack by an object of them; a reason to stop, or PAUSED."""
    low = heap.register[STACK] - n
    if low < floor:
        return UNDERFLOW
    high = heap.register[STACK]
    if kind == TUPLE:
        row = new_object(heap, kind, EMPTY, 0, 0)
        add_values(heap, row, low, high)
    else:
        row = new_object(heap, kind, VALUES, n, keep_values(heap, low, high))
    heap.register[STACK] = low
    push(heap, OBJECT, row)
    return PAUSED
