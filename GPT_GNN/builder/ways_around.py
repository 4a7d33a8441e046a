"""Ways around a bound in time: node types without times that lead a sample to later nodes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from GPT_GNN.schema import EdgeType, Schema


def ways_around(schema: Schema, timed_types: Collection[str]) -> dict[str, str]:
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

    Returns:
        Such a node type -> the text of a warning; a relation is named by one of its directions.
    """
    found = {}
    for node_type in schema.node_types:
        if node_type in timed_types:
            continue
        timed, untimed = [], []
        for i, edge_type in enumerate(schema.edge_types):
            if i > schema.inverse[i] or node_type not in edge_type[::2]:
                continue
            other = edge_type[2] if edge_type[0] == node_type else edge_type[0]
            if schema.timed[i] and other in timed_types:
                timed.append(edge_type)
            elif not schema.timed[i] and other != node_type:
                untimed.append(edge_type)
        if timed and untimed:
            found[node_type] = _described(node_type, timed, untimed)
    return found


def _described(node_type: str, timed: Sequence[EdgeType], untimed: Sequence[EdgeType]) -> str:
    own, ends, names = repr(node_type), [], []
    for relations in (timed, untimed):
        others = dict.fromkeys(end for relation in relations for end in relation[::2])
        ends.append(" and ".join(repr(end) for end in others if end != node_type))
        names.append(", ".join(":".join(relation) for relation in relations))
    return (
        f"{own} has no time and is linked to {ends[0]}, which has one ({names[0]}), and to "
        f"{ends[1]}, which has none ({names[1]}): a sample with a bound in time reaches later "
        f"{own} nodes through {ends[1]}; a time for {own}, such as that of its {ends[0]}, closes "
        "this way"
    )
