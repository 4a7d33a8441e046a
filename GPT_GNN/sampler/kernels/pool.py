"""The nodes that a sample has reached: a hash table, their budgets, which of them are sampled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel


class Pool(NamedTuple):
    """Every node that was reached (an entry each), and a hash table from global ids to entries."""

    keys: np.ndarray  # [2C] int64 global id, or -1 for a free slot
    slots: np.ndarray  # [2C] int32 entry of that id
    node: np.ndarray  # [C] int64 global id
    kind: np.ndarray  # [C] int32 node type
    score: np.ndarray  # [C] float64 budget
    time: np.ndarray  # [C] int32
    local: np.ndarray  # [C] int32 place among the sampled nodes of its type, -1: not sampled
    following: np.ndarray  # [C] int32 next entry in its type's budget, -1: the last
    sampled: np.ndarray  # [C] int32 entries in the order in which they were sampled


class Tally(NamedTuple):
    """Counters, in arrays so that kernels can change them."""

    counts: np.ndarray  # [3] entries, sampled entries, types that ever had a budget
    order: np.ndarray  # [T] the types in the order in which they first got a budget
    seen: np.ndarray  # [T] bool: the type is in ``order``
    head: np.ndarray  # [T] first entry of the type's budget, -1: none
    tail: np.ndarray  # [T] last one
    size: np.ndarray  # [T] entries in the type's budget
    sampled: np.ndarray  # [T] sampled nodes of the type


@kernel
def find(keys, key):
    """The slot that holds ``key``, or the free one where it belongs. Linear probing."""
    mask = len(keys) - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64(mixed >> np.uint64(32)) & mask
    while keys[slot] != key and keys[slot] != -1:
        slot = (slot + 1) & mask
    return slot


@kernel
def _longer(array, length):
    out = np.empty(length, array.dtype)
    for i in range(len(array)):
        out[i] = array[i]
    return out


@kernel
def new_pool(capacity):
    """An empty pool for at least ``capacity`` entries."""
    size = 64
    while size < capacity:
        size *= 2
    return Pool(
        np.full(2 * size, -1, np.int64),
        np.empty(2 * size, np.int32),
        np.empty(size, np.int64),
        np.empty(size, np.int32),
        np.empty(size, np.float64),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
    )


@kernel
def reserve(pool, used, more):
    """The pool itself, or a copy twice as large when ``more`` entries would not fit."""
    size = len(pool.node)
    if used + more <= size:
        return pool
    while size < used + more:
        size *= 2
    keys = np.full(2 * size, -1, np.int64)
    slots = np.empty(2 * size, np.int32)
    for entry in range(used):
        slot = find(keys, pool.node[entry])
        keys[slot] = pool.node[entry]
        slots[slot] = entry
    return Pool(
        keys,
        slots,
        _longer(pool.node, size),
        _longer(pool.kind, size),
        _longer(pool.score, size),
        _longer(pool.time, size),
        _longer(pool.local, size),
        _longer(pool.following, size),
        _longer(pool.sampled, size),
    )


@kernel
def add_entry(pool, tally, slot, node, kind):
    """Enter a node that ``find`` did not find; returns its entry."""
    entry = tally.counts[0]
    tally.counts[0] += 1
    pool.keys[slot] = node
    pool.slots[slot] = entry
    pool.node[entry] = node
    pool.kind[entry] = kind
    pool.score[entry] = 0.0
    pool.local[entry] = -1
    pool.following[entry] = -1
    return entry


@kernel
def add_to_budget(pool, tally, entry, kind):
    """Append an entry to its type's budget."""
    if not tally.seen[kind]:
        tally.seen[kind] = True
        tally.order[tally.counts[2]] = kind
        tally.counts[2] += 1
    if tally.head[kind] < 0:
        tally.head[kind] = entry
    else:
        pool.following[tally.tail[kind]] = entry
    tally.tail[kind] = entry
    tally.size[kind] += 1


@kernel
def add_to_sample(pool, tally, entry):
    kind = pool.kind[entry]
    pool.local[entry] = tally.sampled[kind]
    tally.sampled[kind] += 1
    pool.sampled[tally.counts[1]] = entry
    tally.counts[1] += 1
