"""The index of a batch against a literal walk over its edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import TIME_SPAN, TIME_ZERO, batch_edges, make_batch, to_device
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from tests.made import asked
from tests.sampler.graphs import NODES, random_graph


def check_index(graph, edges, num_relations, node_time):
    """Every field of a BatchGraph from the list of its edges (relation, source, target)."""
    offsets = graph.node_offsets
    src, dst = graph.src.tolist(), graph.dst.tolist()
    assert list(zip(src, dst, strict=True)) == [(s, t) for _, s, t in edges]
    rows = list(dict.fromkeys((r, t) for r, _, t in edges))  # in order of appearance
    assert graph.row_dst.tolist() == [t for _, t in rows]
    assert graph.row_of_edge.tolist() == [rows.index((r, t)) for r, _, t in edges]
    assert len(graph.row_ptr) == len(rows) + 1
    for p, row in enumerate(rows):
        inside = edges[graph.row_ptr[p] : graph.row_ptr[p + 1]]
        assert inside == [(r, s, t) for r, s, t in edges if (r, t) == row]
    assert len(graph.relation_rows) == num_relations + 1
    for r in range(num_relations):
        inside = rows[graph.relation_rows[r] : graph.relation_rows[r + 1]]
        assert inside == [row for row in rows if row[0] == r]
    assert graph.relation_of_row.tolist() == [r for r, _ in rows]
    assert graph.relation_of_edge.tolist() == [r for r, _, _ in edges]
    ends = zip(offsets, offsets[1:], strict=False)
    assert graph.node_type.tolist() == [t for t, (a, b) in enumerate(ends) for _ in range(a, b)]
    assert len(graph.dst_ptr) == graph.num_nodes + 1
    for node in range(graph.num_nodes):
        mine = graph.dst_rows[graph.dst_ptr[node] : graph.dst_ptr[node + 1]].tolist()
        assert sorted(mine) == [p for p, (_, t) in enumerate(rows) if t == node]
    check_keys(graph, edges, num_relations)
    used = set()
    for (_, s, t), packed in zip(edges, graph.edge_time.tolist(), strict=True):
        kind, position = divmod(packed, len(graph.time_index))
        assert offsets[kind] <= s < offsets[kind + 1]
        want = TIME_ZERO
        if node_time is not None and NO_TIME not in (node_time[s], node_time[t]):
            want = min(max(int(node_time[t]) - int(node_time[s]) + 120, 0), 239)
        assert int(graph.time_index[position]) == want
        used.add(want)
    assert graph.time_index.tolist() == sorted(used)


def check_keys(graph, edges, num_relations):
    """Queries, keys and time keys lead back to an edge's ends, over the fewer of its sides."""
    n, num_times = graph.num_nodes, (len(graph.node_offsets) - 1) * len(graph.time_index)
    query_node = [*range(n), *graph.query_nodes.tolist()]
    key_node = [*range(n), *graph.key_nodes.tolist()]
    time_node = [*range(num_times), *graph.time_nodes.tolist()]
    own = zip(graph.edge_query, graph.edge_key, graph.edge_time_key, graph.edge_time, strict=True)
    for (r, s, t), (query, key, time_key, time) in zip(edges, own, strict=True):
        assert (query_node[query], key_node[key], time_node[time_key]) == (t, s, time)
        for number, first, bounds in (
            (query, n, graph.query_offsets),
            (key, n, graph.key_offsets),
            (time_key, num_times, graph.time_offsets),
        ):
            transformed = bounds[r + 1] > bounds[r]
            assert transformed == (number >= first)
            assert not transformed or bounds[r] <= number - first < bounds[r + 1]
        assert (query >= n) != (key >= n)
    for r in range(num_relations):
        mine = [i for i, edge in enumerate(edges) if edge[0] == r]
        sources = len({edges[i][1] for i in mine})
        targets = len({edges[i][2] for i in mine})
        times = len(set(graph.edge_time[mine].tolist()))
        on_sources = sources + times < targets
        rows = [b[r + 1] - b[r] for b in (graph.query_offsets, graph.key_offsets)]
        assert rows == ([0, sources] if on_sources else [targets, 0])
    assert len(graph.key_ptr) == n + len(graph.key_nodes) + 1
    for key in range(len(graph.key_ptr) - 1):
        mine = graph.key_edges[graph.key_ptr[key] : graph.key_ptr[key + 1]]
        assert sorted(mine.tolist()) == np.flatnonzero(graph.edge_key == key).tolist()
        assert (graph.edge_time_key[mine].diff() >= 0).all()


@pytest.mark.parametrize("counts", [(3, 4, 2), (0, 5, 0, 3), (1,), (6, 0), (0, 0)])
@pytest.mark.parametrize("n_edges", [0, 1, 25])
@pytest.mark.parametrize("timed", [True, False])
def test_index_of_random_edges(counts, n_edges, timed):
    rng = derive(n_edges, "batch", *counts)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    n, num_relations = int(offsets[-1]), 4
    n_edges = n_edges if n else 0
    relation = rng.choice([0, 2, 3], n_edges)  # relation 1 has no edge
    src, dst = rng.integers(0, max(n, 1), (2, n_edges))  # some nodes stay lone: no self loops here
    order = np.lexsort((src, dst, relation))
    node_time = rng.choice([1700, 1990, 2000, 2005, 2300, NO_TIME], n) if timed else None
    graph = batch_edges(
        offsets,
        src[order],
        dst[order],
        np.searchsorted(relation[order], np.arange(num_relations + 1)),
        node_time,
    ).index()
    edges = list(zip(relation[order].tolist(), src[order], dst[order], strict=True))
    check_index(graph, edges, num_relations, node_time)


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_sampled_batch_is_its_subgraph_and_a_self_loop_a_node(tmp_path, timed, seed):
    store = random_graph(tmp_path / "store", seed, timed)
    rng = derive(seed, "seeds")
    papers = rng.choice(NODES["paper"], 9, replace=False)
    papers[0] = NODES["paper"] - 1 if NODES["paper"] - 1 not in papers else papers[0]  # lone
    seeds = {"paper": (papers, np.full(9, 2010) if timed else None)}
    subgraph = HGSampler(store, sample_depth=2, sample_width=6).sample(
        Query(seeds, 2010, "pretrain"), rng
    )
    batch = make_batch(store, asked(subgraph, view="default")).index()
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in subgraph.node_ids])])
    edges = []
    for r, (source, _, target) in enumerate(store.edge_types):
        s, t = store.node_types.index(source), store.node_types.index(target)
        for e in range(subgraph.edge_offsets[r], subgraph.edge_offsets[r + 1]):
            edges.append((r, int(subgraph.src[e] + offsets[s]), int(subgraph.dst[e] + offsets[t])))
    num_relations = len(store.edge_types) + 1
    edges += [(num_relations - 1, n, n) for n in range(offsets[-1])]
    node_time = np.concatenate(subgraph.node_times) if timed else None
    check_index(batch.graph, edges, num_relations, node_time)
    assert batch.graph.node_offsets == tuple(offsets.tolist())
    assert [len(x) for x in batch.x] == [len(ids) for ids in subgraph.node_ids]
    for x, part in zip(batch.x, batch.graph.by_type(torch.arange(int(offsets[-1]))), strict=True):
        assert len(x) == len(part)


def test_features_are_those_of_the_nodes_in_the_view_asked_for(toy):
    papers = np.array([5, 300, 2])
    seeds = {"paper": (papers, toy.node_time("paper")[papers])}
    subgraph = HGSampler(toy, sample_depth=2, sample_width=8).sample(
        Query(seeds, 2020, "pretrain"), derive(0)
    )
    found = {view: make_batch(toy, asked(subgraph, view=view)).x for view in toy.views}
    for view, x in found.items():
        for node_type, ids, features in zip(toy.node_types, subgraph.node_ids, x, strict=True):
            for row, node in zip(features.numpy(), ids, strict=True):
                want = toy.gather_features(node_type, np.array([node]), view)[0]
                assert np.array_equal(row, want)
    assert not all(map(torch.equal, found["pretrain"], found["original"]))


def test_time_differences_are_clipped_at_both_ends():
    times = np.array([0, 119, 120, 121, 5000, NO_TIME])
    src, dst = np.repeat(0, 6), np.arange(6)
    graph = batch_edges([0, 6], src, dst, np.array([0, 6]), times).index()
    rows = graph.time_index[graph.edge_time]
    assert rows.tolist() == [120, 239, 239, 239, 239, TIME_ZERO]
    turned = batch_edges(
        [0, 6], np.arange(6), np.zeros(6, dtype=int), np.array([0, 6]), times
    ).index()
    assert turned.time_index[turned.edge_time].tolist() == [120, 1, 0, 0, 0, TIME_ZERO]
    assert TIME_SPAN == 240


def test_to_device_keeps_every_field(toy):
    subgraph = HGSampler(toy, sample_depth=1, sample_width=4).sample(
        Query({"paper": (np.array([1]), np.array([2020]))}, 2020, "pretrain"), derive(0)
    )
    batch = make_batch(toy, subgraph).index()
    moved = to_device(batch, torch.device("cpu"))
    assert type(moved) is type(batch) and moved.graph.node_offsets == batch.graph.node_offsets
    assert all(map(torch.equal, moved.x, batch.x))
    assert torch.equal(moved.graph.dst_rows, batch.graph.dst_rows)
