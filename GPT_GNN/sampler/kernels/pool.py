"""The nodes that a sample has reached: a hash table, their budgets, which of them are sampled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel, leaf
from GPT_GNN.system.compiler import serial_kernel

_SAMPLED = -1.0  # the score of an entry that is in no budget any more
_ENTRY = np.dtype(
    [
        ("node", np.int64),  # global id
        ("score", np.float64),  # its budget, below 0 once it is sampled
        ("time", np.int32),  # of the edge that reached it last, or else of that edge's target
        ("local", np.int32),  # place among the sampled nodes of its type
    ]
)


class Pool(NamedTuple):
    """Every node that was reached (an entry each), and a hash table from global ids to entries.

    A type's entries lie together, so that a budget is read front to back. Each type has room for
    all of them: pages that are never written take no memory.
    """

    table: np.ndarray  # [2C] int32 entry, or -1 for a free slot
    entries: np.ndarray  # [T * C] _ENTRY, entry i of type t at t * C + i
    sampled: np.ndarray  # [C] int32 entries in the order in which they were sampled
    bits: int  # C is 2 ** bits


class Tally(NamedTuple):
    """Counters, in arrays so that kernels can change them."""

    counts: np.ndarray  # [2] sampled entries, types that ever had a budget
    order: np.ndarray  # [T] the types in the order in which they first got a budget
    seen: np.ndarray  # [T] bool, whether the type is in ``order``
    used: np.ndarray  # [T] entries of the type
    sampled: np.ndarray  # [T] those of them that are sampled; the others are its budget


@leaf
def home(node, size):
    """Where a hash table of ``size``, a power of two, looks first for a node."""
    mixed = np.uint64(node) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(40)) & (size - 1)


@leaf
def find(table, entries, node):
    """The slot that holds ``node``'s entry, or the free one where it belongs. Linear probing."""
    slot = home(node, len(table))
    while table[slot] >= 0 and entries[table[slot]]["node"] != node:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@kernel
def new_tally(types):
    """Nothing reached yet."""
    return Tally(
        np.zeros(2, np.int64),
        np.empty(types, np.int64),
        np.zeros(types, np.bool_),
        np.zeros(types, np.int64),
        np.zeros(types, np.int64),
    )


@serial_kernel
def new_pool(types, capacity):
    """An empty pool for at least ``capacity`` entries of so many types."""
    bits = 10
    while 1 << bits < capacity:
        bits += 1
    return Pool(
        np.full(2 << bits, -1, np.int32),
        np.empty(types << bits, _ENTRY),
        np.empty(1 << bits, np.int32),
        bits,
    )


@leaf
def clear(pool):
    """Forget every entry."""
    for slot in range(len(pool.table)):
        pool.table[slot] = -1


@kernel
def with_room(pool, tally, more):
    """The pool, or a longer copy of it where it has no room for ``more`` entries."""
    used = tally.used.sum()
    if used + more <= 1 << pool.bits:
        return pool
    longer = new_pool(len(tally.used), used + more)
    for kind in range(len(tally.used)):
        here, there = kind << pool.bits, kind << longer.bits
        for i in range(tally.used[kind]):
            longer.entries[there + i] = pool.entries[here + i]
            node = pool.entries[here + i]["node"]
            longer.table[find(longer.table, longer.entries, node)] = there + i
    for i in range(tally.counts[0]):
        kind = pool.sampled[i] >> pool.bits
        place = pool.sampled[i] - (kind << pool.bits)
        longer.sampled[i] = (kind << longer.bits) + place
    return longer


@leaf
def add_entry(pool, tally, slot, node, kind):
    """Enter a node that ``find`` did not find; returns its entry."""
    entry = (kind << pool.bits) + tally.used[kind]
    tally.used[kind] += 1
    pool.table[slot] = entry
    record = pool.entries[entry]
    record["node"], record["score"] = node, 0.0
    return entry


@leaf
def add_to_sample(pool, tally, entry):
    """Give an entry the next place among the sampled nodes of its type."""
    kind = entry >> pool.bits
    record = pool.entries[entry]
    record["local"], record["score"] = tally.sampled[kind], _SAMPLED
    tally.sampled[kind] += 1
    pool.sampled[tally.counts[0]] = entry
    tally.counts[0] += 1
