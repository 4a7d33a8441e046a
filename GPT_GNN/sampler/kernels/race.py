"""Weighted draws without replacement: an exponential race with a bounded heap."""

from __future__ import annotations

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel, leaf
from GPT_GNN.sampler.kernels.random import uniform


@leaf
def sift_down(keys, items, n):
    """Restore a max-heap of n keys whose root is out of place."""
    at = 0
    key, item = keys[0], items[0]
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= key:
            break
        keys[at], items[at] = keys[child], items[child]
        at = child
    keys[at], items[at] = key, item


@leaf
def sift_up(keys, items, at):
    """Restore a max-heap whose last key, at ``at``, is out of place."""
    key, item = keys[at], items[at]
    while at > 0 and keys[(at - 1) >> 1] < key:
        parent = (at - 1) >> 1
        keys[at], items[at] = keys[parent], items[parent]
        at = parent
    keys[at], items[at] = key, item


@kernel
def draw_nodes(pool, tally, kind, width, state):
    """Draw min(width, all) entries of a type's budget, p ~ score^2, without replacement.

    An exponential race: the entry with the smallest -log(u) / score^2 is the first draw, and so
    on. A heap holds the best ``width``.
    """
    first, used = kind << pool.bits, tally.used[kind]
    budget = used - tally.sampled[kind]
    everything = budget < width
    chosen = np.empty(min(width, budget), np.int64)
    keys = np.empty(len(chosen), np.float64)
    n, entries = 0, pool.entries
    for entry in range(first, first + used):
        score = entries[entry]["score"]
        if score < 0:  # sampled
            continue
        if everything:
            chosen[n] = entry
            n += 1
            continue
        # -log(1 - u) >= u, so most entries lose without a logarithm.
        u, weight = uniform(state), score * score
        if n < width:
            keys[n], chosen[n] = -np.log1p(-u) / weight, entry
            sift_up(keys, chosen, n)
            n += 1
        elif u < keys[0] * weight:
            key = -np.log1p(-u) / weight
            if key < keys[0]:
                keys[0], chosen[0] = key, entry
                sift_down(keys, chosen, n)
    if not everything:
        for last in range(n - 1, 0, -1):  # heap sort: first draw first
            keys[0], keys[last] = keys[last], keys[0]
            chosen[0], chosen[last] = chosen[last], chosen[0]
            sift_down(keys, chosen, last)
    return chosen
