"""The in-edges that sampled nodes draw: up to a bound, visible, at most ``width`` per relation.

Several nodes are served at once, in passes that each do one kind of memory access and ask for what
the next pass reads: on a graph larger than the caches the processor then waits for many accesses
together, not for one by one.
"""

from __future__ import annotations

import numpy as np

from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.sampler.kernels.compiler import kernel, leaf
from GPT_GNN.sampler.kernels.graph import (
    first_late,
    hides,
    in_edges,
    is_hidden,
    may_hide,
    prefetch_offsets,
)
from GPT_GNN.sampler.kernels.random import distinct
from GPT_GNN.system.prefetch import prefetch

_AHEAD = 1024  # edges between asking for them and reading them: the nearer caches hold as many
_RUN = np.dtype(
    [
        ("begin", np.int64),  # the in-edges of one edge type of one node: begin .. end - 1
        ("end", np.int64),
        ("target", np.int32),
        ("edge_type", np.int32),
        ("time", np.int32),  # the node's
        ("count", np.int32),  # drawn edges
    ]
)


@kernel
def _runs(graph, pool, chosen, needed):
    """Where the in-edges of sampled nodes are: [n] _RUN, by node, then by edge type into it."""
    entries = pool.entries
    n = 0
    for entry in chosen:
        kind = entry >> pool.bits
        n += graph.into_start[kind + 1] - graph.into_start[kind]
        prefetch_offsets(graph, kind, entries[entry]["node"] - graph.type_start[kind])
    runs = np.empty(n, _RUN)
    at = 0
    for entry in chosen:
        kind = entry >> pool.bits
        target = entries[entry]["node"] - graph.type_start[kind]
        time = entries[entry]["time"]
        for i in range(graph.into_start[kind], graph.into_start[kind + 1]):
            edge_type = graph.into[i]
            if not needed[graph.source[edge_type]]:
                continue
            begin, end = in_edges(graph, edge_type, target)
            if begin == end:
                continue
            prefetch(graph.edges, begin)
            prefetch(graph.edges, end - 1)
            run = runs[at]
            run["target"], run["edge_type"], run["time"] = target, edge_type, time
            run["begin"], run["end"] = begin, end
            at += 1
    return runs[:at]


@kernel
def _visible(graph, hidden, edge_type, target, begin, end, width, state):
    """Positions of at most ``width`` visible edges of begin .. end - 1, uniformly, ascending.

    Draws ranks among the visible edges, so that hidden ones leave no trace in the random stream.
    """
    visible = 0
    for position in range(begin, end):
        visible += not is_hidden(hidden, edge_type, graph.edges[position, 0], target)
    ranks = np.arange(visible) if visible < width else distinct(visible, width, state)
    rank, taken, position = 0, 0, begin
    while taken < len(ranks):
        if not is_hidden(hidden, edge_type, graph.edges[position, 0], target):
            if rank == ranks[taken]:
                ranks[taken] = position
                taken += 1
            rank += 1
        position += 1
    return ranks


@leaf
def _bound_runs(edges, runs, width, time_max):
    """Cut each run off at the bound; returns the most edges that they can draw."""
    most = 0
    for i in range(len(runs)):
        run = runs[i]
        if edges[run["end"] - 1, 1] > time_max:
            run["end"] = first_late(edges, run["begin"], run["end"], time_max)
        most += min(run["end"] - run["begin"], width)
    return most


@leaf
def _take(graph, runs, begin, end, positions, n, node, time):
    """Read the drawn edges of runs begin .. end - 1, the first of which is the n-th of all."""
    edges = graph.edges
    for i in range(begin, end):
        run = runs[i]
        base, own_time = graph.type_start[graph.source[run["edge_type"]]], run["time"]
        for j in range(n, n + run["count"]):
            node[j] = base + edges[positions[j], 0]
            edge_time = edges[positions[j], 1]
            time[j] = own_time if edge_time == NO_TIME else edge_time
        n += run["count"]


@kernel
def drawn_edges(graph, hidden, pool, chosen, needed, width, time_max, state):
    """The in-edges that sampled nodes draw, from source types that are ``needed``.

    Returns:
        runs, [n] _RUN; node, [m] int64, the edges' sources (global ids), run by run; time, [m]
        int32, an edge's time, or its target's where it has none.
    """
    runs = _runs(graph, pool, chosen, needed)
    edges, hidden_types = graph.edges, hides(hidden)
    most = _bound_runs(edges, runs, width, time_max)
    positions = np.empty(most, np.int64)
    node, time = np.empty(most, np.int64), np.empty(most, np.int32)
    n, taken_runs, taken = 0, 0, 0
    for i in range(len(runs)):
        run = runs[i]
        begin, count = run["begin"], run["end"] - run["begin"]
        edge_type, target = np.int64(run["edge_type"]), np.int64(run["target"])
        if count > 0 and hidden_types[edge_type] and may_hide(hidden, edge_type, target):
            picks = _visible(graph, hidden, edge_type, target, begin, run["end"], width, state)
            count = len(picks)
            positions[n : n + count] = picks
        elif count >= width:
            picks = distinct(count, width, state)
            count = width
            for j in range(count):
                positions[n + j] = begin + picks[j]
                prefetch(edges, begin + picks[j])
        else:
            for j in range(count):
                positions[n + j] = begin + j
        run["count"] = count
        n += count
        if n - taken > _AHEAD or i == len(runs) - 1:
            _take(graph, runs, taken_runs, i + 1, positions, taken, node, time)
            taken_runs, taken = i + 1, n
    return runs, node[:n], time[:n]
