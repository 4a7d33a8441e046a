"""Copy many cells of a pickle at once, compiled."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from GPT_GNN.published.pickles.heap import (
    BYTES,
    CALL,
    EMPTY,
    FLOAT,
    FLOAT_STEP,
    FLOATS,
    INT,
    INTS,
    OBJECT,
    PAIRS,
    STATE,
    VALUES,
)
from GPT_GNN.system.compiler import kernel_of

_kernel = kernel_of([Path(__file__).with_name("heap.py")])


@_kernel
def string_spans(tags, values, data, string_tag, starts, ends):
    """Where the bytes of strings lie in the file; nothing for cells that are no strings."""
    for i in range(len(tags)):
        starts[i] = ends[i] = 0
        if tags[i] == string_tag:
            op, at = data[values[i]], values[i] + 1
            width = 8  # BINUNICODE8, BINBYTES8
            if op == 0x8C or op == 0x43:
                width = 1
            elif op == 0x58 or op == 0x42:
                width = 4
            length = np.int64(0)
            for k in range(width):
                length |= np.int64(data[at + k]) << np.int64(8 * k)
            starts[i], ends[i] = at + width, at + width + length


@_kernel
def copy_spans(data, starts, ends, out):
    """Bytes [start, end) of the file, one span behind the other."""
    position = 0
    for i in range(len(starts)):
        length = ends[i] - starts[i]
        for k in range(length):
            out[position + k] = data[starts[i] + k]
        position += length


@_kernel
def _float_bits(data, at):
    """The eight big-endian bytes behind a BINFLOAT opcode."""
    bits = np.uint64(0)
    for k in range(1, FLOAT_STEP):
        bits = (bits << np.uint64(8)) | np.uint64(data[at + k])
    return bits


@_kernel
def list_rows(heap, heads, bits, out, done):
    """Numbers of lists or tuples, one a row of ``out``; ``done`` where a list is one of them.

    Args:
        bits: [F] uint64, room for a row's floats.
    """
    objects, floats = heap.objects, bits.view(np.float64)
    for i in range(len(heads)):
        row, filled = heads[i], 0
        while row >= 0 and filled >= 0:
            head = objects[row]
            form, start, count = head["form"], head["start"], head["count"]
            if filled + count > len(bits) or not (
                form == FLOATS or form == INTS or form == VALUES or form == EMPTY
            ):
                filled = -1
                break
            for k in range(count):
                if form == FLOATS:
                    bits[filled + k] = _float_bits(heap.data, start + FLOAT_STEP * k)
                elif form == INTS:
                    floats[filled + k] = heap.ints[start + k]
                elif heap.item_tag[start + k] == FLOAT:  # a frame of the pickle ends in the list
                    bits[filled + k] = _float_bits(heap.data, heap.item_value[start + k])
                elif heap.item_tag[start + k] == INT:
                    floats[filled + k] = heap.item_value[start + k]
                else:
                    filled = -count - 1
                    break
            filled += count
            row = head["next"]
        done[i] = filled == len(bits)
        if done[i]:
            for k in range(len(bits)):
                out[i, k] = floats[k]


@_kernel
def _state_of(objects, item_tag, item_value, head):
    """The tuple that an array's ``__setstate__`` would be given: its row, or -1.

    NumPy gives it to BUILD, dill as the third argument of its own function.
    """
    row = head
    while row >= 0:
        if objects[row]["form"] == STATE:
            start = objects[row]["start"]
            return item_value[start] if item_tag[start] == OBJECT else -1
        row = objects[row]["next"]
    start = objects[head]["start"]
    if objects[head]["count"] < 2 or item_tag[start + 1] != OBJECT:
        return -1
    arguments = objects[item_value[start + 1]]
    if arguments["form"] != VALUES or arguments["count"] < 3:
        return -1
    third = arguments["start"] + 2
    return item_value[third] if item_tag[third] == OBJECT else -1


@_kernel
def array_parts(objects, item_tag, item_value, heads, callee, dtype, where):
    """Of cells that look like NumPy arrays: rows of callee and dtype, and the opcode of the bytes.

    All are -1 for cells that look otherwise.
    """
    for i in range(len(heads)):
        callee[i] = dtype[i] = where[i] = -1
        head = objects[heads[i]]
        if head["kind"] != CALL or head["form"] != VALUES:
            continue
        state = _state_of(objects, item_tag, item_value, heads[i])
        if state < 0 or objects[state]["form"] != VALUES or objects[state]["count"] != 5:
            continue
        parts = objects[state]["start"]
        if (
            item_tag[head["start"]] == OBJECT
            and item_tag[parts + 2] == OBJECT
            and item_tag[parts + 4] == BYTES
        ):
            callee[i] = item_value[head["start"]]
            dtype[i], where[i] = item_value[parts + 2], item_value[parts + 4]


@_kernel
def count_pairs(objects, heads, counts):
    """Entries of dicts that hold (int, int or None) only; -1 for the others."""
    for i in range(len(heads)):
        row = heads[i]
        if objects[row]["kind"] == CALL:  # e.g. of defaultdict: its arguments come first
            row = objects[row]["next"]
        counts[i] = 0
        while row >= 0:
            form = objects[row]["form"]
            if form == PAIRS:
                counts[i] += objects[row]["count"]
            elif form != EMPTY and form != STATE:
                counts[i] = -1
                break
            row = objects[row]["next"]


@_kernel
def copy_pairs(objects, pairs, heads, counts, targets, src, dst, time):
    """Entries (source, time) of each target's dict; without those that have count -1."""
    position = 0
    for i in range(len(heads)):
        row = heads[i] if counts[i] > 0 else -1
        while row >= 0:
            if objects[row]["form"] == PAIRS:
                start = objects[row]["start"]
                for k in range(objects[row]["count"]):
                    src[position], time[position] = pairs[start + k, 0], pairs[start + k, 1]
                    dst[position] = targets[i]
                    position += 1
            row = objects[row]["next"]
