"""Rows that come later: encoded as the stored ones are, joined to old nodes by their ids."""

from __future__ import annotations

import re

import numpy as np
import pytest

from GPT_GNN.datasets.tables.append import append_tables, arrays_to_append
from GPT_GNN.datasets.tables.description_reader import read_description
from GPT_GNN.datasets.tables.nodes import stored_columns
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import ColumnSplit
from GPT_GNN.graph.store import HeteroGraph
from tests.call import call
from tests.datasets.tables.films import (
    CAST,
    CAST_TYPE,
    DESCRIPTION,
    FILES,
    MOVIES,
    built,
    changed,
    edges_of,
    frames,
    texts_of,
    write,
)

NEW_MOVIES = """\
movie_id,released,budget,genres,plot,title,genre,part,emb
m8,2016-05-01,100,Action,the cat walks,New,drama,test,3 3
m7,2017-05-01,,Western,unheard words,,,,
"""
NEW_CAST = "person_id,movie_id,year\n9,m8,2016-01-01\n7,m1,2009-02-01\n11,m7,2017-01-01\n"
NEW_FILES = {
    "movies.csv": NEW_MOVIES,
    "people.csv": "person_id,birth_year\n11,1965\n",
    "cast.csv": NEW_CAST,
}


def test_new_rows_are_encoded_as_the_stored_ones(tmp_path):
    graph = built(tmp_path)
    description = write(tmp_path / "new", NEW_FILES)
    nodes, edges = arrays_to_append(graph, description)
    movie = nodes["movie"]
    assert movie.num_nodes == 2
    assert list(movie.columns["id"]) == ["m8", "m7"]
    assert movie.time.tolist() == [2016, 2017]
    assert movie.columns["genre"].tolist() == [2, -1]
    assert movie.columns["title"] == ["New", ""]
    assert nodes["person"].columns["id"].tolist() == [11]
    old = graph.gather_features("movie", np.arange(6), "pretrain")
    parts = graph.feature_parts("movie")
    assert np.array_equal(movie.features["budget"], old[[0, 1]][:, parts["budget"]])
    assert movie.features["genres"].tolist() == [[0, 1], [0, 0]]
    assert movie.features["emb"].tolist() == [[3, 3], [0, 0]]
    assert np.allclose(nodes["person"].features["birth_year"], [[0, 0]], atol=1e-6)
    found = edges[CAST_TYPE]
    assert found.src.tolist() == [2, 0, 3] and found.dst.tolist() == [6, 0, 7]
    assert found.time.tolist() == [2016, 2009, 2017] and found.inverse == "has_actor"


def test_stored_featurizers_give_the_stored_features(tmp_path):
    graph = built(tmp_path)
    rows = graph.gather_features("movie", np.arange(6), "pretrain")
    spec = read_description(DESCRIPTION).nodes["movie"]
    for column, featurizer in stored_columns(graph, "movie").features.items():
        again = featurizer.transform(frames()["movies.csv"][column].to_list())
        assert np.array_equal(again, rows[:, graph.feature_parts("movie")[column]])
    assert spec.features.keys() == graph.feature_parts("movie").keys()


def test_a_table_that_is_not_there_has_no_new_rows(tmp_path, capsys):
    graph = built(tmp_path)
    description = write(tmp_path / "new", NEW_FILES | {"cast.csv": CAST})
    (tmp_path / "new" / "people.csv").unlink()
    nodes, edges = arrays_to_append(graph, description)
    assert list(nodes) == ["movie"] and edges[CAST_TYPE].src.tolist() == [0, 1, 2, 0]
    assert "people.csv: not there, nothing to append" in capsys.readouterr().out
    for name in ("movies.csv", "cast.csv"):
        (tmp_path / "new" / name).unlink()
    with pytest.raises(ValueError, match="none of its tables is in"):
        arrays_to_append(graph, description)


def test_new_nodes_leave_the_split_of_the_old_ones(tmp_path):
    graph = built(tmp_path, {("split",): {"by": "random"}})
    description = write(tmp_path / "new", NEW_FILES, changed({("split",): {"by": "random"}}))
    nodes, _ = arrays_to_append(graph, description)
    numbers = nodes["movie"].columns["split"]
    assert isinstance(GraphFacts.stored(graph).split, ColumnSplit)
    assert numbers.dtype == np.int8 and set(numbers.tolist()) <= {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("movies.csv", NEW_MOVIES.replace("m7", "m1"), "row 2: expected new nodes only"),
        ("movies.csv", NEW_MOVIES.replace("drama", "noir"), "row 1: expected one of the classes ["),
        ("movies.csv", NEW_MOVIES.replace("3 3", "3"), "'emb', row 1: expected 2 numbers, got 1"),
        ("people.csv", "person_id,birth_year\np1,1965\n", "row 1: expected a whole number, as all"),
        ("cast.csv", NEW_CAST.replace("m7", "m99"), "row 3: expected the id of a 'movie' node"),
    ],
)
def test_rows_that_cannot_be_appended(tmp_path, name, text, message):
    graph = built(tmp_path)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        arrays_to_append(graph, write(tmp_path / "new", NEW_FILES | {name: text}))
    assert name in str(error.value)


def test_another_description_is_refused(tmp_path):
    graph = built(tmp_path)
    other = changed({("nodes", "movie", "features", "budget"): "numeric", ("label",): "genre"})
    with pytest.raises(ValueError, match="another is nodes.movie$"):
        arrays_to_append(graph, write(tmp_path / "new", NEW_FILES, other))
    renamed = changed({("nodes", "movie", "table"): "new_movies.csv"})
    files = NEW_FILES | {"new_movies.csv": NEW_MOVIES}
    nodes, _ = arrays_to_append(graph, write(tmp_path / "renamed", files, renamed))
    assert nodes["movie"].num_nodes == 2


def test_appending_in_place(tmp_path):
    graph = built(tmp_path)
    old = graph.gather_features("movie", np.arange(6), "pretrain")
    append_tables(graph, write(tmp_path / "new", NEW_FILES), graph.path)
    graph = HeteroGraph.open(graph.path)
    assert graph.num_nodes("movie") == 8 and graph.num_nodes("person") == 4
    assert texts_of(graph, "movie", "id")[6:] == ["m8", "m7"]
    rows = graph.gather_features("movie", np.arange(8), "pretrain")
    assert np.array_equal(rows[:6], old)
    assert np.array_equal(rows[6, graph.feature_parts("movie")["emb"]], [3, 3])
    assert (3, 7, 2017) in edges_of(graph, CAST_TYPE) and len(edges_of(graph, CAST_TYPE)) == 6
    assert graph.column("movie", "genre").tolist() == [0, 1, 2, 2, -1, 0, 2, -1]
    assert call("build tables", tmp_path / "in/films.yaml", "x", "--append_to", "nowhere") == 1
    # The featurizers are still there, for rows that come later still.
    more = {
        "movies.csv": MOVIES.split("\n")[0] + "\n",  # no new film
        "people.csv": "person_id,birth_year\n12,1970\n",
        "cast.csv": "person_id,movie_id,year\n12,m8,2016-01-01\n",
    }
    graph = append_tables(graph, write(tmp_path / "more", more), graph.path)
    assert graph.num_nodes("person") == 5 and (4, 6, 2016) in edges_of(graph, CAST_TYPE)
    assert np.allclose(graph.gather_features("person", np.array([4]), "pretrain"), [[1, 0]])


def test_an_empty_table_has_no_new_rows(tmp_path):
    graph = built(tmp_path)
    none = {name: text.split("\n")[0] + "\n" for name, text in FILES.items()}
    nodes, edges = arrays_to_append(graph, write(tmp_path / "new", none))
    for node_type, arrays in nodes.items():
        width = graph.feature_dim(node_type)
        assert arrays.num_nodes == 0 and sum(f.shape[1] for f in arrays.features.values()) == width
    stored = graph.column("person", "id").dtype
    assert nodes["person"].columns["id"].dtype == stored and len(edges[CAST_TYPE].src) == 0


def test_a_table_of_python_may_be_left_out(tmp_path):
    """New films only, from tables whose names are no files'."""
    names = {("nodes", "movie", "table"): "films", ("nodes", "person", "table"): "people"}
    description = changed(names) | {"edges": [DESCRIPTION["edges"][0] | {"table": "cast"}]}
    new = {"films": frames(NEW_FILES)["movies.csv"]}
    nodes, edges = arrays_to_append(built(tmp_path), description, new)
    assert list(nodes) == ["movie"] and not edges


def test_inputs_are_checked_as_those_of_a_build(tmp_path, capsys):
    graph = built(tmp_path)
    with pytest.raises(ValueError, match=re.escape("got ['cast']")):
        arrays_to_append(graph, write(tmp_path / "new", NEW_FILES), {"cast": frames()["cast.csv"]})
    cast = (
        NEW_CAST.replace("m8", "m8.0").replace("year\n", "year,role\n").replace("-01\n", "-01,x\n")
    )
    with pytest.raises(ValueError, match="row 1: expected the id of a 'movie' node, got 'm8.0'"):
        arrays_to_append(graph, write(tmp_path / "new", NEW_FILES | {"cast.csv": cast}))
    assert "cast.csv: columns that nothing reads: role\n" in capsys.readouterr().out
    people = {"people.csv": "person_id,birth_year\n11.0,1965\n"}
    nodes, edges = arrays_to_append(graph, write(tmp_path / "new", NEW_FILES | people))
    assert nodes["person"].columns["id"].tolist() == [11] and edges[CAST_TYPE].src[2] == 3


def test_an_empty_path_to_append_to_does_not_replace_the_store(tmp_path, capsys):
    (tmp_path / "kept").mkdir()
    assert call("build tables", "none.yaml", tmp_path / "kept", "--append_to", "") == 1
    assert "--append_to: expected a store, got an empty path" in capsys.readouterr().err
