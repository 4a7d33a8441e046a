"""Hidden edges leave no trace: not in the sample, not in the budgets, not in the random stream."""

import tracemalloc

import numpy as np
import pytest

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from tests.oracle import hgsampling as oracle
from tests.sampler.graphs import (
    CITE,
    FIELD,
    NODES,
    SAME,
    VENUE,
    WRITES,
    build,
    random_edges,
    same_subgraph,
)

SEEDS = {
    "paper": (np.array([9, 0, 30]), np.array([2004, 2006, 2008])),
    "author": (np.array([1]), np.array([2004])),
}
HELD_OUT = derive(0, "held out").random(NODES["paper"]) < 0.5
FIELDS = derive(1, "fields").random(NODES["field"]) < 0.8
MASKS = {
    FIELD: (HELD_OUT, FIELDS),
    ("venue", "rev_in", "paper"): (None, HELD_OUT),
    CITE: (HELD_OUT, HELD_OUT),
}


def masked(edge_type, src, dst):
    """Which edges the masks hide, from their definition."""
    if edge_type == FIELD:
        return HELD_OUT[src] & FIELDS[dst]
    if edge_type == VENUE:
        return HELD_OUT[src]
    if edge_type == CITE:
        return HELD_OUT[src] & HELD_OUT[dst]
    return np.zeros(len(src), dtype=bool)


def rewired(edges, seed):
    """The same visible edges; hidden ones replaced by other, and more, hidden ones."""
    rng, out = derive(seed, "rewire"), {}
    for edge_type, (src, dst, time) in edges.items():
        keep = ~masked(edge_type, src, dst)
        new = [rng.integers(0, NODES[edge_type[0]], 300), rng.integers(0, NODES[edge_type[2]], 300)]
        hit = masked(edge_type, *new)
        new = [new[0][hit], new[1][hit], rng.integers(2000, 2012, int(hit.sum()))]
        out[edge_type] = [
            np.concatenate([a[keep], b]) for a, b in zip((src, dst, time), new, strict=True)
        ]
    return out


def without(edges):
    return {
        t: [column[~masked(t, src, dst)] for column in (src, dst, time)]
        for t, (src, dst, time) in edges.items()
    }


def samples(graph, hidden, n=25, width=4):
    sampler = HGSampler(graph, sample_depth=3, sample_width=width)
    return [sampler.sample(Query(SEEDS, 2008, "pretrain", hidden), derive(4, i)) for i in range(n)]


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("width", [4, 1000])
def test_changing_hidden_edges_changes_nothing(tmp_path, timed, width):
    edges = random_edges(3)
    graphs = [build(tmp_path / "a", edges, timed)]
    graphs += [build(tmp_path / f"b{i}", rewired(edges, i), timed) for i in range(2)]
    bare = build(tmp_path / "c", without(edges), timed)
    runs = [samples(graph, HiddenEdges(graph, MASKS), width=width) for graph in graphs]
    runs.append(samples(bare, None, width=width))
    for run in runs[1:]:
        assert all(map(same_subgraph, runs[0], run))
    visible = samples(graphs[0], None, width=width)
    assert not any(map(same_subgraph, runs[0], visible))


def test_hidden_edges_are_in_no_sample(timed_graph):
    csr = timed_graph.csr(WRITES)
    some = derive(2).permutation(len(csr.indices))[:70]
    same = timed_graph.csr(SAME)
    pairs = {
        WRITES: (csr.indices[some], csr.targets()[some]),
        SAME: (same.indices[:40], same.targets()[:40]),
    }
    banned = oracle.hidden_set(timed_graph, MASKS, pairs)
    hidden = HiddenEdges(timed_graph, MASKS, pairs)
    open_runs, runs = samples(timed_graph, None), samples(timed_graph, hidden)
    assert any(banned & oracle.as_sample(timed_graph, s).edges.keys() for s in open_runs)
    assert not any(banned & oracle.as_sample(timed_graph, s).edges.keys() for s in runs)


def test_hides_does_not_walk_through_all_pairs(tmp_path):
    """A batch asks for a few edges, a task hides millions."""
    n, edge_type = 2000, ("a", "to", "b")
    none = EdgeArrays(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    nodes = {"a": NodeArrays(n), "b": NodeArrays(n)}
    graph = write_graph(tmp_path / "store", nodes, {edge_type: none})
    src, dst = np.divmod(np.arange(n * n), n)
    odd = (src + dst) % 2 == 1
    hidden = HiddenEdges(graph, pairs={edge_type: (src[odd], dst[odd])})
    tracemalloc.start()
    got = hidden.hides(edge_type, src[:100], dst[:100])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(got, odd[:100])
    assert peak < 1e5  # of the 16 MB of pairs; np.isin would copy all of them


def test_hides_agrees_with_the_definition(timed_graph):
    csr = timed_graph.csr(WRITES)
    pairs = {WRITES: (csr.indices[::3], csr.targets()[::3])}
    banned = oracle.hidden_set(timed_graph, MASKS, pairs)
    hidden = HiddenEdges(timed_graph, MASKS, pairs)
    for e, edge_type in enumerate(timed_graph.edge_types):
        csr = timed_graph.csr(edge_type)
        ends = zip(csr.indices.tolist(), csr.targets().tolist(), strict=True)
        want = [(e, source, target) in banned for source, target in ends]
        assert hidden.hides(edge_type, csr.indices, csr.targets()).tolist() == want


def test_hidden_pairs_equal_a_graph_without_them(tmp_path):
    edges = random_edges(4)
    src, dst, time = edges[WRITES]
    gone = derive(6).random(len(src)) < 0.5
    gone = np.isin(src * 1000 + dst, (src * 1000 + dst)[gone])  # duplicates with their twins
    full = build(tmp_path / "full", edges)
    bare = build(tmp_path / "bare", edges | {WRITES: [src[~gone], dst[~gone], time[~gone]]})
    expected = samples(bare, None)
    turned = {("paper", "written_by", "author"): (dst[gone], src[gone])}
    for hidden in (
        HiddenEdges(full, pairs={WRITES: (src[gone], dst[gone])}),
        HiddenEdges(full, pairs=turned),
        HiddenEdges(full, pairs={WRITES: (src[gone][:9], dst[gone][:9])}).with_pairs(turned),
        HiddenEdges(full).with_pairs(turned),
    ):
        assert all(map(same_subgraph, samples(full, hidden), expected))


def test_with_pairs_adds_to_the_masks_and_leaves_the_first_alone(timed_graph):
    first = HiddenEdges(timed_graph, MASKS)
    before = samples(timed_graph, first)
    csr = timed_graph.csr(WRITES)
    both = first.with_pairs({WRITES: (csr.indices, csr.targets())})
    assert both.arrays.masks is first.arrays.masks
    assert all(len(s.src[s.edges(WRITES)]) == 0 for s in samples(timed_graph, both))
    assert all(map(same_subgraph, samples(timed_graph, first), before))
    assert any(len(s.src[s.edges(WRITES)]) for s in before)


def test_masks_of_both_directions_add_up(timed_graph):
    """A mask named on the inverse does not replace the one named on the relation."""
    few = np.arange(NODES["paper"]) < 30
    masks = {VENUE: (few, None), ("venue", "rev_in", "paper"): (None, ~few)}
    hidden = HiddenEdges(timed_graph, masks)
    for s in samples(timed_graph, hidden, n=5, width=100):
        assert len(s.src[s.edges(VENUE)]) == len(s.src[s.edges(("venue", "rev_in", "paper"))]) == 0
    everything = HiddenEdges(timed_graph, {t: (None, None) for t in timed_graph.edge_types})
    assert all(len(s.src) == 0 for s in samples(timed_graph, everything, n=3))


def test_hidden_of_another_graph(timed_graph, untimed_graph, tmp_path, monkeypatch):
    monkeypatch.setitem(NODES, "ghost", 1)
    larger = build(tmp_path / "larger", random_edges(0))
    for other in (untimed_graph, larger):
        with pytest.raises(ValueError, match="hidden belongs to another graph"):
            samples(timed_graph, HiddenEdges(other))


def test_bad_hidden(timed_graph):
    with pytest.raises(ValueError, match="unknown edge type"):
        HiddenEdges(timed_graph, {("paper", "near", "paper"): (None, None)})
    with pytest.raises(ValueError, match="expected a bool mask of 60 paper nodes"):
        HiddenEdges(timed_graph, {FIELD: (np.zeros(59, dtype=bool), None)})
    with pytest.raises(ValueError, match="expected a bool mask"):
        HiddenEdges(timed_graph, {FIELD: (np.arange(60), None)})
    with pytest.raises(ValueError, match=r"field ids in \[0, 12\), got 12 .. 12"):
        HiddenEdges(timed_graph, pairs={FIELD: (np.array([0]), np.array([12]))})
    with pytest.raises(ValueError, match="2 source ids, 1 target ids"):
        HiddenEdges(timed_graph, pairs={FIELD: (np.array([0, 1]), np.array([2]))})
