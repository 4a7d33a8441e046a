"""What an encoder of a table's column is: fitted once, kept with the graph, used on new rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class State:
    """What an encoder has to remember.

    Attributes:
        facts: ready for JSON.
        arrays: what would be long there.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class ColumnEncoder:
    """Turns the cells of a column into features.

    A subclass is a dataclass: the fields of its constructor are settings that a user may give, the
    others (``init=False``) are what :meth:`fit` finds.
    """

    @property
    def dim(self) -> int:
        """Width of the features, known once the encoder is fitted."""
        raise NotImplementedError

    def fit(self, values: Any) -> None:
        """Learn from the cells that pre-training may know, [n] of them, possibly none.

        Raises:
            CellError: a cell that does not hold what the encoder reads.
        """
        raise NotImplementedError

    def encode(self, values: Any) -> np.ndarray:
        """[n, dim] float32; each row is a function of its own cell alone.

        Raises:
            CellError: a cell that does not hold what the encoder reads.
        """
        raise NotImplementedError

    def state(self) -> State:
        """Settings and what was fitted."""
        return State(asdict(self))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The encoder that had this state."""
        settings = {f.name for f in fields(cls) if f.init}
        encoder = cls(**{name: state.facts[name] for name in settings})
        for name in state.facts.keys() - settings:
            setattr(encoder, name, state.facts[name])
        return encoder
