"""Building a store: order, duplicates, inverses, and all or nothing."""

import errno
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from GPT_GNN.builder import builder as build
from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.store import NO_TIME, HeteroGraph, StoreError
from GPT_GNN.rng import derive
from GPT_GNN.system.files import OtherFilesError

AB = ("a", "to", "b")
AA = ("a", "knows", "a")


def built(path, relations, chunks, nodes=(("a", 5), ("b", 3))):
    """relations: [(edge type, inverse, multigraph)]; chunks: [(edge type, [(src, dst, time)])]."""
    with build_graph(path) as builder:
        for node_type, n in nodes:
            builder.add_node_type(node_type, n)
        for edge_type, inverse, multigraph in relations:
            builder.add_relation(edge_type, inverse, multigraph)
        for edge_type, edges in chunks:
            src, dst, time = (np.array(column) for column in zip(*edges, strict=True))
            builder.add_edges(edge_type, src, dst, None if time[0] is None else time)
    return HeteroGraph.open(path)


def triples(graph, edge_type):
    """[(src, dst, time)] in stored order."""
    csr = graph.csr(edge_type)
    time = [None] * len(csr.indices) if csr.time is None else csr.time.tolist()
    return list(zip(csr.indices.tolist(), csr.targets().tolist(), time, strict=True))


def test_sorted_whatever_the_order_and_the_chunks(tmp_path):
    rng = derive(0, "build")
    pairs = [(u, v, None) for u in range(5) for v in range(3) if rng.random() < 0.6]
    order = [pairs[i] for i in rng.permutation(len(pairs))]
    graph = built(tmp_path / "g", [(AB, None, False)], [(AB, order[:4]), (AB, order[4:])])
    assert triples(graph, AB) == sorted(pairs, key=lambda e: (e[1], e[0]))
    turned = sorted(((v, u, None) for u, v, _ in pairs), key=lambda e: (e[1], e[0]))
    assert triples(graph, ("b", "rev_to", "a")) == turned


@pytest.mark.parametrize("turned_too", [False, True])
def test_edges_that_repeat_a_link_are_counted(tmp_path, capsys, turned_too):
    """Whether its inverse holds the same links or not: those are no repetition."""
    once = [(0, 0, 2001), (1, 0, 2002), (4, 2, 2001)]
    again = [(0, 0, 2003), (4, 2, 2001), (4, 2, 2001)]
    rev = ("b", "by", "a")
    turned = [(v, u, t) for u, v, t in once]
    relations = [(AB, "by", False), (rev, "to", False)][: 1 + turned_too]
    chunks = [(AB, once), (AB, again), (rev, turned)][: 2 + turned_too]
    built(tmp_path / "g", relations, chunks)
    assert capsys.readouterr().out == (
        "note: a:to:b: 3 of 6 edges repeat a link: the earliest of each is kept; multigraph: true "
        "keeps one for each time\n"
    )
    many = [(*relation[:2], True) for relation in relations]
    built(tmp_path / "m", many, chunks)
    assert "a:to:b: 2 of 6 edges repeat a link: they are kept once" in capsys.readouterr().out
    built(tmp_path / "h", relations, [chunks[0], *chunks[2:]])
    both_ways = [(0, 1, None), (1, 0, None)]
    built(tmp_path / "s", [(AA, "knows", False)], [(AA, both_ways)])
    assert capsys.readouterr().out == ""


def test_a_build_says_what_to_mind(tmp_path, capsys):
    """Whoever builds: here nothing but the builder."""
    with build_graph(tmp_path / "g") as builder:
        builder.add_node_type("a", 3)
        builder.add_column("a", "y", np.full(3, -1))
        builder.add_column("a", "fold", np.full(3, -1))
        split = {"by": "column", "column": "fold"}
        builder.facts = {"task": {"target": "a", "label": "y", "split": split}}
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "warning: split column 'fold' of 'a': all 3 nodes are in no split: nothing is trained, "
        "validated or tested with them",
        "warning: label 'y' of 'a': all 3 nodes are without a class",
    ]


@pytest.mark.parametrize("multigraph", [False, True])
def test_edges_of_a_target_are_sorted_by_time_then_source(tmp_path, multigraph):
    """So that the edges up to a bound are a prefix; NO_TIME is before everything."""
    rng = derive(2, "build")
    edges = [(*map(int, rng.integers(0, (5, 3))), int(rng.integers(2000, 2004))) for _ in range(60)]
    edges += [(4, 0, NO_TIME), (0, 0, NO_TIME)]
    graph = built(tmp_path / "g", [(AB, None, multigraph)], [(AB, edges)])
    for edge_type in graph.edge_types:
        found = triples(graph, edge_type)
        assert found == sorted(found, key=lambda e: (e[1], e[2], e[0]))
    kept = set(edges) if multigraph else {min(e for e in edges if e[:2] == f[:2]) for f in edges}
    assert sorted(triples(graph, AB)) == sorted(kept)


def test_duplicates_keep_the_earliest_time(tmp_path):
    edges = [(0, 1, 9), (0, 1, 4), (0, 1, 4), (2, 1, 3), (0, 0, 1)]
    graph = built(tmp_path / "g", [(AB, None, False)], [(AB, edges[:1]), (AB, edges[1:])])
    assert triples(graph, AB) == [(0, 0, 1), (2, 1, 3), (0, 1, 4)]
    assert triples(graph, ("b", "rev_to", "a")) == [(0, 0, 1), (1, 0, 4), (1, 2, 3)]


def test_multigraph_keeps_each_time_once(tmp_path):
    edges = [(0, 1, 9), (0, 1, 4), (0, 1, 4), (2, 1, 3)]
    graph = built(tmp_path / "g", [(AB, None, True)], [(AB, edges)])
    assert triples(graph, AB) == [(2, 1, 3), (0, 1, 4), (0, 1, 9)]
    assert triples(graph, ("b", "rev_to", "a")) == [(1, 0, 4), (1, 0, 9), (1, 2, 3)]


def test_untimed_duplicates(tmp_path):
    graph = built(tmp_path / "g", [(AB, None, True)], [(AB, [(1, 1, None)] * 3)])
    assert triples(graph, AB) == [(1, 1, None)]
    assert not any(graph.schema.timed) and (graph.edges[:, 1] == NO_TIME).all()


def test_named_inverse_holds_both_directions(tmp_path):
    ba = ("b", "from", "a")
    relations = [(AB, "from", False), (ba, "to", False)]
    chunks = [(AB, [(0, 1, 5), (2, 2, 6)]), (ba, [(1, 0, 3), (0, 4, 8)])]
    graph = built(tmp_path / "g", relations, chunks)
    assert graph.edge_types == (AB, ba) and graph.schema.inverse == (1, 0)
    assert triples(graph, AB) == [(4, 0, 8), (0, 1, 3), (2, 2, 6)]
    assert triples(graph, ba) == [(1, 0, 3), (2, 2, 6), (0, 4, 8)]
    assert graph.schema.inverse_of(AB) == ba


def test_symmetric_relation(tmp_path):
    edges = [(0, 1, 5), (1, 0, 3), (2, 2, 7), (3, 4, 1)]
    graph = built(tmp_path / "g", [(AA, "knows", False)], [(AA, edges)])
    assert graph.edge_types == (AA,) and graph.schema.inverse == (0,)
    assert triples(graph, AA) == [(1, 0, 3), (0, 1, 3), (2, 2, 7), (4, 3, 1), (3, 4, 1)]


def test_every_link_is_stored_in_both_directions(tmp_path):
    rng = derive(1, "build")
    edges = [tuple(map(int, rng.integers(0, (5, 5, 4)))) for _ in range(40)]
    for name, inverse in (("plain", None), ("symmetric", "knows")):
        for multigraph in (False, True):
            path = tmp_path / f"{name}{multigraph}"
            graph = built(path, [(AA, inverse, multigraph)], [(AA, edges)])
            back = triples(graph, graph.schema.inverse_of(AA))
            assert sorted(triples(graph, AA)) == sorted((v, u, t) for u, v, t in back)


def test_empty_types_and_relations(tmp_path):
    nodes = (("a", 0), ("b", 3))
    graph = built(tmp_path / "g", [(AB, None, False)], [], nodes)
    assert graph.num_nodes("a") == graph.num_edges(AB) == 0
    assert graph.csr(AB).indptr.tolist() == [0] * 4
    graph.verify()
    bare = built(tmp_path / "bare", [], [], nodes)
    assert bare.edge_types == () and len(bare.edges) == 0


@pytest.mark.parametrize(
    "relations, chunks, message",
    [
        ([(AB, None, False)], [(AB, [(5, 0, None)])], r"expected a ids in \[0, 5\), got 5 .. 5"),
        ([(AB, None, False)], [(AB, [(0, -1, None)])], r"expected b ids in \[0, 3\), got -1"),
        ([(AB, None, False)], [(AA, [(0, 1, None)])], "not declared"),
        ([(AB, None, False)], [(AB, [(0, 1, None)]), (AB, [(0, 1, 5)])], "some edges have a time"),
        ([(AB, None, False), (AB, None, False)], [], "declared already"),
        ([(AB, "to", False), (("b", "to", "a"), "back", False)], [], "declared already"),
        ([(("a", "to", "c"), None, False)], [], "names node type 'c'"),
        ([(AB, None, False)], [(AB, [(0, 1, 2**31)])], "int32, got 2147483648"),
        ([(AB, None, False)], [(AB, [(0, 1, 2000.5)])], "int32, got 2000.5"),
        ([(AB, None, False)], [(AB, [(0, 1, float("nan"))])], "int32, got nan"),
        (
            [(AB, "from", False), (("b", "from", "a"), "to", False)],
            [(AB, [(0, 1, 5)]), (("b", "from", "a"), [(0, 1, None)])],
            "has times and its inverse has none",
        ),
        (
            [(AB, "from", True), (("b", "from", "a"), "to", False)],
            [],
            "one is a multigraph",
        ),
    ],
)
def test_mistakes_are_refused_and_leave_nothing(tmp_path, relations, chunks, message):
    with pytest.raises(ValueError, match=message):
        built(tmp_path / "g", relations, chunks)
    assert list(tmp_path.iterdir()) == []


def test_bad_nodes_features_and_columns(tmp_path):
    def attempt(message, action):
        with pytest.raises(ValueError, match=message), build_graph(tmp_path / "g") as builder:
            builder.add_node_type("a", 3)
            action(builder)

    attempt("declared already", lambda b: b.add_node_type("a", 3))
    attempt("expected 0 <= nodes", lambda b: b.add_node_type("b", -1))
    attempt("unknown view 'late'", lambda b: b.create_feature("a", "x", 2, view="late"))
    attempt("is there already", lambda b: [b.create_feature("a", "x", 2) for _ in range(2)])
    attempt("expected 3 values, got 2", lambda b: b.add_column("a", "time", np.zeros(2)))
    attempt("expected 3 rows, got 1", lambda b: b.add_ragged("a", "text", ["one"]))
    attempt("differ in length", lambda b: (b.add_relation(AA), b.add_edges(AA, [0], [0, 1])))
    assert list(tmp_path.iterdir()) == []


def test_feature_part_must_exist_in_every_view(tmp_path):
    with pytest.raises(ValueError, match="lacks views"):
        with build_graph(tmp_path / "g", views=("early", "late")) as builder:
            builder.add_node_type("a", 3)
            builder.create_feature("a", "x", 2, view="early")
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_older_store_whole(tmp_path):
    old = built(tmp_path / "g", [(AB, None, False)], [(AB, [(0, 1, None)])])
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), build_graph(tmp_path / "g") as builder:
            builder.add_node_type("a", 1)
            raise error
    assert [p.name for p in tmp_path.iterdir()] == ["g"]
    again = HeteroGraph.open(tmp_path / "g")
    again.verify()
    assert again.meta == old.meta


def test_a_new_store_replaces_the_older(tmp_path):
    built(tmp_path / "g", [(AB, None, False)], [(AB, [(0, 1, None)])])
    built(tmp_path / "g", [(AA, None, False)], [(AA, [(0, 1, None)])])
    assert [p.name for p in tmp_path.iterdir()] == ["g"]
    assert HeteroGraph.open(tmp_path / "g").edge_types[0] == AA


def test_what_is_not_a_store_is_never_replaced(tmp_path):
    (tmp_path / "g").mkdir()
    built(tmp_path / "g", [], [])  # an empty folder may be
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("more")
    for name, told in (("home", "1 other file: thesis.tex"), ("file", "found a file")):
        with pytest.raises(OtherFilesError, match=told):
            built(tmp_path / name, [], [])
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"
    assert (tmp_path / "file").read_text() == "more"


@pytest.mark.parametrize("when", ["features", "edges", "meta"])
def test_full_disk_leaves_nothing(tmp_path, monkeypatch, when):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "features":
        monkeypatch.setattr(np.lib.format, "open_memmap", full)
    elif when == "edges":
        monkeypatch.setattr(shutil, "copyfileobj", full)
    else:
        monkeypatch.setattr(build, "json", SimpleNamespace(dumps=full))
    with pytest.raises(OSError, match="No space left"), build_graph(tmp_path / "g") as builder:
        builder.add_node_type("a", 3)
        builder.add_relation(AA)
        builder.add_edges(AA, np.array([0]), np.array([1]))
        builder.create_feature("a", "x", 2)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="no such folder"):
        HeteroGraph.open(tmp_path / "g")


def test_time_column_keeps_no_time(tmp_path):
    with build_graph(tmp_path / "g") as builder:
        builder.add_node_type("a", 2)
        builder.add_column("a", "time", np.array([NO_TIME, 2001], dtype=np.int64))
    assert HeteroGraph.open(tmp_path / "g").node_time("a").tolist() == [NO_TIME, 2001]


@pytest.mark.parametrize("name", ["../../../out", "/out", "a/b", "a\\b", ".", "..", "é\0"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    with build_graph(tmp_path / "deep" / "er" / "store") as builder:
        builder.add_node_type(name, 2)
        builder.add_column(name, name, np.arange(2))
        builder.add_ragged(name, f"{name} text", ["x", "y"])
        builder.create_feature(name, name, 1)[:] = 3
        with pytest.raises(ValueError, match="as its name"):
            builder.add_table(name, np.arange(2))
    graph = HeteroGraph.open(tmp_path / "deep" / "er" / "store")
    graph.verify()
    assert graph.column(name, name).tolist() == [0, 1]
    assert graph.ragged(name, f"{name} text").text(1) == "y"
    assert graph.gather_features(name, np.arange(2), "default").tolist() == [[3], [3]]
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]
    assert [p.name for p in (tmp_path / "deep" / "er").iterdir()] == ["store"]


def test_names_with_dots_keep_their_own_files(tmp_path):
    with build_graph(tmp_path / "store") as builder:
        for node_type, column, values in (("a", "b.c", [1, 2]), ("a.b", "c", [3, 4])):
            builder.add_node_type(node_type, 2)
            builder.add_column(node_type, column, np.array(values))
    graph = HeteroGraph.open(tmp_path / "store")
    assert graph.column("a", "b.c").tolist() == [1, 2]
    assert graph.column("a.b", "c").tolist() == [3, 4]


def test_a_name_too_long_for_a_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at most 100 letters"):
        with build_graph(tmp_path / "store") as builder:
            builder.add_node_type("a", 1)
            builder.add_column("a", "x" * 101, np.arange(1))
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_several_labels(tmp_path):
    labels = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]], dtype=np.uint8)
    with build_graph(tmp_path / "g") as builder:
        builder.add_node_type("a", 5)
        builder.add_column("a", "topics", labels)
        with pytest.raises(ValueError, match="expected 5 values, got 3"):
            builder.add_column("a", "turned", labels.T)
    found = HeteroGraph.open(tmp_path / "g").column("a", "topics")
    assert found.dtype == np.uint8 and np.array_equal(found, labels)
