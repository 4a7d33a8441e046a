"""Times of tables: a unit per table, and what cannot be times named by table, column and row."""

import numpy as np
import pytest

from GPT_GNN.datasets.tables.append import append_tables
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.datasets.tables.description_reader import read_description
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import TimeSplit
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.graph.summary import summary

FILM = {"table": "films", "id": "film", "time": "year", "labels": ["country"]}
CAST = {
    "type": ["person", "acts_in", "film"],
    "table": "cast",
    "source": "person",
    "target": "film",
}
ACTS_IN = ("person", "acts_in", "film")
YEARS = [2001, 2002, 2003, 2004, 2005, 2006]


def description(film=None, cast=None, **keys):
    return {
        "nodes": {"film": FILM | (film or {}), "person": {"table": "people", "id": "person"}},
        "edges": [CAST | (cast or {})],
        "target": "film",
        "split": "random",
        **keys,
    }


def tables(years=YEARS, rated=None):
    """Six films and three people, who rated the films at some times."""
    films = {"film": list(range(6)), "year": years, "country": ["fr", "it"] * 3}
    cast = {"person": [0, 1, 2, 0, 1, 2], "film": list(range(6)), "rated": rated or [2010] * 6}
    return {"films": films, "people": {"person": [0, 1, 2]}, "cast": cast}


def refused(tmp_path, *args, **kwargs):
    with pytest.raises(ValueError) as error:
        build_from_tables(*args, tmp_path / "g", **kwargs)
    assert list(tmp_path.iterdir()) == []
    return str(error.value)


SECONDS = [1_000_000_000 + 40_000_000 * i for i in range(6)]  # from September 2001 on
RATED = {"time": "rated"}


@pytest.mark.parametrize(
    "keys",
    [
        {"cast": RATED | {"time_unit": "seconds"}},
        {"time": "years", "cast": RATED | {"time_unit": "seconds"}},
        {"time": "seconds", "film": {"time_unit": "years"}, "cast": RATED},
        {"film": {"time_unit": "years"}, "cast": RATED | {"time_unit": "seconds"}},
    ],
)
def test_a_unit_per_table(tmp_path, keys):
    graph = build_from_tables(description(**keys), tmp_path / "g", tables(rated=SECONDS))
    want = (np.array(SECONDS).astype("M8[s]").astype("M8[Y]").astype(int) + 1970).tolist()
    assert graph.node_time("film").tolist() == YEARS
    assert sorted(graph.csr(ACTS_IN).time.tolist()) == sorted(want)


def test_bounds_are_of_the_target_s_unit(tmp_path):
    record = description(
        film={"time_unit": "seconds"}, time="years", split={"by": "time", "bounds": SECONDS[1:4]}
    )
    graph = build_from_tables(record, tmp_path / "g", tables(SECONDS))
    assert GraphFacts.stored(graph).split == TimeSplit(2002, 2004, 2005)


def test_a_unit_is_checked_with_the_description():
    with pytest.raises(ValueError, match=r"edges\[0\].time_unit: expected a column of times"):
        read_description(description(cast={"time_unit": "seconds"}))
    with pytest.raises(ValueError, match=r"nodes.film.time_unit: time unit: expected one of"):
        read_description(description(film={"time_unit": "fortnights"}))
    with pytest.raises(ValueError, match=r"film.time_unit: .*years cannot be divided into months"):
        months = {"unit": "seconds", "bin": "months"}
        read_description(description(film={"time_unit": "years"}, time=months))


@pytest.mark.parametrize(
    ("unit", "odd", "year"),
    [
        ("seconds", 1_583_020_800_000, 52133),
        ("days", 1_583_020_800, 4336133),
        ("years", 0, 0),
        ("dates", "9999-12-31", 9999),
    ],
)
@pytest.mark.parametrize("row", [0, 4])
def test_times_beyond_reason(tmp_path, unit, odd, year, row):
    right = {"seconds": SECONDS, "days": [15000] * 6, "years": YEARS, "dates": ["2001-05-01"] * 6}
    values = [*right[unit]]
    values[row] = odd
    found = refused(tmp_path, description(time=unit), tables=tables(values))
    assert found.startswith(
        f"films, column 'year', row {row + 1}: expected a time of the years 100"
    )
    assert f"got {odd}, which is of the year {year} by the unit {unit}" in found
    assert f'if it means unknown: missing: {{year: ["{odd}"]}}' in found


@pytest.mark.parametrize("odd", ["0", "-1"])
def test_unknown_years(tmp_path, odd):
    """No unit is declared; the advice is a key of the description, and it helps."""
    values = [str(year) for year in YEARS]
    values[2] = odd
    found = refused(tmp_path, description(), tables=tables(values))
    assert found.startswith("films, column 'year', row 3: expected a time like the others, 2001 to")
    assert f'if it means unknown: missing: {{year: ["{odd}"]}}' in found and "TimeBins" not in found
    record = description(film={"missing": {"year": [odd]}})
    graph = build_from_tables(record, tmp_path / "g", tables(values))
    assert graph.node_time("film").tolist() == [2001, 2002, NO_TIME, 2004, 2005, 2006]


def test_two_scales_without_a_unit(tmp_path):
    found = refused(tmp_path, description(cast=RATED), tables=tables(rated=SECONDS))
    assert "films, column 'year' from 2001 to 2006, cast, column 'rated' from 10000" in found
    assert "time: {unit: seconds, bin: months}" in found and "TimeBins" not in found


def test_steps_need_no_unit(tmp_path):
    steps = [0, 1, 2, 3, 500, 900]
    graph = build_from_tables(description(cast=RATED), tmp_path / "g", tables(steps, steps))
    assert graph.node_time("film").tolist() == steps
    many = [0, 10, 200, 3000, 40000, 500000]
    graph = build_from_tables(description(time="bins"), tmp_path / "h", tables(many))
    assert graph.node_time("film").tolist() == many


def test_later_rows_are_on_the_same_scale(tmp_path):
    record = description(cast=RATED)
    graph = build_from_tables(record, tmp_path / "g", tables())
    later = {"films": {"film": [6], "year": [1_583_020_800], "country": ["fr"]}}
    with pytest.raises(ValueError, match=r"'film' from 2001 to 2006, .*, films, column .year. fr"):
        append_tables(graph, record, tmp_path / "h", later)
    assert not (tmp_path / "h").exists()
    later["films"]["year"] = [2011]
    grown = append_tables(graph, record, tmp_path / "h", later)
    assert grown.node_time("film").tolist() == [*YEARS, 2011]


def test_the_summary_counts_what_is_in_no_split(tmp_path, capsys):
    record = description(split={"by": "time", "bounds": [2002, 2004, 2005]}, time="years")
    graph = build_from_tables(record, tmp_path / "g", tables([None, 2002, 2003, 2004, None, 2006]))
    said = capsys.readouterr().out
    assert "note: 2 of 6 'film' nodes have no time and are in no split" in said
    assert "warning: 'film': no time is in valid: the bounds are 2002, 2004 and 2005" in said
    assert "2 classes of 'country': fr 3, it 3" in summary(graph)
