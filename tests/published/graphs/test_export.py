"""Stores become graphs that the published code opens."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.published.graphs.export import export
from tests.published.graphs.graphs import FILES, left_behind


def same_store(a, b):
    assert a.schema == b.schema
    assert {n: f["sha256"] for n, f in a.meta["files"].items()} == {
        n: f["sha256"] for n, f in b.meta["files"].items()
    }


@pytest.mark.parametrize("path", [FILES[0], FILES[-1]], ids=lambda path: path.stem)
def test_round_trip(path, tmp_path):
    first = convert(path, tmp_path / "first", word_vectors=False)
    export(first, tmp_path / "again.pk")
    same_store(first, convert(tmp_path / "again.pk", tmp_path / "second", word_vectors=False))


def test_round_trip_of_reddit(shared_data, tmp_path):
    first = convert(shared_data / "legacy" / "reddit" / "graph_reddit.pk", tmp_path / "first")
    export(first, tmp_path / "again.pk")
    second = convert(tmp_path / "again.pk", tmp_path / "second")
    assert first.schema == second.schema
    for name in ("y", "split"):
        assert (first.column("def", name) == second.column("def", name)).all()


def test_the_published_class_opens_an_export(published_class, tmp_path):
    dill = pytest.importorskip("dill")
    years = np.array([2000, NO_TIME, 2002, 2003])
    with build_graph(tmp_path / "store") as builder:
        builder.add_node_type("paper", 4)
        builder.add_node_type("lone", 1)
        builder.add_relation(("paper", "cites", "paper"))
        builder.add_edges(("paper", "cites", "paper"), [1, 2, 3, 3], [0, 0, 2, 1], years)
        builder.add_column("paper", "time", [1999, 2000, 2001, 2002])
        builder.add_ragged("paper", "title", ["a", "b", "c", "d"])
        builder.create_feature("paper", "text", 2)[:] = np.arange(8).reshape(4, 2)
        builder.create_feature("lone", "text", 2)[:] = 1
    export(HeteroGraph.open(tmp_path / "store"), tmp_path / "graph.pk")
    with open(tmp_path / "graph.pk", "rb") as file:
        graph = dill.load(file)
    assert isinstance(graph, published_class)
    assert graph.edge_list["paper"]["paper"]["cites"] == {
        0: {1: 2000, 2: None},
        2: {3: 2002},
        1: {3: 2003},
    }
    assert graph.edge_list["paper"]["paper"]["rev_cites"][3] == {2: 2002, 1: 2003}
    assert graph.edge_list["lone"] == {}
    assert list(graph.node_feature) == ["paper", "lone"]
    assert graph.node_feature["paper"].loc[[2, 0], "title"].tolist() == ["c", "a"]
    assert np.array(graph.node_feature["paper"].loc[2, "emb"]).tolist() == [4, 5]
    assert graph.node_feature["paper"]["time"].tolist() == [1999, 2000, 2001, 2002]
    assert set(graph.times) == {2000, 2002, 2003}


def test_a_failed_export_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    graph = convert(FILES[0], tmp_path / "store", word_vectors=False)
    (tmp_path / "graph.pk").write_bytes(b"\x80mine")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pandas"):
        export(graph, tmp_path / "graph.pk")
    assert (tmp_path / "graph.pk").read_bytes() == b"\x80mine"
    assert left_behind(tmp_path) == ["store"]


def test_an_export_of_a_view_that_there_is_not(tmp_path):
    graph = convert(FILES[0], tmp_path / "store", word_vectors=False)
    with pytest.raises(ValueError, match="has no view 'nope'; available: "):
        export(graph, tmp_path / "graph.pk", "nope")
    assert left_behind(tmp_path) == ["store"]


def test_an_export_does_not_replace_what_is_no_pickle(tmp_path):
    graph = convert(FILES[0], tmp_path / "store", word_vectors=False)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="notes.txt: expected a pickle to replace, or nothing"):
        export(graph, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
