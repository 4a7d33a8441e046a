"""The times that a store holds: which there are, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph

LONGEST_DIFFERENCE = 120  # of two times in a batch; HGT's temporal encoding has no longer one


def store_times(graph: HeteroGraph) -> dict[str, np.ndarray]:
    """All times of a store by words that name them, a relation's and not its inverse's."""
    inverse = graph.schema.inverse
    of_nodes = {f"{graph.path}, {t!r}": graph.node_time(t) for t in graph.node_types}
    of_edges = {
        f"{graph.path}, {':'.join(e)!r}": graph.csr(e).time
        for i, e in enumerate(graph.edge_types)
        if i <= inverse[i]
    }
    return {name: time for name, time in (of_nodes | of_edges).items() if time is not None}


def time_range(graph: HeteroGraph) -> tuple[int, int] | None:
    """First and last time of nodes and edges; reads all edges' times. None without times."""
    return first_and_last(store_times(graph).values())


def first_and_last(times: Iterable[np.ndarray]) -> tuple[int, int] | None:
    """The range of some arrays of times, NO_TIME left out; None where nothing else is in them."""
    ends: list[int] = []
    for array in times:
        known = array[array != NO_TIME]
        if len(known):
            ends += [int(known.min()), int(known.max())]
    return (min(ends), max(ends)) if ends else None
