"""Data sets of PyG as stores: real ones where they are at hand, else generated in their shape."""

import shutil
import zipfile

import numpy as np
import pytest
import torch
import torch_geometric.datasets
from torch_geometric.data import HeteroData

from GPT_GNN.datasets.pyg import catalog as pyg
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import ColumnSplit, RandomSplit
from GPT_GNN.rng import derive
from tests.call import call


def edges(rng, sources, targets, n=60):
    return torch.from_numpy(rng.integers(0, [[sources], [targets]], (2, n)))


def ogb_mag():
    rng, data = derive(0, "mag"), HeteroData()
    data["paper"].x = torch.ones(30, 8)
    data["paper"].year = torch.from_numpy(rng.integers(2010, 2020, 30))
    data["paper"].y = torch.from_numpy(rng.integers(0, 4, 30))
    counts = {"author": 20, "institution": 5, "field_of_study": 7}
    for node_type, n in counts.items():
        data[node_type].num_nodes = n
    counts["paper"] = 30
    for edge_type in (
        ("author", "affiliated_with", "institution"),
        ("author", "writes", "paper"),
        ("paper", "cites", "paper"),
        ("paper", "has_topic", "field_of_study"),
    ):
        data[edge_type].edge_index = edges(rng, counts[edge_type[0]], counts[edge_type[2]])
    for name, low, high in (("train", 0, 2017), ("val", 2018, 2018), ("test", 2019, 2019)):
        year = data["paper"].year
        data["paper"][f"{name}_mask"] = (low <= year) & (year <= high)
    return data


def both_ways(types, target, plain_type):
    """DBLP's and IMDB's: relations ``to`` in both directions, masks on the target."""
    rng, data, counts = derive(0, target), HeteroData(), dict.fromkeys(types, 24)
    for node_type in types:
        if node_type == plain_type:
            data[node_type].num_nodes = counts[node_type]
        else:
            data[node_type].x = torch.ones(counts[node_type], 5)
    data[target].y = torch.from_numpy(rng.integers(0, 3, counts[target]))
    for i, name in enumerate(("train", "val", "test")):
        data[target][f"{name}_mask"] = torch.arange(counts[target]) % 3 == i
    for other in types[1:]:
        ends = edges(rng, counts[types[0]], counts[other])
        data[types[0], "to", other].edge_index = ends
        data[other, "to", types[0]].edge_index = ends.flip(0)
    return data


def aminer():
    rng, data = derive(0, "aminer"), HeteroData()
    counts = {"author": 20, "venue": 4, "paper": 30}
    for node_type, n in counts.items():
        data[node_type].num_nodes = n
    for node_type in ("author", "venue"):
        data[node_type].y, data[node_type].y_index = torch.tensor([0, 2]), torch.tensor([3, 1])
    written = edges(rng, 30, 20)
    data["paper", "written_by", "author"].edge_index = written
    data["author", "writes", "paper"].edge_index = written.flip(0)
    published = torch.stack([torch.arange(30), torch.arange(30) % 4])
    data["paper", "published_in", "venue"].edge_index = published
    data["venue", "publishes", "paper"].edge_index = published.flip(0)
    return data


SHAPES = {
    "OGB_MAG": ogb_mag,
    "DBLP": lambda: both_ways(["paper", "author", "term", "conference"], "author", "conference"),
    "IMDB": lambda: both_ways(["movie", "director", "actor"], "movie", None),
    "AMiner": aminer,
}


@pytest.fixture
def build(tmp_path, monkeypatch):
    def build(name):
        data = SHAPES[name]()
        monkeypatch.setattr(torch_geometric.datasets, name, lambda root: [data])
        return pyg.build(name, tmp_path / name, tmp_path / "root")

    return build


def test_ogb_mag(build):
    graph = build("OGB_MAG")
    assert all(t for e, t in zip(graph.edge_types, graph.schema.timed, strict=True) if "paper" in e)
    assert graph.feature_dims == {"paper": 8, "author": 0, "institution": 0, "field_of_study": 0}
    facts = GraphFacts.stored(graph)
    assert (facts.target, facts.label) == ("paper", "y")
    year = graph.node_time("paper")
    assert (year[facts.split.nodes(graph, "paper", "test")] == 2019).all()


@pytest.mark.parametrize(("name", "target"), [("DBLP", "author"), ("IMDB", "movie")])
def test_both_directions_under_one_name(build, name, target):
    graph = build(name)
    schema = graph.schema
    assert len(graph.edge_types) == len(SHAPES[name]().edge_types)
    for source, relation, into in graph.edge_types:
        assert schema.inverse_of((source, relation, into)) == (into, "to", source)
    facts = GraphFacts.stored(graph)
    assert facts.target == target and facts.split == ColumnSplit("split", "all")


def test_aminer_has_no_features_but_degrees(build):
    graph = build("AMiner")
    facts = GraphFacts.stored(graph)
    assert (facts.target, facts.label, facts.split) == ("author", "y", RandomSplit())
    assert np.flatnonzero(graph.column("author", "y") >= 0).tolist() == [1, 3]
    assert graph.schema.inverse_of(("paper", "written_by", "author"))[1] == "writes"
    assert all(width > 0 for width in graph.feature_dims.values())


def test_an_unknown_name_or_a_bad_seed(tmp_path):
    with pytest.raises(ValueError, match="name: expected one of AMiner, .*, got 'Coral'"):
        pyg.build("Coral", tmp_path / "out", tmp_path)
    with pytest.raises(ValueError, match=r"seed: expected a value in \[0, inf\), got -1"):
        pyg.build("Cora", tmp_path / "out", tmp_path, seed=-1)


def test_nothing_to_read(tmp_path, capsys, monkeypatch):
    def gone(root, **arguments):
        raise OSError("no network")

    monkeypatch.setattr(torch_geometric.datasets, "Planetoid", gone)
    assert call("build pyg", "Cora", tmp_path / "out", "--root", tmp_path) == 1
    assert "error: no network" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_real_acm(shared_data, tmp_path):
    """HGB's ACM: ``cite`` and ``ref``, and ``to`` in both directions, are found as inverses."""
    raw = tmp_path / "root" / "acm" / "raw"
    with zipfile.ZipFile(shared_data / "hgb" / "zips" / "ACM.zip") as archive:
        archive.extractall(raw / "ACM")
    graph = pyg.build("HGB-ACM", tmp_path / "acm", tmp_path / "root")
    assert len(graph.edge_types) == 8
    assert sum(graph.num_edges(e) for e in graph.edge_types) == 547_872
    assert graph.schema.inverse_of(("paper", "cite", "paper")) == ("paper", "ref", "paper")
    split = GraphFacts.stored(graph).split
    counts = [len(split.nodes(graph, "paper", s)) for s in ("pretrain", "train", "valid", "test")]
    assert counts[0] == 3025 and counts[3] == 2118 and counts[1] + counts[2] == 907


def test_real_cora(shared_data, tmp_path):
    shutil.copytree(shared_data / "planetoid" / "Cora", tmp_path / "Cora")
    graph = pyg.build("Cora", tmp_path / "store", tmp_path)
    assert graph.schema.inverse == (0,) and graph.num_edges(graph.edge_types[0]) == 10_556
    split = GraphFacts.stored(graph).split
    counts = [len(split.nodes(graph, "node", s)) for s in ("train", "valid", "test")]
    assert counts == [140, 500, 1000]
