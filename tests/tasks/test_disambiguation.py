"""Queries, namesakes and loss of author disambiguation against literal loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.tasks import AuthorDisambiguation
from GPT_GNN.tasks.disambiguation import MIN_NAMESAKES
from tests.made import indexed
from tests.oracle.metrics import row_metrics
from tests.tasks.stores import FIRST, OTHER, WRITES, YEARS, coo, hand_made

SPAN = {"train": (2014, 2016), "valid": (2017, 2017), "test": (2018, 9999)}


def disambiguation(graph, **settings):
    return AuthorDisambiguation(graph, OAG.FACTS.split, OAG.paper_author(graph), **settings)


def literal_queries(graph, relations, split, original=False):
    """(name, paper) -> (candidates, true authors), one edge at a time."""
    low, high = SPAN[split]
    until = high if original else {"train": 2013}.get(split, 2016)
    year, names = graph.node_time("paper"), graph.ragged("author", "name")
    edges = {edge for relation in relations for edge in coo(graph, relation)}
    known = {}
    for author, paper in edges:
        if year[paper] <= until:
            known.setdefault(names.text(author), set()).add(author)
    queries = {}
    for author, paper in edges:
        name = names.text(author)
        candidates = known.get(name, set())
        asked = low <= year[paper] <= high and author in candidates
        if name and asked and len(candidates) >= MIN_NAMESAKES:
            queries.setdefault((name, paper), (candidates, set()))[1].add(author)
    return queries


def collated(task, graph, split, items):
    query = task.query(split, items)
    subgraph = HGSampler(graph, sample_depth=2, sample_width=8).sample(query, derive(0))
    return subgraph, indexed(task.collate(split, items, make_batch(graph, subgraph)))


def read_back(task, graph, split, items):
    """The queries of a collated batch: (name, paper) -> (candidates, true authors)."""
    subgraph, data = collated(task, graph, split, items)
    names = graph.ragged("author", "name")
    ids = {}
    for node_type in ("paper", "author"):
        i = graph.node_types.index(node_type)
        start = data.batch.graph.node_offsets[i]
        ids |= {start + k: int(node) for k, node in enumerate(subgraph.node_ids[i])}
    found = {}
    for left, right, query, true in zip(
        data.left.tolist(),
        data.right.tolist(),
        data.query.tolist(),
        data.true.tolist(),
        strict=True,
    ):
        entry = found.setdefault(query, (set(), set(), set(), {}))
        entry[0].add(names.text(ids[right]))
        entry[1].add(ids[left])
        entry[2].add(ids[right])
        if true:
            entry[3][ids[right]] = true
    assert sorted(found) == list(range(len(items)))
    assert data.size.tolist() == [len(found[q][2]) for q in range(len(items))]
    result = {}
    for names_of, papers, candidates, true in found.values():
        (name,), (paper,) = names_of, papers
        assert all(share == np.float32(1 / len(true)) for share in true.values())
        result[name, paper] = (candidates, set(true))
    return result


@pytest.mark.parametrize("split", list(SPAN))
def test_queries_of_the_built_in_graph(toy, split):
    task = disambiguation(toy)
    want = literal_queries(toy, OAG.paper_author(toy), split)
    assert len(task.items(split)) == len(want) > 3
    found = read_back(task, toy, split, task.items(split))
    assert found == want
    year = toy.node_time("paper")
    assert task.times(split).tolist() == [year[paper] for _, paper in found]
    some = task.items(split)[1:4][::-1].copy()  # in any order, any part
    assert read_back(task, toy, split, some).items() <= want.items()


def test_queries_counted_on_paper(tiny):
    task = AuthorDisambiguation(tiny, OAG.FACTS.split, [FIRST, OTHER])
    wang, old = {0, 1, 2, 3}, {0, 1, 3}
    # Paper 2 is not asked: its "y wang", author 2, had not published before.
    assert read_back(task, tiny, "train", task.items("train")) == {
        ("y wang", 4): (old, {1}),
        ("y wang", 5): (old, {0}),
        ("y wang", 6): (old, {3}),
    }
    assert read_back(task, tiny, "valid", task.items("valid")) == {("y wang", 7): (wang, {1})}
    # "a lee" has two authors until 2016, "b kim" never three, and no name is not a name.
    assert read_back(task, tiny, "test", task.items("test")) == {
        ("y wang", 9): (wang, {2}),
        ("y wang", 10): (wang, {0, 2}),  # two true namesakes on one paper
        ("y wang", 11): (wang, {3}),
    }
    published = AuthorDisambiguation(tiny, OAG.FACTS.split, [FIRST, OTHER], original_protocol=True)
    found = read_back(published, tiny, "test", published.items("test"))
    assert found["a lee", 9] == ({4, 5, 6}, {5, 6})
    for split in SPAN:
        want = literal_queries(tiny, [FIRST, OTHER], split, original=True)
        assert read_back(published, tiny, split, published.items(split)) == want


def literal_loss(h, head, data):
    """Cross-entropy over each query's candidates / log(number), one query at a time."""
    weight, bias, losses = head.linear.weight, head.linear.bias, []
    for query in range(len(data.size)):
        rows = [k for k in range(len(data.query)) if int(data.query[k]) == query]
        scores = []
        for k in rows:
            author, paper = weight @ h[data.right[k]] + bias, h[data.left[k]]
            scores.append(float(author @ paper / author.norm() / paper.norm()) / 0.1)
        log_total = math.log(sum(math.exp(s) for s in scores))
        true = [i for i, k in enumerate(rows) if data.true[k] > 0]
        loss = -sum(scores[i] - log_total for i in true) / len(true)
        losses.append(loss / math.log(len(rows)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("which", ["toy", "tiny"])
def test_loss_and_scores_by_literal_loops(which, request):
    graph = request.getfixturevalue(which)
    task = AuthorDisambiguation(
        graph, OAG.FACTS.split, OAG.paper_author(graph) if which == "toy" else [FIRST, OTHER]
    )
    split = "test"  # in the small store with two true namesakes
    _, data = collated(task, graph, split, task.items(split)[:25])
    torch.manual_seed(0)
    head, h = task.head(6).eval(), torch.randn(data.batch.graph.num_nodes, 6)
    with torch.no_grad():
        assert float(task.loss(head, h, data)) == pytest.approx(
            literal_loss(h, head, data), rel=1e-4
        )
        got = task.scores(head, h, data)
        scores = head(h[data.right], h[data.left]).numpy()
    for query in range(len(data.size)):
        part = data.query.numpy() == query
        want = row_metrics(scores[part], (data.true.numpy()[part] > 0).astype(float))
        assert np.allclose((got["ndcg"][query], got["mrr"][query]), want)


def test_most_frequent_is_the_literal_count(toy):
    task, relations = disambiguation(toy), OAG.paper_author(toy)
    year = toy.node_time("paper")
    edges = {edge for relation in relations for edge in coo(toy, relation)}
    papers = [0] * toy.num_nodes("author")
    for author, paper in edges:
        papers[author] += year[paper] <= 2016
    queries = read_back(task, toy, "test", task.items("test"))
    got = task.most_frequent("test")
    for i, (candidates, true) in enumerate(queries.values()):
        order = sorted(candidates)
        want = row_metrics(
            np.array([papers[a] for a in order]), np.array([float(a in true) for a in order])
        )
        assert np.allclose((got["ndcg"][i], got["mrr"][i]), want)


def test_batches_mix_names_and_hold_each_query_once(toy):
    task = disambiguation(toy)
    every = set(task.items("train").tolist())
    for n in (1, 8, len(every) + 50):
        drawn = task.draw(n, derive(n)).tolist()
        assert len(set(drawn)) == len(drawn) <= n
        assert set(drawn) <= every
    drawn = task.draw(8, derive(3))
    names = [name for name, _ in read_back(task, toy, "train", drawn)]
    assert len(drawn) == 8 and max(map(names.count, names)) <= 2  # at most a quarter of one name


def test_the_share_of_names(toy):
    def asked(split, **settings):
        task = disambiguation(toy, **settings)
        return set(read_back(task, toy, split, task.items(split)))

    for split in ("train", "valid"):
        everything = asked(split)
        first, again, other = (asked(split, fraction=0.5, seed=seed) for seed in (0, 0, 1))
        assert first == again != other and first < everything
        names = {name for name, _ in everything}
        kept = {name for name, _ in first}
        assert len(kept) == max(1, int(len(names) * 0.5))
        assert first == {query for query in everything if query[0] in kept}
    assert asked("test") == asked("test", fraction=0.5)


@pytest.mark.parametrize("fraction", [0, 1.5])
def test_share_out_of_range(toy, fraction):
    with pytest.raises(ValueError, match=r"data_percentage: expected a value in"):
        disambiguation(toy, fraction=fraction)


@pytest.mark.parametrize("split", list(SPAN))
def test_a_split_without_queries_is_named(tmp_path, split):
    low, high = SPAN[split]
    writes = {
        relation: [(a, p) for a, p in edges if not low <= YEARS[p] <= high or a > 6]
        for relation, edges in WRITES.items()
    }
    graph = hand_made(tmp_path / "store", writes=writes)
    with pytest.raises(ValueError, match=f"no ambiguous name in the {split} split"):
        AuthorDisambiguation(graph, OAG.FACTS.split, [FIRST, OTHER])
