"""Tables from files and memory: cells stay what they are, and a damaged file is said."""

from __future__ import annotations

import datetime
import gzip
import re
import sys

import numpy as np
import pandas as pd
import pytest

from GPT_GNN.builder.times import TimeBins
from GPT_GNN.datasets.tables.source import Table, read_table
from GPT_GNN.graph.store import NO_TIME


def read(tmp_path, text, name="t.csv", wanted=("a", "b")):
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    (tmp_path / name).write_bytes(data)
    return read_table(name, tmp_path, None, wanted)


def in_memory(columns):
    return read_table("t", None, {"t": columns}, ("a", "b"))


def test_cells_stay_as_they_are_written(tmp_path):
    table = read(tmp_path, '\ufeffa,c,b\n007,x,NA\n,y,"1\n2"\n')
    assert table.cells("a").tolist() == ["007", None]
    assert table.cells("b").tolist() == ["NA", "1\n2"]
    assert table.cells("b", also_missing=("NA",)).tolist() == [None, "1\n2"]
    with pytest.raises(ValueError, match=re.escape("expected a column 'd'; available: ['a', 'c',")):
        table.cells("d")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b"a,b\n1,x\n2,\n"),
        ("t.tsv", b"a\tb\n1\tx\n2\t\n"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,x\n2,\n", mtime=0)),
        ("t.tsv.gz", gzip.compress(b"a\tb\n1\tx\n2\t\n", mtime=0)),
    ],
)
def test_kinds_of_text_files(tmp_path, name, data):
    table = read(tmp_path, data, name)
    assert table.cells("a").tolist() == ["1", "2"] and table.cells("b").tolist() == ["x", None]


def test_an_empty_line_of_one_column_is_an_empty_cell(tmp_path):
    assert read(tmp_path, "a\n1\n\n3\n").cells("a").tolist() == ["1", None, "3"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.csv", b"", "t.csv: expected a header line, got an empty file"),
        ("t.csv", b"a,b\n1,2,3\n4,5,6\n", "t.csv, row 1: expected 2 cells as in the header, got 3"),
        ("t.csv", b"a,b\n1,2\n4,5,6\n", "row 2: expected 2 cells as in the header, got 3: ['4'"),
        (
            "t.csv",
            b"a,b\n1,2\n\n4\n5,6\n",
            "row 2: expected 2 cells as in the header, got 1: [",
        ),
        ("t.csv", b"a,b\n" + b"1,2\n" * 600 + b"1\n", "t.csv, row 601: expected 2 cells as in"),
        ("t.tsv", b"a\tb\n1\t2\n4\n", "t.tsv, row 2: expected 2 cells as in the header, got 1"),
        ("t.csv", b'a,b\n1,2\n1,"2\n', "t.csv, row 2: unexpected end of data; a cell that begins"),
        ("t.csv", b'a,b\n1,"2"3\n', "t.csv, row 1: ',' expected after '\"'; a cell that begins"),
        ("t.csv", b"a,b\n1,2\n\xff,2\n", "t.csv, line 3: expected UTF-8, got 'utf-8' codec can't"),
        ("t.csv", b"a,b,a\n1,2,3\n", "t.csv: expected each column name once, got 'a' 2 times"),
        ("t.csv", b"# of 2024\na,b\n1,2\n", "t.csv, line 1: expected a header of comma-separated"),
        ("t.csv", b"a;b\n1;2\n", "names, among them ['a', 'b'], got 'a;b'"),
        ("t.tsv", b"a,b\n1,2\n", "expected a header of tab-separated names, among them ['a', 'b']"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "t.csv, line 1: expected UTF-8, got"),
        ("t.csv", b",,\n1,2,3\n", "t.csv, line 1: expected a header of comma-separated names, amo"),
        ("t.csv.gz", b"a,b\n", "t.csv.gz: Not a gzipped file"),
        (
            "t.csv.gz",
            gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12],
            "t.csv.gz: Compressed file ended",
        ),
        ("t.parquet", b"a,b\n", "t.parquet: Parquet"),
        ("t.xlsx", b"", "t.xlsx: expected a file .csv, .csv.gz, .tsv, .tsv.gz, .parquet"),
    ],
)
def test_damaged_files(tmp_path, name, data, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tmp_path, data, name)


def test_a_file_that_is_not_there(tmp_path):
    assert read_table("t.csv", tmp_path, {"u": {}}, ("a",)) is None
    assert read_table("t", tmp_path, {"u": {}}, ("a",)) is None  # one of Python's tables
    with pytest.raises(ValueError, match="t: expected a file .csv"):
        read_table("t", tmp_path, None, ("a",))


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": ["x", None], "c": [1, 2], "b": [[1.0, 2.0], [3.0, 4.0]]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table("t.parquet", tmp_path, None, ("a", "b"))
    assert table.cells("a").tolist() == ["x", None]
    assert [list(cell) for cell in table.cells("b")] == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match=re.escape("available: ['a', 'c', 'b']")):
        table.cells("d")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=re.escape("pip install gpt-gnn[parquet]")):
        read(tmp_path, b"", "t.parquet")


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        (pd.Series([1, None, 3], dtype="Int64"), [1.0, None, 3.0]),
        (pd.Series([2**62 + 1, 5], dtype="Int64"), [2**62 + 1, 5]),
        (pd.Series([2**62 + 1, None], dtype="Int64"), [2**62 + 1, None]),
        (pd.Series(["x", None], dtype="string"), ["x", None]),
        (pd.Series(["x", np.nan, ""], dtype=object), ["x", None, None]),
        (pd.Series(["x", None], dtype="category"), ["x", None]),
        (pd.Series([True, None], dtype="boolean"), [1.0, None]),
        (pd.Series([1, pd.NA], dtype=object), [1, None]),
        (["x", None], ["x", None]),
        (np.array(["x", ""]), ["x", None]),
        (np.array([1.5, np.nan]), [1.5, None]),
    ],
)
def test_columns_in_memory(values, cells):
    found = in_memory({"a": values}).cells("a")
    assert [None if cell is None or cell != cell else cell for cell in found.tolist()] == cells
    framed = in_memory(pd.DataFrame({"a": values})).cells("a")
    assert np.array_equal(found.astype(str), framed.astype(str))


def test_wide_columns_are_for_vectors_only():
    table = in_memory({"a": np.ones((2, 3)), "b": [1, 2]})
    assert table.cells("a", wide=True).shape == (2, 3)
    with pytest.raises(ValueError, match=r"'a': expected one value per row, got .*\(2, 3\)"):
        table.cells("a")


def test_tables_that_are_none():
    with pytest.raises(ValueError, match="t: expected a pandas DataFrame, a pyarrow Table or"):
        in_memory([1, 2])
    with pytest.raises(ValueError, match="got 2 cells in 'a' and 3 in 'b'"):
        in_memory({"a": [1, 2], "b": [1, 2, 3]})
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="t: expected each column name once, got 'a' 2 times"):
        in_memory(twice)


def test_arrow_tables():
    pyarrow = pytest.importorskip("pyarrow")
    large = in_memory(pyarrow.table({"a": [2**62 + 1, None]}))
    assert large.cells("a").tolist() == [2**62 + 1, None]
    table = in_memory(pyarrow.table({"a": ["x", None], "c": [1, 2]}))
    assert table.cells("a").tolist() == ["x", None]
    with pytest.raises(ValueError, match=re.escape("available: ['a', 'c']")):
        table.cells("b")


def test_times():
    dates = pd.to_datetime(pd.Series(["2020-01-01 00:30", None])).dt.tz_localize("Europe/Berlin")
    for values in (dates, [datetime.datetime(2019, 12, 31, 23, 30), None], ["2019-12-31", ""]):
        found = in_memory({"a": values}).times("a", TimeBins("dates", "years"))
        assert found.tolist() == [2019, NO_TIME]


@pytest.mark.parametrize("bad", [0, 1, 6, 7, 12])
def test_a_bad_time_is_named_by_its_row(bad):
    cells = np.array(["2020-01-01"] * 13, dtype=object)
    cells[bad] = "soon"
    table = Table("t.csv", {"a": cells}, ["a"])
    with pytest.raises(ValueError, match=f"t.csv, column 'a', row {bad + 1}: expected dates like"):
        table.times("a", TimeBins("dates", "years"))


def test_lines_that_are_no_rows_and_bytes_that_are_cells(tmp_path):
    table = read(tmp_path, "\ufeff\r\na,b\r\n1,\r\n\r\n  \r\n2,x\0y\r\n\r\n\r\n")
    assert table.cells("a").tolist() == ["1", "2"] and table.cells("b").tolist() == [None, "x\0y"]
    assert read(tmp_path, "a\r1\r2\r").cells("a").tolist() == ["1", "2"]
    assert read(tmp_path, 'a,b\n1,"2\r\n3"\n').cells("b").tolist() == ["2\r\n3"]
    assert read(tmp_path, "a,b\n1," + "x" * 200_000).cells("b").tolist() == ["x" * 200_000]
    assert read(tmp_path, 'a,b\n1,say "x"\n2,"say ""x"""\n').cells("b").tolist() == ['say "x"'] * 2


def test_a_tsv_has_no_quoting(tmp_path):
    table = read(tmp_path, 'a\tb\n1\t"Heroes" live\n2\t"\n3\t\n', "t.tsv")
    assert table.cells("a").tolist() == ["1", "2", "3"]
    assert table.cells("b").tolist() == ['"Heroes" live', '"', None]


def test_an_index_is_a_column(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [3, 4], "b": ["x", "y"], "c": [1, 2]}).set_index(["a", "b"])
    frame.to_parquet(tmp_path / "t.parquet")
    for tables in (None, {"t.parquet": frame}, {"t.parquet": pyarrow.Table.from_pandas(frame)}):
        table = read_table("t.parquet", tmp_path, tables, ("a", "b"))
        assert table.cells("a").tolist() == [3, 4] and table.cells("b").tolist() == ["x", "y"]
        assert sorted(table.available) == ["a", "b", "c"]
    both = pd.DataFrame({"a": [3, 4]}, index=pd.Index([8, 9], name="a"))
    assert in_memory(both).cells("a").tolist() == [3, 4]


def test_names_of_columns_are_texts():
    table = read_table("t", None, {"t": pd.DataFrame({7: [1], "b": [2]})}, ("7", "b"))
    assert table.cells("7").tolist() == [1]
    with pytest.raises(ValueError, match="t: expected each column name once, got '7' 2 times"):
        read_table("t", None, {"t": pd.DataFrame([[1, 2]], columns=[7, "7"])}, ("b",))


def test_column_names_that_stand_twice_are_an_error_in_every_form(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    twice = pyarrow.Table.from_arrays([pyarrow.array([1])] * 3, names=["a", "c", "c"])
    parquet.write_table(twice, tmp_path / "t.parquet")
    for tables in (None, {"t.parquet": twice}):
        with pytest.raises(ValueError, match="expected each column name once, got 'c' 2 times"):
            read_table("t.parquet", tmp_path, tables, ("a",))
