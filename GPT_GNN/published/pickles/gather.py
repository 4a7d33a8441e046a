"""Values of many objects, and the strings and numbers that values are, all at once: compiled."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from GPT_GNN.published.pickles import machine
from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.published.pickles.machine import number_at, size_at
from GPT_GNN.system.compiler import kernel_of

_kernel = kernel_of([Path(o.__file__), Path(machine.__file__)], allocates=False)
_TRUE, _BININT1, _BININT2 = pickle.NEWTRUE[0], pickle.BININT1[0], pickle.BININT2[0]


@_kernel
def count_held(objects, heads, form, counts, most):
    """How many values of a form objects hold; -1 for one with values where entries are asked for.

    Returns:
        steps gone, at least one for each value: more than ``most`` if it gave up.
    """
    other = -1
    if form == o.VALUES or form == o.ENTRIES:
        other = o.VALUES + o.ENTRIES - form
    steps = 0
    for i in range(len(heads)):
        row, counts[i] = ~heads[i], 0
        while row >= 0 and steps <= most:
            found = objects[row]["form"]
            steps += 1
            if found == form:
                counts[i] += objects[row]["count"]
                steps += objects[row]["count"]
            elif found == other:
                counts[i] = -1
                break
            row = -1 if form == o.PARTS else objects[row]["next"]  # these come first
    return steps


@_kernel
def held(data, objects, items, heads, form, out):
    """The values of a form that objects hold, object by object, until ``out`` is full."""
    filled = 0
    for i in range(len(heads)):
        row = ~heads[i]
        while row >= 0 and filled < len(out):
            start = objects[row]["start"]
            count = objects[row]["count"] if objects[row]["form"] == form else 0
            for k in range(min(count, len(out) - filled)):
                if start < 0:
                    out[filled] = items[~start + k]
                else:
                    while o.ACTION[data[start]] != o.PUSH:  # a note, or a frame of the pickle
                        start += size_at(data, start)
                    out[filled] = start
                    size = o.SCALAR_SIZE[data[start]]
                    start += size if size else size_at(data, start)
                filled += 1
            row = -1 if form == o.PARTS else objects[row]["next"]


@_kernel
def kinds_of(data, objects, values, kinds):
    """The kinds of values."""
    for i in range(len(values)):
        at = values[i]
        kinds[i] = o.KIND[data[at]] if at >= 0 else objects[~at]["kind"]


@_kernel
def spans(data, values, kind, starts, ends):
    """Where the bytes of strings, or of bytes, lie in the file; nothing for other kinds."""
    for i in range(len(values)):
        starts[i] = ends[i] = 0
        if values[i] >= 0 and o.KIND[data[values[i]]] == kind:
            starts[i] = values[i] + 1 + o.WIDTH[data[values[i]]]
            ends[i] = values[i] + size_at(data, values[i])


@_kernel
def copy_spans(data, starts, ends, out):
    """Bytes [start, end) of the file, one span behind the other."""
    position = 0
    for i in range(len(starts)):
        for k in range(starts[i], ends[i]):
            out[position] = data[k]
            position += 1


@_kernel
def _integer(data, at):
    """An integer of at most 64 bits, and whether it is one."""
    op, start = data[at], at + 1
    n = o.WIDTH[op]
    if o.IS_COUNTED[op]:
        start, n = start + n, size_at(data, at) - 1 - n
    if n > 8:
        return np.int64(0), False
    out = number_at(data, start, n)
    if op != _BININT1 and op != _BININT2 and 0 < n < 8 and data[start + n - 1] & 0x80:
        out -= np.int64(1) << np.int64(8 * n)
    return out, True


@_kernel
def read_numbers(data, values, floats, missing, bits, out, done):
    """The numbers of 64 bits that values are, [N] int64 or float64; ``done`` where one is such.

    Args:
        floats: whether to read floats, too; else it ends at the first value that is no integer.
        missing: whether to read None as NaN.
        bits: [1] uint64, room for a float's.
    """
    as_float = bits.view(np.float64)
    for i in range(len(values)):
        at = values[i]
        kind = o.KIND[data[at]] if at >= 0 else o.CALL
        done[i] = True
        if kind == o.FLOAT and floats:
            word = np.uint64(0)
            for k in range(1, 9):  # big-endian
                word = (word << np.uint64(8)) | np.uint64(data[at + k])
            bits[0] = word
            out[i] = as_float[0]
        elif kind == o.INT:
            out[i], done[i] = _integer(data, at)
        elif kind == o.BOOL:
            out[i] = data[at] == _TRUE
        elif kind == o.NONE and missing:
            out[i] = np.nan
        else:
            done[i] = False
            if not floats:
                break
