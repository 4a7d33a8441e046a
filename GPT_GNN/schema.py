"""Node types, edge types and their inverses: the vocabulary that every other module shares."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

EdgeType = tuple[str, str, str]  # (source type, relation, target type)


def split_names(values: str | Iterable[str], known: Collection[str]) -> list[str]:
    """The names in the values of a flag that takes a list.

    A value that as a whole is a known name is that name, whatever commas are in it; any other is
    comma-separated.

    Args:
        values: one, or one for each use of the flag.
        known: the names that there are.
    """
    return [
        name
        for value in ([values] if isinstance(values, str) else values)
        for name in ([value] if value in known else filter(None, value.split(",")))
    ]


@dataclass(frozen=True)
class Schema:
    """The types of a heterogeneous graph.

    Attributes:
        node_types: names, in storage order.
        edge_types: triples ``(source type, relation, target type)``, in storage order.
        inverse: for each edge type the position of its inverse in ``edge_types``; a symmetric
            relation is its own inverse.
        timed: for each edge type whether its edges carry a time.

    Raises:
        ValueError: a triple names an unknown node type, or the inverses do not pair up.
    """

    node_types: tuple[str, ...]
    edge_types: tuple[EdgeType, ...]
    inverse: tuple[int, ...]
    timed: tuple[bool, ...]

    def __post_init__(self) -> None:
        for source, relation, target in self.edge_types:
            for node_type in (source, target):
                if node_type not in self.node_types:
                    raise ValueError(
                        f"edge type {(source, relation, target)} names node type {node_type!r}; "
                        f"available: {list(self.node_types)}"
                    )
        for position, partner in enumerate(self.inverse):
            source, _, target = self.edge_types[position]
            partner_source, _, partner_target = self.edge_types[partner]
            if self.inverse[partner] != position or (source, target) != (
                partner_target,
                partner_source,
            ):
                raise ValueError(
                    f"{self.edge_types[partner]} is not the inverse of {self.edge_types[position]}"
                )

    def node_type_id(self, node_type: str) -> int:
        """Position of a node type. Raises ValueError for an unknown one."""
        if node_type not in self.node_types:
            raise ValueError(f"unknown node type {node_type!r}; available: {list(self.node_types)}")
        return self.node_types.index(node_type)

    def edge_type_id(self, edge_type: EdgeType) -> int:
        """Position of an edge type. Raises ValueError for an unknown one."""
        if tuple(edge_type) not in self.edge_types:
            raise ValueError(f"unknown edge type {edge_type}; available: {list(self.edge_types)}")
        return self.edge_types.index(tuple(edge_type))

    def is_named(self, position: int, names: Collection[str]) -> bool:
        """Whether an edge type is among some names: of a relation, or ``source:relation:target``.

        Relations of one name between other types are other edge types (``to`` in many schemas):
        the longer form says which.
        """
        edge_type = self.edge_types[position]
        return edge_type[1] in names or ":".join(edge_type) in names

    def named(self, name: str) -> list[EdgeType]:
        """The edge types of a name, in either form. Raises ValueError when there is none."""
        found = [e for i, e in enumerate(self.edge_types) if self.is_named(i, (name,))]
        if not found:
            available = [":".join(edge_type) for edge_type in self.edge_types]
            raise ValueError(f"unknown relation {name!r}; available: {available}")
        return found

    @property
    def relation_names(self) -> set[str]:
        """All names of the edge types, in either form."""
        return {name for e in self.edge_types for name in (e[1], ":".join(e))}

    def all_named(self, values: str | Iterable[str]) -> list[EdgeType]:
        """The edge types of a flag's values, see :func:`split_names` and :meth:`named`."""
        names = split_names(values, self.relation_names)
        return [edge_type for name in names for edge_type in self.named(name)]

    def inverse_of(self, edge_type: EdgeType) -> EdgeType:
        """The edge type that stores the same links in the other direction."""
        return self.edge_types[self.inverse[self.edge_type_id(edge_type)]]

    def edge_types_into(self, node_type: str) -> list[int]:
        """Positions of the edge types whose target is ``node_type``."""
        return [i for i, (_, _, target) in enumerate(self.edge_types) if target == node_type]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return {
            "node_types": list(self.node_types),
            "edge_types": [list(edge_type) for edge_type in self.edge_types],
            "inverse": list(self.inverse),
            "timed": list(self.timed),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Schema:
        """The inverse of :meth:`to_dict`."""
        return cls(
            node_types=tuple(record["node_types"]),
            edge_types=tuple((s, r, t) for s, r, t in record["edge_types"]),
            inverse=tuple(int(i) for i in record["inverse"]),
            timed=tuple(bool(t) for t in record["timed"]),
        )
