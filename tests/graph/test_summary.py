"""What is said of a store: splits, labels and classes counted, and what to mind."""

import numpy as np
import pytest

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.builder.remarks import remarks
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import ColumnSplit, RandomSplit, TimeSplit
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.graph.summary import summary
from GPT_GNN.graph.times import time_range
from tests.call import call

LIKES = ("film", "like", "film")


def ints(*values):
    return np.array(values, dtype=np.int32)


def films(path, split, time=None, facts=None, fold=None, **columns):
    n = len(next(iter(columns.values()))) if columns else len(time)
    columns |= {} if fold is None else {"fold": fold}
    nodes = {"film": NodeArrays(n, columns=columns, time=time)}
    label = next((name for name in columns if name != "fold"), "")
    task = GraphFacts("film", split=split, label=label)
    edges = {LIKES: EdgeArrays(ints(0), ints(1))}
    return write_graph(path, nodes, edges, task, facts, times_declared=True)


def lines_of(graph):
    """The summary from its splits on, words with one blank between."""
    lines = [" ".join(line.split()) for line in summary(graph).splitlines()]
    return lines[next(i for i, line in enumerate(lines) if "divided" in line) :]


def test_splits_labels_and_classes(tmp_path, capsys):
    time = ints(2001, 2002, 2003, NO_TIME, 2005, 2006, NO_TIME)
    graph = films(
        tmp_path / "g", TimeSplit(2002, 2003, 2005), time, genre=ints(1, 0, 1, 1, -1, 1, 0)
    )
    assert lines_of(graph) == [
        "film, divided by time (pretrain_until 2002, train_until 2003, valid_until 2005)",
        "split nodes labelled",
        "pretrain 2 2",
        "train 1 1",
        "valid 1 0",
        "test 1 1",
        "in no split 2 2 2 without a time",
        "",
        "2 classes of 'genre': 1 4, 0 2",
    ]
    note = "note: 2 of 7 'film' nodes have no time and are in no split: nothing is trained"
    assert note in capsys.readouterr().out
    assert call("show", graph.path) == 0  # says the same later
    said = capsys.readouterr().out
    assert "in no split" in said and "2 classes of 'genre'" in said and note in said


def test_several_labels_and_names(tmp_path):
    genres = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], np.uint8)
    numbers = np.array([0, 1, 2, 3, -1, -1], dtype=np.int8)
    names = {"classes": {"film": {"genres": ["comedy", "crime", "drama"]}}}
    graph = films(
        tmp_path / "g", ColumnSplit("fold", "all"), None, names, genres=genres, fold=numbers
    )
    assert lines_of(graph) == [
        "film, divided by column (column fold, pretrain_on all)",
        "split nodes labelled",
        "pretrain 6 5",
        "train 1 1",
        "valid 1 0",
        "test 1 1",
        "in no split 0 0",
        "",
        "2 classes of 'genres': comedy 4, drama 2",
    ]


def test_no_labels_and_no_task(tmp_path):
    graph = films(tmp_path / "g", TimeSplit(1, 2, 3), ints(1, 2, 3, 4))
    assert lines_of(graph)[1:] == [
        "split nodes", "pretrain 1", "train 1", "valid 1", "test 1", "in no split 0",
    ]  # fmt: skip
    plain = write_graph(tmp_path / "h", {"film": NodeArrays(2)}, {})
    assert "divided" not in summary(plain) and remarks(plain) == []


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((2002, 2003, 2005), []),
        ((1990, 2003, 2005), ["pretrain"]),
        ((2006, 2007, 2008), ["train and in valid and in test"]),
        ((202, 203, 205), ["pretrain and in train and in valid"]),
    ],
)
def test_bounds_outside_of_the_times(tmp_path, bounds, said):
    graph = films(tmp_path / "g", TimeSplit(*bounds), ints(2001, 2003, 2005, 2006))
    a, b, c = bounds
    assert remarks(graph) == [
        f"warning: 'film': no time is in {names}: the bounds are {a}, {b} and {c}, the times from "
        "2001 to 2006"
        for names in said
    ]


@pytest.mark.parametrize(
    ("sizes", "many"),
    [
        ([1] * 8, True),  # eight ages of eight people
        ([2] * 20, True),
        ([20] * 42, True),  # ages of 857 drivers
        ([1, 1], False),
        ([4, 4], False),
        ([5, 4, 3], False),
        ([300] * 7, False),  # Cora
        ([1, 2, *[5000] * 39], False),  # Reddit
        ([2000] * 349, False),  # MAG's venues
    ],
)
def test_classes_that_are_many_for_their_nodes(tmp_path, sizes, many):
    column = np.repeat(np.arange(len(sizes)), sizes)
    graph = films(tmp_path / "g", RandomSplit(), age=np.append(column, -1))
    found = remarks(graph)
    assert len(found) == many
    if many:
        assert found[0].startswith(
            f"warning: label 'age' of 'film' has {len(sizes)} classes for {sum(sizes)} labels "
            f"(median {sizes[0]} per class): every distinct value is a class"
        )


def test_the_range_of_all_times(tmp_path):
    nodes = {"a": NodeArrays(2, time=ints(3, NO_TIME)), "b": NodeArrays(2)}
    edges = {("a", "to", "b"): EdgeArrays(ints(0, 1), ints(0, 1), ints(9, NO_TIME))}
    assert time_range(write_graph(tmp_path / "g", nodes, edges)) == (3, 9)
    assert time_range(write_graph(tmp_path / "h", {"a": NodeArrays(2)}, {})) is None


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (GraphFacts("book"), "target: no nodes of type 'book'"),
        (GraphFacts("film", split=TimeSplit(1, 2, 3)), "split by time: expected times of 'film'"),
        (
            GraphFacts("film", split=ColumnSplit("fold")),
            "expected a column 'fold' of 'film'",
        ),
        (GraphFacts("film", label="genre"), "label 'genre' of 'film': .*, got none"),
        (GraphFacts("film", label="name"), "label 'name' of 'film': .*, got texts"),
        (GraphFacts("film", label="score"), "label 'score' of 'film': .* got nan for node 1"),
        (GraphFacts("film", label="votes"), r"label 'votes' .* got \[ 0. nan\] for node 2"),
    ],
)
def test_facts_that_do_not_fit_are_found_when_the_store_is_built(tmp_path, task, message):
    columns = {
        "name": ["a", "b", "c"],
        "score": np.array([1.0, np.nan, 2.0]),
        "votes": np.array([[0, 1], [1, 1], [0, np.nan]]),
    }
    with pytest.raises(ValueError, match=message):
        write_graph(tmp_path / "g", {"film": NodeArrays(3, columns=columns)}, {}, task)
    assert list(tmp_path.iterdir()) == []
