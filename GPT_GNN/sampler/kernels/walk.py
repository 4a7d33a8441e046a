"""The walk: sampled nodes fill the budgets, budgets give the next sampled nodes."""

from __future__ import annotations

import numpy as np

from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.sampler.kernels.compiler import kernel
from GPT_GNN.sampler.kernels.graph import in_edges, is_hidden, may_hide, until
from GPT_GNN.sampler.kernels.pool import (
    Tally,
    add_entry,
    add_to_budget,
    add_to_sample,
    find,
    new_pool,
    reserve,
)
from GPT_GNN.sampler.kernels.race import draw_nodes
from GPT_GNN.sampler.kernels.random import distinct

_NONE = np.int32(NO_TIME)


@kernel
def _draw_edges(graph, hidden, test, edge_type, target, begin, end, width, state):
    """Positions of at most ``width`` visible edges of begin .. end - 1, uniformly, ascending.

    Draws ranks among the visible edges, so that hidden ones leave no trace in the random stream;
    only where some may be hidden are they looked at, twice: to count and to find those drawn.
    """
    visible = end - begin
    if test:
        visible = 0
        for position in range(begin, end):
            visible += not is_hidden(hidden, edge_type, graph.indices[position], target)
    ranks = np.arange(visible) if visible < width else distinct(visible, width, state)
    if not test or visible == end - begin:
        return ranks + begin
    rank, taken, position = 0, 0, begin
    while taken < len(ranks):
        if not is_hidden(hidden, edge_type, graph.indices[position], target):
            if rank == ranks[taken]:
                ranks[taken] = position
                taken += 1
            rank += 1
        position += 1
    return ranks


@kernel
def _reach(graph, pool, tally, edge_type, begin, n, picks, own_time):
    """Add 1 / n to the budget of the source of each of n edges: ``picks``, else begin, ..."""
    kind = graph.source[edge_type]
    base = graph.type_start[kind]
    timed = graph.timed[edge_type]
    for i in range(n):
        position = picks[i] if len(picks) else begin + i
        time = graph.time[position] if timed else _NONE
        if time == _NONE:
            time = own_time
        node = base + graph.indices[position]
        slot = find(pool.keys, node)
        if pool.keys[slot] == node:
            entry = np.int64(pool.slots[slot])
            if pool.local[entry] >= 0:
                continue
        else:
            entry = add_entry(pool, tally, slot, node, kind)
            add_to_budget(pool, tally, entry, kind)
        pool.score[entry] += 1.0 / n
        pool.time[entry] = time


@kernel
def extend(graph, hidden, pool, tally, entry, width, time_max, state):
    """Let a sampled node extend the budgets over every edge type into it; returns the pool."""
    kind = pool.kind[entry]
    target = pool.node[entry] - graph.type_start[kind]
    own_time = pool.time[entry]
    every = np.empty(0, np.int64)
    for i in range(graph.into_start[kind], graph.into_start[kind + 1]):
        edge_type = graph.into[i]
        begin, end = in_edges(graph, edge_type, target)
        end = until(graph, edge_type, begin, end, time_max)
        picks, n = every, end - begin
        if n == 0:
            continue
        test = may_hide(hidden, edge_type, target)
        if test or n >= width:
            picks = _draw_edges(graph, hidden, test, edge_type, target, begin, end, width, state)
            n = len(picks)
        pool = reserve(pool, tally.counts[0], n)
        _reach(graph, pool, tally, edge_type, begin, n, picks, own_time)
    return pool


@kernel
def walk(graph, hidden, seeds, seed_kinds, seed_times, depth, width, time_max, seed):
    """Seeds, then ``depth`` rounds of drawing from every budget; returns the pool and the tally."""
    types = len(graph.type_start) - 1
    tally = Tally(
        np.zeros(3, np.int64),
        np.empty(types, np.int64),
        np.zeros(types, np.bool_),
        np.full(types, -1, np.int64),
        np.full(types, -1, np.int64),
        np.zeros(types, np.int64),
        np.zeros(types, np.int64),
    )
    state = np.full(1, np.uint64(seed))
    pool = new_pool(2 * len(seeds))
    for i in range(len(seeds)):
        entry = add_entry(pool, tally, find(pool.keys, seeds[i]), seeds[i], seed_kinds[i])
        pool.time[entry] = seed_times[i]
        add_to_sample(pool, tally, entry)
    for i in range(len(seeds)):
        pool = extend(graph, hidden, pool, tally, i, width, time_max, state)
    for _ in range(depth):
        for i in range(tally.counts[2]):  # fixed here: a type that comes up now waits a round
            kind = tally.order[i]
            chosen = draw_nodes(pool, tally, kind, width, state)
            for entry in chosen:
                add_to_sample(pool, tally, entry)
            for entry in chosen:
                pool = extend(graph, hidden, pool, tally, entry, width, time_max, state)
    return pool, tally
