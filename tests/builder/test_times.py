"""Times of every unit become whole numbers by the declared rule, or an error."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from GPT_GNN.builder.times import TimeBins, YearError
from GPT_GNN.graph.store import NO_TIME

MOMENTS = [
    datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2000, 2, 29, 12, tzinfo=UTC),
    datetime(2026, 11, 21, 23, 30, tzinfo=UTC),
]
LITERAL = {
    "years": lambda t: t.year,
    "months": lambda t: (t.year - 1970) * 12 + t.month - 1,
    "weeks": lambda t: (t.date() - MOMENTS[1].date()).days // 7,
    "days": lambda t: (t.date() - MOMENTS[1].date()).days,
    "hours": lambda t: int(t.timestamp() // 3600),
}


@pytest.mark.parametrize("bins", LITERAL)
@pytest.mark.parametrize("unit", ["seconds", "milliseconds", "dates"])
def test_agrees_with_the_calendar(unit, bins):
    values = {
        "seconds": [t.timestamp() for t in MOMENTS],
        "milliseconds": [int(t.timestamp() * 1000) for t in MOMENTS],
        "dates": [t.strftime("%Y-%m-%dT%H:%M:%S") for t in MOMENTS],
    }[unit]
    found = TimeBins(unit, bins)(values)
    assert found.dtype == np.int32
    assert found.tolist() == [LITERAL[bins](t) for t in MOMENTS]


def test_months_and_years():
    assert TimeBins("months", "years")([-1, 0, 11, 12]).tolist() == [1969, 1970, 1970, 1971]
    assert TimeBins("years", "years")([1066, 2020]).tolist() == [1066, 2020]


def test_bins_are_taken_as_they_are():
    assert TimeBins()(np.array([3, NO_TIME, -7])).tolist() == [3, NO_TIME, -7]
    assert TimeBins()([2.0, float("nan"), None, ""]).tolist() == [2, NO_TIME, NO_TIME, NO_TIME]


@pytest.mark.parametrize("unit", ["seconds", "dates", "years"])
def test_missing_times(unit):
    known = {"seconds": 0, "dates": "1970-01-01", "years": 1970}[unit]
    found = TimeBins(unit)([known, None, "", float("nan")])
    assert found.tolist() == [1970, NO_TIME, NO_TIME, NO_TIME]


def test_a_column_of_datetimes():
    column = pd.Series(pd.to_datetime(["2020-05-01", None, "1999-12-31"]))
    assert TimeBins("dates")(column).tolist() == [2020, NO_TIME, 1999]


@pytest.mark.parametrize(
    ("unit", "bins", "values", "message"),
    [
        ("bins", "years", [1.5], "expected whole numbers, got 1.5"),
        ("bins", "years", [0, 2**31], "row 2: expected a number of 32 bits, got 2147483648"),
        ("seconds", "years", ["soon"], "row 1: expected a number, got 'soon'"),
        ("dates", "years", ["21.11.2026"], "row 1: expected dates like 2020-01-31"),
        ("fortnights", "years", [], "time unit: expected one of .* got 'fortnights'"),
        ("seconds", "decades", [], "time bin: expected one of .* got 'decades'"),
        ("years", "days", [], "years cannot be divided into days"),
    ],
)
def test_mistakes(unit, bins, values, message):
    with pytest.raises(ValueError, match=message):
        TimeBins(unit, bins)(values)


@pytest.mark.parametrize(
    ("unit", "values", "message"),
    [
        ("dates", np.array([2005, 2006]), "expected dates like 2020-01-31, got 2005"),
        ("dates", ["20200131"], "expected dates like 2020-01-31, got '20200131'"),
        ("seconds", [0, float("inf")], "row 2: expected a finite number, got inf"),
        ("seconds", [0, 1e30], "row 2: expected a number up to 9e\\+15, got 1e\\+30"),
        ("dates", ["2020-01-01", "2020-13-01"], "row 2: expected dates like 2020-01-31, got Month"),
        ("days", np.array(["2020-01-31"], dtype="M8[D]"), "dates have the unit dates"),
    ],
)
def test_times_of_another_unit_than_said(unit, values, message):
    with pytest.raises(ValueError, match=message):
        TimeBins(unit)(values)


def test_dates_of_every_length():
    values = ["2020", "2020-03", "2020-03-04", "2020-03-04T05:06:07", "2020-03-04 05:06"]
    assert TimeBins("dates")(values).tolist() == [2020] * 5


@pytest.mark.parametrize(
    ("unit", "value", "year", "others"),
    [
        ("seconds", 1_583_020_800_000, 52133, "(it is of 2020 by milliseconds)"),
        ("days", 1_583_020_800, 4336133, "(it is of 2020 by seconds)"),
        ("years", 900_000_000, 900000000, "(it is of 1998 by seconds)"),
        ("months", 18_000, 3470, "(it is of 2019 by days)"),
        ("years", 0, 0, ""),
        ("years", -1, -1, ""),
        ("years", "2201", 2201, "(it is of 1976 by days or 2153 by months)"),
        ("dates", "9999-12-31", 9999, ""),
    ],
)
@pytest.mark.parametrize("row", [0, 2])
def test_times_beyond_reason(unit, value, year, others, row):
    """A unit that is not that of the values puts them into years that no data are of."""
    right = {"seconds": 0, "days": 0, "years": 2000, "months": 0, "dates": "2000"}[unit]
    values = [right] * 3
    values[row] = value
    with pytest.raises(YearError) as error:
        TimeBins(unit, "years")(values)
    assert (error.value.row, error.value.value) == (row, value)
    assert error.value.problem == (
        f"expected a time of the years 1000 to 2200, got {value}, which is of the year {year} by "
        f"the unit {unit}" + (f" {others}" if others else "")
    )


def test_bins_may_be_anything():
    assert TimeBins("bins", "hours")([-5, 0, 10**9]).tolist() == [-5, 0, 10**9]


def test_bounds_may_be_of_any_year():
    assert TimeBins("years").bounds([0, 2012, 9999]).tolist() == [0, 2012, 9999]
