"""A published graph as a data_dir: converted once, its store kept beside it."""

from __future__ import annotations

import pytest

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.published.graphs import door
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.published.graphs.door import open_published
from tests.call import call
from tests.published.graphs.graphs import both_ways, frames


def test_a_script_converts_once(pickled, tmp_path, capsys, monkeypatch):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    graph = OAG.open(path)
    assert graph.path == tmp_path / "graph_CS_store"
    assert str(graph.path) in capsys.readouterr().out
    monkeypatch.setattr(door, "convert", lambda *args, **kwargs: pytest.fail("converted again"))
    assert OAG.open(path).fingerprint == graph.fingerprint
    assert OAG.open(tmp_path, "_CS").fingerprint == graph.fingerprint


def test_a_folder_that_is_read_only(pickled, tmp_path, monkeypatch):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(door.os, "access", lambda *_: False)
    elsewhere = open_published(path)
    assert elsewhere.path == tmp_path / "here" / "data" / "graph_CS_store"
    assert open_published(path).path == elsewhere.path
    beside = convert(path, tmp_path / "graph_CS_store")  # by whoever may write there
    assert open_published(path).path == beside.path


def test_a_folder_with_a_published_graph_says_what_to_give(pickled, tmp_path):
    pickled(node_feature=frames(), edge_list={})
    with pytest.raises(ValueError, match=r"it holds graph_CS\.pk .* --domain"):
        OAG.open(tmp_path)


def test_a_changed_file_is_converted_again(pickled):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    assert open_published(path).num_edges(("a", "r", "a")) == 1
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000), (0, 2, 2000)]))
    assert open_published(path).num_edges(("a", "r", "a")) == 2


def test_command(pickled, tmp_path, capsys):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    assert call("convert graph", path, tmp_path / "store") == 0
    assert "2 stored edges" in capsys.readouterr().out
    assert call("convert graph", tmp_path / "nothing.pk", tmp_path / "other") == 1
    assert "nothing.pk: no such file" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
