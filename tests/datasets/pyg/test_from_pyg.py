"""PyG's data objects to a store and back: nothing lost, nothing guessed in silence."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData, TemporalData
from torch_geometric.transforms import ToUndirected

from GPT_GNN import from_pyg, to_pyg
from GPT_GNN.batch.mask import mask_links
from GPT_GNN.builder.times import TimeBins
from GPT_GNN.datasets.pyg.target import split_numbers
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import ColumnSplit, RandomSplit, TimeSplit
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query

WRITES, REV = ("author", "writes", "paper"), ("paper", "rev_writes", "author")
CITES = ("paper", "cites", "paper")


def academic(seed=0, papers=40, authors=25):
    """Papers with features, classes, times and titles, authors without features."""
    rng = derive(seed, "data")
    data = HeteroData()
    data["paper"].x = torch.from_numpy(rng.normal(size=(papers, 6)).astype(np.float32))
    data["paper"].y = torch.from_numpy(rng.integers(0, 3, papers))
    data["paper"].year = torch.from_numpy(rng.integers(2000, 2010, (papers, 1)))
    data["paper"].title = [f"on topic {rng.integers(5)} again" for _ in range(papers)]
    data["author"].num_nodes = authors
    ends = rng.integers(0, [[authors], [papers]], (2, 80))
    data[WRITES].edge_index = torch.from_numpy(ends)
    data[CITES].edge_index = torch.from_numpy(np.unique(rng.integers(0, papers, (2, 60)), axis=1))
    return data


def pairs(edge_index):
    return set(map(tuple, np.asarray(edge_index).T.tolist()))


def test_there_and_back(tmp_path):
    data = academic()
    graph = from_pyg(data, tmp_path / "g", target="paper")
    back = to_pyg(graph)
    assert torch.equal(back["paper"].x, data["paper"].x)
    assert torch.equal(back["paper"].y, data["paper"].y)
    assert torch.equal(back["paper"].year, data["paper"].year[:, 0])
    assert back["paper"].title == data["paper"].title
    assert back["author"].num_nodes == 25 and "x" not in back["author"]
    for edge_type in (WRITES, CITES):
        assert pairs(back[edge_type].edge_index) == pairs(data[edge_type].edge_index)
    assert pairs(back[REV].edge_index) == pairs(data[WRITES].edge_index.flip(0))
    again = from_pyg(back, tmp_path / "again", target="paper")
    assert again.schema == graph.schema and np.array_equal(again.edges, graph.edges)


def test_masks_survive(tmp_path):
    data = academic()
    for i, name in enumerate(("train_mask", "val_mask", "test_mask")):
        data["paper"][name] = torch.arange(40) % 4 == i
    graph = from_pyg(data, tmp_path / "g")
    facts = GraphFacts.stored(graph)
    assert facts.split == ColumnSplit("split", "all") and facts.label == "y"
    assert facts.split.nodes(graph, "paper", "valid").tolist() == list(range(1, 40, 4))
    assert len(facts.split.nodes(graph, "paper", "pretrain")) == 40
    back = to_pyg(graph)["paper"]
    assert torch.equal(back.val_mask, data["paper"].val_mask) and "pretrain_mask" not in back


def test_split_numbers():
    train, valid = np.array([True, False, False]), np.array([False, False, True])
    assert split_numbers({"train": train, "valid": valid}).tolist() == [1, -1, 2]
    with pytest.raises(ValueError, match="node 0 is in train and in test"):
        split_numbers({"train": train, "test": train})


def test_without_a_validation_mask_a_fifth_of_training_validates(tmp_path):
    data = academic()
    data["paper"].train_mask = torch.arange(40) < 20
    data["paper"].test_mask = torch.arange(40) >= 20
    graph = from_pyg(data, tmp_path / "g", seed=1)
    split = GraphFacts.stored(graph).split
    train, valid = (split.nodes(graph, "paper", name) for name in ("train", "valid"))
    assert len(train) == 16 and len(valid) == 4
    assert sorted([*train, *valid]) == list(range(20))
    other = from_pyg(data, tmp_path / "h", seed=2)
    assert split.nodes(other, "paper", "valid").tolist() != valid.tolist()


def test_times_of_nodes_reach_their_edges_and_the_split(tmp_path):
    data = academic()
    graph = from_pyg(data, tmp_path / "g", target="paper", time="year")
    year = data["paper"].year[:, 0].numpy()
    assert np.array_equal(graph.node_time("paper"), year)
    cites = graph.csr(CITES)
    assert np.array_equal(cites.time, np.maximum(year[cites.indices], year[cites.targets()]))
    writes = graph.csr(WRITES)
    assert np.array_equal(writes.time, year[writes.targets()])
    assert isinstance(GraphFacts.stored(graph).split, TimeSplit)


def test_times_of_edges_in_seconds(tmp_path):
    data = academic()
    moments = torch.arange(80) * 40 * 86400
    graph = from_pyg(
        data,
        tmp_path / "g",
        target="paper",
        time={WRITES: moments},
        time_bins=TimeBins("seconds", "months"),
    )
    assert set(graph.csr(WRITES).time) <= set(range(110)) and graph.csr(CITES).time is None
    assert graph.facts["time_bins"] == {"unit": "seconds", "bin": "months"}
    with pytest.raises(ValueError, match="too far apart for years"):
        from_pyg(data, tmp_path / "h", target="paper", time={WRITES: moments})


def test_texts_become_features_and_words(tmp_path):
    graph = from_pyg(
        academic(), tmp_path / "g", target="paper", text={"paper": "title"}, text_dim=4
    )
    assert graph.feature_parts("paper") == {"x": slice(0, 6), "text": slice(6, 10)}
    facts = GraphFacts.stored(graph)
    assert (facts.text_part, facts.text_column) == ("text", "text")
    assert "topic" in graph.words()


def test_degrees_of_a_type_without_features(tmp_path):
    data = academic()
    graph = from_pyg(data, tmp_path / "g", target="paper", degrees=["author"])
    count = np.bincount(data[WRITES].edge_index[0], minlength=25)
    found = graph.gather_features("author", np.arange(25), "pretrain")
    np.testing.assert_allclose(found, np.log1p(count)[:, None], rtol=1e-6)


def test_degrees_know_no_edge_of_later(tmp_path):
    data = academic()
    split = TimeSplit(2004, 2006, 2008)
    graph = from_pyg(
        data, tmp_path / "g", target="paper", time="year", split=split, degrees=["author"]
    )
    author, paper = data[WRITES].edge_index.numpy()
    early = data["paper"].year[:, 0].numpy()[paper] <= 2004
    found = graph.gather_features("author", np.arange(25), "pretrain")[:, 0]
    np.testing.assert_allclose(found, np.log1p(np.bincount(author[early], minlength=25)), rtol=1e-6)


def test_identities_tell_nodes_apart(tmp_path):
    graph = from_pyg(
        academic(papers=300), tmp_path / "g", target="paper", identities=["author", "paper"]
    )
    few = graph.gather_features("author", np.arange(25), "pretrain")
    assert np.array_equal(few, np.eye(25))
    many = graph.gather_features("paper", np.arange(300), "pretrain")[:, 6:]
    cosine = many @ many.T / np.linalg.norm(many, axis=1) ** 2
    assert many.shape == (300, 128) and np.abs(cosine - np.diag(np.diag(cosine))).max() < 0.6


def test_degrees_go_by_the_times_that_the_store_has(tmp_path):
    """An untimed inverse is as late as its twin says, not as early as its ends."""
    data = academic()
    rated = torch.full((80,), 2009)
    data["paper", "by", "author"].edge_index = data[WRITES].edge_index.flip(0)
    graph = from_pyg(
        data,
        tmp_path / "g",
        target="paper",
        time={"paper": "year", WRITES: rated},
        split=TimeSplit(2008, 2009, 2010),
        degrees=["author"],
    )
    assert not graph.gather_features("author", np.arange(25), "pretrain").any()


def test_word_vectors_are_of_the_seed(tmp_path):
    vectors = [
        from_pyg(
            academic(), tmp_path / str(i), target="paper", text={"paper": "title"}, seed=seed
        ).table("word_vectors")
        for i, seed in enumerate((1, 1, 2))
    ]
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])


def test_classes_of_some_nodes_only(tmp_path, capsys):
    data = academic()
    data["author"].y, data["author"].y_index = torch.tensor([2, 0]), torch.tensor([7, 3])
    graph = from_pyg(data, tmp_path / "g", target="author")
    column = graph.column("author", "y")
    assert (column[7], column[3]) == (2, 0) and (np.delete(column, [3, 7]) == -1).all()
    assert "'author': y" not in capsys.readouterr().out  # it is read


def test_several_classes_a_node(tmp_path):
    data = academic()
    data["paper"].y = (torch.rand(40, 3) > 0.5).float()
    graph = from_pyg(data, tmp_path / "g")
    assert np.array_equal(graph.column("paper", "y"), data["paper"].y.numpy())


def plain(seed=0, n=30, undirected=True):
    rng = derive(seed, "plain")
    data = Data(
        x=torch.from_numpy(rng.normal(size=(n, 4)).astype(np.float32)),
        edge_index=torch.from_numpy(rng.integers(0, n, (2, 50))),
        y=torch.from_numpy(rng.integers(0, 2, n)),
    )
    return ToUndirected()(data) if undirected else data


def test_one_type_of_nodes_one_symmetric_relation(tmp_path):
    data = plain()
    graph = from_pyg(data, tmp_path / "g")
    assert graph.edge_types == (("node", "to", "node"),) and graph.schema.inverse == (0,)
    assert pairs(to_pyg(graph)["node", "to", "node"].edge_index) == pairs(data.edge_index)
    facts = GraphFacts.stored(graph)
    assert (facts.target, facts.label, facts.split) == ("node", "y", RandomSplit(seed=0))


def test_one_type_of_nodes_one_directed_relation(tmp_path):
    graph = from_pyg(plain(undirected=False), tmp_path / "g")
    assert [relation for _, relation, _ in graph.edge_types] == ["to", "rev_to"]


def test_self_loops_and_parallel_edges(tmp_path):
    data = Data(x=torch.ones(3, 1), edge_index=torch.tensor([[0, 0, 1, 1, 2], [0, 1, 0, 0, 2]]))
    graph = from_pyg(data, tmp_path / "g")
    assert pairs(to_pyg(graph)["node", "to", "node"].edge_index) == {
        *[(0, 0), (0, 1), (1, 0), (2, 2)]
    }


def test_a_data_with_types(tmp_path):
    data = plain(undirected=False)
    data.node_type = (torch.arange(30) >= 20).long()
    data.edge_type = torch.zeros(50, dtype=torch.long)
    data.edge_index = torch.stack([data.edge_index[0] % 20, 20 + data.edge_index[1] % 10])
    graph = from_pyg(data, tmp_path / "g", target="0")
    assert graph.node_types == ("0", "1") and graph.num_nodes("1") == 10


def test_no_masked_edge_shows_in_its_twin(tmp_path):
    """A schema with both directions under names of its own, as HGB's DBLP has."""
    data = academic()
    both = ("paper", "to", "author")
    data[both].edge_index = data[WRITES].edge_index.flip(0)
    graph = from_pyg(data, tmp_path / "g", target="paper")
    assert graph.schema.inverse_of(WRITES) == both
    papers = np.arange(40)
    sampler = HGSampler(graph, sample_depth=2, sample_width=100)
    subgraph = sampler.sample(
        Query({"paper": (papers, None)}, 2**31 - 1, "pretrain"), derive(0, "sample")
    )
    masked = mask_links(subgraph, "paper", (), 0.5, derive(0, "mask"))
    offsets = subgraph.edge_offsets
    seen = {}
    for edge_type in (WRITES, both):
        i = graph.schema.edge_type_id(edge_type)
        part = slice(offsets[i], offsets[i + 1])
        ids = [
            subgraph.node_ids[graph.schema.node_type_id(end)][local[part]]
            for end, local in ((edge_type[0], subgraph.src), (edge_type[2], subgraph.dst))
        ]
        kept = masked.observed[part]
        assert 0 < kept.sum() < len(kept)
        seen[edge_type] = pairs(np.stack(ids)[:, kept])
    assert seen[both] == {(dst, src) for src, dst in seen[WRITES]}


def test_a_relation_without_edges(tmp_path):
    data = academic()
    data["paper", "about", "topic"].edge_index = torch.tensor([])
    data["topic"].num_nodes = 0
    graph = from_pyg(data, tmp_path / "g", target="paper")
    assert graph.num_edges(("paper", "about", "topic")) == 0 and graph.num_nodes("topic") == 0


def two_targets(data):
    data["author"].y = torch.zeros(25, dtype=torch.long)


def wrong_mask(data):
    data["paper"].train_mask = torch.arange(3)


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (two_targets, {}, r"\['paper', 'author'\] have a label 'y'; expected target="),
        (None, {"target": "book"}, "no node type 'book'; available: .*'paper'"),
        (None, {"time": "when"}, "no node type and no edge type has an attribute 'when'"),
        (None, {"time": {"venue": "year"}}, "time: unknown type venue"),
        (None, {"time": {"paper": "when"}}, "paper: no attribute 'when'; available: .*'year'"),
        (None, {"time": {"paper": [1, 2]}}, "paper times: expected 40 values"),
        (None, {"text": {"paper": "year"}}, "text of 'paper': expected 40 strings"),
        (None, {"text": {"paper": ["a"]}}, "text of 'paper': expected 40 strings, found 1"),
        (None, {"inverse": {("a", "b", "c"): "d"}}, "inverse or multigraph: unknown type"),
        (None, {"degrees": ["venue"]}, "degrees or identities: unknown type venue"),
        (wrong_mask, {}, r"train_mask of 'paper': expected \[40\] booleans, found int64"),
    ],
)
def test_mistakes_leave_nothing(tmp_path, change, settings, message):
    data = academic()
    if change:
        change(data)
    with pytest.raises(ValueError, match=message):
        from_pyg(data, tmp_path / "g", **settings)
    assert list(tmp_path.iterdir()) == []


def test_missing_times(tmp_path):
    data = academic()
    data["paper"].year = torch.where(torch.arange(40) == 0, float("nan"), 2000.0)
    data["paper"].year[1:5] = torch.tensor([2001.0, 2002, 2003, 2004])
    graph = from_pyg(data, tmp_path / "g", target="paper", time="year")
    assert graph.node_time("paper")[0] == NO_TIME


def test_an_attribute_called_time(tmp_path):
    """A store's own name: raw values must not take the place of the bins."""
    data = academic()
    data["paper"].time = torch.arange(40) * 40 * 86400
    bins = TimeBins("seconds", "months")
    graph = from_pyg(data, tmp_path / "g", target="paper", time="time", time_bins=bins)
    assert np.array_equal(graph.node_time("paper"), bins(data["paper"].time.numpy()))
    split = GraphFacts.stored(graph).split
    assert all(len(split.nodes(graph, "paper", s)) for s in ("pretrain", "train", "valid", "test"))


def test_times_that_no_setting_asks_for_are_left_out(tmp_path, capsys):
    data = academic()
    data["paper"].time = torch.arange(40) * 10**6
    graph = from_pyg(data, tmp_path / "g", target="paper")
    assert graph.node_time("paper") is None and not any(graph.schema.timed)
    assert "'paper': time left out" in capsys.readouterr().out


def test_a_timed_store_there_and_back(tmp_path):
    graph = from_pyg(academic(), tmp_path / "g", target="paper", time="year")
    back = to_pyg(graph)
    again = from_pyg(back, tmp_path / "h", target="paper", time="time")
    assert np.array_equal(again.edges, graph.edges) and again.schema == graph.schema
    assert np.array_equal(again.node_time("paper"), graph.node_time("paper"))


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (torch.tensor([True, False] * 20), [1, 0]),
        (torch.tensor([2.0, float("nan")] * 20), [2, -1]),
        (torch.tensor([[1.0], [0.0]] * 20), [1, 0]),
        (torch.tensor([3, 1] * 20, dtype=torch.int8), [3, 1]),
    ],
)
def test_classes_of_any_kind_of_number(tmp_path, y, expected):
    data = academic()
    data["paper"].y = y
    graph = from_pyg(data, tmp_path / "g")
    column = graph.column("paper", "y")
    assert column[:2].tolist() == expected and column.dtype.kind == "i"


def half_classes(data):
    data["paper"].y = torch.full((40,), 0.5)


def only_test(data):
    data["paper"].test_mask = torch.arange(40) < 3


def far_index(data):
    data["author"].y, data["author"].y_index = torch.tensor([1]), torch.tensor([99])


def far_edge(data):
    data[WRITES].edge_index[0, 0] = 99


def wordless(data):
    data["paper"].title = [""] * 40


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (half_classes, {}, "label of 'paper': expected whole numbers in 'y'"),
        (only_test, {}, "'paper' has test_mask: expected train_mask too"),
        (far_index, {"target": "paper"}, r"y_index of 'author': expected an id in \[0, 25\)"),
        (far_edge, {"degrees": ["author"]}, r"expected author ids in \[0, 25\), got .* 99"),
        (wordless, {"text": {"paper": "title"}}, r"text \('title'\) of 'paper': expected words"),
        (None, {"label": "clas"}, "label of 'paper': expected 'clas' to be numbers, available: "),
        (None, {"label": "title"}, "label of 'paper': expected 'title' to be numbers"),
    ],
)
def test_more_mistakes_leave_nothing(tmp_path, change, settings, message):
    data = academic()
    if change:
        change(data)
    with pytest.raises(ValueError, match=message):
        from_pyg(data, tmp_path / "g", **{"target": "paper"} | settings)
    assert list(tmp_path.iterdir()) == []


def test_odd_attributes_do_not_stop_it(tmp_path, capsys):
    data = academic()
    data["paper"].version, data["paper"].notes = torch.tensor(3), [1, "a"] * 20
    data["author"].x = torch.ones(25, 2, dtype=torch.bfloat16)
    graph = from_pyg(data, tmp_path / "g", target="paper")
    assert graph.feature_dim("author") == 2
    said = capsys.readouterr().out
    assert "'paper': version left out: neither an array" in said and "notes left out" in said


def test_a_unit_per_type(tmp_path):
    """Films have years, ratings seconds; both come to years."""
    data = academic()
    seconds = torch.arange(80) * 86400 * 40 + 10**9  # from September 2001 on
    rules = {"paper": TimeBins("years"), WRITES: TimeBins("seconds")}
    times = {"paper": torch.full((40,), 2001), WRITES: seconds}
    graph = from_pyg(
        data, tmp_path / "g", target="paper", time=times, time_bins=rules, split=RandomSplit()
    )
    want = seconds.numpy().astype("M8[s]").astype("M8[Y]").astype(int) + 1970
    assert sorted(set(graph.csr(WRITES).time.tolist())) == sorted(set(want.tolist()))
    assert graph.facts["time_bins"] == {
        "unit": {"paper": "years", "author:writes:paper": "seconds"},
        "bin": "years",
    }
    with pytest.raises(ValueError, match="times of 'paper' from 2001 to 2001, .*'author:writes"):
        from_pyg(data, tmp_path / "h", target="paper", time=times)


def late(data):
    data["paper"].year[7] = 20051


def unknown_year(data):
    data["paper"].year[7] = 0


YEARS = TimeBins("years")


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (
            late,
            {"time_bins": YEARS},
            "paper times, entry 7: .* got 20051, .* unknown time is",
        ),
        (unknown_year, {}, "times of 'paper', entry 7: .* got 0; if it means unknown: NaN"),
        (None, {"time_bins": {"book": YEARS}}, "time_bins: unknown type book"),
        (
            None,
            {"time_bins": {"paper": YEARS, WRITES: TimeBins("seconds", "days")}},
            r"time_bins: expected one bin for all types, got \['days', 'years'\]",
        ),
    ],
)
def test_times_beyond_reason(tmp_path, change, settings, message):
    data = academic()
    if change:
        change(data)
    with pytest.raises(ValueError, match=message):
        from_pyg(data, tmp_path / "g", target="paper", time="year", **settings)
    assert list(tmp_path.iterdir()) == []


def test_every_attribute_of_edges_gets_a_line(tmp_path, capsys):
    data = academic()
    data[WRITES].rating, data[WRITES].rated_at = torch.ones(80), torch.arange(80) + 1950
    data[WRITES].edge_attr, data[WRITES].note = torch.ones(80, 2), "from a form"
    from_pyg(data, tmp_path / "g", target="paper", time={"paper": "year"})
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert said == [
        f"note: {WRITES}: rating left out: no encoder reads it",
        f"note: {WRITES}: rated_at left out: time={{{WRITES}: 'rated_at'}} would read it as times",
        f"note: {WRITES}: edge_attr left out: no encoder reads it",
        f"note: {WRITES}: note left out: no encoder reads it",
        "note: author:writes:paper: 2 of 80 edges repeat a link: they are kept once",
    ]
    graph = from_pyg(
        data, tmp_path / "h", target="paper", time={WRITES: "rated_at", "paper": "year"}
    )
    assert "rated_at" not in capsys.readouterr().out and graph.csr(WRITES).time.max() == 2029


def test_attributes_of_nodes_that_nothing_reads(tmp_path, capsys):
    data = academic()
    data["author"].train_mask, data["paper"].train_mask = torch.ones(25) > 0, torch.ones(40) > 0
    data.source = "a survey"
    from_pyg(data, tmp_path / "g", target="paper")
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert said == [
        "note: source left out: it belongs to no node type and no edge type",
        "note: 'paper': year is a column, no time: time={'paper': 'year'} would read it as times",
        "note: 'author': train_mask left out: it does not divide the target's nodes here",
        "note: author:writes:paper: 2 of 80 edges repeat a link: they are kept once",
    ]
    from_pyg(data, tmp_path / "h", target="paper", split=RandomSplit())
    assert "'paper': train_mask left out" in capsys.readouterr().out


def test_masks_and_classes_of_no_node(tmp_path, capsys):
    data = academic()
    data["paper"].y = torch.full((40,), -1)
    data["paper"].train_mask = data["paper"].val_mask = torch.zeros(40, dtype=torch.bool)
    from_pyg(data, tmp_path / "g", target="paper")
    said = capsys.readouterr().out
    assert "warning: split column 'split' of 'paper': all 40 nodes are in no split" in said
    assert "warning: label 'y' of 'paper': all 40 nodes are without a class" in said


def test_events(tmp_path, capsys):
    """PyG's TemporalData, of as many events as nodes."""
    events = TemporalData(
        src=torch.arange(10) % 5,
        dst=torch.arange(10) % 5 + 5,
        t=torch.arange(10),
        msg=torch.rand(10, 3),
    )
    graph = from_pyg(events, tmp_path / "g")
    said = capsys.readouterr().out
    assert "t left out: time={('node', 'to', 'node'): 't'} would" in said and "msg left" in said
    assert graph.num_nodes("node") == 10 and not any(graph.schema.timed)
    timed = from_pyg(events, tmp_path / "h", time="t", split=RandomSplit())
    assert sorted(timed.csr(("node", "to", "node")).time.tolist()) == [0, 1, 2, 3, 4]


def test_a_class_that_is_not_known(tmp_path, capsys):
    data = academic()
    data["paper"].y = data["paper"].y.float()
    data["paper"].y[5] = data["paper"].y[9] = float("nan")
    from_pyg(data, tmp_path / "g")
    said = capsys.readouterr().out
    assert "label 'y' of 'paper' is NaN for 2 of 40 nodes, the first of them node 5" in said
    data["paper"].y = torch.zeros(40, 3)
    data["paper"].y[6, 1] = float("nan")
    with pytest.raises(ValueError, match="label 'y' of 'paper': .* for node 6"):
        from_pyg(data, tmp_path / "h")
    data["paper"].y = torch.zeros(40)
    data["paper"].y[3] = float("inf")
    with pytest.raises(ValueError, match="expected whole numbers in 'y', got inf for node 3"):
        from_pyg(data, tmp_path / "h")
    assert not (tmp_path / "h").exists()


@pytest.mark.parametrize("setting", ["edge_time_attr", "time_attr", "labels"])
def test_settings_that_there_are_not(tmp_path, setting):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{setting}'"):
        from_pyg(plain(), tmp_path / "g", **{setting: "t"})
    assert list(tmp_path.iterdir()) == []
