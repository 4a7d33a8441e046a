"""Copy rows of a mapped array, prefetching the next rows while one is copied."""

from __future__ import annotations

import numpy as np

from GPT_GNN.system.compiler import serial_kernel
from GPT_GNN.system.prefetch import prefetch

_AHEAD = 8  # rows
_LINE = 64  # bytes of a cache line


def gather_rows(rows: np.ndarray, ids: np.ndarray, out: np.ndarray, column: int) -> None:
    """Copy ``rows[ids]`` into the columns of ``out`` from ``column`` on.

    Args:
        rows: [N, W] float16, float32 or another number, contiguous.
        ids: [n] int64, in range.
        out: [n, F] float32, contiguous; column + W <= F.
    """
    width = rows.shape[1]
    if rows.dtype == np.float16:
        bits = rows.view(np.uint16).reshape(-1)
        _gather_halves(bits, width, ids, out, out.view(np.int32), column)
    elif rows.dtype == np.float32:
        _gather(rows.reshape(-1), width, ids, out, column)
    else:
        out[:, column : column + width] = rows[ids]


@serial_kernel
def _gather(values, width, ids, out, column):
    """Row i of ``out`` takes ``values[ids[i] * width]`` and what follows."""
    step = _LINE // values.itemsize
    for i in range(len(ids)):
        ahead = ids[min(i + _AHEAD, len(ids) - 1)] * width
        for j in range(0, width, step):
            prefetch(values, ahead + j)
        row, result = values[ids[i] * width :], out[i, column:]
        for j in range(width):
            result[j] = row[j]


@serial_kernel
def _gather_halves(bits, width, ids, out, out_bits, column):
    """The same for float16, given as uint16; ``out_bits`` is ``out`` as int32.

    Sign, exponent and fraction are moved to their places in float32; the exact product corrects
    the exponent's bias. Numba has no float16 on the CPU, and NumPy converts number by number.
    """
    scale = np.float32(2.0**112)
    step = _LINE // bits.itemsize
    for i in range(len(ids)):
        ahead = ids[min(i + _AHEAD, len(ids) - 1)] * width
        for j in range(0, width, step):
            prefetch(bits, ahead + j)
        row, result, result_bits = bits[ids[i] * width :], out[i, column:], out_bits[i, column:]
        for j in range(width):
            half = np.int32(row[j])
            number = (half & np.int32(0x7FFF)) << np.int32(13)
            if number >= np.int32(0x0F800000):  # infinite or NaN
                number |= np.int32(0x7F800000)
            result_bits[j] = number | ((half & np.int32(0x8000)) << np.int32(16))
        for j in range(width):
            result[j] *= scale
