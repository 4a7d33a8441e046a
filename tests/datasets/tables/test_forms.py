"""One table is one graph: as CSV, TSV, Parquet, DataFrame, Arrow table or dict of columns."""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from GPT_GNN.builder.times import TimeBins
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.datasets.tables.source import read_table
from GPT_GNN.features.cells import CellError, names, numbers
from GPT_GNN.graph.store import NO_TIME
from tests.datasets.tables.films import edges_of
from tests.oracle import cells as oracle

pyarrow = pytest.importorskip("pyarrow")

DAYS = [datetime.datetime(2019, 5, 1), None, datetime.datetime(2020, 2, 29)]
MOMENTS = [datetime.datetime(2019, 5, 1), None, datetime.datetime(2020, 2, 29, 23, 30, 0, 500_000)]
BERLIN = pd.Series(MOMENTS).dt.tz_localize("Europe/Berlin")
# Kind -> the values and the column that a user has of them.
KINDS = {
    "whole": ([3, -999, 12], pd.Series([3, -999, 12])),
    "whole, 8 bits": ([3, -99, 12], pd.Series([3, -99, 12], dtype="int8")),
    "whole with a gap": ([3, None, -999], pd.Series([3, None, -999])),
    "whole with a gap, nullable": ([3, None, -999], pd.Series([3, None, -999], dtype="Int64")),
    "whole, more digits than a float has": (
        [2**60 + 1, None, -(2**53) - 1],
        pd.Series([2**60 + 1, None, -(2**53) - 1], dtype="Int64"),
    ),
    "whole, unsigned": ([2**64 - 1, 7, 0], pd.Series([2**64 - 1, 7, 0], dtype="uint64")),
    "whole, objects": ([2**60 + 1, None, 4], pd.Series([2**60 + 1, None, 4], dtype=object)),
    "floats": ([0.1, None, -2.0], pd.Series([0.1, None, -2.0])),
    "floats, small": ([1e-7, 1.5, 0.0], pd.Series([1e-7, 1.5, 0.0])),
    "floats, nullable": ([0.1, None, -2.0], pd.Series([0.1, None, -2.0], dtype="Float64")),
    "floats of 32 bits": ([0.1, None, 7.0], pd.Series([0.1, None, 7.0], dtype="float32")),
    "floats of 32 bits, nullable": ([0.1, None], pd.Series([0.1, None], dtype="Float32")),
    "booleans": ([True, False, True], pd.Series([True, False, True])),
    "booleans with a gap": ([True, None, False], pd.Series([True, None, False])),
    "booleans, nullable": ([True, None, False], pd.Series([True, None, False], dtype="boolean")),
    "texts": (["x", None, "07"], pd.Series(["x", None, "07"], dtype=object)),
    "texts, pandas' own type": (["x", None, "1e3"], pd.Series(["x", None, "1e3"], dtype="string")),
    "texts, Arrow's type": (["x", None], pd.Series(["x", None], dtype="string[pyarrow]")),
    "texts that floats would be": (["7.0", "1.50"], pd.Series(["7.0", "1.50"], dtype=object)),
    "categories": (["b", None, "a"], pd.Series(pd.Categorical(["b", None, "a"]))),
    "categories of whole numbers": ([1960, None, 84], pd.Series(pd.Categorical([1960, None, 84]))),
    "categories without a gap": ([1960, 84], pd.Series(pd.Categorical([1960, 84]))),
    "days": (DAYS, pd.Series(DAYS)),
    "days, plain dates": (
        [datetime.date(2019, 5, 1), None],
        pd.Series([datetime.date(2019, 5, 1), None], dtype=object),
    ),
    "moments": (MOMENTS, pd.Series(MOMENTS)),
    "moments of a zone": ([None if pd.isna(m) else m.to_pydatetime() for m in BERLIN], BERLIN),
    "decimals": (
        [Decimal("1.50"), None, Decimal("2.00")],
        pd.Series([Decimal("1.50"), None, Decimal("2.00")], dtype=object),
    ),
    "Arrow integers": ([5, None], pd.Series([5, None], dtype=pd.ArrowDtype(pyarrow.int64()))),
    "Arrow dictionary": (
        ["x", None],
        pd.Series(["x", None], dtype=pd.ArrowDtype(pyarrow.dictionary(pyarrow.int8(), "string"))),
    ),
}
FORMS = ("csv", "tsv", "parquet", "frame", "index", "arrow", "dict", "list")
NUMERIC = [kind for kind in KINDS if re.match("whole|floats|booleans|decimals|Arrow int", kind)]
TIMES = [kind for kind in KINDS if re.match("days|moments", kind)]


def in_form(form, kind, folder):
    """The table of a column ``a``, as it is read from a form."""
    values, column = KINDS[kind]
    frame = pd.DataFrame({"a": column, "b": np.arange(len(column))})
    if form in ("csv", "tsv"):
        frame.to_csv(folder / f"t.{form}", index=False, sep="," if form == "csv" else "\t")
        return read_table(f"t.{form}", folder, None, ("a",))
    if form == "parquet":
        frame.to_parquet(folder / "t.parquet")
        return read_table("t.parquet", folder, None, ("a",))
    tables = {
        "frame": lambda: frame,
        "index": lambda: frame.set_index("a"),
        "arrow": lambda: pyarrow.Table.from_pandas(frame),
        "dict": lambda: {"a": column},
        "list": lambda: {"a": values},
    }
    return read_table("t", folder, {"t": tables[form]()}, ("a",))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_has_one_name(tmp_path, kind, form):
    values, _ = KINDS[kind]
    table = in_form(form, kind, tmp_path)
    want = [oracle.name(value) for value in values]
    assert names(table.cells("a")) == want
    # A declared empty value is one in each of its writings.
    for name in set(want) - {None}:
        left = [other if other != name else None for other in want]
        assert names(table.cells("a", also_missing=(name,))) == left
    if "-999" in want:
        emptied = [n if n != "-999" else None for n in want]
        assert names(table.cells("a", ("-999.0",))) == emptied
        assert names(table.cells("a", ("-9.99e+02", "9"))) == emptied


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NUMERIC)
def test_a_cell_has_one_number(tmp_path, kind, form):
    values, _ = KINDS[kind]
    found = numbers(in_form(form, kind, tmp_path).cells("a"))
    assert np.array_equal(found, [oracle.number(v) for v in values], equal_nan=True)


@pytest.mark.filterwarnings("ignore:no explicit representation of timezones")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", TIMES)
def test_a_cell_has_one_time(tmp_path, kind, form):
    values, _ = KINDS[kind]
    table = in_form(form, kind, tmp_path)
    hours = TimeBins("dates", "hours")
    plain = [None if v is None else oracle.name(v).replace(" ", "T") for v in values]
    assert table.times("a", hours).tolist() == hours(plain).tolist()


def test_writings_of_names():
    """What is another value stays another name."""
    same = ["7.0", "7.00", "7.000e+00", 7, 7.0, Decimal("7.0"), np.float32(7)]
    assert names(same) == ["7"] * len(same)
    other = ["07", "7.", "+7", "7.50", "1e3", "1E+3", "v7.0", "07.0", " 7", "nan", "tRue", "truest"]
    assert names(other) == other
    assert names(["-7.0", "-0.0", "5.0e-01", "1e-05"]) == ["-7", "0", "0.5", "1e-05"]
    assert names(["true", "TRUE", True, "False", "false"]) == ["True"] * 3 + ["False"] * 2
    moments = ["2020-01-31 00:00:00", "2020-01-31T00:00", "2020-01-31T01:00:00+01:00"]
    assert names([*moments, "2020-01-31"]) == ["2020-01-31"] * 4
    assert names(["2020-01-31T10:00:00Z", "2020-13-31 10:00"]) == [
        "2020-01-31 10:00:00",
        "2020-13-31 10:00",
    ]


@pytest.mark.parametrize("cell", ["9007199254740992.0", "1e+16", 2.0**53, 1e16])
def test_rounded_whole_numbers_are_no_names(cell):
    with pytest.raises(
        CellError, match="row 2: expected a whole number or a text, got .* a rounde"
    ):
        names(["1.0", cell])


def test_columns_that_have_no_writing():
    for values, message in (
        (pd.to_timedelta([1, 2], unit="D"), "t, column 'a': expected numbers, dates or texts"),
        (pd.Series([b"\xff", b"a"]), "t, column 'a': 'utf-8' codec can't decode"),
    ):
        with pytest.raises(ValueError, match=message):
            read_table("t", Path(), {"t": {"a": values}}, ("a",))
    table = read_table("t", Path(), {"t": {"a": pd.Series([b"x", None])}}, ("a",))
    assert names(table.cells("a")) == ["x", None]


FRAMES = {
    "films": pd.DataFrame(
        {
            "film": ["a", "b", "c", "d"],
            "year": pd.Series([2001, None, 2003, 2004]),
            "votes": pd.Series([3, -999, None, 7]),
            "score": pd.Series([0.1, 2.5, None, -999.0], dtype="float32"),
            "color": pd.Series([True, None, False, True], dtype="boolean"),
            "rating": pd.Categorical([7, None, 7, 9]),
            "seen": pd.to_datetime(["2019-05-01", None, "2019-05-01", "2020-01-01"]),
            "price": [Decimal("1.50"), None, Decimal("2.00"), Decimal("-999.00")],
            "genre": pd.Series([10, None, -1, 9]),
            "keep": pd.Series(["x", "y", None, "x"], dtype="string"),
            "plot": ["7.0 dogs", None, "a dog runs", "07"],
            "title": ["2.0", None, "The Dog", "A dog"],
        }
    ),
    "people": pd.DataFrame({"person": [2**60 + 1, 2, 3], "born": pd.Series([1960, None, 1984])}),
    "cast": pd.DataFrame(
        {
            "who": pd.Series([2**60 + 1, 2, None, 3], dtype="Int64"),
            "film": ["a", "b", "a", "d"],
        }
    ),
    "crew": pd.DataFrame({"who": pd.Series([2, 3, None, 3, 8]), "film": list("abcda")}),
}


def description(suffix):
    features = {c: "numeric" for c in ("votes", "score", "price")}
    features |= {c: "categorical" for c in ("color", "rating", "seen")}
    ends = {"source": "who", "target": "film", "skip_unknown_ids": True, "missing": [8]}
    return {
        "nodes": {
            "film": {
                "table": f"films{suffix}",
                "id": "film",
                "time": "year",
                "features": features | {"plot": {"encoder": "text", "dim": 2}},
                "labels": ["genre", "keep"],
                "text": "title",
                "missing": [-999],
            },
            "person": {
                "table": f"people{suffix}",
                "id": "person",
                "features": {"born": "numeric"},
            },
        },
        "edges": [
            {"type": ["person", relation, "film"], "table": f"{table}{suffix}", **ends}
            for relation, table in (("acts", "cast"), ("films", "crew"))
        ],
        "target": "film",
        "time": {"unit": "years"},
        "split": "random",
    }


def contents(path):
    return {p.relative_to(path): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_every_form_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, frame in FRAMES.items():
        frame.to_csv(f"{name}.csv", index=False)
        frame.to_csv(f"{name}.tsv", index=False, sep="\t")
        indexed = frame.set_index(frame.columns[0])
        indexed.to_parquet(f"{name}.parquet")
    stores = {}
    for suffix in (".csv", ".tsv", ".parquet"):
        record = description(suffix)
        graph = build_from_tables(record, f"store{suffix}")
        stores[suffix] = contents(graph.path)
        for form, table in (
            ("frame", lambda frame: frame),
            ("arrow", pyarrow.Table.from_pandas),
            ("dict", lambda frame: {c: frame[c] for c in frame}),
        ):
            given = {f"{name}{suffix}": table(frame) for name, frame in FRAMES.items()}
            again = build_from_tables(record, f"{form}{suffix}", given)
            assert contents(again.path) == stores[suffix], form
    # Between files of several kinds only the names of the tables differ.
    for suffix, store in stores.items():
        meta = json.loads(store.pop(Path("meta.json")))["meta"]
        assert meta["facts"].pop("description") == description(suffix)
        stores[suffix] = store, meta
    assert stores[".csv"] == stores[".tsv"] == stores[".parquet"]
    # And they hold what is right.
    acts = edges_of(graph, ("person", "acts", "film"))
    assert acts == [(0, 0, 2001), (1, 1, NO_TIME), (2, 3, 2004)]
    assert [(s, t) for s, t, _ in edges_of(graph, ("person", "films", "film"))] == [
        (1, 0),
        (2, 1),
        (2, 3),
    ]
    assert graph.column("film", "genre").tolist() == [1, -1, -1, 0]
    assert graph.facts["classes"]["film"] == {"genre": ["9", "10"], "keep": ["x", "y"]}
    kept = {e["column"]: e["facts"].get("categories") for e in graph.facts["encoders"]}
    assert kept["color"] == ["True", "False"] and kept["rating"] == ["7", "9"]
    assert kept["seen"] == ["2019-05-01", "2020-01-01"]
    parts = graph.feature_parts("film")
    rows = graph.gather_features("film", np.arange(4), "pretrain")
    assert rows[:, parts["votes"]].tolist() == [[-1, 0], [0, 1], [0, 1], [1, 0]]
    assert graph.ragged("film", "title").text(0) == "2.0"  # a text stays as it is written
