"""The compiled sampler against its literal twin: in distribution; exactly if nothing is drawn."""

from collections import Counter

import numpy as np
import pytest

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from tests.oracle import hgsampling as oracle
from tests.sampler.graphs import FIELD, NODES, VENUE, WRITES, random_graph

TIME_MAX = 2008


def hiding():
    """Masks on both ends, on one end, and pairs."""
    rng = derive(5, "hiding")
    papers, fields = rng.random(NODES["paper"]) < 0.5, rng.random(NODES["field"]) < 0.7
    masks = {FIELD: (papers, fields), ("venue", "rev_in", "paper"): (None, papers)}
    pairs = {WRITES: (rng.integers(0, 38, 400), rng.integers(0, 20, 400))}
    return masks, pairs


def frequencies(samples):
    """How often each (type, id, time) and each edge is in a sample."""
    counts = Counter()
    for sample in samples:
        counts.update((t, *item) for t, nodes in sample.nodes.items() for item in nodes.items())
        counts.update(sample.edges.keys())
    return counts


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("depth, width, hide", [(1, 3, False), (3, 4, False), (2, 5, True)])
def test_inclusion_frequencies(tmp_path, timed, depth, width, hide):
    graph = random_graph(tmp_path / "store", depth, timed)
    masks, pairs = hiding() if hide else ({}, {})
    hidden = HiddenEdges(graph, masks, pairs)
    lists = oracle.edge_lists(graph, oracle.hidden_set(graph, masks, pairs))
    time = 2005 if timed else NO_TIME
    seeds = {"paper": [(7, time), (0, time)], "author": [(3, time)]}
    as_arrays = {
        t: tuple(np.array(column) for column in zip(*s, strict=True)) for t, s in seeds.items()
    }
    sampler, rng, n = (
        HGSampler(graph, sample_depth=depth, sample_width=width),
        derive(1, "oracle"),
        2500,
    )
    ours = frequencies(
        oracle.as_sample(
            graph, sampler.sample(Query(as_arrays, TIME_MAX, "pretrain", hidden), derive(2, i))
        )
        for i in range(n)
    )
    theirs = frequencies(
        oracle.sample(graph, lists, depth, width, seeds, TIME_MAX, rng) for _ in range(n)
    )
    both = {key: ours[key] + theirs[key] for key in ours | theirs}
    assert not [k for k, c in both.items() if c >= 40 and 0 in (ours[k], theirs[k])]
    keys = [k for k, c in both.items() if 40 <= c < 2 * n]
    assert len(keys) > 100
    p = np.array([both[k] for k in keys]) / (2 * n)
    difference = np.array([ours[k] - theirs[k] for k in keys]) / n
    z = difference / np.sqrt(2 * p * (1 - p) / n)
    assert np.abs(z).max() < 5.0, keys[int(np.abs(z).argmax())]
    assert 0.7 < np.std(z) < 1.4


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_exact_when_nothing_is_drawn(tmp_path, timed, hide, seed):
    graph = random_graph(tmp_path / "store", seed, timed)
    masks, pairs = hiding() if hide else ({}, {})
    lists = oracle.edge_lists(graph, oracle.hidden_set(graph, masks, pairs))
    time = 2003 if timed else NO_TIME
    seeds = {"author": [(seed, time), (1 + seed, time)], "field": [(2, time)]}
    as_arrays = {
        t: tuple(np.array(column) for column in zip(*s, strict=True)) for t, s in seeds.items()
    }
    for depth in range(4):
        expected = oracle.sample(graph, lists, depth, 1000, seeds, TIME_MAX, derive(0))
        subgraph = HGSampler(graph, sample_depth=depth, sample_width=1000).sample(
            Query(as_arrays, TIME_MAX, "pretrain", HiddenEdges(graph, masks, pairs)), derive(0)
        )
        found = oracle.as_sample(graph, subgraph)
        for node_type in graph.node_types:  # ids, their order and their times
            assert list(found.nodes[node_type].items()) == list(expected.nodes[node_type].items())
        assert found.edges == expected.edges


def test_draw_follows_squared_budgets(tmp_path):
    """One paper, cited works of known budgets: P(first draw) = budget^2 / sum of budget^2."""
    with build_graph(tmp_path / "store") as builder:
        builder.add_node_type("a", 1)
        builder.add_node_type("b", 4)
        for name, sources in (("w", [0, 1, 2, 3]), ("x", [0, 1]), ("y", [0])):
            builder.add_relation(("b", name, "a"))
            builder.add_edges(("b", name, "a"), np.array(sources), np.zeros(len(sources), int))
    graph = HeteroGraph.open(tmp_path / "store")
    # Width 1: each relation draws one edge, so every drawn one weighs 1.
    sampler, n = HGSampler(graph, sample_depth=1, sample_width=1), 20000
    first = [
        sampler.sample(Query({"a": (np.array([0]), None)}, 0, "pretrain"), derive(i))
        for i in range(n)
    ]
    share = np.bincount([int(s.node_ids[1][0]) for s in first], minlength=4) / n
    expected = np.zeros(4)
    for w in range(4):
        for x in range(2):
            score = np.bincount([w, x, 0], minlength=4).astype(float) ** 2
            expected += score / score.sum() / 8
    sigma = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(share - expected) < 4.5 * sigma).all()


def test_edges_are_the_induced_ones(timed_graph):
    """Whatever was drawn, the edges are exactly the induced ones."""
    masks, pairs = hiding()
    lists = oracle.edge_lists(timed_graph, oracle.hidden_set(timed_graph, masks, pairs))
    hidden = HiddenEdges(timed_graph, masks, pairs)
    sampler = HGSampler(timed_graph, sample_depth=3, sample_width=6)
    for i in range(60):
        seeds = {VENUE[2]: (np.array([i % 3]), np.array([2001]))}
        found = oracle.as_sample(
            timed_graph, sampler.sample(Query(seeds, TIME_MAX, "pretrain", hidden), derive(i))
        )
        assert found.edges == oracle.induced(timed_graph, lists, found.nodes, TIME_MAX)
