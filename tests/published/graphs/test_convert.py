"""Graphs of the published code become stores."""

from __future__ import annotations

import json
import pickle
from collections import defaultdict

import numpy as np
import pytest

from GPT_GNN.published.graphs.convert import SPLITS, convert
from GPT_GNN.published.pickles import PickleError
from tests.published.graphs import content
from tests.published.graphs.graphs import FILES, both_ways, frames, stored, texts

pd = pytest.importorskip("pandas")


# The oracles: files of the published code ------------------------------------------------------


@pytest.mark.parametrize("folder", ["oag", "oag_2019"])
def test_published_oag_graph(shared_data, tmp_path, folder):
    source = shared_data / "legacy" / folder
    expected = json.loads((source / "expected_counts.json").read_text())
    graph = convert(source / "graph_CS.pk", tmp_path / "store")
    graph.verify()
    assert list(graph.node_types) == expected["types"]
    assert {t: graph.num_nodes(t) for t in graph.node_types} == expected["counts"]
    edges = {"|".join((t, s, r)): graph.num_edges((s, r, t)) for s, r, t in graph.edge_types}
    assert edges == expected["edges"]
    order = [[target, source, relation] for source, relation, target in graph.edge_types]
    assert order == expected["meta_graph"]
    times = [time for e in graph.edge_types for time in set(stored(graph, e).values())]
    assert sorted(set(times) - {None}) == expected["times"]
    assert all(graph.feature_dim(t) == 400 + 32 + 1 for t in graph.node_types)
    assert "bos" in graph.words()
    if "sample" in expected:
        sample = expected["sample"]
        assert graph.ragged("paper", "title").text(5) == sample["title_of_paper_5"]
        emb = graph.gather_features("paper", np.array([5]), "pretrain")[0, 400:404]
        np.testing.assert_allclose(emb, sample["emb_of_paper_5_first4"], atol=1e-4)
        cites = stored(graph, ("paper", "rev_PP_cite", "paper")).items()
        found = {str(s): time for (s, t), time in cites if t == 100}
        assert sample["first_cites_of_paper_100"].items() <= found.items()


def test_published_reddit_graph(shared_data, tmp_path):
    source = shared_data / "legacy" / "reddit"
    expected = json.loads((source / "expected_reddit.json").read_text())
    graph = convert(source / "graph_reddit.pk", tmp_path / "store")
    edge_type = ("def", "def", "def")
    assert graph.edge_types == (edge_type,)
    assert graph.num_nodes("def") == expected["nodes"]
    assert graph.feature_dim("def") == expected["features"]
    assert graph.num_edges(edge_type) == expected["stored_edges"]
    x = graph.gather_features("def", np.array([3]), "pretrain")[0]
    np.testing.assert_allclose(x[:4], expected["x_row_3_first4"], rtol=1e-6)
    csr = graph.csr(edge_type)
    neighbours = csr.indices[csr.indptr[3] : csr.indptr[4]]
    assert neighbours.tolist() == expected["neighbours_of_3"]
    y, split = graph.column("def", "y"), graph.column("def", "split")
    assert y[:10].tolist() == expected["y_first10"] and y.max() + 1 == expected["classes"]
    assert np.bincount(split).tolist() == expected["split_sizes"]
    assert (split[expected["pre_first5"]] == 0).all()


# Files of many Pythons, dills and pandas ---------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_age(path, tmp_path):
    graph = convert(path, tmp_path / "store", word_vectors=False)
    assert graph.node_types == ("paper", "author", "field")
    assert texts(graph, "paper", "title") == content.PAPERS
    assert texts(graph, "author", "name") == content.AUTHORS
    assert texts(graph, "field", "attr") == ["L0", "L1"]
    assert graph.node_time("paper").tolist() == content.YEARS
    assert stored(graph, ("paper", "PP_cite", "paper")) == {
        (s, t): content.YEARS[s] for s, t in content.CITES
    }
    assert stored(graph, ("paper", "rev_PP_cite", "paper")) == {
        (t, s): content.YEARS[s] for s, t in content.CITES
    }
    assert stored(graph, ("author", "AP_write_first", "paper")) == {
        (a, p): content.YEARS[p] for a, p in content.WRITES
    }
    assert stored(graph, ("field", "FF_in", "field")) == dict.fromkeys(content.FIELDS)
    x = graph.gather_features("paper", np.arange(5), "finetune")
    np.testing.assert_allclose(x[:, 400:403], content.EMB, rtol=1e-6)
    np.testing.assert_allclose(x[:, 403], np.log10(np.arange(5) + 0.01), rtol=1e-6)
    assert not x[:, :400].any()
    fields = graph.gather_features("field", np.arange(2), "pretrain")
    np.testing.assert_allclose(fields[:, :2], content.NODE_EMB)


def test_the_files_cover_what_they_say():
    assert len(FILES) == 9


# Edges against a walk over the dicts -------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("nested", [dict, lambda d: defaultdict(int, d)], ids=["dict", "default"])
def test_edges_are_those_of_the_dicts(published_class, tmp_path, protocol, nested):
    rng = np.random.default_rng(protocol)
    edges = {}
    for s, t in rng.integers(0, 3000, size=(9000, 2)).tolist():
        edges[s, t] = None if rng.random() < 0.1 else int(rng.integers(1900, 2022))
    edges |= {(s, 7): 70_000 for s in range(2500)}  # a dict that is pickled in several batches
    tree = both_ways([(s, t, time) for (s, t), time in edges.items()])
    for relation, adjacency in tree["a"]["a"].items():
        tree["a"]["a"][relation] = nested({t: nested(row) for t, row in adjacency.items()})
    path = tmp_path / "graph.pk"
    attributes = {"node_feature": frames(3000), "edge_list": tree}
    path.write_bytes(pickle.dumps(published_class(**attributes), protocol))
    graph = convert(path, tmp_path / "store")
    assert stored(graph, ("a", "r", "a")) == edges
    assert stored(graph, ("a", "rev_r", "a")) == {(t, s): time for (s, t), time in edges.items()}


def test_ids_and_years_may_be_numpys(pickled, tmp_path):
    tree = {"a": {"a": {"r": {np.int64(2): {np.int32(0): np.int64(2001), 1: np.nan, 3: 2005}}}}}
    graph = convert(pickled(node_feature=frames(), edge_list=tree), tmp_path / "store")
    assert stored(graph, ("a", "r", "a")) == {(0, 2): 2001, (1, 2): None, (3, 2): 2005}


def test_an_edge_stored_in_one_direction_only_is_kept(pickled, tmp_path):
    tree = both_ways([(0, 1, 2000), (2, 3, 2001)])
    del tree["a"]["a"]["rev_r"][0]
    graph = convert(pickled(node_feature=frames(), edge_list=tree), tmp_path / "store")
    assert stored(graph, ("a", "r", "a")) == {(0, 1): 2000, (2, 3): 2001}


@pytest.mark.parametrize("years", [(2000, 2005), (2005, 2000), (None, 2000), (2000, None)])
def test_of_two_years_the_earlier_known_one_counts(pickled, tmp_path, capsys, years):
    tree = both_ways([(0, 1, years[0]), (2, 3, 2001)])
    tree["a"]["a"]["rev_r"][0][1] = years[1]
    graph = convert(pickled(node_feature=frames(), edge_list=tree), tmp_path / "store")
    assert stored(graph, ("a", "r", "a")) == {(0, 1): 2000, (2, 3): 2001}
    assert stored(graph, ("a", "rev_r", "a")) == {(1, 0): 2000, (3, 2): 2001}
    assert "1 links of a rev_r a and r are stored in one direction only" in capsys.readouterr().out


def test_a_relation_without_inverse_gets_one(pickled, tmp_path):
    both = {"a": frames()["a"], "b": frames()["a"]}
    tree = {"a": {"b": {"r": {0: {1: 5}, 2: {1: 6}}}}, "b": {"a": {"r": {3: {1: 7}}}}}
    tree["b"]["a"]["rev_r"] = {1: {0: 5, 2: 6}}
    graph = convert(pickled(node_feature=both, edge_list=tree), tmp_path / "store")
    assert stored(graph, ("b", "r", "a")) == {(1, 0): 5, (1, 2): 6}
    assert set(stored(graph, ("a", "r", "b"))) == {(1, 3)}
    assert graph.schema.inverse_of(("b", "r", "a")) == ("a", "rev_r", "b")
    assert graph.schema.inverse_of(("a", "r", "b")) == ("b", "rev_r", "a")


def test_rows_of_floats_across_frames_of_the_pickle(pickled, tmp_path):
    x = np.random.default_rng(0).normal(size=(20_000, 16))
    table = {"a": pd.DataFrame({"emb": x.tolist()})}
    graph = convert(pickled(node_feature=table, edge_list={}), tmp_path / "store")
    found = graph.gather_features("a", np.arange(len(x)), "original")
    np.testing.assert_array_equal(found, x.astype(np.float32))


def test_a_column_of_lists_is_left_out_and_said(pickled, tmp_path, capsys):
    table = frames(words=[["a"], [], None, ["b", "c"]], name=["a", None, np.str_("c"), np.nan])
    graph = convert(pickled(node_feature=table, edge_list={}), tmp_path / "store")
    assert graph.columns("a") == ("name",)
    assert texts(graph, "a", "name") == ["a", "", "c", ""]
    assert "the column words of a is left out" in capsys.readouterr().out


def test_splits_and_labels_may_be_lists(pickled, tmp_path):
    splits = {name: [i] for i, name in enumerate(SPLITS.values())}
    attributes = {"node_feature": frames(time=[1, 2, 3, 4]), "edge_list": {}}
    path = pickled(
        **attributes, **splits, y=[3, 2, 1, 0], time=[9, 9, 9, 9], none=[None], more=[1.5]
    )
    graph = convert(path, tmp_path / "store")
    assert graph.column("a", "split").tolist() == [0, 1, 2, 3]
    assert graph.column("a", "y").tolist() == [3, 2, 1, 0]
    assert graph.column("a", "time").tolist() == [1, 2, 3, 4]
    assert graph.column("a", "graph_time").tolist() == [9, 9, 9, 9]
    assert graph.table("more").tolist() == [1.5]
    path = pickled(**attributes, **splits | {"test_target_nodes": np.array([-1])})
    with pytest.raises(PickleError, match="test_target_nodes has ids that are not 0 .. 3"):
        convert(path, tmp_path / "other")


def test_relations_without_edges_keep_their_number(pickled, tmp_path):
    tree = both_ways([(0, 1, 2000), (1, 2, 2001)])
    tree["a"]["a"] = {"none": {}, "rev_none": {}, **tree["a"]["a"]}
    graph = convert(pickled(node_feature=frames(), edge_list=tree), tmp_path / "store")
    assert [relation for _, relation, _ in graph.edge_types] == ["none", "rev_none", "r", "rev_r"]
