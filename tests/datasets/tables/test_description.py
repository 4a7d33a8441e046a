"""Every way in which a description can be wrong is said with its key."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from GPT_GNN.builder.times import TimeBins
from GPT_GNN.datasets.tables.description import Description, EdgeTable, NodeTable
from GPT_GNN.datasets.tables.description_reader import read_description
from GPT_GNN.features import FEATURIZERS
from GPT_GNN.features.columns import Log, Multi
from GPT_GNN.features.text import Text
from tests.datasets.tables.films import DESCRIPTION, NOTHING, changed, write

MOVIE = ("nodes", "movie")


def test_everything_is_read(tmp_path):
    found = read_description(write(tmp_path))
    movie = found.nodes["movie"]
    assert movie.features["budget"] == Log() and movie.features["genres"] == Multi()
    assert movie.features["plot"] == Text(dim=4)
    assert (movie.labels, movie.text, movie.time) == ({"genre": ""}, "title", "released")
    (edge,) = found.edges
    assert edge.type == ("person", "acts_in", "movie") and edge.inverse == "has_actor"
    assert found.time == TimeBins("dates", "years")
    assert found.label == "genre"  # the target's only one
    assert found.folder == tmp_path and found.name == str(tmp_path / "films.yaml")
    assert found.split.bounds == (2010, 2012, 2014)
    assert read_description(found) is found
    assert not found.differences(read_description(DESCRIPTION))
    assert read_description(found.record).differences(found) == []


def test_the_documentation():
    page = (Path(__file__).parents[3] / "docs" / "DATA_FORMAT.md").read_text(encoding="utf-8")
    example = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    found = read_description(example)
    shown = {
        key for level in (example, *example["nodes"].values(), *example["edges"]) for key in level
    }
    for record in (Description, NodeTable, EdgeTable):
        own = {"name", "folder", "record"}  # not keys
        assert {f.name for f in fields(record)} - own <= shown
    assert found.text_part == "plot"
    assert set(re.findall(r"^\| `(\w+)` \| .*\|$", page, re.MULTILINE)) >= set(FEATURIZERS)


def test_defaults():
    few = changed({("split",): NOTHING, ("time",): NOTHING, ("seed",): 3, ("text_dim",): 9})
    few["nodes"]["movie"]["features"] = {"plot": "text"}
    found = read_description(few)
    assert found.nodes["movie"].features["plot"] == Text(dim=9, seed=3)
    assert found.split.by == "time" and found.time is None
    short = changed({("time",): "dates", ("split",): "time"})
    assert read_description(short).time == TimeBins("dates", "years")
    assert read_description(short).split.by == "time"
    del few["nodes"]["movie"]["time"]
    assert read_description(few).split.by == "random" and read_description(few).split.seed == 3
    only = {
        "nodes": {"a": {"table": "a.csv", "id": "id"}},
        "edges": [{"type": ["a", "to", "a"], "table": "e.csv", "source": "s", "target": "t"}],
    }
    assert read_description(only).target == "a" and read_description(only).label == ""


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("nodse",), {}, "description: unknown key 'nodse'; available: ['nodes', 'edges'"),
        (("nodes",), NOTHING, "nodes: expected at least one node type"),
        (("nodes",), ["movie"], "nodes: expected keys with values, got ['movie']"),
        (("nodes", 7), {}, "nodes: expected texts as keys, got 7: quote it"),
        (("edges",), NOTHING, "expected the key 'edges', got ['nodes'"),
        (("edges",), {"a": 1}, "edges: expected a list, got {'a': 1}"),
        ((*MOVIE, "ids"), "x", "nodes.movie: unknown key 'ids'"),
        ((*MOVIE, "id"), NOTHING, "nodes.movie: expected the key 'id', got ['table'"),
        ((*MOVIE, "id"), None, "nodes.movie: expected the key 'id', got ['table', 'time'"),
        ((*MOVIE, "id"), 3, "nodes.movie.id: expected text, got 3 (int)"),
        ((*MOVIE, "features"), ["a"], "nodes.movie.features: expected keys with values"),
        ((*MOVIE, "features", "budget"), "lgo", "features.budget.encoder: expected one of ['num"),
        ((*MOVIE, "features", "plot"), {"dim": 3}, "plot: expected the key 'encoder', got ['dim']"),
        (
            (*MOVIE, "features", "plot"),
            {"encoder": "log", "dim": 3},
            "nodes.movie.features.plot: unknown key 'dim'; available: ['encoder']",
        ),
        ((*MOVIE, "features", "plot", "dim"), "4", "plot.dim: expected a whole number from 0, got"),
        ((*MOVIE, "features", "plot", "dim"), True, "plot.dim: expected a whole number from 0"),
        ((*MOVIE, "features", "plot", "dim"), 0, "features.plot: dim: expected at least 1, got 0"),
        ((*MOVIE, "labels"), [["genre"]], "labels: expected keys with values, got [['genre']]"),
        ((*MOVIE, "labels"), ["id"], "nodes.movie.labels: expected a column under a name of its"),
        ((*MOVIE, "labels"), ["title"], "nodes.movie.text: expected a column under a name of its"),
        ((*MOVIE, "labels"), ["budget"], "labels: expected columns that are not features too"),
        ((*MOVIE, "labels"), {"genre": {"sep": "|"}}, "labels.genre: unknown key 'sep'"),
        (
            (*MOVIE, "missing"),
            [False],
            "nodes.movie.missing: expected texts or numbers, got F",
        ),
        (
            (*MOVIE, "missing"),
            {"genre": "?"},
            "nodes.movie.missing.genre: expected a list, got '?'",
        ),
        ((*MOVIE, "missing"), "?", "nodes.movie.missing: expected a list, got '?'"),
        (("edges", 0, "type"), ["person", "movie"], "edges[0].type: expected [source type, rel"),
        (("edges", 0, "type"), ["person", "in", "film"], "edges[0].type: expected ends among the"),
        (("edges", 0, "inverse"), "acts_in", "edges[0].inverse: expected another name"),
        (("edges", 0, "multigraph"), "no", "edges[0].multigraph: expected true or false, got 'no'"),
        (("edges", 0, "sorce"), "x", "edges[0]: unknown key 'sorce'"),
        (("edges",), DESCRIPTION["edges"] * 2, "edges[1].type: expected each relation once"),
        (("target",), NOTHING, "expected the key 'target'"),
        (("target",), "film", "target: expected one of ['movie', 'person'], got 'film'"),
        (("label",), "year", "label: expected one of ['genre'], got 'year'"),
        (("text_part",), "title", "text_part: expected one of ['budget', 'genres', 'plot', 'emb']"),
        (("rel_stop_list",), ["acts"], "rel_stop_list: expected names among ['acts_in', 'has_act"),
        (("time",), {"unit": "weeks"}, "time: time unit: expected one of"),
        (("time",), {"unit": "years", "bin": "days"}, "time: time bin: years cannot be divided"),
        (("split",), {"by": "age"}, "split.by: expected one of ['time', 'random', 'column']"),
        (("split", "fractions"), [1, 0, 0, 0], "split: unknown key 'fractions'; available: ['by'"),
        (("split", "bounds"), [2010], "split.bounds: expected the last times of pretrain, train"),
        (("split", "bounds"), [None, 1, 2], "split.bounds: expected the last times"),
        (("split",), {"by": "random", "fractions": [0.5]}, "split.fractions: a random split: exp"),
        (("split",), {"by": "random", "fractions": list("abcd")}, "split.fractions: could not"),
        (("split",), {"by": "column", "pretrain_on": "x"}, "split.pretrain_on: expected one of"),
        ((*MOVIE, "time"), NOTHING, "split.by: expected a target with a time to split by"),
    ],
)
def test_mistakes(path, value, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_description(changed({path: value}))
    assert str(error.value).startswith("description")


def test_a_target_without_a_relation():
    lonely = changed({("nodes", "studio"): {"table": "s.csv", "id": "s"}, ("target",): "studio"})
    with pytest.raises(ValueError, match="target: expected a node type with a relation"):
        read_description(lonely)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: {movie: {}, movie: {}}", "line 1: expected each key once, got 'movie'"),
        ("nodes:\n  a: {id: x,\n", "expected YAML, got while parsing a flow node"),
        ("- a\n", "films.yaml: expected keys with values, got ['a']"),
        ("", "films.yaml: expected keys with values, got None"),
        ("a: !!python/object/apply:os.getcwd []", "expected YAML, got could not determine a con"),
        ("nodes: {a: {table: 3}}", "films.yaml, nodes.a.table: expected text, got 3 (int)"),
    ],
)
def test_yaml_that_is_none(tmp_path, text, message):
    (tmp_path / "films.yaml").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_description(tmp_path / "films.yaml")


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="nothing.yaml: no such file"):
        read_description(tmp_path / "nothing.yaml")
    (tmp_path / "films.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ValueError, match="films.yaml: expected YAML, got"):
        read_description(tmp_path / "films.yaml")
