"""The in-edges that sampled nodes draw: up to a bound, visible, at most so many a relation.

Several nodes are served at once, in passes that each do one kind of memory access: on a graph
larger than the caches the processor then waits for many of them together, not for one by one.
"""

from __future__ import annotations

import numpy as np

from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.sampler.kernels.compiler import kernel
from GPT_GNN.sampler.kernels.graph import first_late, hides, is_hidden, may_hide
from GPT_GNN.sampler.kernels.random import distinct

_NONE = np.int32(NO_TIME)
_RUN = np.dtype(
    [
        ("begin", np.int64),  # the in-edges of one edge type of one node: begin .. end - 1
        ("end", np.int64),
        ("target", np.int32),
        ("edge_type", np.int32),
        ("own_time", np.int32),  # the node's
        ("last", np.int32),  # the last edge's
    ]
)
_DRAWN = np.dtype(
    [
        ("node", np.int64),  # its source
        ("weight", np.float64),
        ("edge", np.int64),  # its place in the graph, -1: it has no time
        ("time", np.int32),  # its target's
        ("kind", np.int32),
    ]
)


@kernel
def _runs(graph, pool, chosen, needed):
    """Where the in-edges of sampled nodes are: [n] _RUN, by node, then by edge type into it."""
    entries = pool.entries
    n = 0
    for entry in chosen:
        kind = pool.kind[entry]
        n += graph.into_start[kind + 1] - graph.into_start[kind]
    runs = np.empty(n + 1, _RUN)
    at = 0
    for entry in chosen:
        kind = pool.kind[entry]
        target = entries[entry]["node"] - graph.type_start[kind]
        own_time = entries[entry]["time"]
        for i in range(graph.into_start[kind], graph.into_start[kind + 1]):
            edge_type = graph.into[i]
            if not needed[graph.source[edge_type]]:
                continue
            row = graph.indptr_start[edge_type] + target
            base = graph.indices_start[edge_type]
            run = runs[at]
            run["target"], run["edge_type"], run["own_time"] = target, edge_type, own_time
            run["begin"], run["end"] = base + graph.indptr[row], base + graph.indptr[row + 1]
            at += run["begin"] < run["end"]  # else the next one overwrites it
    runs = runs[:at]
    for i in range(at):
        run = runs[i]
        run["last"] = graph.time[run["end"] - 1] if graph.timed[run["edge_type"]] else _NONE
    return runs


@kernel
def _visible(graph, hidden, edge_type, target, begin, end, width, state):
    """Positions of at most ``width`` visible edges of begin .. end - 1, uniformly, ascending.

    Draws ranks among the visible edges, so that hidden ones leave no trace in the random stream.
    """
    visible = 0
    for position in range(begin, end):
        visible += not is_hidden(hidden, edge_type, graph.indices[position], target)
    ranks = np.arange(visible) if visible < width else distinct(visible, width, state)
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
def drawn_edges(graph, hidden, pool, chosen, needed, width, time_max, state):
    """The drawn in-edges of sampled nodes from source types that are ``needed``: [n] _DRAWN.

    An edge weighs 1 / (number of drawn edges of its target and edge type).
    """
    runs = _runs(graph, pool, chosen, needed)
    hidden_types = hides(hidden)
    most = 0
    for at in range(len(runs)):
        most += min(runs[at]["end"] - runs[at]["begin"], width)
    out = np.empty(most, _DRAWN)
    every = np.empty(0, np.int64)
    indices = graph.indices
    n = 0
    for at in range(len(runs)):
        run = runs[at]
        begin, end = run["begin"], run["end"]
        if run["last"] > time_max:
            end = first_late(graph.time, begin, end, time_max)
        count, picks = end - begin, every
        if count == 0:
            continue
        edge_type, target = np.int64(run["edge_type"]), np.int64(run["target"])
        if hidden_types[edge_type] and may_hide(hidden, edge_type, target):
            picks = _visible(graph, hidden, edge_type, target, begin, end, width, state)
            begin, count = 0, len(picks)
        elif count >= width:
            picks = distinct(count, width, state)
            count = width
        kind, timed, drawn = graph.source[edge_type], graph.timed[edge_type], len(picks) > 0
        base, own_time, weight = graph.type_start[kind], run["own_time"], 1.0 / count
        for i in range(count):
            position = begin + (picks[i] if drawn else i)
            edge = out[n]
            edge["node"] = base + indices[position]
            edge["weight"], edge["kind"] = weight, kind
            edge["edge"], edge["time"] = position if timed else -1, own_time
            n += 1
    return out[:n]
