"""The walk: sampled nodes fill the budgets, budgets give the next sampled nodes."""

from __future__ import annotations

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel, leaf
from GPT_GNN.sampler.kernels.drawn import drawn_edges
from GPT_GNN.sampler.kernels.pool import (
    add_entry,
    add_to_sample,
    clear,
    find,
    home,
    new_tally,
    with_room,
)
from GPT_GNN.sampler.kernels.race import draw_nodes
from GPT_GNN.system.prefetch import prefetch

_AHEAD = 16  # edges between asking for a slot, asking for its entry and using both


@leaf
def _reach(graph, pool, tally, runs, node, time):
    """Add the drawn edges to the budgets of their sources; the pool has room for all of them.

    An edge weighs 1 / (number of drawn edges of its target and edge type).
    """
    table, entries = pool.table, pool.entries
    last, at = len(node) - 1, 0
    for i in range(len(runs)):
        run = runs[i]
        kind, count = graph.source[run["edge_type"]], run["count"]
        weight = 1.0 / max(count, 1)
        for j in range(at, at + count):
            prefetch(table, home(node[min(j + 2 * _AHEAD, last)], len(table)))
            prefetch(entries, table[home(node[min(j + _AHEAD, last)], len(table))])
            slot = find(table, entries, node[j])
            entry = np.int64(table[slot])
            if entry < 0:
                entry = add_entry(pool, tally, slot, node[j], kind)
            reached = entries[entry]
            if reached["score"] >= 0:
                reached["score"] += weight
                reached["time"] = time[j]
        at += count
        if not tally.seen[kind] and tally.sampled[kind] < tally.used[kind]:
            tally.seen[kind] = True
            tally.order[tally.counts[1]] = kind
            tally.counts[1] += 1


@kernel
def walk(graph, hidden, seeds, seed_kinds, seed_times, depth, width, time_max, seed, pool):
    """Seed nodes, then ``depth`` rounds of draws from every budget; returns pool and tally."""
    types = len(graph.type_start) - 1
    tally = new_tally(types)
    state = np.full(1, np.uint64(seed))
    clear(pool)
    pool = with_room(pool, tally, len(seeds))
    chosen = np.empty(len(seeds), np.int64)
    for i in range(len(seeds)):
        slot = find(pool.table, pool.entries, seeds[i])
        entry = add_entry(pool, tally, slot, seeds[i], seed_kinds[i])
        pool.entries[entry]["time"] = seed_times[i]
        add_to_sample(pool, tally, entry)
        chosen[i] = entry
    needed = np.ones(types, np.bool_)
    runs, node, time = drawn_edges(graph, hidden, pool, chosen, needed, width, time_max, state)
    pool = with_room(pool, tally, len(node))
    _reach(graph, pool, tally, runs, node, time)
    for left in range(depth - 1, -1, -1):
        with_budget = tally.counts[1]  # fixed here: a type that comes up now waits a round
        for i in range(with_budget):
            chosen = draw_nodes(pool, tally, tally.order[i], width, state)
            for entry in chosen:
                add_to_sample(pool, tally, entry)
            if left == 0:  # only the types to come in this round are drawn from again
                needed[:] = False
                needed[tally.order[i + 1 : with_budget]] = True
            runs, node, time = drawn_edges(
                graph, hidden, pool, chosen, needed, width, time_max, state
            )
            pool = with_room(pool, tally, len(node))
            _reach(graph, pool, tally, runs, node, time)
    return pool, tally
