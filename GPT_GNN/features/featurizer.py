"""Turn a table's column into features: fitted once, kept with the graph, used on new rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np


@dataclass(frozen=True)
class State:
    """Settings and fit of a featurizer: ``facts`` for JSON; ``arrays``, too long for it."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The facts, and a small dict per array: enough to compare two states."""
        return self.facts | {name: _summary(values) for name, values in self.arrays.items()}


def _summary(values: np.ndarray) -> dict[str, Any]:
    if values.dtype.kind != "f":
        digest = hashlib.sha256(np.ascontiguousarray(values).tobytes())
        return {"sha256": digest.hexdigest()[:16]}
    # Not a digest: the same fit is rounded differently on other machines or numbers of threads.
    flat = np.asarray(values, dtype=np.float64).ravel()
    length = float(np.linalg.norm(flat))
    projection = float(flat @ np.cos(np.arange(len(flat))))
    return {"log_length": float(np.log1p(length)), "projection": projection / (length or 1.0)}


@dataclass
class Featurizer:
    """Turns the cells of a column into features.

    A subclass is a dataclass: the fields of its constructor are settings that a user may give,
    texts or whole numbers from 0; the others (``init=False``) are what :meth:`fit` finds.

    Attributes:
        common: setting -> the key at the top of a description that gives its default.
    """

    common: ClassVar[Mapping[str, str]] = {}

    @property
    def dim(self) -> int:
        """Width of the features, known once the featurizer is fitted."""
        raise NotImplementedError

    @property
    def separator(self) -> str:
        """Between the values of a cell that holds several; empty: cells hold one each."""
        return ""

    def fit(self, values: Any) -> None:
        """Learn from the cells that pre-training may know, possibly none. Raises CellError."""
        raise NotImplementedError

    def transform(self, values: Any) -> np.ndarray:
        """[n, dim] float32; each row is a function of its own cell alone. Raises CellError."""
        raise NotImplementedError

    def state(self) -> State:
        """Settings and what was fitted."""
        return State(asdict(self))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The featurizer that had this state."""
        settings = {f.name for f in fields(cls) if f.init}
        found = cls(**{name: state.facts[name] for name in settings})
        for name in state.facts.keys() - settings:
            setattr(found, name, state.facts[name])
        return found
