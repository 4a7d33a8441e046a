"""Columns of a table as features: numbers, categories and vectors. For texts see ``text``.

A featurizer is fitted on what pre-training may know and applied to all nodes, later ones too. What
fitting did not see becomes zeros, not an error: an empty cell, another category.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from GPT_GNN.features.cells import CellError, as_cells, canonical, check, missing, numbers
from GPT_GNN.features.featurizer import Featurizer
from GPT_GNN.features.lists import name_lists


@dataclass
class Numeric(Featurizer):
    """Standardised numbers: less their mean, divided by their standard deviation.

    An empty cell is 0, the mean; if fitting saw one, a second column is 1 where a cell is empty.
    A constant column is 0, whatever comes later: it has no standard deviation to divide by.
    """

    mean: float = field(default=0.0, init=False)
    scale: float = field(default=0.0, init=False)  # 0 for a constant column
    flags_missing: bool = field(default=False, init=False)

    @property
    def dim(self) -> int:
        """1, or 2 with the column for empty cells."""
        return 1 + self.flags_missing

    def fit(self, values: Any) -> None:
        """Learn mean, standard deviation and whether cells are empty."""
        found = self._numbers(values)
        known = found[~np.isnan(found)]
        self.flags_missing = len(known) < len(found)
        self.mean, self.scale = 0.0, 0.0
        if len(known):
            # Divide by the largest first: squares of large numbers would overflow, and rounding
            # errors of a constant column would pass for a spread.
            largest = float(np.abs(known).max()) or 1.0
            self.mean = float((known / largest).mean()) * largest
            self.scale = float((known / largest).std()) * largest

    def transform(self, values: Any) -> np.ndarray:
        """[n, dim] float32. Raises CellError also for a number that float32 cannot hold then."""
        found = self._numbers(values)
        empty = np.isnan(found)
        out = np.zeros((len(found), self.dim), dtype=np.float32)
        if self.scale:
            with np.errstate(over="ignore"):
                out[:, 0] = np.where(empty, 0, (found - self.mean) / self.scale)
        fitted = f"(mean {self.mean:g}, standard deviation {self.scale:g})"
        check(
            ~np.isfinite(out[:, 0]),
            lambda row: f"expected numbers like those fitted {fitted}, got {found[row]:g}",
        )
        if self.flags_missing:
            out[:, 1] = empty
        return out

    def _numbers(self, values: Any) -> np.ndarray:
        return numbers(values)


@dataclass
class Log(Numeric):
    """log(1 + number) for amounts and counts, then as :class:`Numeric`."""

    def _numbers(self, values: Any) -> np.ndarray:
        found = numbers(values)
        check(  # NaN, an empty cell, passes
            found <= -1,
            lambda row: f"expected a number above -1 for its log1p, got {found[row]:g}",
        )
        return np.log1p(found)


@dataclass
class Categorical(Featurizer):
    """One-hot columns of the most frequent categories.

    Other categories and empty cells are all zeros: nothing would train weights for them.

    Attributes:
        most: largest number of categories; equally frequent ones are taken in alphabetical order.
    """

    most: int = 100
    categories: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"most: expected at least 1 category, got {self.most}")

    @property
    def dim(self) -> int:
        """Number of kept categories."""
        return len(self.categories)

    def fit(self, values: Any) -> None:
        """Find the most frequent categories."""
        count = Counter(name for row in name_lists(values, self.separator) for name in row)
        self.categories = sorted(count, key=lambda name: (-count[name], name))[: self.most]

    def transform(self, values: Any) -> np.ndarray:
        """[n, dim] float32 of 0 and 1."""
        column = {canonical(name): i for i, name in enumerate(self.categories)}
        rows = name_lists(values, self.separator)
        out = np.zeros((len(rows), self.dim), dtype=np.float32)
        for i, row in enumerate(rows):
            out[i, [column[name] for name in row if name in column]] = 1
        return out


@dataclass
class Multi(Categorical):
    """Multi-hot columns, for cells with several categories: ``Action|Comedy``, or lists."""

    separator: str = "|"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.separator:
            raise ValueError("separator: expected a text between two categories, got ''")


@dataclass
class Vector(Featurizer):
    """Vectors of one length as they are: lists, arrays, or texts of numbers with blanks between.

    An empty cell is zeros.

    Attributes:
        dim: length of the vectors; 0: that of the first one in fitting.
    """

    dim: int = 0

    def __post_init__(self) -> None:
        if self.dim < 0:
            raise ValueError(f"dim: expected at least 0, got {self.dim}")

    def fit(self, values: Any) -> None:
        """Find the width, unless it was given."""
        self.dim = self._rows(values, self.dim or None).shape[1]

    def transform(self, values: Any) -> np.ndarray:
        """[n, dim] float32. Raises CellError for a vector of another width."""
        return self._rows(values, self.dim)

    @staticmethod
    def _rows(values: Any, width: int | None) -> np.ndarray:
        cells = as_cells(values)
        empty = missing(cells) if cells.ndim == 1 else np.zeros(len(cells), dtype=bool)
        rows = {int(i): _vector(int(i), cells[i]) for i in np.flatnonzero(~empty)}
        if width is None:
            width = len(next(iter(rows.values()), []))
        out = np.zeros((len(cells), width), dtype=np.float32)
        for i, row in rows.items():
            if len(row) != width:
                seen = "" if width else " (fitting saw no vector; dim gives a width)"
                raise CellError(i, f"expected {width} numbers{seen}, got {len(row)}")
            with np.errstate(over="ignore"):
                out[i] = row
            if not np.isfinite(out[i]).all():
                raise CellError(i, "expected finite numbers of 32 bits, got others")
        return out


def _vector(row: int, cell: Any) -> np.ndarray:
    try:
        vector = np.asarray(cell.split() if isinstance(cell, str) else cell, dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.empty(())
    if vector.ndim != 1:
        raise CellError(row, f"expected a list of numbers, got {cell!r}")
    return vector
