"""Arrays in memory to a store: times that edges inherit, features, texts, twins, nothing half."""

import numpy as np
import pytest

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, known_nodes, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import RandomSplit, TimeSplit
from GPT_GNN.graph.store import NO_TIME

AB, BA = ("a", "to", "b"), ("b", "to", "a")


def ints(*values):
    return np.array(values, dtype=np.int32)


def test_an_edge_is_not_older_than_its_ends(tmp_path):
    nodes = {"a": NodeArrays(3, time=ints(5, NO_TIME, 9)), "b": NodeArrays(2, time=ints(7, 2))}
    edges = {AB: EdgeArrays(ints(0, 0, 1, 2), ints(0, 1, 1, 0))}
    graph = write_graph(tmp_path / "g", nodes, edges)
    csr = graph.csr(AB)
    triples = zip(csr.indices.tolist(), csr.targets().tolist(), csr.time.tolist(), strict=True)
    assert sorted(triples) == [(0, 0, 7), (0, 1, 5), (1, 1, 2), (2, 0, 9)]


def test_an_edge_keeps_a_time_of_its_own(tmp_path):
    nodes = {"a": NodeArrays(1, time=ints(5)), "b": NodeArrays(1, time=ints(5))}
    graph = write_graph(tmp_path / "g", nodes, {AB: EdgeArrays(ints(0), ints(0), ints(8))})
    assert graph.csr(AB).time.tolist() == [8]


def test_types_without_times_have_untimed_edges(tmp_path):
    nodes = {"a": NodeArrays(2), "b": NodeArrays(1), "c": NodeArrays(1, time=ints(3))}
    edges = {AB: EdgeArrays(ints(0), ints(0)), ("a", "in", "c"): EdgeArrays(ints(1), ints(0))}
    graph = write_graph(tmp_path / "g", nodes, edges)
    assert graph.csr(AB).time is None and graph.csr(("a", "in", "c")).time.tolist() == [3]


def test_features_columns_and_texts(tmp_path):
    features = {"x": np.ones((2, 3)), "y": np.full((2, 1), 2.0), "none": np.empty((2, 0))}
    columns = {
        "label": np.array([[0, 1], [1, 1]]),
        "name": ["ä", ""],
        "flag": np.array([True, False]),
    }
    nodes = {"a": NodeArrays(2, features, columns), "b": NodeArrays(0)}
    graph = write_graph(tmp_path / "g", nodes, {AB: EdgeArrays(ints(), ints())})
    assert graph.gather_features("a", np.arange(2), "finetune").tolist() == [[1, 1, 1, 2]] * 2
    assert graph.column("a", "label").tolist() == [[0, 1], [1, 1]]
    assert [graph.ragged("a", "name").text(i) for i in range(2)] == ["ä", ""]
    assert graph.feature_dims == {"a": 4, "b": 0}


def test_word_vectors_know_no_text_of_later(tmp_path):
    texts = ["early words here"] * 6 + ["late secret"] * 6
    nodes = {"a": NodeArrays(12, columns={"plot": texts}, time=ints(*[1] * 6, *[9] * 6))}
    facts = GraphFacts("a", split=TimeSplit(1, 5, 8), text_column="plot")
    graph = write_graph(
        tmp_path / "g", nodes, {("a", "to", "a"): EdgeArrays(ints(), ints())}, facts
    )
    assert "early" in graph.words() and "secret" not in graph.words()
    assert len(graph.ragged("a", "plot_tokens")[0]) == 3
    assert len(graph.ragged("a", "plot_tokens")[11]) == 0


def test_known_nodes():
    nodes = NodeArrays(4, time=ints(1, NO_TIME, 2, 3))
    assert known_nodes(nodes, TimeSplit(2, 3, 4)).tolist() == [0, 1, 2]
    assert known_nodes(nodes, RandomSplit()).tolist() == [0, 1, 2, 3]
    assert known_nodes(NodeArrays(2), TimeSplit(2, 3, 4)).tolist() == [0, 1]


def test_twins_come_as_inverses(tmp_path):
    nodes = {"a": NodeArrays(3), "b": NodeArrays(2)}
    src, dst = ints(0, 1, 2), ints(0, 0, 1)
    graph = write_graph(tmp_path / "g", nodes, {AB: EdgeArrays(src, dst), BA: EdgeArrays(dst, src)})
    assert graph.edge_types == (AB, BA) and graph.schema.inverse == (1, 0)
    assert graph.num_edges(AB) == graph.num_edges(BA) == 3


def test_a_multigraph_by_either_of_its_directions(tmp_path):
    nodes = {"a": NodeArrays(1), "b": NodeArrays(1)}
    twice, times = ints(0, 0), ints(1, 2)
    edges = {
        AB: EdgeArrays(twice, twice, times, inverse="to"),
        BA: EdgeArrays(twice, twice, times, multigraph=True),
    }
    assert write_graph(tmp_path / "g", nodes, edges).csr(AB).time.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ({"a": NodeArrays(2)}, {AB: EdgeArrays(ints(0), ints(0))}, "no nodes of type 'b'"),
        (
            {"a": NodeArrays(2, time=ints(1, 2)), "b": NodeArrays(1)},
            {AB: EdgeArrays(ints(2), ints(0))},
            r"expected a ids in \[0, 2\), got 2",
        ),
        (
            {"a": NodeArrays(2), "b": NodeArrays(1)},
            {AB: EdgeArrays(ints(0), ints(1))},
            r"expected b ids in \[0, 1\), got 1",
        ),
        ({"a": NodeArrays(2, {"x": np.ones((3, 1))})}, {}, r"'x' of 'a': expected \[2, width\]"),
        (
            {"a": NodeArrays(2, {"x": np.array([[1.0], [np.nan]])})},
            {},
            "'x' of 'a': expected finite float32 numbers, node 1",
        ),
        (
            {"a": NodeArrays(2, columns={"y": np.arange(3)})},
            {},
            "column 'y' of 'a': expected 2 values, got 3",
        ),
        ({"a": NodeArrays(2, time=ints(1, 10**9))}, {}, "entry 0: expected a time like"),
    ],
)
def test_mistakes_leave_nothing(tmp_path, nodes, edges, message):
    with pytest.raises(ValueError, match=message):
        write_graph(tmp_path / "g", nodes, edges)
    assert list(tmp_path.iterdir()) == []


def test_edges_are_no_older_than_their_ends_whatever_is_said(tmp_path, capsys):
    nodes = {"a": NodeArrays(2, time=ints(5, 9)), "b": NodeArrays(1)}
    edges = {AB: EdgeArrays(ints(0, 1), ints(0, 0), ints(NO_TIME, 7))}
    graph = write_graph(tmp_path / "g", nodes, edges)
    csr = graph.csr(AB)
    found = dict(zip(csr.indices.tolist(), csr.time.tolist(), strict=True))
    assert found == {0: 5, 1: 9}
    assert "1 of 2 edges are earlier than a node that they join" in capsys.readouterr().out


@pytest.mark.parametrize("declared", ["to", ""])
def test_a_relation_without_times_does_not_take_those_of_its_inverse(tmp_path, declared):
    """The untimed direction would inherit the ends' times, and the earlier time would stay."""
    nodes = {"a": NodeArrays(3, time=ints(1, 1, 1)), "b": NodeArrays(2, time=ints(2, 2))}
    src, dst = ints(0, 1, 2), ints(0, 0, 1)
    edges = {AB: EdgeArrays(src, dst, ints(7, 8, 9), declared), BA: EdgeArrays(dst, src)}
    graph = write_graph(tmp_path / "g", nodes, edges)
    assert graph.csr(AB).time.tolist() == [7, 8, 9]
    more = {AB: EdgeArrays(src[:2], dst[:2], ints(7, 8), "to"), BA: EdgeArrays(dst, src)}
    csr = write_graph(tmp_path / "h", nodes, more).csr(AB)
    assert csr.time.tolist() == [7, 8, 2]  # the third is in the other direction only


def test_times_are_no_column(tmp_path):
    with pytest.raises(ValueError, match="columns of 'a': times are no column"):
        write_graph(tmp_path / "g", {"a": NodeArrays(1, columns={"time": ints(3)})}, {})


@pytest.mark.parametrize("x", [np.array([[1e300]]), np.array([[1j]])])
def test_features_that_do_not_fit(tmp_path, x):
    with pytest.raises(ValueError, match="'x' of 'a': expected (finite float32 numbers|real)"):
        write_graph(tmp_path / "g", {"a": NodeArrays(1, {"x": x})}, {})
