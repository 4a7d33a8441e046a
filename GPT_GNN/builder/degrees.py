"""Features of nodes without attributes: how many edges they have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from GPT_GNN.schema import EdgeType

TimedEnds = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def degree_features(
    node_type: str, n: int, edges: Mapping[EdgeType, TimedEnds], until: int | None
) -> np.ndarray:
    """log(1 + number of edges), a column for each side of a relation that the type is on.

    Args:
        n: nodes of the type.
        edges: per edge type sources, targets and times, [E] each; times may be None.
        until: edges with a later time are not counted; None counts all.

    Returns:
        [n, sides] float32.
    """
    counts = []
    for edge_type, (src, dst, time) in edges.items():
        known = np.ones(len(src), dtype=bool)
        if time is not None and until is not None:
            known = time <= until
        for end, ids in ((edge_type[0], src), (edge_type[2], dst)):
            if end == node_type:
                counts.append(np.bincount(ids[known], minlength=n))
    return np.log1p(np.array(counts, dtype=np.float32).reshape(len(counts), n).T)
