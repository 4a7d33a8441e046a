"""The large random graph, small: a function of its seed, long-tailed, with one huge venue."""

import numpy as np
import pytest

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.toy import scale
from GPT_GNN.datasets.toy.scale import build_scale
from GPT_GNN.graph.store import HeteroGraph
from tests.call import call

NODES = 6000


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return build_scale(tmp_path_factory.mktemp("scale") / "store", NODES, seed=3, width=8)


def test_it_is_a_whole_store(graph):
    HeteroGraph.open(graph.path).verify()
    assert sum(graph.num_nodes(t) for t in graph.node_types) == NODES
    assert 9.5 * NODES < sum(graph.meta["num_edges"]) < 12 * NODES
    x = graph.gather_features("paper", np.arange(2000), "finetune")
    assert x.shape == (2000, 8) and x.dtype == np.float32
    assert abs(x.mean()) < 0.05 and abs(x.std() - 1) < 0.05
    assert len(np.unique(x[:, 0])) > 1000  # float16, but no constant


def test_seed_decides(graph, tmp_path):
    again = build_scale(tmp_path / "again", NODES, seed=3, width=8)
    other = build_scale(tmp_path / "other", NODES, seed=4, width=8)
    assert again.meta == graph.meta
    for name in ("edges.npy", "indptr.npy", "features/author.text.npy"):
        assert other.meta["files"][name]["sha256"] != graph.meta["files"][name]["sha256"]


def test_chunks_together_are_the_whole(graph, tmp_path, monkeypatch):
    """Papers in several chunks: other draws, but every paper once, with the same years."""
    monkeypatch.setattr(scale, "CHUNK", 500)
    chunked = build_scale(tmp_path / "chunked", NODES, seed=3, width=8)
    assert np.array_equal(chunked.node_time("paper"), graph.node_time("paper"))
    for edge_type in (scale.VENUE, scale.FIRST):
        assert chunked.num_edges(edge_type) == graph.num_nodes("paper")
    assert abs(sum(chunked.meta["num_edges"]) / sum(graph.meta["num_edges"]) - 1) < 0.05


@pytest.mark.parametrize("edge_type", [scale.FIRST, scale.OTHER, scale.CITE, scale.FIELD_2])
def test_degrees_have_long_tails(graph, edge_type):
    back = (scale.CITE, scale.FIELD_2)
    csr = graph.csr(edge_type if edge_type in back else graph.schema.inverse_of(edge_type))
    degrees = np.sort(csr.degrees())[::-1]
    assert degrees[0] > 10 * degrees.mean() > 0
    assert degrees[: len(degrees) // 10].sum() > 0.25 * degrees.sum()
    assert degrees[0] < 0.5 * degrees.sum()


def test_one_venue_is_huge(graph):
    degrees = graph.csr(scale.VENUE).degrees()
    assert abs(degrees[0] / (scale.HUB_SHARE * NODES) - 1) < 0.2
    assert degrees.sum() == graph.num_nodes("paper")


def test_ids_tell_nothing_about_degree_or_year(graph):
    years = graph.node_time("paper").astype(float)
    written = graph.csr(graph.schema.inverse_of(scale.FIRST)).degrees()
    for values in (years, written):
        assert abs(np.corrcoef(np.arange(len(values)), values)[0, 1]) < 0.1


def test_years(graph):
    years = graph.node_time("paper")
    assert years.min() == scale.FIRST_YEAR and years.max() == scale.LAST_YEAR
    for split in ("pretrain", "train", "valid", "test"):
        assert len(OAG.FACTS.split.nodes(graph, "paper", split)) > 50
    csr = graph.csr(scale.CITE)  # citing -> cited
    assert (years[csr.indices] >= years[csr.targets()]).all()
    assert np.array_equal(csr.time, years[csr.indices])
    assert (csr.indices != csr.targets()).all()


def test_out_of_range(tmp_path):
    for wrong in ({"nodes": 1999}, {"width": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match=f"^{next(iter(wrong))}: expected a value in "):
            build_scale(tmp_path / "g", **{"nodes": NODES} | wrong)
    assert not (tmp_path / "g").exists()


def test_command(tmp_path, capsys):
    assert call("build scale", "--out", tmp_path / "g", "--nodes", 2000, "--width", 4) == 0
    assert "paper -> PP_cite -> paper" in capsys.readouterr().out
    built, want = HeteroGraph.open(tmp_path / "g"), build_scale(tmp_path / "w", 2000, width=4)
    assert built.feature_dims == want.feature_dims and built.facts == want.facts
