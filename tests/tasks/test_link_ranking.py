"""Link ranking: division, candidates, baseline and scores by literal loops."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import SPLITS, ColumnSplit, RandomSplit, TimeSplit
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.tasks import LinkRanking, NodeClassification, link_ranking
from GPT_GNN.tasks.held_out import held_out_edges
from GPT_GNN.tasks.links import WrongSources, divide_links
from tests.made import indexed
from tests.oracle.metrics import row_hits, row_metrics

SPLIT_NAMES = ("train", "valid", "test")
RATES = ("user", "rates", "film")
FRIEND = ("user", "friend", "user")
YEARS = TimeSplit(2013, 2016, 2017)


def features(n, seed):
    return {"x": np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)}


def ratings(path, src=None, dst=None, users=40, films=12):
    """Users who rate films, without times."""
    rng = np.random.default_rng(0)
    if src is None:
        links = np.unique(rng.integers(0, [users, films], (160, 2)), axis=0)
        src, dst = links.T
    nodes = {"user": NodeArrays(users, features(users, 1)), "film": NodeArrays(films)}
    return write_graph(path, nodes, {RATES: EdgeArrays(np.asarray(src), np.asarray(dst))})


def friends(path, users=60):
    """A symmetric relation with links of nodes to themselves and a lone node, the last."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, users - 1, (2, 150))
    a, b = np.append(a, [3, 4]), np.append(b, [3, 4])
    edges = EdgeArrays(np.append(a, b), np.append(b, a), inverse="friend")
    return write_graph(path, {"user": NodeArrays(users, features(users, 1))}, {FRIEND: edges})


# (user, film, year): user 1 rates film 0 again later, users 6 and 7 come in 2017 and 2019.
RATED = [
    (0, 0, 2010),
    (1, 0, 2014),
    (1, 0, 2018),
    (2, 1, 2012),
    (3, 1, 2015),
    (4, 0, 2017),
    (6, 1, 2017),
    (5, 1, 2018),
    (7, 0, 2019),
    (2, 0, 2016),
]
JOINED = [2009, 2010, 2010, 2011, 2012, 2013, 2017, 2019]


def timed(path, rated=RATED):
    src, dst, year = np.array(rated).T
    nodes = {
        "user": NodeArrays(8, features(8, 1), time=np.array(JOINED, dtype=np.int32)),
        "film": NodeArrays(2, features(2, 2)),
    }
    edges = EdgeArrays(src, dst, year.astype(np.int32), multigraph=True)
    return write_graph(path, nodes, {RATES: edges}, times_declared=True)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return ratings(tmp_path_factory.mktemp("films") / "store")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return friends(tmp_path_factory.mktemp("people") / "store")


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    return timed(tmp_path_factory.mktemp("years") / "store")


CASES = {
    "films": (RATES, RandomSplit()),
    "people": (FRIEND, ColumnSplit()),
    "years": (RATES, YEARS),
}


@pytest.fixture(params=list(CASES))
def case(request):
    """A graph, one of its relations and a split."""
    return request.getfixturevalue(request.param), *CASES[request.param]


def pairs_of(graph, relation):
    """Every (source, target), one by one."""
    csr = graph.csr(relation)
    return {
        (int(s), t)
        for t in range(len(csr.indptr) - 1)
        for s in csr.indices[csr.indptr[t] : csr.indptr[t + 1]]
    }


def collated(task, split, items, depth=2, width=8):
    query = task.query(split, items)
    sampler = HGSampler(task.graph, sample_depth=depth, sample_width=width)
    subgraph = sampler.sample(query, derive(0))
    return subgraph, indexed(task.collate(split, items, make_batch(task.graph, subgraph)))


def asked(task, split, items=None):
    """The queries of a collated batch, read back: [(target, true source, candidates)]."""
    items = task.items(split) if items is None else items
    subgraph, data = collated(task, split, items)
    ids = {}
    for i, node_type in enumerate(task.graph.node_types):
        start = data.batch.graph.node_offsets[i]
        ids |= {start + k: (node_type, int(n)) for k, n in enumerate(subgraph.node_ids[i])}
    queries = []
    for q in range(len(items)):
        rows = [k for k in range(len(data.query)) if int(data.query[k]) == q]
        (target,) = {ids[int(data.left[k])] for k in rows}
        candidates = [ids[int(data.right[k])] for k in rows]
        assert target[0] == task.relation[2] and {t for t, _ in candidates} == {task.relation[0]}
        assert len(rows) == int(data.size[q])
        (true,) = [ids[int(data.right[k])][1] for k in rows if data.true[k] == 1]
        assert sum(float(data.true[k]) for k in rows) == 1
        queries.append((target[1], true, [node for _, node in candidates]))
    return queries


def test_a_division_by_time_counted_on_paper(years):
    task = LinkRanking(years, YEARS, RATES)
    found = {split: {q[:2] for q in asked(task, split)} for split in SPLIT_NAMES}
    assert found == {
        "train": {(0, 1), (0, 2), (1, 3)},  # the second rating of film 0 by user 1 is no new link
        "valid": {(0, 4), (1, 6)},
        "test": {(1, 5), (0, 7)},
    }
    assert task.times("test").tolist() == [2019, 2018]
    # Who joins in 2017 is no wrong candidate of training, who joins in 2019 one of test only.
    candidates = {split: {c for q in asked(task, split) for c in q[2]} for split in SPLIT_NAMES}
    assert 6 not in candidates["train"] and 7 not in candidates["train"] | candidates["valid"]
    assert [task.query(split, task.items(split)).time_max for split in SPLIT_NAMES] == [
        2016,
        2017,
        2019,
    ]


@pytest.mark.parametrize("which", ["films", "people"])
def test_a_random_division(which, request):
    graph, relation = request.getfixturevalue(which), CASES[which][0]
    links = divide_links(graph, relation, RandomSplit())
    assert set(zip(links.source.tolist(), links.target.tolist(), strict=True)) == pairs_of(
        graph, relation
    )
    split = dict(
        zip(
            zip(links.source.tolist(), links.target.tolist(), strict=True), links.split, strict=True
        )
    )
    if which == "people":
        assert all(split[s, t] == split[t, s] for s, t in split)
    back = divide_links(graph, graph.schema.inverse_of(relation), RandomSplit())
    for s, t, number in zip(back.source, back.target, back.split, strict=True):
        assert split[int(t), int(s)] == number  # whichever direction is named
    other = divide_links(graph, relation, RandomSplit(seed=1))
    assert (other.split != links.split).any()


def test_the_shares_of_a_random_division(tmp_path):
    rng = np.random.default_rng(0)
    graph = ratings(tmp_path / "store", *rng.integers(0, [200, 500], (30000, 2)).T, 200, 500)
    for split in (RandomSplit(), RandomSplit((0.2, 0.2, 0.3, 0.3), seed=1)):
        number = divide_links(graph, RATES, split).split
        pretrain, *shares = np.bincount(number, minlength=4) / len(number)
        train, valid, test = split.fractions[0] + split.fractions[1], *split.fractions[2:]
        assert pretrain == 0 and shares == pytest.approx([train, valid, test], abs=0.01)


@pytest.mark.parametrize("which", ["films", "people"])
def test_a_link_keeps_its_split_when_others_are_appended(which, request, tmp_path):
    graph, relation = request.getfixturevalue(which), CASES[which][0]
    rng = np.random.default_rng(5)
    node_types = (relation[0], relation[2])
    sizes = [graph.num_nodes(node_type) + 3 for node_type in node_types]
    nodes = {t: NodeArrays(3, features(3, 2) if t == "user" else {}) for t in node_types}
    more = EdgeArrays(*rng.integers(0, sizes, (90, 2)).T)
    new = append_arrays(graph, tmp_path / "new", nodes, {relation: more})
    old, new = (divide_links(g, relation, RandomSplit()) for g in (graph, new))
    ends = [(x.target << 32) | x.source for x in (old, new)]
    assert len(ends[1]) > len(ends[0])
    assert np.array_equal(new.split[np.isin(ends[1], ends[0])], old.split)


def follows(path):
    """A directed relation in which nearly every link goes both ways."""
    rng = np.random.default_rng(0)
    a, b = np.unique(rng.integers(0, 60, (150, 2)), axis=0).T
    src, dst = np.append(a, b[5:]), np.append(b, a[5:])
    edges = EdgeArrays(src, dst, inverse="rev_follows")
    nodes = {"user": NodeArrays(60, features(60, 1))}
    return write_graph(path, nodes, {("user", "follows", "user"): edges})


def test_the_way_back_of_an_asked_link_is_hidden_with_it(tmp_path):
    """In a graph that is almost symmetric it would tell the answer."""
    relation = ("user", "follows", "user")
    graph = follows(tmp_path / "store")
    links = divide_links(graph, relation, RandomSplit())
    ends = zip(links.source.tolist(), links.target.tolist(), strict=True)
    split = dict(zip(ends, links.split.tolist(), strict=True))
    both = [(s, t) for s, t in split if (t, s) in split and s != t]
    assert len(both) > 100 and all(split[s, t] == split[t, s] for s, t in both)
    task = LinkRanking(graph, RandomSplit(), relation, 6)
    for name in SPLIT_NAMES:
        items = task.items(name)[::2]
        subgraph, _ = collated(task, name, items, depth=4, width=200)
        seen = in_sample(graph, subgraph, relation)
        asked_links = {(int(links.source[k]), int(links.target[k])) for k in items[:, 0]}
        assert seen and not seen & {(t, s) for s, t in asked_links}


@pytest.mark.parametrize("num_candidates", [2, 7, 1000])
def test_candidates_by_literal_loops(case, num_candidates):
    """A source is wrong unless a link that the split may know says otherwise."""
    graph, relation, split = case
    task = LinkRanking(graph, split, relation, num_candidates)
    linked, links = pairs_of(graph, relation), divide_links(graph, relation, split)
    ends = list(zip(links.source.tolist(), links.target.tolist(), strict=True))
    later = {"train": ("valid", "test"), "valid": ("test",), "test": ()}
    drawn_later = set()
    for name in SPLIT_NAMES:
        numbers = [SPLITS.index(other) for other in later[name]]
        unknown = {ends[k] for k in np.flatnonzero(np.isin(links.split, numbers))}
        until = task.query(name, task.items(name)).time_max
        time = graph.node_time(relation[0])
        sources = range(graph.num_nodes(relation[0]))
        there = {s for s in sources if time is None or time[s] <= until}
        for target, true, candidates in asked(task, name):
            wrong = {s for s in there if (s, target) not in linked - unknown}
            wrong -= {target} if relation[0] == relation[2] else set()
            assert (true, target) in linked and true != (target if relation == FRIEND else None)
            assert set(candidates) - {true} <= wrong
            assert len(set(candidates)) == len(candidates) == min(num_candidates, len(wrong) + 1)
            assert candidates == sorted(candidates)  # no place tells the true one
            drawn_later |= {name for s in candidates if s != true and (s, target) in unknown}
    if num_candidates == 1000:
        assert drawn_later == {"train", "valid"}


def by_chance(path, timed):
    """Links of pure chance between 60 users and 60 films, of which four in ten are linked."""
    rng = np.random.default_rng(0)
    src, dst = np.nonzero(rng.random((60, 60)) < 0.4)
    years = rng.integers(2009, 2021, len(src)).astype(np.int32) if timed else None
    nodes = {"user": NodeArrays(60), "film": NodeArrays(60)}
    return write_graph(path, nodes, {RATES: EdgeArrays(src, dst, years)}, times_declared=True)


def wrong_draws(task, name, items):
    """(source, target) of every wrong candidate of some queries, as often as it is drawn."""
    row, candidate = task._candidates(name, items)
    link = items[row, 0]
    target, true = task._links.target[link], task._links.source[link]
    return np.stack([candidate, target], axis=1)[candidate != true]


@pytest.mark.parametrize("split", [RandomSplit(), YEARS], ids=["random", "time"])
def test_held_out_links_are_drawn_as_often_as_others(tmp_path, split):
    graph = by_chance(tmp_path / "store", timed=split is YEARS)
    task = LinkRanking(graph, split, RATES, 20)
    links = task._links
    held_out = np.zeros((60, 60), dtype=bool)
    later = links.of_split(SPLITS.index("valid"), SPLITS.index("test"))
    held_out[links.source[later], links.target[later]] = True
    free = np.ones((60, 60), dtype=bool)
    free[links.source, links.target] = False
    items = np.concatenate([task.draw(10**6, derive(step)) for step in range(5)])
    drawn = wrong_draws(task, "train", items)
    share = held_out[drawn[:, 0], drawn[:, 1]].mean()
    of_target = held_out.sum(0) / (held_out | free).sum(0)
    expected = of_target[links.target[items[:, 0]]].mean()
    assert share == pytest.approx(expected, abs=0.01) and expected > 0.1


@pytest.mark.parametrize("split", [RandomSplit(), YEARS], ids=["random", "time"])
def test_what_training_draws_tells_nothing_of_links_by_chance(tmp_path, split):
    """A learner that knows the draws alone ranks links of pure chance no better than chance."""
    graph = by_chance(tmp_path / "store", timed=split is YEARS)
    task = LinkRanking(graph, split, RATES, 20)
    seen = np.zeros((60, 60))
    for step in range(5):
        np.subtract.at(seen, tuple(wrong_draws(task, "train", task.draw(10**6, derive(step))).T), 1)
    items = task.items("test")[:140]
    row, candidate = task._candidates("test", items)
    score = seen[candidate, task._links.target[items[row, 0]]]
    mine = score[candidate == task._links.source[items[row, 0]]]
    above, ties = (
        np.bincount(row, weights=other) for other in (score > mine[row], score == mine[row])
    )
    reciprocal = 1 / (1 + above + (ties - 1) / 2)
    chance = np.mean([1 / rank for rank in range(1, 21)])  # 0.18
    assert np.mean(reciprocal) == pytest.approx(chance, abs=0.05)


def test_only_trainings_candidates_change(people):
    first, other = (LinkRanking(people, ColumnSplit(), FRIEND, 5, seed=s) for s in (0, 1))
    for split in ("valid", "test"):
        assert asked(first, split) == asked(other, split)  # runs of all seeds are asked the same
    one, two = (first.draw(10**6, derive(step)) for step in (0, 1))
    assert sorted(one[:, 0]) == sorted(two[:, 0]) == sorted(first.items("train")[:, 0])
    drawn = [{q[:2]: q[2] for q in asked(first, "train", items)} for items in (one, two)]
    assert drawn[0].keys() == drawn[1].keys() and drawn[0] != drawn[1]
    assert len(first.draw(3, derive(0))) == 3


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_wrong_sources_are_drawn_evenly(tmp_path, seed, loops):
    """From a few links of a target to all of them, whichever way they are drawn."""
    rng = np.random.default_rng(seed)
    target_type = "user" if loops else "film"
    relation = ("user", "likes", target_type)
    likes = np.argwhere(rng.random((40, 30)) < rng.random(30) ** 3)  # (user, target)
    nodes = {"user": NodeArrays(40), "film": NodeArrays(30)}
    edges = EdgeArrays(*likes.T, inverse="rev_likes")
    graph = write_graph(tmp_path / "store", nodes, {relation: edges})
    wrong = WrongSources(graph, relation, divide_links(graph, relation, RandomSplit()), ())
    pool = np.flatnonzero(rng.random(40) < 0.8)
    counts = wrong.count(pool)
    for target in range(30):
        left = set(pool.tolist()) - set(likes[likes[:, 1] == target, 0].tolist())
        left -= {target} if loops else set()
        assert counts[target] == len(left)
        assert set(wrong.draw(target, pool, 99, rng).tolist()) == left
        if target < 3 and len(left) > 1:
            drawn = [wrong.draw(target, pool, 2, rng).tolist() for _ in range(400)]
            assert all(len(set(pair)) == 2 and set(pair) <= left for pair in drawn)
            expected = 800 / len(left)
            times = np.bincount(np.concatenate(drawn), minlength=40)[sorted(left)]
            assert np.abs(times - expected).max() < 6 * np.sqrt(expected) + 1


def in_sample(graph, subgraph, relation):
    """The (source, target) of a relation that a sample holds."""
    part = slice(*subgraph.edge_offsets[graph.edge_types.index(relation) :][:2])
    ends = []
    for node_type, local in ((relation[0], subgraph.src), (relation[2], subgraph.dst)):
        ids = subgraph.node_ids[graph.node_types.index(node_type)]
        ends.append(ids[local[part]].tolist())
    return set(zip(*ends, strict=True))


def test_scores_and_loss_by_literal_loops(case):
    graph, relation, split = case
    task = LinkRanking(graph, split, relation, 30)
    _, data = collated(task, "test", task.items("test"))
    torch.manual_seed(0)
    head, h = task.head(6).eval(), torch.randn(data.batch.graph.num_nodes, 6)
    with torch.no_grad():
        got, loss = task.scores(head, h, data), float(task.loss(head, h, data))
        scores = head(h[data.right], h[data.left]).numpy()
    losses, true = [], data.true.numpy()
    for q in range(len(data.size)):
        part = data.query.numpy() == q
        want = (*row_metrics(scores[part], true[part]), row_hits(scores[part], true[part], 10))
        assert [got[name][q] for name in task.metric_names] == pytest.approx(want)
        p = np.exp(scores[part].astype(float))
        losses.append(-np.log(p[true[part] > 0].sum() / p.sum()) / np.log(part.sum()))
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)
    means = task.metrics(got)
    assert means["hits@10"] == got["hits@10"].mean() and means["items"] == len(data.size)


def test_the_baseline_counts_the_links_that_are_never_hidden(case):
    graph, relation, split = case
    task = LinkRanking(graph, split, relation, 9)
    links = divide_links(graph, relation, split)
    degree = dict.fromkeys(range(graph.num_nodes(relation[0])), 0)
    for s, number in zip(links.source.tolist(), links.split.tolist(), strict=True):
        degree[s] += number not in (2, 3)
    baseline = task.most_frequent("test")
    for q, (_, true, candidates) in enumerate(asked(task, "test")):
        relevance = np.array([float(c == true) for c in candidates])
        scores = np.array([degree[c] for c in candidates])
        want = (*row_metrics(scores, relevance), row_hits(scores, relevance, 10))
        assert [baseline[name][q] for name in task.metric_names] == pytest.approx(want)


def test_the_baseline_holds_some_candidates_at_a_time(people, monkeypatch):
    task = LinkRanking(people, ColumnSplit(), FRIEND, 9)
    whole, candidates, held = task.most_frequent("test"), task._candidates, []

    def watched_candidates(split, items):
        row, candidate = candidates(split, items)
        held.append(len(candidate))
        return row, candidate

    monkeypatch.setattr(link_ranking, "_CANDIDATES_AT_ONCE", 50)
    monkeypatch.setattr(task, "_candidates", watched_candidates)
    parts = task.most_frequent("test")
    assert len(held) > 2 and max(held) <= 50
    assert all(np.array_equal(parts[name], whole[name]) for name in whole)


def test_the_share_of_links(people):
    whole, part, again, other = (
        LinkRanking(people, ColumnSplit(), FRIEND, 5, fraction=f, seed=s)
        for f, s in ((1.0, 0), (0.5, 0), (0.5, 0), (0.5, 1))
    )
    for split in ("train", "valid"):
        every, half = (set(task.items(split)[:, 0].tolist()) for task in (whole, part))
        assert half < every and len(half) == len(every) // 2
        assert np.array_equal(part.items(split), again.items(split))
        assert not np.array_equal(part.items(split), other.items(split))
    assert np.array_equal(part.items("test"), whole.items("test"))


def test_the_record_of_a_run(films):
    assert LinkRanking(films, RandomSplit(), RATES, 7).describe() == {
        "task": "LinkRanking",
        "relations": ["user -> rates -> film"],
        "num_candidates": 7,
    }


AT_RANDOM = RandomSplit()
WARNS = "warning: .*the feature part 'degree' of 'user' counts links user:rates:film that this run"


@pytest.mark.parametrize(
    ("timed", "of_store", "of_task", "warns"),
    [
        (False, AT_RANDOM, AT_RANDOM, True),
        (True, AT_RANDOM, AT_RANDOM, True),
        (True, AT_RANDOM, YEARS, True),  # the store's degrees are of all years
        (True, YEARS, YEARS, False),
        (True, YEARS, TimeSplit(2008, 2010, 2011), True),
    ],
)
def test_degrees_that_count_held_out_links(tmp_path, capsys, timed, of_store, of_task, warns):
    rng = np.random.default_rng(0)
    src, dst = np.nonzero(rng.random((30, 30)) < 0.4)
    years = rng.integers(2009, 2021, len(src)).astype(np.int32) if timed else None
    came_out = np.full(30, 2000, dtype=np.int32) if timed else None
    nodes = {"user": NodeArrays(30), "film": NodeArrays(30, features(30, 0), time=came_out)}
    facts, edges = GraphFacts("film", split=of_store), {RATES: EdgeArrays(src, dst, years)}
    path, degrees = tmp_path / "store", ["user"]
    graph = write_graph(path, nodes, edges, facts, times_declared=True, degrees=degrees)
    plain = write_graph(tmp_path / "plain", nodes, edges, facts, times_declared=True)
    capsys.readouterr()
    LinkRanking(plain, of_task, RATES, 5)
    assert "degree" not in capsys.readouterr().out
    LinkRanking(graph, of_task, RATES, 5)
    assert bool(re.search(WARNS, capsys.readouterr().out)) == warns


def test_degrees_that_count_what_pretraining_or_a_class_task_hides(tmp_path, capsys):
    rng = np.random.default_rng(0)
    src, dst = np.nonzero(rng.random((30, 30)) < 0.4)
    nodes = {"user": NodeArrays(30), "film": NodeArrays(30, features(30, 0))}
    facts, edges = GraphFacts("film"), {RATES: EdgeArrays(src, dst)}
    graph = write_graph(tmp_path / "store", nodes, edges, facts, degrees=["user"])
    for run in (
        lambda: NodeClassification(graph, AT_RANDOM, [RATES]),
        lambda: held_out_edges(graph, facts, "", hide_links=("rates",), hide_classes=()),
        lambda: held_out_edges(graph, facts, "", hide_links=(), hide_classes=("rates",)),
    ):
        capsys.readouterr()
        run()
        assert len(re.findall(WARNS, capsys.readouterr().out)) == 1


def test_mistakes(tmp_path, films, years):
    with pytest.raises(ValueError, match="unknown edge type .*'likes'.*available"):
        LinkRanking(films, RandomSplit(), ("user", "likes", "film"))
    with pytest.raises(ValueError, match="num_candidates: expected a value in"):
        LinkRanking(films, RandomSplit(), RATES, num_candidates=1)
    with pytest.raises(ValueError, match="no published protocol ranks links"):
        LinkRanking(films, RandomSplit(), RATES, original_protocol=True)
    with pytest.raises(ValueError, match="the test split has no link user:rates:film to ask for"):
        LinkRanking(years, TimeSplit(2013, 2016, 2030), RATES)
    everyone = ratings(tmp_path / "all", np.arange(400), np.zeros(400, dtype=int), 400, films=1)
    with pytest.raises(ValueError, match="the test split has no link user:rates:film to ask for"):
        LinkRanking(everyone, RandomSplit(), RATES)  # nobody is left to be a wrong candidate
