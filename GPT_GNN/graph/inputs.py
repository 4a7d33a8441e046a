"""What a model reads of a graph's features: their parts, and what was fitted to make them.

Two stores may have features of equal width that mean different things: other columns of a table,
the same columns in another order, other categories, other text encoders.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from GPT_GNN.features.featurizer import State
from GPT_GNN.graph.store import HeteroGraph

DEGREE = "degree"  # the feature part that counts a node's edges
FITTED = "fitted"  # the fact: node type -> part -> what was fitted, see State.summary
_SHOWN = 5  # names that an error lists
_EXACT, _ROUNDED = 1e-9, 1e-4  # how far single numbers and summaries of arrays agree


@dataclass(frozen=True)
class Part:
    """One named part of a type's features.

    Attributes:
        name: unique within the type.
        width: its number of columns.
        fitted: what has to agree for its numbers to mean the same in two stores; empty where
            nothing was fitted, or it is not known.
    """

    name: str
    width: int
    fitted: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FeatureInputs:
    """The features that a model reads: node type -> its parts, in the order of their columns."""

    parts: Mapping[str, tuple[Part, ...]]

    @classmethod
    def of(cls, graph: HeteroGraph) -> FeatureInputs:
        """Read them from a store."""
        fitted = {t: dict(of_parts) for t, of_parts in graph.facts.get(FITTED, {}).items()}
        for node_type, column, encoder, state in stored_encoders(graph):
            summary = {"encoder": encoder} | state.summary()
            fitted.setdefault(node_type, {})[column] = summary
        parts = {
            t: tuple(
                Part(name, s.stop - s.start, fitted.get(t, {}).get(name, {}))
                for name, s in graph.feature_parts(t).items()
            )
            for t in graph.node_types
        }
        return cls(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint keeps them."""
        return {t: [asdict(part) for part in parts] for t, parts in self.parts.items()}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> FeatureInputs:
        """The inverse of :meth:`to_dict`."""
        return cls({t: tuple(Part(**part) for part in parts) for t, parts in record.items()})

    def differences(self, store: FeatureInputs) -> list[str]:
        """What differs in a store of the same node types, for an error; order does not count."""
        found = []
        for node_type, parts in self.parts.items():
            ours = {part.name: part for part in parts}
            theirs = {part.name: part for part in store.parts[node_type]}
            for name in dict.fromkeys([*ours, *theirs]):
                if name not in ours or name not in theirs:
                    where = "store" if name in theirs else "model"
                    found.append(f"{node_type} {name!r}: in the {where} only")
                else:
                    what = ", ".join(_part_differences(ours[name], theirs[name]))
                    found += [f"{node_type} {name!r}: {what}"] if what else []
        return found

    def order(self, store: FeatureInputs, node_type: str) -> np.ndarray:
        """For each column of a store's features, the column here that has the same name, [F] int64.

        0 .. F - 1 where the parts' names or widths differ.
        """
        ours, theirs = self.parts[node_type], store.parts[node_type]
        width = sum(part.width for part in ours)
        if {(p.name, p.width) for p in ours} != {(p.name, p.width) for p in theirs}:
            return np.arange(width)
        ends = np.cumsum([part.width for part in ours])
        columns = {p.name: range(end - p.width, end) for p, end in zip(ours, ends, strict=True)}
        return np.array([i for part in theirs for i in columns[part.name]], dtype=np.int64)


def stored_encoders(graph: HeteroGraph) -> Iterator[tuple[str, str, str, State]]:
    """What was fitted to tables: node type, column, name and state of its featurizer."""
    for i, entry in enumerate(graph.facts.get("encoders", [])):
        arrays = {name: graph.table(f"encoder{i}_{name}") for name in entry["arrays"]}
        yield (
            entry["node_type"],
            entry["column"],
            entry["encoder"],
            State(entry["facts"], arrays),
        )


def _part_differences(ours: Part, theirs: Part) -> list[str]:
    both = (
        (n, fitted, theirs.fitted[n]) for n, fitted in ours.fitted.items() if n in theirs.fitted
    )
    lines = [_described(name, a, b) for name, a, b in both if not _same(a, b)]
    if not lines and ours.width != theirs.width:
        lines = [f"{ours.width} columns in the model and {theirs.width} in the store"]
    return lines


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        return all(_close(ours[name], theirs[name], abs_tol=_ROUNDED) for name in ours)
    return _close(ours, theirs, rel_tol=_EXACT)


def _close(a: Any, b: Any, **tolerance: float) -> bool:
    numbers = isinstance(a, float) and isinstance(b, float)
    return math.isclose(a, b, **tolerance) if numbers else bool(a == b)


def _described(name: str, ours: Any, theirs: Any) -> str:
    """What differs in one entry of what was fitted."""
    if isinstance(ours, dict):  # the summary of an array: its numbers say nothing to a reader
        return f"other {name}"
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return f"{name} {_short(ours)} in the model and {_short(theirs)} in the store"
    in_model, in_store = set(ours), set(theirs)
    only = {
        "model": [x for x in ours if x not in in_store],
        "store": [x for x in theirs if x not in in_model],
    }
    found = [f"{_listed(names)} in the {where} only" for where, names in only.items() if names]
    if found:
        return f"other {name}: {' and '.join(found)}"
    return f"{name} in another order: {_listed(ours)} in the model, {_listed(theirs)} in the store"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
