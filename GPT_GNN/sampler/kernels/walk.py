"""The walk: sampled nodes fill the budgets, budgets give the next sampled nodes."""

from __future__ import annotations

import numpy as np

from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.sampler.kernels.compiler import kernel
from GPT_GNN.sampler.kernels.drawn import drawn_edges
from GPT_GNN.sampler.kernels.pool import (
    add_entry,
    add_to_budget,
    add_to_sample,
    clear,
    find,
    home,
    longer_pool,
    new_pool,
    new_tally,
)
from GPT_GNN.sampler.kernels.race import draw_nodes


@kernel
def _reach_while_room(pool, tally, edges, start):
    """``_reach`` from edge ``start`` on, until one finds the pool full; returns which."""
    table, entries = pool.table, pool.entries
    for i in range(start, len(edges)):
        if i & 31 == 0:  # touch what comes next, so that memory answers many at once
            touched = 0
            for j in range(i, min(i + 32, len(edges))):
                entry = np.int64(table[home(edges[j]["node"], len(table))])
                touched += entries[max(entry, 0)]["local"]
            tally.counts[3] = touched  # else the compiler would drop the loads
        edge = edges[i]
        slot = find(table, entries, edge["node"])
        entry = np.int64(table[slot])
        if entry < 0:
            if tally.counts[0] == len(entries):
                return i
            entry = add_entry(pool, tally, slot, edge["node"], edge["kind"])
            add_to_budget(pool, tally, entry, edge["kind"])
        reached = entries[entry]
        if reached["local"] < 0:
            reached["score"] += edge["weight"]
            reached["edge"], reached["time"] = edge["edge"], edge["time"]
    return len(edges)


@kernel
def _reach(pool, tally, edges):
    """Add each edge's weight to the budget of its source; returns the pool, longer if need be."""
    done = 0
    while done < len(edges):
        if tally.counts[0] == len(pool.entries):
            pool = longer_pool(pool, tally.counts[0], tally.counts[0] + 1)
        done = _reach_while_room(pool, tally, edges, done)
    return pool


@kernel
def _own_time(graph, reached):
    """The time of a node that is sampled: its last edge's, if that has one.

    Looked up here and not for each edge that is drawn: of the reached nodes few are sampled.
    """
    if reached["edge"] >= 0 and graph.time[reached["edge"]] != NO_TIME:
        reached["time"] = graph.time[reached["edge"]]


@kernel
def walk(graph, hidden, seeds, seed_kinds, seed_times, depth, width, time_max, seed, pool):
    """Seeds, then ``depth`` rounds of drawing from every budget; returns the pool and the tally."""
    tally = new_tally(len(graph.type_start) - 1)
    state = np.full(1, np.uint64(seed))
    clear(pool)
    if len(seeds) > len(pool.entries):
        pool = new_pool(len(seeds))
    for i in range(len(seeds)):
        slot = find(pool.table, pool.entries, seeds[i])
        entry = add_entry(pool, tally, slot, seeds[i], seed_kinds[i])
        pool.entries[entry]["time"] = seed_times[i]
        add_to_sample(pool, tally, entry)
    chosen = np.arange(len(seeds))
    needed = np.ones(len(graph.type_start) - 1, np.bool_)
    edges = drawn_edges(graph, hidden, pool, chosen, needed, width, time_max, state)
    pool = _reach(pool, tally, edges)
    for left in range(depth - 1, -1, -1):
        types = tally.counts[2]  # fixed here: a type that comes up now waits a round
        for i in range(types):
            chosen = draw_nodes(pool, tally, tally.order[i], width, state)
            for entry in chosen:
                add_to_sample(pool, tally, entry)
                _own_time(graph, pool.entries[entry])
            if left == 0:  # only the types to come in this round are drawn from again
                needed[:] = False
                needed[tally.order[i + 1 : types]] = True
            edges = drawn_edges(graph, hidden, pool, chosen, needed, width, time_max, state)
            pool = _reach(pool, tally, edges)
    return pool, tally
