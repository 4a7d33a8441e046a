"""Which facts a run goes by: a flag before the store, the store before what follows from it."""

from __future__ import annotations

import numpy as np
import pytest

from GPT_GNN.batch.mask import mask_links
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.graph.split import ColumnSplit, RandomSplit, TimeSplit, split_to_dict
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from tests import stores

TASK = GraphFacts("film", ("made",), ColumnSplit("fold", "train"), "plot", "name", "genre")
IN, RATES = ("actor", "in", "film"), ("user", "rates", "song")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return stores.films(tmp_path_factory.mktemp("films") / "store")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The films with facts in the store; no word vectors, which the facts' texts would ask for."""
    graph = stores.films(tmp_path_factory.mktemp("told") / "store")
    graph.meta["facts"]["task"] = TASK.to_dict()
    return graph


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    return stores.ratings(tmp_path_factory.mktemp("ratings") / "store")


def test_the_stores_own_facts(told):
    resolved = resolve_facts(told)
    assert resolved.facts == TASK
    assert set(resolved.origin.values()) == {"store"}
    assert "target film [store]; rel_stop_list made [store]; split by column" in resolved.line()


def test_a_flag_overrides_one_fact_and_leaves_the_others(told):
    resolved = resolve_facts(
        told, split="random:0.4,0.2,0.2,0.2", rel_stop_list="actor:in:film,made", attr_part="cast"
    )
    assert resolved.facts == GraphFacts(
        "film", (":".join(IN), "made"), RandomSplit((0.4, 0.2, 0.2, 0.2)), "cast", "name", "genre"
    )
    origins = {"rel_stop_list": "flag", "split": "flag", "text_part": "flag"}
    assert resolved.origin == dict.fromkeys(resolved.origin, "store") | origins
    assert "text_part cast [flag]" in resolved.line()
    assert resolve_facts(told, rel_stop_list="none").facts.rel_stop_list == ()


def test_the_stores_facts_hold_for_its_target_only(told):
    resolved = resolve_facts(told, target_type="actor")
    assert resolved.facts == GraphFacts("actor", split=RandomSplit())
    assert resolved.origin == dict.fromkeys(resolved.origin, "default") | {"target": "flag"}
    # A column divides nodes: links are divided by chance, and it is said.
    resolved = resolve_facts(told, links=IN)
    assert (resolved.facts.split, resolved.origin["split"]) == (RandomSplit(), "default")


def test_a_graph_that_says_nothing(films, ratings, tmp_path):
    with pytest.raises(ValueError, match=r"--target_type; available: \['film', 'actor', 'studio'"):
        resolve_facts(films)
    assert resolve_facts(films, "film").facts == GraphFacts("film", split=RandomSplit())
    pages = stores.pages(tmp_path / "pages")
    resolved = resolve_facts(pages)
    assert (resolved.facts.target, resolved.origin["target"]) == ("page", "default")
    # Songs by their years, users, who have none, by chance, ratings by their own years.
    by_year = TimeSplit.at_quantiles(ratings.node_time("song"))
    assert resolve_facts(ratings, "song").facts.split == by_year
    assert resolve_facts(ratings, "user").facts.split == RandomSplit()
    by_rating = resolve_facts(ratings, "song", links=RATES).facts.split
    assert by_rating == TimeSplit.at_quantiles(ratings.csr(RATES).time) != by_year


def test_a_stored_split_by_time_holds_for_all_that_has_times(ratings, monkeypatch):
    years = TimeSplit(3, 5, 7)
    stored = {"task": GraphFacts("song", split=years).to_dict()}
    monkeypatch.setitem(ratings.meta, "facts", stored)
    assert resolve_facts(ratings).facts.split == years
    assert resolve_facts(ratings, links=RATES).origin["split"] == "store"
    # Users have no times, their ratings do: pre-training sees those of its years.
    users = resolve_facts(ratings, "user")
    assert (users.facts.split, users.origin["split"]) == (RandomSplit(pretrain_until=3), "store")
    assert users.facts.split.time_max("pretrain") == 3 < users.facts.split.time_max("test")
    assert GraphFacts.from_dict(users.facts.to_dict()) == users.facts
    assert resolve_facts(ratings, "user", split="random").facts.split == RandomSplit()
    assert set(split_to_dict(RandomSplit())) == {"by", "fractions", "seed"}
    backwards = ("song", "rev_rates", "user")
    assert resolve_facts(ratings, "user", links=backwards).facts.split == years


def test_a_stored_split_at_random_holds_for_the_links_of_all_relations(films, monkeypatch):
    drawn = RandomSplit((0.4, 0.2, 0.2, 0.2), seed=3)
    monkeypatch.setitem(films.meta, "facts", {"task": GraphFacts("film", split=drawn).to_dict()})
    for links in (IN, ("film", "has", "actor")):
        resolved = resolve_facts(films, links[2], links=links)
        assert (resolved.facts.split, resolved.origin["split"]) == (drawn, "store")
    assert resolve_facts(films, "actor").facts.split == RandomSplit()


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("time:2,4,6", TimeSplit(2, 4, 6)),
        ("random", RandomSplit()),
        ("random:0,0.5,0.25,0.25", RandomSplit((0, 0.5, 0.25, 0.25))),
        ("column:style", ColumnSplit("style")),
        ("column:style,train", ColumnSplit("style", "train")),
        ("column:style,all", ColumnSplit("style", "all")),
    ],
)
def test_forms_of_a_split(ratings, text, split):
    resolved = resolve_facts(ratings, "song", text)
    assert (resolved.facts.split, resolved.origin["split"]) == (split, "flag")
    time = resolve_facts(ratings, "song", "time").facts.split
    assert time == TimeSplit.at_quantiles(ratings.node_time("song"))


MISTAKES = [
    ("song", {"target_type": "singer"}, r"unknown node type 'singer'; available: \['song'"),
    ("song", {"split": "years"}, "--split years: expected time, time:A,B,C"),
    ("song", {"split": "time:1,2"}, "--split time:1,2: expected time, time:A,B,C"),
    ("song", {"split": "time:3,2,1"}, "--split time:3,2,1: .* expected three ascending bounds"),
    ("song", {"split": "time:a,b,c"}, "--split time:a,b,c: invalid literal"),
    ("user", {"split": "time"}, "--split time: there are no times to divide by"),
    ("song", {"split": "random:1,1,1,1"}, "4 shares that sum to 1"),
    ("song", {"split": "column:fold"}, r"column of 'song': got 'fold', available: \['style', 'ti"),
    ("song", {"split": "column:style,dev"}, r"got 'dev', available: \['all', 'pretrain'"),
    ("song", {"split": "column:style", "links": RATES}, "a column divides nodes"),
    ("song", {"rel_stop_list": "sings"}, r"unknown relation 'sings'; available: \['user:rates"),
    ("user", {"rel_stop_list": "rates"}, r"into 'user'; available: \['song:rev_rates:user'"),
    ("song", {"attr_part": "y"}, r"--attr_part of 'song': got 'y', available: \['x'\]"),
    ("song", {"text_column": "style"}, r"--text_column of 'song': got 'style', available: \[\]"),
    ("song", {"label": "genre"}, r"--label of 'song': got 'genre', available: \['style', 'time'"),
]


@pytest.mark.parametrize(("target", "flags", "message"), MISTAKES)
def test_mistakes(ratings, target, flags, message):
    with pytest.raises(ValueError, match=message):
        resolve_facts(ratings, **{"target_type": target} | flags)


def test_a_column_whose_name_has_a_comma(tmp_path):
    columns = {"my,split": np.arange(6) % 4, "my": np.arange(6) % 4}
    graph = write_graph(tmp_path / "store", {"a": NodeArrays(6, {}, columns)}, {})
    found = {
        text: resolve_facts(graph, "a", f"column:{text}").facts.split
        for text in ("my,split", "my,split,train", "my", "my,all")
    }
    assert list(found.values()) == [
        ColumnSplit("my,split"),
        ColumnSplit("my,split", "train"),
        ColumnSplit("my"),
        ColumnSplit("my", "all"),
    ]


def test_a_column_that_divides_nothing(tmp_path):
    classes = {
        "five": np.arange(6) % 5,
        "below": np.arange(6) - 2,
        "share": np.ones(6),
        "many": np.ones((6, 2), dtype=np.int64),
        "name": ["a"] * 6,
        "good": np.arange(6) % 5 - 1,
    }
    graph = write_graph(tmp_path / "store", {"a": NodeArrays(6, {}, classes)}, {})
    found = ("0 to 4", "-2 to 3", r"float64 of shape \(6,\)", r"int64 of shape \(6, 2\)", "texts")
    for name, message in zip(classes, found, strict=False):
        with pytest.raises(ValueError, match=f"expected 0 to 3 for pretrain.*'{name}'.*{message}"):
            resolve_facts(graph, "a", f"column:{name}")
    assert resolve_facts(graph, "a", "column:good").facts.split == ColumnSplit("good")


def test_a_relation_that_is_never_masked_takes_its_inverse_along(tmp_path):
    """Both are into the target: masking one would hide the same links of the other."""
    links = EdgeArrays(np.array([0, 1, 2]), np.array([1, 2, 3]))
    cites = ("paper", "cites", "paper")
    nodes = {"paper": NodeArrays(5, {"x": np.ones((5, 1))})}
    graph = write_graph(tmp_path / "store", nodes, {cites: links})
    both = ("cites", "paper:rev_cites:paper")
    assert resolve_facts(graph, rel_stop_list="cites").facts.rel_stop_list == both
    written = resolve_facts(graph, rel_stop_list="cites,rev_cites").facts.rel_stop_list
    assert written == ("cites", "rev_cites")
    seeds = {"paper": (np.arange(5), None)}
    subgraph = HGSampler(graph, sample_depth=2, sample_width=9).sample(
        Query(seeds, 0, "pretrain"), derive(0)
    )
    assert len(subgraph.src) == 6
    assert mask_links(subgraph, "paper", both, 1.0, derive(0)).observed.all()
    assert not mask_links(subgraph, "paper", ["cites"], 1.0, derive(0)).observed.all()


def test_a_stored_list_is_checked_and_completed(tmp_path):
    links = EdgeArrays(np.array([0, 1, 2]), np.array([1, 2, 3]))
    nodes = {"paper": NodeArrays(5, {"x": np.ones((5, 1))})}
    edges = {("paper", "cites", "paper"): links}
    graph = write_graph(tmp_path / "half", nodes, edges, GraphFacts("paper", ("cites",)))
    resolved = resolve_facts(graph, rel_stop_list="")
    assert resolved.facts.rel_stop_list == ("cites", "paper:rev_cites:paper")
    assert resolved.origin["rel_stop_list"] == "store"
    with pytest.raises(ValueError, match="rel_stop_list: expected relations into 'paper', got 's"):
        write_graph(tmp_path / "wrong", nodes, edges, GraphFacts("paper", ("cites", "sites")))
    assert not (tmp_path / "wrong").exists()


def test_a_data_set_may_name_relations_that_a_store_of_it_lacks(tmp_path, monkeypatch):
    """No patents, no field of level 5: what is never masked of OAG need not all be there."""
    graph = stores.pages(tmp_path / "store")
    facts = {"task": GraphFacts("page", ("link", "rev_patent")).to_dict()}
    monkeypatch.setitem(graph.meta, "facts", facts)
    assert resolve_facts(graph, rel_stop_list="").facts.rel_stop_list == ("link",)


def test_too_few_times_to_divide(tmp_path):
    graph = stores.ratings(tmp_path / "store")
    same = np.full(50, 3, dtype=np.int32)
    graph.node_time = lambda node_type: same
    with pytest.raises(ValueError, match="at least 4 distinct times, got 1; give --split"):
        resolve_facts(graph, "song")


def test_a_flag_s_bounds_that_leave_splits_empty_are_told(ratings, capsys):
    resolve_facts(ratings, "song", split="time:2,4,6")
    assert capsys.readouterr().out == ""
    resolve_facts(ratings, "song", split="time:2010,2012,2014")
    assert capsys.readouterr().out == (
        "warning: --split time:2010,2012,2014: no time is in train and in valid and in test: the "
        "bounds are 2010, 2012 and 2014, the times from 1 to 8\n"
    )
