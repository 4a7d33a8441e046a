"""GraphSAGE's files to a store: against literal loops, and every way in which they can be wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from GPT_GNN.datasets import builtin
from GPT_GNN.datasets.raw import RawDataError
from GPT_GNN.datasets.reddit import build
from GPT_GNN.datasets.reddit import toy as reddit_toy
from GPT_GNN.datasets.reddit.preprocess import DATA_FILE, GRAPH_FILE, build_reddit, fetch, toy_store
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.split import SPLITS
from GPT_GNN.graph.store import StoreError

POSTS = 12
# 0-1 in both directions, 2-3 in one, 4-5 twice, 6 and 7 with themselves; 8 to 11 have no link.
ROW = [0, 1, 2, 4, 4, 5, 6, 7, 7]
COL = [1, 0, 3, 5, 5, 4, 6, 7, 1]
LINKS = {(0, 1), (2, 3), (4, 5), (6, 6), (7, 7), (1, 7)}


def write(folder, data=None, graph=None):
    """The two files by hand, with some arrays replaced (None leaves one out)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    arrays = {
        "feature": rng.normal(size=(POSTS, 3)),
        "label": np.arange(POSTS) % 4,
        "node_types": np.array([1] * 6 + [2] * 2 + [3] * 3 + [0], dtype=np.int32),
    } | (data or {})
    np.savez(folder / DATA_FILE, **{k: v for k, v in arrays.items() if v is not None})
    matrix = {
        "row": np.array(ROW, dtype=np.int32),
        "col": np.array(COL, dtype=np.int32),
        "format": np.array(b"coo"),
        "shape": np.array([POSTS, POSTS]),
        "data": np.ones(len(ROW)),
    } | (graph or {})
    np.savez(folder / GRAPH_FILE, **{k: v for k, v in matrix.items() if v is not None})
    return folder


def refused(folder, tmp_path, **settings):
    with pytest.raises(RawDataError) as error:
        build_reddit(folder, tmp_path / "store", **settings)
    assert not (tmp_path / "store").exists()  # all or nothing
    return str(error.value)


@pytest.mark.parametrize("sub", [".", "raw"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_a_graph_by_hand(tmp_path, monkeypatch, sub, dtype):
    monkeypatch.setattr(build, "_EDGES", 2)  # several pieces
    monkeypatch.setattr(build, "_FEATURES", 6)
    x = np.random.default_rng(1).normal(size=(POSTS, 3)).astype(dtype)
    write(tmp_path / sub, {"feature": x})
    graph = build_reddit(tmp_path, tmp_path / "store")
    csr = graph.csr(Reddit.relation)
    found = set(zip(csr.indices.tolist(), csr.targets().tolist(), strict=True))
    assert found == LINKS | {(b, a) for a, b in LINKS}
    assert len(csr.indices) == len(found)
    assert graph.schema.inverse == (0,) and graph.schema.timed == (False,)
    neighbours = {i: {a for a, b in found if b == i} for i in range(POSTS)}
    for view in graph.views:
        rows = graph.gather_features("def", np.arange(POSTS), view)
        assert np.array_equal(rows[:, :3], x.astype(np.float32))
        want = [math.log(max(len(neighbours[i]), 1)) for i in range(POSTS)]
        assert np.allclose(rows[:, 3], want)
    assert graph.column("def", "y").tolist() == [i % 4 for i in range(POSTS)]
    assert graph.column("def", "y").dtype == np.int64
    assert graph.column("def", "split").dtype == np.int8
    graph.verify()


def test_the_random_split(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    reddit_toy.write_files(folder, 1000)
    graphs = [build_reddit(folder, tmp_path / str(i), seed=s) for i, s in enumerate((0, 0, 1))]
    parts = [Reddit.FACTS.split.nodes(graphs[0], "def", name) for name in SPLITS]
    assert [len(part) for part in parts] == [700, 100, 100, 100]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    first, again, other = (g.column("def", "split") for g in graphs)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_files_split_pretrains_on_training_nodes(tmp_path):
    graph = build_reddit(write(tmp_path / "raw"), tmp_path / "store", split="file")
    parts = {name: Reddit.FACTS.split.nodes(graph, "def", name).tolist() for name in SPLITS}
    assert parts["train"] == parts["pretrain"] == [0, 1, 2, 3, 4, 5]
    assert (parts["valid"], parts["test"]) == ([6, 7], [8, 9, 10])  # and 11 is in none


def test_node_types_are_needed_by_the_files_split_only(tmp_path):
    folder = write(tmp_path / "raw", {"node_types": None})
    build_reddit(folder, tmp_path / "random")
    assert "expected an array 'node_types'" in refused(folder, tmp_path, split="file")
    with pytest.raises(ValueError, match="split: expected one of random, file"):
        build_reddit(folder, tmp_path / "store", split="time")


@pytest.mark.parametrize(
    "data, graph, words",
    [
        ({"feature": None}, {}, "expected an array 'feature'"),
        ({"feature": np.ones(POSTS)}, {}, "expected [posts, columns], found (12,)"),
        ({"feature": np.ones((5, 3))}, {}, "expected a matrix of 5 x 5, as"),
        ({"feature": np.ones((0, 3))}, {}, "expected [posts, columns]"),
        ({"label": np.ones(5, dtype=int)}, {}, "'label': expected 12 integers, found int64 of sha"),
        ({"label": np.ones(POSTS)}, {}, "expected 12 integers, found float64"),
        ({}, {"row": None}, "expected an array 'row'"),
        ({}, {"row": np.arange(5)}, "expected as many row as col entries, found (5,) and (9,)"),
        ({}, {"row": np.full(9, 12)}, "'row': expected integers in [0, 12), found int64 from 12"),
        ({}, {"col": np.full(9, -1)}, "'col': expected integers in [0, 12), found int64 from -1"),
        ({}, {"col": np.zeros(9)}, "found float64"),
        ({}, {"format": np.array(b"csr")}, "in format 'coo', found b'csr'"),
        ({}, {"shape": np.array([12, 13])}, "expected a matrix of 12 x 12"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, data, graph, words):
    message = refused(write(tmp_path / "raw", data, graph), tmp_path)
    assert words in message
    assert DATA_FILE in message or GRAPH_FILE in message


def test_a_feature_that_is_no_number(tmp_path):
    x = np.ones((POSTS, 3))
    x[7, 1] = np.nan
    assert "found others in row 7" in refused(write(tmp_path / "raw", {"feature": x}), tmp_path)


def test_an_unknown_node_type(tmp_path):
    folder = write(tmp_path / "raw", {"node_types": np.full(POSTS, 4)})
    assert "3 (test) or 0, found 4" in refused(folder, tmp_path, split="file")


@pytest.mark.parametrize("kind, name", [(1, "train"), (2, "valid"), (3, "test")])
def test_a_split_of_the_file_without_posts(tmp_path, kind, name):
    kinds = np.arange(POSTS) % 4
    kinds[kinds == kind] = 0
    message = refused(write(tmp_path / "raw", {"node_types": kinds}), tmp_path, split="file")
    assert (
        f"'node_types': expected {kind} ({name}) for some posts, found it for none of 12" in message
    )


def test_links_that_are_there_again_are_counted(tmp_path, capsys):
    build_reddit(write(tmp_path / "raw"), tmp_path / "store")
    read, kept, bad, left_out = capsys.readouterr().out.splitlines()[1].split(maxsplit=4)[1:]
    assert (read, kept, bad, left_out) == ("9", "6", "0", "3 the same link again")


@pytest.mark.parametrize("name", [DATA_FILE, GRAPH_FILE])
def test_files_that_are_missing_or_cut_short(tmp_path, name):
    file = write(tmp_path / "raw") / name
    file.write_bytes(file.read_bytes()[:-30])
    assert f"{name}: expected a whole .npz file" in refused(file.parent, tmp_path)
    file.unlink()
    assert f"{name}: no such file" in refused(file.parent, tmp_path)


def test_a_graph_without_links(tmp_path):
    none = np.empty(0, dtype=np.int32)
    folder = write(tmp_path / "raw", {}, {"row": none, "col": none})
    graph = build_reddit(folder, tmp_path / "store")
    assert graph.num_edges(Reddit.relation) == 0
    assert not graph.gather_features("def", np.arange(POSTS), "pretrain")[:, 3].any()


def test_the_built_in_graph(tmp_path, monkeypatch):
    first, again, other = (
        toy_store(300, s, tmp_path / f) for s, f in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first.fingerprint == again.fingerprint != other.fingerprint
    degree = first.csr(Reddit.relation).degrees()
    assert degree.sum() == 300 * 12 and degree.max() > 3 * degree.mean()
    assert 0.1 < (degree == 0).mean() < 0.4
    label = first.column("def", "y")
    assert np.array_equal(np.unique(label), np.arange(8))
    csr = first.csr(Reddit.relation)
    assert (label[csr.indices] == label[csr.targets()]).mean() > 0.6
    stamp = (first.path / "meta.json").stat().st_mtime_ns
    assert (toy_store(300, 0, tmp_path / "a").path / "meta.json").stat().st_mtime_ns == stamp
    monkeypatch.setattr(reddit_toy, "VERSION", -1)
    assert toy_store(300, 0, tmp_path / "a").facts["versions"][0] == -1
    monkeypatch.setattr(builtin, "data_folder", lambda: tmp_path)
    assert Reddit.open(None).path == Reddit.open("toy").path == tmp_path / "toy_reddit_3000_0"


def test_impossible_sizes():
    for size in ({"posts": 50}, {"posts": 400, "mean_degree": 51.0}):
        with pytest.raises(ValueError, match="expected at least 100 posts"):
            reddit_toy.write_files(None, **size)


def test_download(tmp_path, monkeypatch):
    import torch_geometric.data as pyg

    def download(url, folder):
        assert url.endswith("reddit.zip")
        (tmp_path / "archive").write_bytes(b"")
        return str(tmp_path / "archive")

    monkeypatch.setattr(pyg, "download_url", download)
    monkeypatch.setattr(pyg, "extract_zip", lambda path, folder: write(tmp_path / "raw"))
    fetch(tmp_path / "raw")
    assert not (tmp_path / "archive").exists()
    # One that was put there by hand is taken instead, and stays.
    by_hand = tmp_path / "by_hand" / "reddit.zip"
    by_hand.parent.mkdir()
    by_hand.write_bytes(b"")
    monkeypatch.setattr(pyg, "download_url", lambda url, folder: str(by_hand))
    fetch(by_hand.parent)
    assert by_hand.exists()

    def unreachable(url, folder):
        raise OSError("no network")

    monkeypatch.setattr(pyg, "download_url", unreachable)
    fetch(tmp_path)  # the files are in its folder ``raw`` already
    with pytest.raises(RawDataError, match=r"reddit.zip: no network; put reddit_data.npz and"):
        fetch(tmp_path / "elsewhere")


def test_a_published_graph_opens_the_same_way(shared_data, tmp_path):
    source = shared_data / "legacy" / "reddit"
    copy = tmp_path / "graph_reddit.pk"
    copy.write_bytes((source / "graph_reddit.pk").read_bytes())
    graph = Reddit.open(copy)
    want = json.loads((source / "expected_reddit.json").read_text())
    assert graph.num_edges(Reddit.relation) == want["stored_edges"]
    assert graph.schema.inverse == (0,) and graph.schema.timed == (False,)
    assert graph.feature_dim(Reddit.FACTS.target) == want["features"]
    sizes = [len(Reddit.FACTS.split.nodes(graph, Reddit.FACTS.target, name)) for name in SPLITS]
    assert sizes == want["split_sizes"]
    assert graph.column(Reddit.FACTS.target, Reddit.FACTS.label)[:10].tolist() == want["y_first10"]


def test_the_real_graph(shared_data, tmp_path):
    graph = build_reddit(shared_data / "reddit_college", tmp_path / "store", split="file")
    assert graph.num_nodes("def") == 36_862
    assert graph.num_edges(Reddit.relation) == 2_813_978
    assert (graph.csr(Reddit.relation).degrees() == 0).sum() == 8_674
    sizes = [len(Reddit.FACTS.split.nodes(graph, "def", name)) for name in SPLITS]
    assert sizes == [24_328, 24_328, 3_687, 8_847]


def test_a_folder_that_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="is not a graph store"):
        Reddit.open(tmp_path)
