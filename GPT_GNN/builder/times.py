"""Times of any unit to the whole numbers that a store holds, by a declared rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from GPT_GNN.features.cells import CellError, as_cells, check, missing, numbers
from GPT_GNN.graph.store import NO_TIME

FIRST_YEAR, LAST_YEAR = 1000, 2200  # of times with a unit; ``bins`` may be any number
_LARGEST = 2.0**53  # a float holds no larger whole number exactly
_DATE = re.compile(r"[+-]?\d{4}(-\d\d.*)?")
_EPOCH = {"seconds": "s", "milliseconds": "ms", "days": "D", "months": "M", "years": "Y"}
UNITS = (*_EPOCH, "dates", "bins")
BINS = {"years": "Y", "months": "M", "weeks": "D", "days": "D", "hours": "h"}
_COARSENESS = ("milliseconds", "seconds", "hours", "days", "weeks", "months", "years")


class YearError(CellError):
    """A time, ``value`` as it was given, whose year is not plausible."""

    def __init__(self, row: int, problem: str, value: Any) -> None:
        super().__init__(row, problem)
        self.value = value


@dataclass(frozen=True)
class TimeBins:
    """A rule that makes whole numbers of times; the temporal encoding reads their differences.

    Attributes:
        unit: of the source: ``seconds``, ``milliseconds`` or ``days`` since 1970-01-01 (UTC),
            ``months`` since 1970-01, ``years``, ``dates`` (ISO 8601 text or datetimes), or
            ``bins``, whole numbers that are taken as they are.
        bin: one step of the result: ``years`` (of the calendar), ``months``, ``weeks`` (of 7
            days), ``days`` or ``hours``, counted from 1970-01-01 except for years.

    Raises:
        ValueError: an unknown unit or bin, or a bin that is finer than the unit.
    """

    unit: str = "bins"
    bin: str = "years"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"time unit: expected one of {list(UNITS)}, got {self.unit!r}")
        if self.bin not in BINS:
            raise ValueError(f"time bin: expected one of {list(BINS)}, got {self.bin!r}")
        order = {name: i for i, name in enumerate(_COARSENESS)}
        if order[self.bin] < order.get(self.unit, 0):
            raise ValueError(f"time bin: {self.unit} cannot be divided into {self.bin}")

    def __call__(self, values: Any) -> np.ndarray:
        """Convert times to bins, [n] int32; NO_TIME for missing ones (NaN, NaT, None, empty text).

        Args:
            values: [n] numbers, datetimes or texts, depending on the unit.

        Raises:
            CellError: a value that is no time, has a fraction of a bin, or does not fit.
            YearError: a time before the year 1000 or after 2200, of any unit but ``bins``.
        """
        if self.unit == "bins":
            return _whole(values)
        moments = self._moments(values)
        self._check_years(as_cells(values), moments)
        return self._binned(moments)

    def bounds(self, values: Any) -> np.ndarray:
        """Convert bounds, which may be of any year: 9999 often stands for no bound."""
        return _whole(values) if self.unit == "bins" else self._binned(self._moments(values))

    def _moments(self, values: Any) -> np.ndarray:
        """[n] datetimes, NaT where missing."""
        if self.unit == "dates":
            return _dates(values)
        found, empty = _numbers(values)
        return np.where(empty, np.datetime64("NaT"), _datetimes(found, self.unit))

    def _binned(self, moments: np.ndarray) -> np.ndarray:
        bins = moments.astype(f"M8[{BINS[self.bin]}]").astype(np.int64)
        bins = bins // 7 if self.bin == "weeks" else bins + 1970 * (self.bin == "years")
        return _int32(bins, np.isnat(moments))

    def _check_years(self, values: np.ndarray, moments: np.ndarray) -> None:
        years = _years(moments)
        odd = ~np.isnat(moments) & ((years < FIRST_YEAR) | (years > LAST_YEAR))
        if odd.any():
            row = int(np.argmax(odd))
            value = values.tolist()[row] if self.unit != "dates" else values[row]
            problem = (
                f"expected a time of the years {FIRST_YEAR} to {LAST_YEAR}, got {value}, which is "
                f"of the year {years[row]} by the unit {self.unit}"
            )
            raise YearError(row, problem + _other_units(value, self.unit), value)


def _datetimes(found: np.ndarray, unit: str) -> np.ndarray:
    """[n] datetimes of numbers in a unit of ``_EPOCH``."""
    found = found - 1970 if unit == "years" else found
    return np.floor(found).astype(np.int64).astype(f"M8[{_EPOCH[unit]}]")


def _years(moments: np.ndarray) -> np.ndarray:
    """[n] int64 years of the calendar."""
    return moments.astype("M8[Y]").astype(np.int64) + 1970


def _other_units(value: Any, unit: str) -> str:
    """The units in which a number is a plausible year, but 1970, where any small number falls."""
    fitting = []
    for other in () if unit == "dates" else _EPOCH:
        year = int(_years(_datetimes(np.array([float(value)]), other))[0])
        if FIRST_YEAR <= year <= LAST_YEAR and abs(year - 1970) > 1:
            fitting.append(f"{year} by {other}")
    return f" (it is of {' or '.join(fitting)})" if fitting else ""


def _numbers(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """[n] float64, 0 where missing, and where that is."""
    cells = as_cells(values)
    if cells.dtype.kind in "Mm" and len(cells):
        raise CellError(0, f"expected numbers, got {cells.dtype}; dates have the unit dates")
    found = numbers(cells)
    empty = np.isnan(found) | (found == NO_TIME)
    large = ~empty & (np.abs(found) > _LARGEST)
    check(large, lambda row: f"expected a number up to {_LARGEST:.0e}, got {cells[row]}")
    return np.where(empty, 0, found), empty


def _whole(values: Any) -> np.ndarray:
    array = as_cells(values)
    if array.dtype.kind in "iu":  # float64 would round large ones
        return _int32(array, array == NO_TIME)
    found, empty = _numbers(array)
    check(found != np.floor(found), lambda row: f"expected whole numbers, got {found[row]}")
    return _int32(found, empty)


def _dates(values: Any) -> np.ndarray:
    """[n] datetimes of datetimes or of ISO 8601 texts; NumPy would read 20200131 as a year."""
    cells = as_cells(values)
    if cells.dtype.kind == "M":
        return cells
    empty = missing(cells).tolist()
    dates = [None if none else cell for cell, none in zip(cells.tolist(), empty, strict=True)]
    for row, cell in enumerate(dates):
        is_date = _DATE.fullmatch(cell) if isinstance(cell, str) else isinstance(cell, date)
        if cell is not None and not is_date:
            raise CellError(row, f"expected dates like 2020-01-31, got {cell!r}")
    try:
        return np.array(dates, dtype="M8[s]")
    except ValueError:  # e.g. the month 13: which row is it?
        for row, cell in enumerate(dates):
            try:
                np.datetime64(cell, "s")
            except ValueError as error:
                raise CellError(row, f"expected dates like 2020-01-31, got {error}") from error
        raise


def _int32(bins: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """[n] int32, NO_TIME where missing."""
    too_large = ~empty & ((bins <= NO_TIME) | (bins >= 2**31))
    check(too_large, lambda row: f"expected a number of 32 bits, got {bins[row]}")
    return np.where(empty, NO_TIME, bins).astype(np.int32)
