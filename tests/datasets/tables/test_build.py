"""Tables to stores: against the csv module and loops, and every mistake."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.graph.split import SPLITS, ColumnSplit, RandomSplit, TimeSplit
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.rng import derive
from tests.call import call
from tests.datasets.tables.films import (
    CAST,
    CAST_TYPE,
    DESCRIPTION,
    FILES,
    MOVIES,
    NOTHING,
    PEOPLE,
    built,
    changed,
    edges_of,
    frames,
    texts_of,
    write,
)


def refused(tmp_path, changes=None, files=None):
    with pytest.raises(ValueError) as error:
        built(tmp_path, changes, files)
    assert not (tmp_path / "g").exists()  # all or nothing
    return str(error.value)


def test_a_graph_by_hand(tmp_path):
    graph = built(tmp_path)
    assert edges_of(graph, CAST_TYPE) == [(0, 0, 2009), (0, 5, 2015), (1, 1, 2010), (2, 2, 2011)]
    assert graph.schema.inverse_of(CAST_TYPE) == ("movie", "has_actor", "person")
    assert graph.column("person", "id").tolist() == [7, 8, 9]
    assert texts_of(graph, "movie", "id") == ["m1", "m2", "m3", "m4", "m5", "m6"]
    assert texts_of(graph, "movie", "title")[3:5] == ["The Walk", ""]
    assert graph.node_time("movie").tolist() == [2009, 2010, 2011, 2012, 2014, 2015]
    assert graph.column("movie", "genre").tolist() == [0, 1, 2, 2, -1, 0]
    assert graph.facts["classes"] == {"movie": {"genre": ["action", "comedy", "drama"]}}
    assert list(graph.feature_parts("movie")) == ["budget", "genres", "plot", "emb"]
    task = GraphFacts.stored(graph)
    assert task == GraphFacts("movie", (), TimeSplit(2010, 2012, 2014), "", "title", "genre")
    assert [len(task.split.nodes(graph, "movie", s)) for s in SPLITS] == [2, 2, 1, 1]
    graph.verify()


def test_encoders_know_what_pre_training_may_know(tmp_path):
    """Changing what comes after pre-training's bound moves no encoder, and no earlier feature."""
    first = built(tmp_path / "a")
    later = MOVIES.replace("m3,2011-05-01,300,Drama,a cat", "m3,2011-05-01,9,Comedy,an odd")
    later = later.replace("400,,a man", "7,Western,some man")
    second = built(tmp_path / "b", files={"movies.csv": later})
    assert first.facts["encoders"] == second.facts["encoders"]
    known = [g.gather_features("movie", np.array([0, 1]), "pretrain") for g in (first, second)]
    assert np.array_equal(*known)
    genres = next(e for e in first.facts["encoders"] if e["column"] == "genres")
    assert genres["facts"]["categories"] == ["Comedy", "Action"]  # Drama is seen after 2010 only


def test_features_are_those_of_the_encoders(tmp_path):
    graph = built(tmp_path)
    parts = graph.feature_parts("movie")
    rows = graph.gather_features("movie", np.arange(6), "finetune")
    assert rows[:, parts["emb"]].tolist() == [[1, 0], [0, 1], [1, 1], [0, 0], [0, 0], [2, 2]]
    assert rows[:, parts["genres"]].tolist() == [[1, 1], [1, 0], [0, 0], [0, 0], [0, 1], [0, 1]]
    birth = graph.gather_features("person", np.arange(3), "pretrain")
    assert np.allclose(birth, [[-1, 0], [1, 0], [0, 1]])


@pytest.mark.parametrize("form", ["frames", "arrow", "dicts", "parquet"])
def test_every_form_of_table_gives_the_same_graph(tmp_path, form):
    want = built(tmp_path / "csv")
    given = frames()
    if form == "parquet":
        pytest.importorskip("pyarrow")
        record = changed({})
        for entry in (*record["nodes"].values(), *record["edges"]):
            name = entry["table"]
            entry["table"] = name.replace(".csv", ".parquet")
            given[name].to_parquet(tmp_path / entry["table"])
        source = write(tmp_path, {}, record)
        for name in FILES:
            (tmp_path / name).unlink()
        graph = build_from_tables(source, tmp_path / "g")
    else:
        if form == "arrow":
            pyarrow = pytest.importorskip("pyarrow")
            given = {name: pyarrow.Table.from_pandas(frame) for name, frame in given.items()}
        if form == "dicts":
            given = {n: {c: f[c].to_list() for c in f.columns} for n, f in given.items()}
        graph = build_from_tables(DESCRIPTION, tmp_path / "g", given)
    same = {k: v for k, v in graph.meta["files"].items() if want.meta["files"][k] == v}
    assert same.keys() == want.meta["files"].keys()


@pytest.mark.parametrize("seed", range(4))
def test_random_tables_against_the_csv_module(tmp_path, seed):
    rng = derive(seed, "tables")
    names = [f"{'x' if seed % 2 else ''}{i}" for i in rng.permutation(1000)[:30]]
    years = [str(y) if rng.random() < 0.8 else "" for y in rng.integers(1990, 2000, 30)]
    nodes = "id,year\n" + "".join(f"{n},{y}\n" for n, y in zip(names, years, strict=True))
    pairs = [(rng.choice(names), rng.choice(["gone", "", *names])) for _ in range(200)]
    links = "a,b\n" + "".join(f"{a},{b}\n" for a, b in pairs)
    (tmp_path / "n.csv").write_text(nodes)
    (tmp_path / "e.csv").write_text(links)
    relation = {"type": ["n", "to", "n"], "table": "e.csv", "source": "a", "target": "b"}
    record = {
        "nodes": {"n": {"table": "n.csv", "id": "id", "time": "year"}},
        "edges": [relation | {"skip_unknown_ids": True}],
        "split": {"by": "random"},
    }
    description = write(tmp_path, description=record)
    graph = build_from_tables(description, tmp_path / "g")
    rows = list(csv.DictReader(io.StringIO(nodes)))
    place = {row["id"]: i for i, row in enumerate(rows)}
    time_of = [int(row["year"]) if row["year"] else NO_TIME for row in rows]
    want = set()
    for row in csv.DictReader(io.StringIO(links)):
        if row["b"] in place:
            a, b = place[row["a"]], place[row["b"]]
            want.add((a, b, max(time_of[a], time_of[b])))  # not before its ends
    assert edges_of(graph, ("n", "to", "n")) == sorted(want)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("movies.csv", "m2,", "m1,", "column 'movie_id', row 2: expected each id once, got m1 aga"),
        ("movies.csv", "\nm2,", "\n,", "'movie_id', row 2: expected an id, got an empty cell"),
        ("movies.csv", "300", "much", "'budget', row 3: expected a number, got 'much'"),
        ("movies.csv", "100", "inf", "'budget', row 1: expected a finite number, got inf"),
        ("movies.csv", "0 1", "0 1 2", "'emb', row 2: expected 2 numbers, got 3"),
        ("movies.csv", "1 1", "1 1 2", "'emb', row 3: expected 2 numbers, got 3"),
        ("movies.csv", "2011-05-01", "11.5.11", "'released', row 3: expected dates like 2020-01"),
        ("movies.csv", "plot,title", "story,title", "expected a column 'plot'; available: ['movie"),
        ("people.csv", "person_id", "id", "expected a column 'person_id'; available: ['id', 'bi"),
        ("people.csv", "\n8,", "\n7,", "'person_id', row 2: expected each id once, got 7 again"),
        ("people.csv", PEOPLE[20:], "", "people.csv: expected at least one row"),
        (
            "cast.csv",
            "8,m2",
            "8,m9",
            "'movie_id', row 2: expected the id of a 'movie' node, got 'm9'",
        ),
        ("cast.csv", "8,m2", "x,m2", "'person_id', row 2: expected the id of a 'person' node, got"),
        ("cast.csv", "8,m2", "08,m2", "'person_id', row 2: expected the id of a 'person' node, go"),
        (
            "cast.csv",
            "8,m2",
            ",m2",
            "row 2: expected the id of a 'person' node, got an empty cell;",
        ),
        ("cast.csv", "2011-01-01", "later", "'year', row 3: expected dates like"),
        ("cast.csv", CAST[24:], "", "cast.csv: expected at least one row"),
        (
            "cast.csv",
            "9,m3,2011-01-01",
            "9,m3,2011-01-01,",
            "row 3: expected 3 cells as in the h",
        ),
        ("cast.csv", "9,m3,2011-01-01", "9,m3", "row 3: expected 3 cells as in the header, got 2"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, name, old, new, message):
    assert old in FILES[name]
    found = refused(tmp_path, files={name: FILES[name].replace(old, new, 1)})
    assert message in found and name in found


def test_a_file_that_is_not_there(tmp_path):
    assert "films.csv: no such file" in refused(
        tmp_path, {("nodes", "movie", "table"): "films.csv"}
    )


def test_ids_are_the_same_however_they_were_read(tmp_path):
    given = frames()
    given["cast.csv"]["person_id"] = given["cast.csv"]["person_id"].astype(float)
    given["people.csv"]["person_id"] = given["people.csv"]["person_id"].astype(str)
    graph = build_from_tables(DESCRIPTION, tmp_path / "g", given)
    assert len(edges_of(graph, CAST_TYPE)) == 4


def test_a_generated_feature_has_columns(tmp_path):
    changes = {
        ("nodes", "movie", "features"): {"part": "multi"},
        ("text_part",): "part",
        ("split", "bounds"): [2008, 2012, 2014],  # pre-training knows no film
    }
    assert "text_part: expected a feature with columns, got 'part'" in refused(tmp_path, changes)


def test_unknown_ids_are_counted(tmp_path, capsys):
    cast = CAST + "8,gone,2010-01-01\n,m1,2010-01-01\n"
    skip = {("edges", 0, "skip_unknown_ids"): True}
    graph = built(tmp_path, skip, {"cast.csv": cast})
    assert len(edges_of(graph, CAST_TYPE)) == 4
    assert "cast.csv: 2 of 6 rows name no known node" in capsys.readouterr().out


def test_a_multigraph_keeps_every_time(tmp_path):
    cast = {"cast.csv": CAST + "7,m1,2010-01-01\n"}
    assert len(edges_of(built(tmp_path / "a", files=cast), CAST_TYPE)) == 4
    many = built(tmp_path / "b", {("edges", 0, "multigraph"): True}, cast)
    assert edges_of(many, CAST_TYPE)[:2] == [(0, 0, 2009), (0, 0, 2010)]


def test_rows_that_repeat_a_link_are_counted(tmp_path, capsys):
    cast = CAST + CAST.split("\n", 1)[1].replace("20", "19") * 2
    built(tmp_path, files={"cast.csv": cast})
    said = capsys.readouterr().out
    assert "note: person:acts_in:movie: 8 of 12 edges repeat a link" in said


def test_columns_of_no_value_are_told(tmp_path, capsys):
    movies = MOVIES.replace("pretrain", "").replace("train,", ",").replace("valid", "")
    movies = movies.replace("test", "").replace(",Action|Comedy,", ",NA,").replace(",300,", ",,")
    movies = movies.replace(",100,", ",,").replace(",400,", ",,").replace(",50,", ",,")
    changes = {
        ("nodes", "movie", "missing"): {
            "genre": ["action", "comedy", "drama"],
            "genres": ["NA", "Action", "Comedy", "Drama"],
        },
        ("split",): {"by": "column", "column": "part", "pretrain_on": "all"},
    }
    built(tmp_path, changes, {"movies.csv": movies})
    said = capsys.readouterr().out
    for column in ("budget", "genres"):
        assert f"movies.csv, column {column!r}: all 6 cells that pre-training may know" in said
    assert "warning: split column 'split' of 'movie': all 6 nodes are in no split" in said
    assert "warning: label 'genre' of 'movie': all 6 nodes are without a class" in said
    assert "column 'plot'" not in said


def test_items_that_mean_nothing(tmp_path):
    """A list and the text that writes it are the same cell."""
    cells = [["NA"], ["NA", "Action"], ["Action", "Crime"], ["NA", "NA"], [], ["Crime"]]
    movies = frames()["movies.csv"].drop(columns="genres")
    found = []
    for genres in (cells, ["|".join(cell) for cell in cells]):
        description = changed({("nodes", "movie", "missing"): {"genres": ["NA"]}})
        tables = frames() | {"movies.csv": movies.assign(genres=genres)}
        graph = build_from_tables(description, tmp_path / "g", tables)
        part = graph.feature_parts("movie")["genres"]
        found.append(graph.gather_features("movie", np.arange(6), "pretrain")[:, part].tolist())
    assert found[0] == found[1] == [[0], [1], [1], [0], [0], [0]]


def test_texts_without_a_word_are_refused(tmp_path):
    movies = MOVIES.replace("a man runs", "!!! ???").replace("a dog sleeps", "...")
    found = refused(tmp_path, files={"movies.csv": movies})
    assert "movies.csv, column 'plot': expected words, found none in 2 texts, such as '!!!" in found


def test_several_labels_a_node(tmp_path):
    changes = {
        ("nodes", "movie", "labels"): {"genres": {"separator": "|"}, "genre": {}},
        ("nodes", "movie", "features"): {"plot": "text"},
        ("label",): "genres",
    }
    graph = built(tmp_path, changes)
    labels = graph.column("movie", "genres")
    assert labels.dtype == np.uint8
    want = [[1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0], [1, 0, 1]]
    assert labels.tolist() == want
    assert graph.facts["classes"]["movie"]["genres"] == ["Action", "Comedy", "Drama"]
    assert GraphFacts.stored(graph).label == "genres"
    # The published format takes them along, a list a cell.
    assert call("export graph", graph.path, tmp_path / "graph.pk") == 0
    back = convert(tmp_path / "graph.pk", tmp_path / "back", word_vectors=False)
    assert texts_of(back, "movie", "id") == texts_of(graph, "movie", "id")


def test_classes_that_are_numbers_are_in_their_order(tmp_path):
    given = frames()
    given["movies.csv"]["genre"] = [10, 9, -1, None, 10, 100]
    graph = build_from_tables(DESCRIPTION, tmp_path / "g", given)
    assert graph.column("movie", "genre").tolist() == [1, 0, -1, -1, 1, 2]
    assert graph.facts["classes"]["movie"]["genre"] == ["9", "10", "100"]


def test_texts_that_mean_nothing(tmp_path):
    files = {"movies.csv": MOVIES.replace("m2,2010-05-01,,", "m2,2010-05-01,\\N,")}
    assert "'budget', row 2: expected a number, got '\\\\N'" in refused(tmp_path, files=files)
    graph = built(tmp_path, {("nodes", "movie", "missing"): ["\\N"]}, files)
    assert graph.feature_dim("movie") == built(tmp_path / "plain").feature_dim("movie")


def test_splits(tmp_path):
    by_column = {("split",): {"by": "column", "column": "part", "pretrain_on": "all"}}
    graph = built(tmp_path / "a", by_column)
    split = GraphFacts.stored(graph).split
    assert split == ColumnSplit("split", "all")
    assert [split.nodes(graph, "movie", s).tolist() for s in SPLITS] == [
        [0, 1, 2, 3, 4, 5],
        [2, 3],
        [4],
        [5],
    ]
    numbers = frames()
    numbers["movies.csv"]["part"] = [0, 0, 1, 1, 2, None]
    again = build_from_tables(changed(by_column), tmp_path / "b", numbers)
    assert again.column("movie", "split").tolist() == [0, 0, 1, 1, 2, -1]
    graph = built(tmp_path / "c", {("split",): {"by": "random", "seed": 4}})
    want = RandomSplit(seed=4).numbers(6, "movie")
    assert np.array_equal(graph.column("movie", "split"), want)
    graph = built(tmp_path / "d", {("split",): NOTHING})
    split = GraphFacts.stored(graph).split
    assert all(len(split.nodes(graph, "movie", s)) for s in SPLITS)


def test_splits_that_are_none(tmp_path):
    found = refused(tmp_path, {("split",): {"by": "column", "column": "genre"}})
    assert "'genre', row 1: expected one of ['pretrain', 'train', 'valid', 'test']" in found
    found = refused(tmp_path, {("split", "bounds"): [2012, 2010, 2014]})
    assert "films.yaml, split: a split by time: expected three ascending bounds" in found
    found = refused(tmp_path, {("split", "bounds"): ["soon", 2010, 2014]})
    assert "films.yaml, split.bounds[0]: expected dates" in found


def test_bounds_are_of_the_tables_unit(tmp_path):
    given = frames()
    seconds = given["movies.csv"]["released"].to_numpy().astype("M8[s]").astype(np.int64)
    given["movies.csv"]["released"] = seconds
    given["cast.csv"]["year"] = seconds[0]
    bounds = [seconds[i] for i in (1, 3, 4)]  # of NumPy, as they come out of a table
    changes = {("time", "unit"): "seconds", ("split", "bounds"): bounds}
    graph = build_from_tables(changed(changes), tmp_path / "g", given)
    assert GraphFacts.stored(graph).split == TimeSplit(2010, 2012, 2014)


def test_many_edges_between_texts(tmp_path):
    rng = derive(0, "many")
    n, e = 5_000, 50_000
    pd.DataFrame({"id": [f"n{i}" for i in range(n)]}).to_csv(tmp_path / "n.csv", index=False)
    ends = rng.integers(n, size=(e, 2))
    text = "\n".join(f"n{a},n{b}" for a, b in ends.tolist())
    (tmp_path / "e.csv").write_text(f"a,b\n{text}\n")
    record = {
        "nodes": {"n": {"table": "n.csv", "id": "id"}},
        "edges": [{"type": ["n", "to", "n"], "table": "e.csv", "source": "a", "target": "b"}],
    }
    description = write(tmp_path, description=record)
    graph = build_from_tables(description, tmp_path / "g")
    distinct = len(np.unique(ends[:, 0] * n + ends[:, 1]))
    assert graph.num_edges(("n", "to", "n")) == distinct


def test_the_command_line(tmp_path, capsys):
    description = write(tmp_path / "in")
    assert call("build tables", description, tmp_path / "g") == 0
    assert "person -> acts_in -> movie" in capsys.readouterr().out
    (tmp_path / "in" / "cast.csv").write_text("person_id,movie_id,year\n1,m1,2009-01-01\n")
    assert call("build tables", description, tmp_path / "h") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert "row 1: expected the id of a 'person' node, got '1'" in error
    assert not (tmp_path / "h").exists()


def test_links_are_divided_at_random_as_nodes_are(tmp_path):
    """The nodes' division is a column; that of links has the same shares and seed."""
    rule = {"by": "random", "seed": 4, "fractions": [0.1, 0.5, 0.2, 0.2]}
    graph = built(tmp_path / "c", {("split",): rule, ("nodes", "movie", "time"): NOTHING})
    found = resolve_facts(graph, links=CAST_TYPE).facts.split
    assert found == RandomSplit((0.1, 0.5, 0.2, 0.2), 4)


def test_a_table_that_the_description_does_not_name_is_refused(tmp_path):
    """The file people.csv is there, too, and would be read in place of the frame."""
    description = write(tmp_path / "in")
    with pytest.raises(ValueError) as error:
        build_from_tables(description, tmp_path / "g", {"people": frames()["people.csv"]})
    want = "expected tables among ['movies.csv', 'people.csv', 'cast.csv'], got ['people']"
    assert want in str(error.value) and not (tmp_path / "g").exists()


def test_columns_that_nothing_reads_are_named(tmp_path, capsys):
    files = {
        "movies.csv": MOVIES.replace("part,emb", "part,vector"),
        "people.csv": "," + PEOPLE.replace("\n", "\n0,").rstrip("0,"),  # as pandas writes rows
        "cast.csv": CAST.replace("year", "since"),
    }
    changes = {
        ("nodes", "movie", "features"): {"genres": "multi"},
        ("edges", 0, "time"): NOTHING,
    }
    built(tmp_path, changes, files)
    out = capsys.readouterr().out
    unread = "budget, plot, part, vector; features, labels, text or time would read them"
    assert f"movies.csv: columns that nothing reads: {unread}\n" in out
    assert "cast.csv: columns that nothing reads: since; time would read the times of edges" in out
    assert "people.csv" not in out and out.count("nothing reads") == 2


def test_a_table_of_which_no_row_is_left_is_refused(tmp_path):
    skip = {("edges", 0, "skip_unknown_ids"): True}
    cast = CAST.replace("7,m", "70,m").replace("8,m", "80,m").replace("9,m", ",m")
    found = refused(tmp_path, skip, {"cast.csv": cast})
    assert "'person_id', row 1: expected the id of a 'person' node, got '70', and so in" in found
    assert "all 4 rows: none would be left of person:acts_in:movie" in found
    found = refused(
        tmp_path, skip, {"cast.csv": CAST.replace(",m", ",n").replace("novie", "movie")}
    )
    assert "'movie_id', row 1: expected the id of a 'movie' node, got 'n1'" in found


@pytest.mark.parametrize("label", ["nan", "NaN", "-inf"])
def test_labels_that_are_no_classes(tmp_path, label):
    files = {"movies.csv": MOVIES.replace("drama,train", f"{label},train", 1)}
    found = refused(tmp_path, files=files)
    assert f"'genre', row 3: expected a class or an empty cell, got {label!r}; if it" in found
    assert f'means none: missing: {{genre: ["{label}"]}}' in found
    graph = built(tmp_path, {("nodes", "movie", "missing"): [label]}, files)
    assert graph.column("movie", "genre").tolist() == [0, 1, -1, 2, -1, 0]


def test_labels_are_lists_or_not_as_declared(tmp_path):
    several = {
        ("nodes", "movie", "labels"): {"genres": {"separator": "|"}},
        ("nodes", "movie", "features"): {"plot": "text"},
    }
    cells = MOVIES.replace("Action|Comedy", "Action;Comedy").replace("Action|Drama", "Drama;Action")
    found = refused(tmp_path, several, {"movies.csv": cells})
    assert "'genres', row 1: expected names separated by '|', as declared, got 'Action;Com" in found
    files = {"movies.csv": MOVIES.replace("action,pretrain", "\"['action']\",pretrain")}
    found = refused(tmp_path, files=files)
    assert "'genre', row 1: expected one value, got \"['action']\", a list written as" in found


def test_numbers_that_mean_nothing(tmp_path):
    """Unquoted in YAML, and with or without .0 in the table."""
    files = {"movies.csv": MOVIES.replace("300,Drama", "-999.0,Drama")}
    graph = built(tmp_path / "a", {("nodes", "movie", "missing"): [-999, "?"]}, files)
    empty = built(tmp_path / "b", files={"movies.csv": MOVIES.replace("300,Drama", ",Drama")})
    rows = [g.gather_features("movie", np.arange(6), "pretrain") for g in (graph, empty)]
    assert np.array_equal(*rows)
    assert graph.facts["description"]["nodes"]["movie"]["missing"] == [-999, "?"]


def test_values_of_one_column_that_mean_nothing(tmp_path):
    """0 is an unknown year of birth, and the id of someone."""
    files = {
        "people.csv": "person_id,birth_year\n0,1960\n8,1970\n9,0\n",
        "cast.csv": CAST.replace("7,m", "0,m"),
    }
    graph = built(tmp_path / "a", {("nodes", "person", "missing"): {"birth_year": [0]}}, files)
    assert graph.column("person", "id").tolist() == [0, 8, 9]
    birth = graph.gather_features("person", np.arange(3), "pretrain")
    assert np.allclose(birth, [[-1, 0], [1, 0], [0, 1]])
    found = refused(tmp_path, {("nodes", "person", "missing"): [0]}, files)
    assert "'person_id', row 1: expected an id, got '0', which missing says is none" in found
    found = refused(tmp_path, {("nodes", "person", "missing"): {"born": [0]}}, files)
    assert "missing of people.csv: expected columns among ['birth_year', 'person_id'], g" in found


def test_ids_as_pandas_writes_them_beside_a_gap(tmp_path):
    cast = CAST.replace("7,m", "7.0,m").replace("8,m", "8.0,m").replace("9,m", ",m")
    skip = {("edges", 0, "skip_unknown_ids"): True}
    graph = built(tmp_path, skip, {"cast.csv": cast})
    assert edges_of(graph, CAST_TYPE) == [(0, 0, 2009), (0, 5, 2015), (1, 1, 2010)]
