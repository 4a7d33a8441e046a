"""Times of any unit as the whole numbers that a store holds, by a declared rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from GPT_GNN.graph.store import NO_TIME

LONGEST_DIFFERENCE = 120  # of two times in a batch; HGT's temporal encoding knows no longer one
_LARGEST = 2.0**53  # a float holds no larger one exactly
_DATE = re.compile(r"[+-]?\d{4}(-\d\d.*)?")
_NOT_YEARS = 1000  # no calendar has been observed for longer
_EPOCH = {"seconds": "s", "milliseconds": "ms", "days": "D", "months": "M", "years": "Y"}
UNITS = (*_EPOCH, "dates", "bins")
BINS = {"years": "Y", "months": "M", "weeks": "D", "days": "D", "hours": "h"}
_COARSENESS = ("milliseconds", "seconds", "hours", "days", "weeks", "months", "years")


@dataclass(frozen=True)
class TimeBins:
    """How times become whole numbers, whose differences the temporal encoding reads.

    Attributes:
        unit: of the source: ``seconds``, ``milliseconds`` or ``days`` since 1970-01-01 (UTC),
            ``months`` since 1970-01, ``years``, ``dates`` (ISO 8601 text or datetimes), or
            ``bins``, whole numbers that are taken as they are.
        bin: what one step of the result is: ``years`` (of the calendar), ``months``, ``weeks`` (of
            7 days), ``days`` or ``hours``, counted from 1970-01-01 but for years.

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
        if self.unit in _COARSENESS and (
            _COARSENESS.index(self.bin) < _COARSENESS.index(self.unit)
        ):
            raise ValueError(f"time bin: {self.unit} cannot be divided into {self.bin}")

    def __call__(self, values: Any, what: str = "times") -> np.ndarray:
        """Bins of some times, [n] int32; NO_TIME for what is missing (NaN, NaT, None, empty text).

        Args:
            values: [n] numbers, datetimes or texts, as the unit says.
            what: names the values in errors.

        Raises:
            ValueError: a value that is no time, has a fraction of a bin, or does not fit.
        """
        if self.unit == "bins":
            return _whole(values, what)
        if self.unit == "dates":
            moments = _dates(values, what)
        else:
            numbers, missing = _numbers(values, what)
            numbers = numbers - 1970 if self.unit == "years" else numbers
            moments = np.floor(numbers).astype(np.int64).astype(f"M8[{_EPOCH[self.unit]}]")
            moments[missing] = np.datetime64("NaT")
        bins = moments.astype(f"M8[{BINS[self.bin]}]").astype(np.int64)
        bins = bins // 7 if self.bin == "weeks" else bins + 1970 * (self.bin == "years")
        return _int32(bins, np.isnat(moments), what)


def check_span(times: list[np.ndarray], declared: bool) -> str | None:
    """Whether times are of a size that the temporal encoding tells apart.

    Args:
        times: arrays of int32, NO_TIME for none.
        declared: whether someone said what their unit is.

    Returns:
        A warning, when some differences will count as the longest, or None.

    Raises:
        ValueError: nobody said it, and they cannot be years.
    """
    known = [t[t != NO_TIME] for t in times]
    known = [t for t in known if len(t)]
    if not known:
        return None
    first, last = min(int(t.min()) for t in known), max(int(t.max()) for t in known)
    if last - first > _NOT_YEARS and not declared:
        raise ValueError(
            f"times from {first} to {last} are no years: expected a rule for them, e.g. "
            "time_bins=TimeBins('seconds', 'months')"
        )
    if last - first <= LONGEST_DIFFERENCE:
        return None
    return (
        f"times from {first} to {last}: differences of more than {LONGEST_DIFFERENCE} count as "
        f"{LONGEST_DIFFERENCE}; wider bins tell them apart"
    )


def _numbers(values: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """[n] float64, 0 where missing, and where that is."""
    values = np.asarray(values)
    if values.dtype.kind in "Mm":
        raise ValueError(f"{what}: expected numbers, got {values.dtype}; dates have the unit dates")
    if values.dtype.kind in "OUS":
        values = np.array([None if v is None or v == "" else v for v in values], dtype=object)
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: expected numbers, got {error}") from error
    missing = np.isnan(numbers) | (numbers == NO_TIME)
    if (np.abs(numbers[~missing]) > _LARGEST).any():
        raise ValueError(f"{what}: expected numbers up to {_LARGEST:.0e}, got larger ones")
    return np.where(missing, 0, numbers), missing


def _whole(values: Any, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind in "iu":  # float64 would round large ones
        return _int32(array, array == NO_TIME, what)
    numbers, missing = _numbers(values, what)
    if (numbers != np.floor(numbers)).any():
        wrong = numbers[numbers != np.floor(numbers)][0]
        raise ValueError(f"{what}: expected whole numbers, got {wrong}")
    return _int32(numbers, missing, what)


def _dates(values: Any, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "M":
        return array
    texts = [None if v is None or v != v or v == "" else v for v in array.tolist()]
    wrong = [v for v in texts if v is not None and not _is_date(v)]
    if wrong:
        raise ValueError(f"{what}: expected dates like 2020-01-31, got {wrong[0]!r}")
    try:
        return np.array(texts, dtype="M8[s]")
    except ValueError as error:
        raise ValueError(f"{what}: expected dates like 2020-01-31, got {error}") from error


def _is_date(value: Any) -> bool:
    """A datetime, or a text that NumPy reads as ISO 8601 (it takes 20200131 for a year)."""
    return _DATE.fullmatch(value) is not None if isinstance(value, str) else isinstance(value, date)


def _int32(bins: np.ndarray, missing: np.ndarray, what: str) -> np.ndarray:
    known = bins[~missing]
    if len(known) and not (NO_TIME < known.min() and known.max() < 2**31):
        raise ValueError(f"{what}: expected 32 bits, got {known.min()} .. {known.max()}")
    return np.where(missing, NO_TIME, bins).astype(np.int32)
