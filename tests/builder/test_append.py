"""A store with more nodes and edges is the store that would have been built of all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from GPT_GNN.builder import append_nodes, arrays
from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.builder.builder import build_graph
from GPT_GNN.features.words import title_ids
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.graph.split import ColumnSplit, RandomSplit, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive

WORDS = ["graph", "model", "of"]
CITE = ("paper", "cite", "paper")  # a multigraph with loops and times of its own
WRITES = ("author", "writes", "paper")  # takes the times of its papers
WRITTEN = ("paper", "written_by", "author")
KNOWS = ("author", "knows", "author")  # its own inverse, without times
HAUNTS = ("ghost", "haunts", "author")
INVERSE = {CITE: "rev_cite", WRITES: "written_by", WRITTEN: "writes", KNOWS: "knows"}
OLD, ALL = ({"paper": 12, "author": 7, "ghost": 0}, {"paper": 20, "author": 9, "ghost": 3})


def papers(ids, seed=0):
    """Papers of some ids, each a function of its id."""
    rows = [derive(seed, "paper", int(i)).normal(size=5) for i in ids]
    x = np.array(rows, dtype=np.float32).reshape(-1, 5)
    titles = [f"Graph {'model' * (i % 2)}, no. {i} of é" if i % 3 else "" for i in ids]
    return NodeArrays(
        len(ids),
        {"x": x[:, :3], "late": x[:, 3:]},
        {"y": np.array(ids) % 4, "share": x[:, :2].astype(np.float64), "title": titles},
        np.array([NO_TIME if i % 5 == 0 else 2000 + i for i in ids], dtype=np.int32),
    )


def nodes_of(first, last):
    rest = {t: NodeArrays(last[t] - first[t]) for t in ("author", "ghost")}
    return {"paper": papers(range(first["paper"], last["paper"]))} | rest


def edges_of(seed):
    """All edges, and which of them the part has: none of a new node, half of the others."""
    rng = derive(seed, "edges")
    edges, old = {}, {}
    for edge_type in (CITE, WRITES, WRITTEN, KNOWS, HAUNTS):
        ends = [rng.integers(0, ALL[t], 60) for t in (edge_type[0], edge_type[2])]
        if edge_type == KNOWS:
            ends[1][::7] = ends[0][::7]
        time = rng.integers(2018, 2024, 60) if edge_type == CITE else None
        edges[edge_type] = EdgeArrays(
            *ends, time, INVERSE.get(edge_type, "rev_haunts"), edge_type == CITE
        )
        known = [ids < OLD[t] for ids, t in zip(ends, edge_type[::2], strict=True)]
        old[edge_type] = known[0] & known[1] & (rng.random(60) < 0.5)
    return edges, old


def taken(edges, which):
    time = edges.time if edges.time is None else edges.time[which]
    return replace(edges, src=edges.src[which], dst=edges.dst[which], time=time)


def written(path, nodes, edges):
    def words(builder, *arguments, **settings):
        builder.add_words(WORDS)
        builder.add_table("word_vectors", np.eye(3, dtype=np.float32))
        titles = nodes["paper"].columns["title"]
        builder.add_ragged("paper", "title_tokens", title_ids(titles, WORDS))

    task = GraphFacts("paper", split=TimeSplit(2019, 2020, 2021), text_column="title")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "add_words", words)
        return write_graph(path, nodes, edges, task)


def content(graph):
    """Everything but what a store says of its own history."""
    return {k: v for k, v in graph.meta.items() if k != "facts"}


@pytest.mark.parametrize("seed", range(6))
def test_appending_is_building_all(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(append_nodes, "_CHUNK", 5)  # features are copied in three pieces
    edges, old = edges_of(seed)
    want = written(tmp_path / "all", nodes_of(dict.fromkeys(ALL, 0), ALL), edges)
    part = {e: taken(edges[e], old[e]) for e in edges}
    rest = {e: taken(edges[e], ~old[e]) for e in edges}
    graph = written(tmp_path / "part", nodes_of(dict.fromkeys(OLD, 0), OLD), part)
    got = append_arrays(graph, tmp_path / "new", nodes_of(OLD, ALL), rest)
    got.verify()
    assert content(got) == content(want)  # checksums of all arrays among it
    csr = want.csr(CITE)
    links = list(zip(csr.indices.tolist(), csr.targets().tolist(), strict=True))
    assert len(set(links)) < len(links)  # parallel edges were among them
    # Again, edge type by edge type, into the old store's own folder, with the other names.
    grown = append_arrays(graph, graph.path, nodes_of(OLD, ALL), {})
    assert content(grown) != content(want)
    for edge_type, e in rest.items():
        turned = EdgeArrays(e.dst, e.src, e.time, "", e.multigraph)
        inverse = grown.schema.inverse_of(edge_type)
        grown = append_arrays(grown, grown.path, {}, {inverse: turned})
    assert grown.path == graph.path and content(grown) == content(want)
    assert [line["nodes"] for line in grown.facts["appended"]] == [
        {"paper": 8, "author": 2, "ghost": 3},
        *[{}] * 5,
    ]


@pytest.fixture
def small(tmp_path):
    edges, old = edges_of(0)
    nodes = nodes_of(dict.fromkeys(OLD, 0), OLD)
    return written(tmp_path / "small", nodes, {e: taken(edges[e], old[e]) for e in edges})


def test_nothing_to_append_is_the_same_store(small, tmp_path):
    assert content(append_arrays(small, tmp_path / "same", {}, {})) == content(small)


def test_parallel_edges_of_the_old_store_survive_undeclared(small, tmp_path):
    """A store does not say which relations are multigraphs, but the edges do."""
    ends = np.array([3, 3]), np.array([4, 4])
    first = append_arrays(
        small, tmp_path / "a", {}, {CITE: EdgeArrays(*ends, np.array([2021, 2022]), "", True)}
    )
    late = EdgeArrays(np.array([3]), np.array([4]), np.array([2030]))
    again = append_arrays(first, tmp_path / "b", {}, {CITE: late})
    csr = again.csr(CITE)
    found = csr.time[(csr.targets() == 4) & (csr.indices == 3)]
    assert set(found.tolist()) >= {2021, 2022, 2030}


def test_views_and_half_precision(tmp_path):
    rng = derive(0, "views")
    with build_graph(tmp_path / "g", ("early", "late")) as builder:
        builder.add_node_type("a", 5)
        for view in ("early", "late"):
            builder.create_feature("a", "mean", 2, view, np.float16)[:] = rng.normal(size=(5, 2))
        builder.create_feature("a", "own", 1)[:] = 7
    old = HeteroGraph.open(tmp_path / "g")
    features = {"own": np.full((2, 1), 9.0), "mean": np.array([[1.0, 2.5], [-3.0, 0.0]])}
    new = append_arrays(old, tmp_path / "new", {"a": NodeArrays(2, features)}, {})
    for view in ("early", "late"):
        found = new.gather_features("a", np.arange(7), view)
        assert np.array_equal(found[:5], old.gather_features("a", np.arange(5), view))
        assert found[5:].tolist() == [[1, 2.5, 9], [-3, 0, 9]]
        assert new.array(f"features/a.mean.{view}.npy").dtype == np.float16
    with pytest.raises(ValueError, match="'mean' of new 'a': expected finite float16 numbers, nod"):
        features["mean"] = features["mean"] * 1e5
        append_arrays(old, tmp_path / "bad", {"a": NodeArrays(2, features)}, {})


def test_a_split_at_random_is_not_drawn_again(tmp_path):
    """Else a node that pre-trained could be tested on."""
    task = GraphFacts("paper", split=RandomSplit())
    old = write_graph(tmp_path / "g", {"paper": papers(range(40))}, {}, task=task)
    new = append_arrays(old, tmp_path / "new", {"paper": papers(range(40, 60))}, {})
    facts = GraphFacts.stored(new)
    assert isinstance(facts.split, ColumnSplit)
    for name in ("pretrain", "train", "valid", "test"):
        want = task.split.nodes(old, "paper", name)
        assert facts.split.nodes(new, "paper", name).tolist() == want.tolist()
    assert new.column("paper", "split")[40:].tolist() == [-1] * 20
    again = append_arrays(new, tmp_path / "again", {"paper": papers(range(60, 61))}, {})
    assert GraphFacts.stored(again) == facts and again.column("paper", "split")[60] == -1


def test_appending_leaves_the_division_of_links(tmp_path):
    drawn = RandomSplit((0.1, 0.3, 0.3, 0.3), seed=7)
    nodes = {"author": NodeArrays(7), "paper": papers(range(40))}
    rng = np.random.default_rng(0)
    author, paper = np.unique(rng.integers(0, [7, 40], (150, 2)), axis=0).T
    edges = {WRITES: EdgeArrays(author, paper, inverse="written_by")}
    task = GraphFacts("paper", split=drawn)
    graph = write_graph(tmp_path / "g", nodes, edges, task=task)
    for name in ("first", "second"):
        more = {"paper": papers([graph.num_nodes("paper")])}
        graph = append_arrays(graph, tmp_path / name, more, {})
        for links in (WRITES, WRITTEN):
            resolved = resolve_facts(graph, links[2], links=links)
            assert (resolved.facts.split, resolved.origin["split"]) == (drawn, "store")


@pytest.mark.parametrize("pretrain_on", ["train", "all"])
def test_a_column_leaves_new_nodes_out_unless_all_pretrain(tmp_path, pretrain_on):
    split = ColumnSplit("part", pretrain_on)
    old = papers(range(8))
    old.columns["part"] = np.tile(np.arange(4), 2)
    graph = write_graph(tmp_path / "g", {"paper": old}, {}, task=GraphFacts("paper", split=split))
    given = papers([8, 9])
    given.columns["part"] = np.array([1, 3])
    new = append_arrays(graph, tmp_path / "new", {"paper": given}, {})
    new = append_arrays(new, tmp_path / "more", {"paper": papers([10])}, {})
    assert GraphFacts.stored(new).split == split
    want = [1, 5, 8] if pretrain_on == "train" else list(range(11))
    assert split.nodes(new, "paper", "pretrain").tolist() == want
    assert split.nodes(new, "paper", "test").tolist() == [3, 7, 9]


def test_what_is_not_given_is_filled(small, tmp_path):
    more = replace(papers([50, 51]), columns={"title": ["the model of", "x"]})
    new = append_arrays(small, tmp_path / "new", {"paper": more}, {})
    assert new.column("paper", "y")[12:].tolist() == [-1, -1]
    assert np.isnan(new.column("paper", "share")[12:]).all()
    assert [new.ragged("paper", "title").text(i) for i in (12, 13)] == ["the model of", "x"]
    tokens = new.ragged("paper", "title_tokens")
    assert [WORDS[i] for i in tokens[12]] == ["model", "of"] and len(tokens[13]) == 0
    untitled = append_arrays(small, tmp_path / "u", {"paper": replace(more, columns={})}, {})
    assert untitled.ragged("paper", "title").text(13) == ""
    assert len(untitled.ragged("paper", "title_tokens")[13]) == 0


def test_edges_of_new_nodes_take_the_later_end(small, tmp_path):
    edges = {WRITTEN: EdgeArrays(np.array([13]), np.array([2]))}
    new = append_arrays(small, tmp_path / "new", {"paper": papers([16, 17])}, edges)
    csr = new.csr(WRITES)
    assert csr.time[csr.targets() == 13].tolist() == [2017]


def bad(**changes):
    return {"paper": replace(papers([50, 51]), **changes)}


@pytest.mark.parametrize(
    "nodes, edges, message",
    [
        ({"venue": NodeArrays(1)}, {}, "unknown node type 'venue'"),
        ({}, {("paper", "in", "paper"): EdgeArrays([0], [0])}, "unknown edge type"),
        (bad(features={"x": np.ones((2, 3))}), {}, r"'late' of new 'paper': expected \[2, 2\], go"),
        (bad(features={"x": np.ones((2, 4))}), {}, r"'x' of new 'paper': expected \[2, 3\], got"),
        (bad(features={"z": np.ones((2, 4))}), {}, r"unknown features \['z'\]; available: \['x',"),
        (bad(time=None), {}, "expected 2 times, got none"),
        (bad(time=np.array([2000])), {}, "expected 2 times, got 1"),
        (bad(time=np.array([2000.5, 2001])), {}, "expected int32, got 2000.5"),
        (bad(columns={"z": np.ones(2)}), {}, r"unknown columns \['z'\]; available: \['time', 'y'"),
        (bad(columns={"time": np.ones(2)}), {}, "times are no column"),
        (bad(columns={"y": np.array([0.5, 1])}), {}, "'y' of new 'paper': expected int64, got 0.5"),
        (bad(columns={"share": np.ones(2)}), {}, r"expected \(2, 2\), got \(2,\)"),
        (bad(columns={"title": ["x"]}), {}, "'title' of new 'paper': expected 2 rows, got 1"),
        (bad(columns={"title_tokens": ["x", "y"]}), {}, "expected rows of integers, got 'x'"),
        ({"author": NodeArrays(1, time=np.array([3]))}, {}, "the store's have no times"),
        ({}, {KNOWS: EdgeArrays([0], [0], [2000])}, "the store's edges have no times"),
        ({}, {KNOWS: EdgeArrays([7], [0])}, r"expected author ids in \[0, 7\), got 7 .. 7"),
        ({}, {WRITES: EdgeArrays([0], [12])}, r"expected paper ids in \[0, 12\), got 12 .. 12"),
        ({}, {WRITES: EdgeArrays([0], [1], None, "by")}, "expected the store's inverse 'written_b"),
        ({"author": NodeArrays(-1)}, {}, "expected a number, got -1"),
    ],
)
def test_mistakes_are_refused_and_leave_nothing(small, tmp_path, nodes, edges, message):
    edges = {
        e: replace(a, src=np.array(a.src), dst=np.array(a.dst), time=a.time and np.array(a.time))
        for e, a in edges.items()
    }
    before = content(small)
    for path in (tmp_path / "new", small.path):
        with pytest.raises(ValueError, match=message):
            append_arrays(small, path, nodes, edges)
    assert [p.name for p in tmp_path.iterdir()] == ["small"]
    again = HeteroGraph.open(small.path)
    again.verify()
    assert content(again) == before


def test_new_times_are_on_the_stores_scale(small, tmp_path):
    late = replace(papers([16, 17]), time=np.array([1_583_020_800, 1_583_020_900]))
    with pytest.raises(ValueError, match=r"'paper' from .*new times of 'paper' from 15"):
        append_arrays(small, tmp_path / "new", {"paper": late}, {})
    assert not (tmp_path / "new").exists()
    wide = append_arrays(small, tmp_path / "new", {"paper": late}, {}, times_declared=True)
    assert wide.node_time("paper").max() == 1_583_020_900
    again = append_arrays(wide, tmp_path / "again", {"paper": papers([18])}, {})  # no years already
    assert again.num_nodes("paper") == wide.num_nodes("paper") + 1


def test_a_relation_with_times_needs_them(tmp_path):
    edge_type = ("a", "to", "a")
    edges = {edge_type: EdgeArrays(np.array([0]), np.array([1]), np.array([2000]))}
    graph = write_graph(tmp_path / "g", {"a": NodeArrays(2)}, edges)
    with pytest.raises(ValueError, match="the store's edges have times, expected 1"):
        append_arrays(graph, graph.path, {}, {edge_type: EdgeArrays(np.array([1]), np.array([0]))})
