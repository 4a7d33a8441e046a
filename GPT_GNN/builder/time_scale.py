"""Whether a graph's times are on one scale: checked where no unit is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.times import FIRST_YEAR, LAST_YEAR
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.graph.times import LONGEST_DIFFERENCE, first_and_last

_NOT_YEARS = 1000  # no calendar has been observed for longer


@dataclass(frozen=True)
class Advice:
    """What errors about times advise, which depends on how a store is built.

    Attributes:
        unknown: how to mark a time as unknown, given the name of the times and the value.
        unit: how to declare a unit.
        entry: the words for a position in the times.
    """

    unknown: Callable[[str, int], str]
    unit: str
    entry: Callable[[int], str]


PYTHON = Advice(
    lambda name, value: "NaN",
    "time_bins=TimeBins('seconds', 'months'), or per type {type: TimeBins(...)}; "
    "TimeBins('bins') for numbers that are no dates",
    lambda i: f"entry {i}",
)


def check_scale(times: Mapping[str, np.ndarray], advice: Advice = PYTHON) -> None:
    """Raise ValueError when times without a declared unit cannot be years.

    Whole numbers that are at most 1,000 apart pass, whatever they count. The error names the range
    of each, or the entry that is far from all others.

    Args:
        times: a name for errors -> [n] int32, NO_TIME for none.
    """
    if not too_far_apart(times):
        return
    found = {name: first_and_last([t]) for name, t in times.items()}
    ranges = {name: ends for name, ends in found.items() if ends}
    distinct = np.unique(np.concatenate(list(times.values()))).astype(np.int64)
    distinct = distinct[distinct != NO_TIME]
    first, last = int(distinct[0]), int(distinct[-1])
    gap = int(np.diff(distinct).argmax())
    if 2 * (distinct[gap + 1] - distinct[gap]) > last - first:
        for name, (low, high) in ranges.items():
            if low <= distinct[gap] < high:
                raise _outlier(name, times[name], int(distinct[gap]), advice)
    shown = ", ".join(f"{name} from {low} to {high}" for name, (low, high) in ranges.items())
    raise ValueError(
        f"times without a unit are too far apart for years: {shown}; expected "
        f"{'the unit of each' if len(ranges) > 1 else 'their unit'}: {advice.unit}"
    )


def too_far_apart(times: Mapping[str, np.ndarray]) -> bool:
    """Whether times, see :func:`check_scale`, have a range that years cannot have."""
    ends = first_and_last(times.values())
    return ends is not None and ends[1] - ends[0] > _NOT_YEARS


def _outlier(name: str, times: np.ndarray, last_low: int, advice: Advice) -> ValueError:
    """The error about times on both sides of a gap.

    It names one of those that are no years while the others are, else one of the smaller side.
    """
    known = times != NO_TIME
    low, high = known & (times <= last_low), known & (times > last_low)
    low_are_years, high_are_years = _are_years(times[low]), _are_years(times[high])
    odd = low if low.sum() <= high.sum() else high
    if low_are_years != high_are_years:
        odd = high if low_are_years else low
    row, others = int(np.argmax(odd)), times[known & ~odd]
    return ValueError(
        f"{name}, {advice.entry(row)}: expected a time like the others, {others.min()} to "
        f"{others.max()}, got {times[row]}; if it means unknown: "
        f"{advice.unknown(name, int(times[row]))}; if the times are no years: "
        f"{advice.unit}"
    )


def _are_years(times: np.ndarray) -> bool:
    return bool(((times >= FIRST_YEAR) & (times <= LAST_YEAR)).all())


def warn_of_span(times: Iterable[np.ndarray]) -> None:
    """Print a warning about times, int32, that the temporal encoding cannot distinguish."""
    times = list(times)
    first, last = first_and_last(times) or (0, 0)
    if first == last and sum(np.count_nonzero(t != NO_TIME) for t in times) > 1:
        tqdm.write(
            f"warning: all times are {first}, so they distinguish nothing; expected a finer bin or "
            "another unit"
        )
    if last - first > LONGEST_DIFFERENCE:
        tqdm.write(
            f"warning: times from {first} to {last}: differences of more than {LONGEST_DIFFERENCE} "
            f"count as {LONGEST_DIFFERENCE}; wider bins keep them distinct"
        )
