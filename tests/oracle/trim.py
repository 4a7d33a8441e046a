"""Literal walk: which nodes and edges some nodes depend on, layer by layer."""

from __future__ import annotations


def needed(edges, wanted, reach):
    """Per convolution, first to last: nodes that it reads, edges it walks, nodes it updates.

    Args:
        edges: (relation, source, target), self loops included.
        wanted: nodes that the last convolution updates.
        reach: hops of each convolution.
    """
    layers = []
    for hops in reversed(reach):
        distance = {node: 0 for node in wanted}
        for hop in range(1, hops + 1):
            for _, source, target in edges:
                if distance.get(target) == hop - 1:
                    distance.setdefault(source, hop)
        walked = [edge for edge in edges if distance.get(edge[2], hops) < hops]
        layers.append((set(distance), walked, set(wanted)))
        wanted = set(distance)
    return layers[::-1]
