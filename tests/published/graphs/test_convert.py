"""Graphs of the published code become stores, and stores become such graphs."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import types
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.published.graphs import convert as legacy
from GPT_GNN.published.graphs.convert import convert, open_legacy
from GPT_GNN.published.graphs.export import export
from GPT_GNN.published.pickles import PickleError
from tests.published.graphs import content

pd = pytest.importorskip("pandas")
FILES = sorted((Path(__file__).parent / "files").glob("*.pk"))


class Graph:
    """Stands for the published class: a pickle of it names ``GPT_GNN.data.Graph``."""

    __module__ = "GPT_GNN.data"

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


@pytest.fixture
def published_class(monkeypatch):
    module = types.ModuleType("GPT_GNN.data")
    module.Graph = Graph
    monkeypatch.setitem(sys.modules, "GPT_GNN.data", module)
    return Graph


@pytest.fixture
def pickled(published_class, tmp_path):
    """Writes a graph of given attributes; a function of them that returns the file."""

    def write(**attributes):
        path = tmp_path / "graph_CS.pk"
        path.write_bytes(pickle.dumps(published_class(**attributes), 4))
        return path

    return write


def frames(n=4, **columns):
    return {"a": pd.DataFrame({"emb": [[float(i), 1.0] for i in range(n)], **columns})}


def both_ways(edges, relation="r"):
    """{target type: {source type: {relation: adjacency}}} of (source, target, time) triples."""
    adjacency, turned = defaultdict(dict), defaultdict(dict)
    for s, t, time in edges:
        adjacency[t][s] = time
        turned[s][t] = time
    return {"a": {"a": {relation: dict(adjacency), f"rev_{relation}": dict(turned)}}}


def stored(graph, edge_type):
    """{(source, target): time} of an edge type."""
    csr = graph.csr(edge_type)
    time = np.full(len(csr.indices), NO_TIME) if csr.time is None else csr.time
    pairs = zip(csr.indices.tolist(), csr.targets().tolist(), strict=True)
    return {pair: None if t == NO_TIME else int(t) for pair, t in zip(pairs, time, strict=True)}


def texts(graph, node_type, name):
    rows = graph.ragged(node_type, name)
    return [rows.text(i) for i in range(len(rows))]


def left_behind(folder):
    return sorted(p.name for p in folder.iterdir() if p.suffix != ".pk")


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
    assert "1 links of a rev_r a and r stand in one direction only" in capsys.readouterr().out


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
    splits = {name: [i] for i, name in enumerate(legacy.SPLITS.values())}
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


# What scripts do with them -----------------------------------------------------------------------


def test_a_script_converts_once(pickled, tmp_path, capsys, monkeypatch):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    graph = OAG.open(path)
    assert graph.path == tmp_path / "graph_CS_store"
    assert str(graph.path) in capsys.readouterr().out
    monkeypatch.setattr(legacy, "convert", lambda *args, **kwargs: pytest.fail("converted again"))
    assert OAG.open(path).fingerprint == graph.fingerprint
    assert OAG.open(tmp_path, "_CS").fingerprint == graph.fingerprint


def test_a_folder_that_is_read_only(pickled, tmp_path, monkeypatch):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(legacy.os, "access", lambda *_: False)
    elsewhere = open_legacy(path)
    assert elsewhere.path == tmp_path / "here" / "data" / "graph_CS_store"
    assert open_legacy(path).path == elsewhere.path
    beside = convert(path, tmp_path / "graph_CS_store")  # by whoever may write there
    assert open_legacy(path).path == beside.path


def test_a_folder_with_a_published_graph_says_what_to_give(pickled, tmp_path):
    pickled(node_feature=frames(), edge_list={})
    with pytest.raises(ValueError, match=r"it holds graph_CS\.pk .* --domain"):
        OAG.open(tmp_path)


def test_a_changed_file_is_converted_again(pickled):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    assert open_legacy(path).num_edges(("a", "r", "a")) == 1
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000), (0, 2, 2000)]))
    assert open_legacy(path).num_edges(("a", "r", "a")) == 2


def test_command(pickled, tmp_path, capsys):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    assert legacy.main([str(path), str(tmp_path / "store")]) == 0
    assert "2 stored edges" in capsys.readouterr().out
    assert legacy.main([str(tmp_path / "nothing.pk"), str(tmp_path / "other")]) == 1
    assert "nothing.pk: no such file" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


# Files that are not what they should be ----------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"edge_list": {}}, "expected a graph with node_feature"),
        ({"node_feature": [], "edge_list": {}}, "expected a dict, found list"),
        ({"node_feature": {"a": 3}, "edge_list": {}}, "expected a DataFrame, found int"),
        ({"node_feature": frames(), "edge_list": both_ways([(0, 9, 1)])}, r"ids in \[0, 4\)"),
        ({"node_feature": frames(), "edge_list": both_ways([(-1, 0, 1)])}, r"ids in \[0, 4\)"),
        (
            {"node_feature": frames(), "edge_list": {"a": {"b": {"r": {0: {0: 1}}}}}},
            "edges of .*'b'.*, which have no features",
        ),
        ({"node_feature": frames(), "edge_list": {"a": {"a": {"r": {0: 5}}}}}, "neighbours"),
        (
            {"node_feature": frames(), "edge_list": {"a": {"a": {"r": {0: {"x": 5}}}}}},
            "expected an integer, found str",
        ),
        (
            {"node_feature": {"a": frames()["a"].iloc[1:]}, "edge_list": {}},
            r"row labels 0 \.\. 2, found \[1, 2, 3\]",
        ),
        (
            {"node_feature": {"a": pd.DataFrame({"emb": [[1.0], [1.0, 2.0]]})}, "edge_list": {}},
            "a row of 1 numbers",
        ),
        (
            {"node_feature": frames(citation=[1] * 4, node_emb=[0.5] * 4), "edge_list": {}},
            "expected a vector for each a in node_emb",
        ),
        (
            {"node_feature": {"a": pd.DataFrame({"emb": [[1.0], "x"]})}, "edge_list": {}},
            "found str",
        ),
    ],
)
def test_wrong_content_is_named_and_leaves_nothing(pickled, tmp_path, attributes, message):
    path = pickled(**attributes)
    with pytest.raises(PickleError, match=message) as error:
        convert(path, tmp_path / "store")
    assert "graph_CS.pk" in str(error.value)
    assert left_behind(tmp_path) == []


def test_cut_short(pickled, tmp_path):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(PickleError, match=r"graph_CS\.pk"):
            convert(path, tmp_path / "store")
    assert left_behind(tmp_path) == []


def test_an_older_store_survives_a_failed_conversion(pickled, tmp_path):
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    before = convert(path, tmp_path / "store").fingerprint
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PickleError):
        convert(path, tmp_path / "store")
    assert HeteroGraph.open(tmp_path / "store").fingerprint == before


def test_nothing_but_a_store_is_replaced(pickled, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    path = pickled(node_feature=frames(), edge_list=both_ways([(0, 1, 2000)]))
    with pytest.raises(ValueError, match="1 other file: thesis.txt"):
        convert(path, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()


class Payload:
    """Pickled, it asks for a call with some arguments."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("where", ["attribute", "frame", "cell", "key", "year", "extra"])
@pytest.mark.parametrize("function", [os.system, eval, subprocess.check_output, exec, getattr])
def test_payloads_are_refused_by_name(pickled, tmp_path, function, where):
    bad = Payload(function, f"touch {tmp_path}/ran")
    attributes = {"node_feature": frames(), "edge_list": both_ways([(0, 1, 2000)])}
    if where == "attribute":
        attributes["node_bacward"] = [bad]
    elif where == "frame":
        attributes["node_feature"]["b"] = bad
    elif where == "cell":
        attributes["node_feature"] = frames(2, title=["x", bad])
    elif where == "key":
        attributes["edge_list"]["a"]["a"]["r"] = {(bad,): {}}
    elif where == "year":
        attributes["edge_list"]["a"]["a"]["r"][1][0] = bad
    else:
        attributes["y"] = np.array([bad, 1], dtype=object)
    with pytest.raises(PickleError, match=function.__name__):
        convert(pickled(**attributes), tmp_path / "store")
    assert left_behind(tmp_path) == []


def test_partial_and_setattr_serve_their_purpose_only(pickled, tmp_path):
    from functools import partial

    for bad in (Payload(partial, int, "3"), Payload(setattr, "x", "y", "z")):
        path = pickled(node_feature=frames(), edge_list={}, other=bad)
        with pytest.raises(PickleError, match=r"functools\.partial|builtins\.setattr"):
            convert(path, tmp_path / "store")


def test_calls_of_calls_without_end_are_refused(tmp_path):
    path = tmp_path / "graph.pk"
    path.write_bytes(b"\x80\x04ccollections\nOrderedDict\n" + b")R" * 100_000 + b".")
    with pytest.raises(PickleError, match="expected a Graph of the published code"):
        convert(path, tmp_path / "store")


def test_one_dict_again_and_again_is_refused(pickled, tmp_path):
    row = {s: 2000 for s in range(1000)}
    tree = {"a": {"a": {"r": dict.fromkeys(range(1000), row)}}}
    with pytest.raises(PickleError, match="more edges than a file of this size"):
        convert(pickled(node_feature=frames(1000), edge_list=tree), tmp_path / "store")
    assert left_behind(tmp_path) == []


class Call(Payload):
    """A call whose object is given a state."""

    def __init__(self, function, *args, state):
        self.call = (function, args, state)


def bomb(kind):
    """Attributes of a graph that refers to one part again and again, a different way each."""
    names = [f"n{i}" for i in range(2000)]
    attributes = {"node_feature": frames(), "edge_list": {}}
    if kind == "relations":
        relations = dict.fromkeys(names[:300], {})
        sources = dict.fromkeys(names[:300], relations)
        attributes["edge_list"] = dict.fromkeys(names[:300], sources)
    elif kind == "nothing":
        attributes["edge_list"] = dict.fromkeys(names, dict.fromkeys(names, {}))
    elif kind == "types":
        frame = pd.DataFrame({"emb": [[1.0] * 40] * 20_000})
        attributes["node_feature"] = dict.fromkeys(names, frame)
    elif kind == "attributes":
        attributes |= dict.fromkeys(names, np.arange(50_000))
    else:
        new = Payload(pd._libs.internals._unpickle_block, *ONE_BLOCK[kind])
        manager = Payload(
            pd.core.internals.managers.BlockManager,
            (new,) * 2000,
            [pd.Index(["emb"], dtype=object), pd.RangeIndex(100_000)],
        )
        attributes["node_feature"]["a"] = Call(pd.DataFrame, state={"_mgr": manager})
    return attributes


ONE_BLOCK = {
    "positions": (np.zeros((1, 2)), slice(0, 65_535, 1), 2),
    "columns": (np.zeros((1, 100_000), np.int8), slice(0, 1, 1), 2),
}


@pytest.mark.parametrize("kind", ["relations", "nothing", "types", "attributes", *ONE_BLOCK])
def test_one_part_again_and_again_is_refused(pickled, tmp_path, kind):
    path = pickled(**bomb(kind))
    tracemalloc.start()
    with pytest.raises(PickleError, match=r"graph_CS\.pk: far more in it"):
        convert(path, tmp_path / "store")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20 + 130 * path.stat().st_size + 64 * 2**20
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("name", ["../../../../out", "/out", "a/b", ".."])
def test_no_name_of_a_file_leads_out_of_the_store(pickled, tmp_path, name):
    before = sorted(p.name for p in tmp_path.parent.iterdir())
    nodes = {name: frames(4, **{name: [1, 2, 3, 4], f"{name} text": list("wxyz")})["a"]}
    store = tmp_path / "deep" / "store"
    graph = convert(pickled(node_feature=nodes, edge_list={}), store)
    graph.verify()
    assert graph.column(name, name).tolist() == [1, 2, 3, 4]
    nodes["b"] = nodes[name]
    with pytest.raises(PickleError, match="expected letters"):
        convert(pickled(node_feature=nodes, edge_list={}, **{name: np.arange(7)}), store)
    assert sorted(p.name for p in tmp_path.parent.iterdir()) == before
    assert left_behind(tmp_path) == ["deep"]
    assert left_behind(tmp_path / "deep") == ["store"]


# And back again ----------------------------------------------------------------------------------


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
    with pytest.raises(ImportError, match="pandas is needed"):
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
