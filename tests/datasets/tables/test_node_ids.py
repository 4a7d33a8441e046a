"""Files of ids to rows: each form, each kind of id, their order, and ids that nobody has."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import NodeArrays, write_graph
from GPT_GNN.datasets.tables.node_ids import rows_in_range, rows_of_ids
from tests.datasets.tables.films import built

TEXTS, NUMBERS = ["m3", "m1", "m3", "m6"], [9, 7, 9]
ROWS = {"movie": [2, 0, 2, 5], "person": [2, 0, 2]}


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Movies m1 to m6, texts; people 7, 8 and 9, whole numbers."""
    return built(tmp_path_factory.mktemp("ids"))


def of(graph, tmp_path, node_type, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return rows_of_ids(graph, node_type, path).tolist()


@pytest.mark.parametrize(
    ("name", "movies", "people"),
    [
        ("ids.txt", "m3\nm1\n\nm3\nm6", "9\n7\n9\n"),
        ("ids", "\ufeffm3\r\nm1\r\nm3\r\nm6\r\n", "9\n7\n9"),
        ("ids.csv", "id\nm3\nm1\nm3\nm6\n", "x,id\na,9\nb,7\nc,9\n"),
        ("ids.csv", "movie_id,id\nm3,a\nm1,b\nm3,c\nm6,d\n", "id,person_id\n1,9\n2,7\n3,9\n"),
        ("ids.tsv", "id\tx\nm3\t\nm1\t\nm3\t\nm6\t\n", "person_id\n9\n7\n9\n"),
    ],
)
def test_text_files(graph, tmp_path, name, movies, people):
    assert of(graph, tmp_path, "movie", name, movies) == ROWS["movie"]
    assert of(graph, tmp_path, "person", name, people) == ROWS["person"]


def test_other_files(graph, tmp_path):
    packed = gzip.compress(b"movie_id\nm3\nm1\nm3\nm6\n")
    assert of(graph, tmp_path, "movie", "ids.csv.gz", packed) == ROWS["movie"]
    pd.DataFrame({"person_id": NUMBERS, "id": [1, 2, 3]}).to_parquet(tmp_path / "ids.parquet")
    assert rows_of_ids(graph, "person", tmp_path / "ids.parquet").tolist() == ROWS["person"]
    for node_type, ids in (("movie", TEXTS), ("movie", np.array(TEXTS, "S")), ("person", NUMBERS)):
        for values in (np.array(ids), np.array(ids).astype("U")):
            np.save(tmp_path / "ids.npy", values)
            assert rows_of_ids(graph, node_type, tmp_path / "ids.npy").tolist() == ROWS[node_type]
    np.save(tmp_path / "ids.npy", np.array(NUMBERS, dtype=float))
    assert rows_of_ids(graph, "person", tmp_path / "ids.npy").tolist() == ROWS["person"]


def test_no_ids(graph, tmp_path):
    rows = rows_of_ids(graph, "movie", _written(tmp_path / "ids.txt", ""))
    assert rows.shape == (0,) and rows.dtype == np.int64


def _written(path, text):
    path.write_text(text)
    return path


def test_a_store_without_ids_of_its_own_says_so(tmp_path, capsys):
    plain = write_graph(tmp_path / "g", {"page": NodeArrays(8)}, {})
    assert of(plain, tmp_path, "page", "ids.txt", "7\n0\n7\n") == [7, 0, 7]
    said = "".join(capsys.readouterr())
    assert "nodes of type 'page' have no ids of their own, their ids are row numbers 0 to 7" in said
    with pytest.raises(ValueError, match=r"1 of 2 are of no node or of several: line 2 '8'$"):
        of(plain, tmp_path, "page", "ids.txt", "7\n8\n")
    # What a data set happens to call id: no one value per node, or no names.
    columns = {"id": np.zeros((8, 2))}
    other = write_graph(tmp_path / "h", {"page": NodeArrays(8, columns=columns)}, {})
    assert of(other, tmp_path, "page", "ids.txt", "7") == [7]


def test_ids_of_a_store_that_was_grown_from_arrays(tmp_path):
    """All new nodes have the same filler, which names none of them; the old ones keep theirs."""
    nodes = {"page": NodeArrays(3, columns={"id": np.array([30, 10, 20])})}
    graph = write_graph(tmp_path / "g", nodes, {})
    grown = append_arrays(graph, tmp_path / "grown", {"page": NodeArrays(2)}, {})
    assert of(grown, tmp_path, "page", "ids.txt", "20\n30") == [2, 0]
    with pytest.raises(ValueError, match=r"of no node or of several: line 1 '-1'$"):
        of(grown, tmp_path, "page", "ids.txt", "-1")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "ids.txt",
            "m1\nx\n\nm7\n" + "y\n" * 9,
            r"ids\.txt: expected ids of 'movie' in .*, 11 of 12 are of no node or of several: "
            r"line 2 'x', line 4 'm7', line 5 'y', line 6 'y', line 7 'y' and 6 more$",
        ),
        ("ids.txt", " m1", r"1 of 1 .*: line 1 ' m1'$"),
        ("ids.csv", "movie_id\nm1\nm9\n", r"1 of 2 .*: row 2 'm9'$"),
        (
            "ids.csv",
            "movie_id,x\nm1,1\n,2\n",
            r"ids\.csv, row 2: expected an id, got an empty cell",
        ),
        ("ids.csv", "m1\nm2\n", r"line 1: expected a header .*\['id', 'movie_id'\], got 'm1'"),
        ("ids.npy", "", r"ids\.npy: expected a \.npy of integers or texts: "),
        ("ids.txt", b"m1\n\xff\n", r"ids\.txt: expected text in UTF-8 with one id per line"),
        ("ids.parquet", "m1", r"ids\.parquet: "),
    ],
)
def test_mistakes(graph, tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        of(graph, tmp_path, "movie", name, content)


def test_arrays_that_are_no_ids(graph, tmp_path):
    for values in (np.zeros((2, 2), int), np.array([True])):
        np.save(tmp_path / "ids.npy", values)
        with pytest.raises(ValueError, match=r"ids\.npy: expected \[n\] integers or texts, found"):
            rows_of_ids(graph, "person", tmp_path / "ids.npy")
    np.save(tmp_path / "ids.npy", np.array([7.0, np.nan, 7.5]))
    with pytest.raises(ValueError, match=r"ids\.npy, row 2: expected an id, got an empty cell"):
        rows_of_ids(graph, "person", tmp_path / "ids.npy")
    for path, found in ((tmp_path, "a folder"), (tmp_path / "none", "no such file")):
        with pytest.raises(ValueError, match=f"expected a file of ids, found {found}"):
            rows_of_ids(graph, "person", path)


def test_ranges():
    for text, want in (("2:5", [2, 3, 4]), (":2", [0, 1]), ("4:", [4, 5]), (":", list(range(6)))):
        assert rows_in_range(text, 6).tolist() == want
    for text in ("5:3", "0:7", "7:"):
        with pytest.raises(ValueError, match=f"{text}: expected a range of 0:6"):
            rows_in_range(text, 6)
    for text in ("3", "a:b", "-2:", "1:2:3", ""):
        with pytest.raises(ValueError, match="expected row numbers FIRST:END"):
            rows_in_range(text, 6)
