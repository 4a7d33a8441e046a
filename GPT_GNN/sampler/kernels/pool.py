"""The nodes that a sample has reached: a hash table, their budgets, which of them are sampled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from GPT_GNN.compiler import serial_kernel
from GPT_GNN.sampler.kernels.compiler import kernel

# A reached node in half a cache line, because it is met at random.
_ENTRY = np.dtype(
    [
        ("node", np.int64),  # global id
        ("score", np.float64),  # its budget
        ("edge", np.int64),  # the edge that reached it last, -1: a seed, or the edge has no time
        ("time", np.int32),  # of the node it was reached from; its own once it is sampled
        ("local", np.int32),  # place among the sampled nodes of its type, -1: not sampled
    ]
)


class Pool(NamedTuple):
    """Every node that was reached (an entry each), and a hash table from global ids to entries."""

    table: np.ndarray  # [2C] int32 entry, or -1 for a free slot
    entries: np.ndarray  # [C] _ENTRY
    kind: np.ndarray  # [C] int32 node type of an entry
    following: np.ndarray  # [C] int32 next entry in its type's budget, -1: the last
    sampled: np.ndarray  # [C] int32 entries in the order in which they were sampled


class Tally(NamedTuple):
    """Counters, in arrays so that kernels can change them."""

    counts: np.ndarray  # [4] entries, sampled entries, types that ever had a budget, a dummy
    order: np.ndarray  # [T] the types in the order in which they first got a budget
    seen: np.ndarray  # [T] bool: the type is in ``order``
    head: np.ndarray  # [T] first entry of the type's budget, -1: none
    tail: np.ndarray  # [T] last one
    size: np.ndarray  # [T] entries in the type's budget
    sampled: np.ndarray  # [T] sampled nodes of the type


@kernel
def home(node, size):
    """Where a hash table of ``size``, a power of two, looks first for a node."""
    mixed = np.uint64(node) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(40)) & (size - 1)


@kernel
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
        np.zeros(4, np.int64),
        np.empty(types, np.int64),
        np.zeros(types, np.bool_),
        np.full(types, -1, np.int64),
        np.full(types, -1, np.int64),
        np.zeros(types, np.int64),
        np.zeros(types, np.int64),
    )


@serial_kernel
def new_pool(capacity):
    """An empty pool for at least ``capacity`` entries."""
    size = 1024
    while size < capacity:
        size *= 2
    return Pool(
        np.full(2 * size, -1, np.int32),
        np.empty(size, _ENTRY),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
    )


@kernel
def clear(pool):
    """Forget every entry."""
    for slot in range(len(pool.table)):
        pool.table[slot] = -1


@kernel
def longer_pool(pool, used, capacity):
    """A copy of a pool of ``used`` entries with room for at least ``capacity``."""
    longer = new_pool(capacity)
    longer.entries[:used] = pool.entries[:used]
    longer.kind[:used] = pool.kind[:used]
    longer.following[:used] = pool.following[:used]
    longer.sampled[:used] = pool.sampled[:used]
    for entry in range(used):
        node = longer.entries[entry]["node"]
        longer.table[find(longer.table, longer.entries, node)] = entry
    return longer


@kernel
def add_entry(pool, tally, slot, node, kind):
    """Enter a node that ``find`` did not find; returns its entry."""
    entry = tally.counts[0]
    tally.counts[0] += 1
    pool.table[slot] = entry
    record = pool.entries[entry]
    record["node"], record["score"], record["edge"], record["local"] = node, 0.0, -1, -1
    pool.kind[entry], pool.following[entry] = kind, -1
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
    """Give an entry the next place among the sampled nodes of its type."""
    kind = pool.kind[entry]
    pool.entries[entry]["local"] = tally.sampled[kind]
    tally.sampled[kind] += 1
    pool.sampled[tally.counts[1]] = entry
    tally.counts[1] += 1
