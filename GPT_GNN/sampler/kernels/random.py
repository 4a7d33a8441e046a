"""Random numbers and draws; the state is splitmix64's, in a [1] uint64 array."""

from __future__ import annotations

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel, leaf


@leaf
def uniform(state):
    """A float in [0, 1)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@kernel
def distinct(n, k, state):
    """k distinct numbers of range(n), uniformly, ascending (Floyd's algorithm). [k] int64.

    The hash table keeps numbers in their order but for neighbours that met, so that reading it
    leaves next to nothing to sort.
    """
    scale = 4 * k / n  # few numbers meet: a branch that is guessed wrong costs more than the room
    table = np.full(5 * k, -1, np.int64)  # homes are below 4k, and k numbers at most are pushed on
    for i in range(k):
        number = np.int64(uniform(state) * (n - k + i + 1))
        slot = _slot(table, number, scale)
        if table[slot] == number:
            number = n - k + i
            slot = _slot(table, number, scale)
        table[slot] = number
    out = np.empty(k + 1, np.int64)
    taken = 0
    for number in table:  # without a branch: which slots are taken is not to be predicted
        out[taken] = number
        taken += number >= 0
    for i in range(1, k):
        number, at = out[i], i
        while at > 0 and out[at - 1] > number:
            out[at] = out[at - 1]
            at -= 1
        out[at] = number
    return out[:k]


@leaf
def _slot(table, number, scale):
    slot = np.int64(number * scale)
    while table[slot] != number and table[slot] != -1:
        slot += 1
    return slot
