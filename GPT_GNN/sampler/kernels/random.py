"""Random numbers and draws; the state is splitmix64's, in a [1] uint64 array."""

from __future__ import annotations

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel
from GPT_GNN.sampler.kernels.pool import find


@kernel
def uniform(state):
    """A float in [0, 1)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@kernel
def _sort(values):
    """Sort in place (shell sort: short lists; np.sort would take seconds to compile)."""
    gap = 1
    while 3 * gap + 1 < len(values):
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, len(values)):
            value, at = values[i], i
            while at >= gap and values[at - gap] > value:
                values[at] = values[at - gap]
                at -= gap
            values[at] = value
        gap //= 3


@kernel
def distinct(n, k, state):
    """k distinct numbers of range(n), uniformly, ascending (Floyd's algorithm). [k] int64."""
    size = 4
    while size < 2 * k:
        size *= 2
    table = np.full(size, -1, np.int64)
    out = np.empty(k, np.int64)
    for i in range(k):
        last = n - k + i
        number = np.int64(uniform(state) * (last + 1))
        slot = find(table, number)
        if table[slot] == number:
            number = last
            slot = find(table, number)
        table[slot] = number
        out[i] = number
    _sort(out)
    return out
