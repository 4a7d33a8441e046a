"""Pickles that are no published graph, or ask for more than one needs, are refused."""

from __future__ import annotations

import os
import subprocess
import tracemalloc

import numpy as np
import pytest

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.published.pickles import PickleError
from tests.published.graphs.graphs import both_ways, frames, left_behind

pd = pytest.importorskip("pandas")


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
