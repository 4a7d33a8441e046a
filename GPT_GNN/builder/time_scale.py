"""Whether a graph's times are on one scale: checked where nobody says what their unit is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from GPT_GNN.builder.times import FIRST_YEAR, LAST_YEAR
from GPT_GNN.graph.store import NO_TIME, HeteroGraph

LONGEST_DIFFERENCE = 120  # of two times in a batch; HGT's temporal encoding knows no longer one
_NOT_YEARS = 1000  # no calendar has been observed for longer


@dataclass(frozen=True)
class Advice:
    """How errors about times speak to those who build a store in one of the ways.

    Attributes:
        unknown: how an unknown time is given, from what names the times and the one that was found.
        unit: how a unit is declared.
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


def store_times(graph: HeteroGraph) -> dict[str, np.ndarray]:
    """All times of a store by words that name them, a relation's and not its inverse's."""
    inverse = graph.schema.inverse
    of_nodes = {f"{graph.path}, {t!r}": graph.node_time(t) for t in graph.node_types}
    of_edges = {
        f"{graph.path}, {':'.join(e)!r}": graph.csr(e).time
        for i, e in enumerate(graph.edge_types)
        if i <= inverse[i]
    }
    return {name: time for name, time in (of_nodes | of_edges).items() if time is not None}


def check_scale(times: Mapping[str, np.ndarray], advice: Advice = PYTHON) -> None:
    """Raise ValueError when times of no declared unit cannot be years.

    Whole numbers whose range is not above 1,000 pass, whatever they count.

    Args:
        times: what names them in errors -> [n] int32, NO_TIME for none.

    Raises:
        ValueError: with the range of each; of one that is alone on its side, with its place.
    """
    if not too_far_apart(times):
        return
    ranges = _ranges(times)
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
    ends = [end for ends in _ranges(times).values() for end in ends]
    return bool(ends) and max(ends) - min(ends) > _NOT_YEARS


def _ranges(times: Mapping[str, np.ndarray]) -> dict[str, tuple[int, int]]:
    """First and last of each times that there are."""
    known = ((name, t[t != NO_TIME]) for name, t in times.items())
    return {name: (int(t.min()), int(t.max())) for name, t in known if len(t)}


def _outlier(name: str, times: np.ndarray, last_low: int, advice: Advice) -> ValueError:
    """What to raise about times on both sides of a gap.

    At fault are those that are no years where the others are, or else those on the rarer side.
    """
    known = times != NO_TIME
    low, high = known & (times <= last_low), known & (times > last_low)
    low_are_years, high_are_years = _are_years(times[low]), _are_years(times[high])
    if low_are_years == high_are_years:
        odd = low if low.sum() <= high.sum() else high
    else:
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


def span_warning(times: Iterable[np.ndarray]) -> str | None:
    """What the temporal encoding does not tell apart, or None.

    Args:
        times: arrays of int32, NO_TIME for none.
    """
    known = [t[t != NO_TIME] for t in times]
    known = [t for t in known if len(t)]
    if not known:
        return None
    first, last = min(int(t.min()) for t in known), max(int(t.max()) for t in known)
    if first == last and sum(map(len, known)) > 1:
        return (
            f"all times are {first}: they tell nothing apart; expected a finer bin, or another unit"
        )
    if last - first <= LONGEST_DIFFERENCE:
        return None
    return (
        f"times from {first} to {last}: differences of more than {LONGEST_DIFFERENCE} count as "
        f"{LONGEST_DIFFERENCE}; wider bins tell them apart"
    )
