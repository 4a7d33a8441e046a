"""Opening a store: what is there is read, and what is not whole is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph import store
from GPT_GNN.graph.store import NO_TIME, HeteroGraph, StoreError
from tests.call import call

CITE = ("paper", "cite", "paper")
IN = ("paper", "in", "venue")


def build_small(path):
    """Four papers, two venues; timed citations, features in two views, columns of each kind."""
    with build_graph(path, views=("early", "late")) as builder:
        builder.add_node_type("paper", 4)
        builder.add_node_type("venue", 2)
        builder.add_node_type("ghost", 0)
        builder.add_relation(CITE)
        builder.add_relation(IN)
        builder.add_relation(("ghost", "haunts", "paper"))
        builder.add_edges(CITE, np.array([1, 2, 3]), np.array([0, 0, 1]), np.array([5, 6, 7]))
        builder.add_edges(IN, np.array([0, 1, 2]), np.array([1, 1, 0]))
        builder.create_feature("paper", "text", 2)[:] = np.arange(8).reshape(4, 2)
        builder.create_feature("paper", "count", 1, view="early")[:] = 1.0
        builder.create_feature("paper", "count", 1, view="late")[:] = 2.0
        builder.add_column("paper", "time", np.array([4, 5, 6, NO_TIME]))
        builder.add_column("paper", "id", np.array(["a", "b", "c", "d"]))
        builder.add_ragged("paper", "tokens", [np.array([1, 2]), np.array([]), [3], [4, 5, 6]])
        builder.add_ragged("venue", "name", ["KDD", "Zürich workshop"])
        builder.add_table("word_vectors", np.eye(3, dtype=np.float32))
        builder.add_words(["<unk>", "graph", "naïve"])
        builder.facts = {"name": "small"}
    return HeteroGraph.open(path)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return build_small(tmp_path_factory.mktemp("store") / "small")


@pytest.fixture
def path(tmp_path):
    return build_small(tmp_path / "small").path


def test_face(graph):
    assert graph.node_types == ("paper", "venue", "ghost")
    assert graph.edge_types[:3] == (CITE, ("paper", "rev_cite", "paper"), IN)
    assert [graph.num_nodes(t) for t in graph.node_types] == [4, 2, 0]
    assert [graph.num_edges(e) for e in graph.edge_types] == [3, 3, 3, 3, 0, 0]
    assert graph.schema.timed == (True, True, False, False, False, False)
    assert graph.facts == {"name": "small"}
    graph.verify()
    with pytest.raises(ValueError, match="unknown node type 'book'"):
        graph.num_nodes("book")
    with pytest.raises(ValueError, match="unknown edge type"):
        graph.num_edges(("paper", "cites", "paper"))


def test_csr(graph):
    cite, back = graph.csr(CITE), graph.csr(("paper", "rev_cite", "paper"))
    assert cite.indptr.tolist() == [0, 2, 3, 3, 3]
    assert cite.indices.tolist() == [1, 2, 3] and cite.time.tolist() == [5, 6, 7]
    assert cite.targets().tolist() == [0, 0, 1] and cite.degrees().tolist() == [2, 1, 0, 0]
    assert back.indices.tolist() == [0, 0, 1] and back.targets().tolist() == [1, 2, 3]
    assert back.time.tolist() == [5, 6, 7]
    assert graph.csr(IN).time is None
    empty = graph.csr(("ghost", "haunts", "paper"))
    assert empty.indptr.tolist() == [0] * 5 and len(empty.indices) == 0
    assert graph.csr(("paper", "rev_haunts", "ghost")).indptr.tolist() == [0]


def test_features(graph):
    assert graph.feature_parts("paper") == {"text": slice(0, 2), "count": slice(2, 3)}
    assert graph.feature_dims == {"paper": 3, "venue": 0, "ghost": 0}
    early = graph.gather_features("paper", np.array([3, 0]), "early")
    assert early.tolist() == [[6, 7, 1], [0, 1, 1]] and early.dtype == np.float32
    assert graph.gather_features("paper", np.array([3]), "late").tolist() == [[6, 7, 2]]
    assert graph.gather_features("venue", np.array([1]), "late").shape == (1, 0)
    with pytest.raises(ValueError, match="no view 'now'; available: \\['early', 'late'\\]"):
        graph.gather_features("paper", np.array([0]), "now")
    for wrong in (-1, 4):
        with pytest.raises(ValueError, match="expected paper ids in \\[0, 4\\), got"):
            graph.gather_features("paper", np.array([wrong]), "late")


def test_columns_and_tables(graph):
    assert graph.node_time("paper").tolist() == [4, 5, 6, NO_TIME]
    assert graph.node_time("venue") is None
    assert graph.column("paper", "id").tolist() == ["a", "b", "c", "d"]
    tokens = graph.ragged("paper", "tokens")
    assert len(tokens) == 4 and [row.tolist() for row in (tokens[0], tokens[1], tokens[3])] == [
        [1, 2],
        [],
        [4, 5, 6],
    ]
    assert graph.ragged("venue", "name").text(1) == "Zürich workshop"
    assert graph.table("word_vectors").shape == (3, 3)
    assert graph.words() == ["<unk>", "graph", "naïve"]
    with pytest.raises(ValueError, match="no array column 'tokens'"):
        graph.column("paper", "tokens")
    with pytest.raises(StoreError, match="has no tables/other.npy"):
        graph.table("other")


def test_arrays_are_read_only(graph):
    with pytest.raises(ValueError, match="read-only"):
        graph.edges[0, 0] = 1


def test_not_a_store(tmp_path):
    with pytest.raises(StoreError, match="not a graph store: no such folder"):
        HeteroGraph.open(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="not a graph store: no meta.json"):
        HeteroGraph.open(tmp_path)
    (tmp_path / "meta.json").write_text("[]")
    with pytest.raises(StoreError, match="damaged"):
        HeteroGraph.open(tmp_path)


@pytest.mark.parametrize("name", ["edges.npy", "indptr.npy", "features/paper.text.npy"])
def test_truncated_file_is_refused(path, name):
    data = (path / name).read_bytes()
    (path / name).write_bytes(data[:-1])
    with pytest.raises(
        StoreError, match=f"{name}: expected {len(data)} bytes, found {len(data) - 1}"
    ):
        HeteroGraph.open(path)
    (path / name).unlink()
    with pytest.raises(StoreError, match=f"{name}: expected {len(data)} bytes, found no such file"):
        HeteroGraph.open(path)


def test_truncated_or_edited_meta_is_refused(path):
    text = (path / "meta.json").read_text()
    (path / "meta.json").write_text(text[: len(text) // 2])
    with pytest.raises(StoreError, match="meta.json is damaged"):
        HeteroGraph.open(path)
    (path / "meta.json").write_text(text.replace('"venue": 2', '"venue": 3'))
    with pytest.raises(StoreError, match="its checksum does not match"):
        HeteroGraph.open(path)
    (path / "meta.json").write_bytes(b"\xff\xfe" + text.encode())
    with pytest.raises(StoreError, match="meta.json is damaged"):
        HeteroGraph.open(path)


def test_verify_names_a_flipped_byte_in_every_file(path):
    graph = HeteroGraph.open(path)
    for name in graph.meta["files"]:
        data = bytearray((path / name).read_bytes())
        data[-1] ^= 1
        (path / name).write_bytes(data)
        with pytest.raises(StoreError, match=name):
            HeteroGraph.open(path).verify()
        data[-1] ^= 1
        (path / name).write_bytes(data)
    graph.verify()


def test_other_version_is_refused(path):
    record = json.loads((path / "meta.json").read_text())
    record["meta"]["version"] = 99
    record["checksum"] = store.meta_checksum(record["meta"])
    (path / "meta.json").write_text(json.dumps(record))
    with pytest.raises(StoreError, match="expected gpt-gnn-store version 3, found .* version 99"):
        HeteroGraph.open(path)


def test_command_line(path, tmp_path, capsys):
    assert call("show", path) == 0
    out = capsys.readouterr().out
    assert "paper -> cite -> paper" in out and "12 stored edges" in out and "checksum" not in out
    assert call("show", path, "--verify") == 0
    assert "every checksum matches" in capsys.readouterr().out
    data = bytearray((path / "edges.npy").read_bytes())
    data[-1] ^= 1
    (path / "edges.npy").write_bytes(data)
    assert call("show", path) == 0
    assert call("show", path, "--verify") == 1
    assert "edges.npy" in capsys.readouterr().err
    assert call("show", tmp_path / "nowhere") == 1
    assert "no such folder" in capsys.readouterr().err


def test_command_runs_as_a_module(path):
    command = [sys.executable, "-m", "GPT_GNN", "show", str(path), "--verify"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "every checksum matches" in done.stdout, done.stderr
