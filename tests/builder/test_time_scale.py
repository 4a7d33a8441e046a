"""Times of no declared unit: what cannot be years is an error that says where."""

import numpy as np
import pytest

from GPT_GNN.builder.time_scale import Advice, check_scale, warn_of_span
from GPT_GNN.graph.store import NO_TIME

ADVICE = Advice(lambda name, value: f"missing: {value}", "unit: seconds", lambda i: f"row {i + 1}")


def ints(*values):
    return np.array(values, dtype=np.int32)


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"a": ints()},
        {"a": ints(NO_TIME)},
        {"a": ints(1950, NO_TIME, 2020), "b": ints(1066, 2066)},
        {"steps": ints(*range(0, 1000, 7)), "more": ints(0, 1000)},
        {"steps": ints(-3, 0, 5)},
    ],
)
def test_years_and_steps_pass(times):
    check_scale(times)


@pytest.mark.parametrize(("odd", "others"), [(0, "2001 to 2008"), (-1, "2001 to 2008")])
@pytest.mark.parametrize("row", [0, 3, 7])
def test_a_time_that_means_none(odd, others, row):
    year = ints(*range(2001, 2008))
    times = {"edges": ints(2004, 2006), "films": np.insert(np.append(year, 2008), row, odd)}
    with pytest.raises(ValueError) as error:
        check_scale(times, ADVICE)
    assert str(error.value) == (
        f"films, row {row + 1}: expected a time like the others, {others}, got {odd}; if it "
        f"means unknown: missing: {odd}; if the times are no years: unit: seconds"
    )


def test_years_are_not_at_fault_however_few():
    times = {"films": ints(0, 0, 0, 0, 0, 2006, 2007, 2008)}
    with pytest.raises(ValueError, match="row 1: expected .*, 2006 to 2008, got 0; .*missing: 0;"):
        check_scale(times, ADVICE)


def test_a_time_after_all_others():
    with pytest.raises(ValueError, match="films, entry 2: .* 2001 to 2002, got 9999; .*: NaN"):
        check_scale({"films": ints(2001, NO_TIME, 9999, 2002)})


def test_two_scales_show_both_ranges():
    times = {"films": ints(2001, 2008), "cast": ints(900_000_000, 900_011_000)}
    with pytest.raises(ValueError) as error:
        check_scale(times, ADVICE)
    assert str(error.value) == (
        "times without a unit are too far apart for years: films from 2001 to 2008, cast from "
        "900000000 to 900011000; expected the unit of each: unit: seconds"
    )


def test_one_scale_that_is_none_of_years():
    with pytest.raises(ValueError, match="cast from 0 to 5000; expected their unit: unit: sec"):
        check_scale({"cast": ints(*range(0, 5001, 10))}, ADVICE)


def test_what_the_encoding_does_not_tell_apart(capsys):
    warn_of_span([ints(1950, NO_TIME, 2020)])
    warn_of_span([ints(), ints(NO_TIME), ints(1970)])
    assert capsys.readouterr().out == ""
    warn_of_span([ints(0, 1000)])
    assert "times from 0 to 1000: differences of more than 120" in capsys.readouterr().out
    warn_of_span([ints(1970, 1970), ints(1970)])
    assert "warning: all times are 1970" in capsys.readouterr().out
