"""Ways around a bound in time: node types without times that lead a sample to later nodes."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from GPT_GNN.schema import EdgeType, Schema


class WayAround(NamedTuple):
    """A node type through which a sample gets past its bound.

    Attributes:
        node_type: has no times, though its nodes belong to the time of those they are linked to.
        timed: its relations with node types that have times: a bound cuts these.
        untimed: its relations with other types that have none: a bound does not cut these.
    """

    node_type: str
    timed: tuple[EdgeType, ...]
    untimed: tuple[EdgeType, ...]

    def __str__(self) -> str:
        own, dated, through = repr(self.node_type), self._others(0), self._others(1)
        names = [", ".join(":".join(e) for e in relations) for relations in self[1:]]
        return (
            f"{own} has no time and is linked to {dated}, which has one ({names[0]}), and to "
            f"{through}, which has none ({names[1]}): a sample with a bound in time reaches later "
            f"{own} nodes through {through}; a time for {own}, such as that of its {dated}, closes "
            "this way"
        )

    def _others(self, which: int) -> str:
        """The node types at the other ends of the timed (0) or the untimed (1) relations."""
        ends = dict.fromkeys(end for relation in self[1 + which] for end in relation[::2])
        return " and ".join(repr(end) for end in ends if end != self.node_type)


def ways_around(schema: Schema, timed_types: Collection[str]) -> list[WayAround]:
    """Find the node types that lead around a bound in time: a leak guard, as a warning.

    Results of races are linked to races, which have dates, and to drivers, who have none. From a
    race of 2005 a sample reaches a result, then its driver, then the driver's results of 2020: a
    bound at 2005 cuts only the edges from these to their races.

    Such a type has no time, a timed relation with a type that has times, and an untimed relation
    with another type. An untimed relation within the type does not count: a hierarchy of fields is
    the same at any time. A type between two types with times (results of races and of drivers with
    dates of birth) is not found: a field of papers and patents, which is right, looks the same.

    Args:
        schema: of a store, where a relation has times if one of its ends has.
        timed_types: the node types that have times.
    """
    found = []
    for node_type in schema.node_types:
        if node_type in timed_types:
            continue
        timed, untimed = [], []
        for i, edge_type in enumerate(schema.edge_types):
            if i > schema.inverse[i] or node_type not in (edge_type[0], edge_type[2]):
                continue
            other = edge_type[2] if edge_type[0] == node_type else edge_type[0]
            if schema.timed[i] and other in timed_types:
                timed.append(edge_type)
            elif not schema.timed[i] and other != node_type:
                untimed.append(edge_type)
        if timed and untimed:
            found.append(WayAround(node_type, tuple(timed), tuple(untimed)))
    return found
