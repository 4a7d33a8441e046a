"""A trimmed batch gives the rows that were asked for, and reads no more than these depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch import trim as trim_module
from GPT_GNN.batch.batch import Batch, make_batch, to_device
from GPT_GNN.batch.pipeline import seed_rows
from GPT_GNN.batch.trim import TrimmedBatch, trim
from GPT_GNN.conv import CONVS
from GPT_GNN.model.gnn import GNN
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from tests.batch.test_batch import check_keys
from tests.oracle.trim import needed
from tests.sampler.graphs import NODES, random_graph

WIDTH = 5
LOCAL = [name for name in CONVS if name != "han"]


@pytest.fixture(autouse=True)
def always_worth_it(monkeypatch):
    monkeypatch.setattr(trim_module, "MAX_EDGE_SHARE", 1.0)


def batch_of(path, seed, timed=True, lone=True):
    """A batch of random features: the store, its subgraph and the whole batch."""
    store = random_graph(path / "store", seed, timed, n_edges=60)
    rng = derive(seed, "seeds")
    papers = rng.choice(NODES["paper"] - 2, 6, replace=False)
    papers[0] = NODES["paper"] - 1 if lone else papers[0]
    seeds = {"paper": (papers, np.full(6, 2010) if timed else None)}
    subgraph = HGSampler(store, sample_depth=4, sample_width=5).sample(
        Query(seeds, 2010, "default"), rng
    )
    batch = make_batch(store, subgraph)
    x = tuple(
        torch.from_numpy(rng.normal(size=(len(ids), WIDTH)))  # float64
        for ids in subgraph.node_ids
    )
    return store, subgraph, replace(batch, x=x)


def encoder_of(store, name, n_layers=2):
    torch.manual_seed(0)
    dims = {node_type: WIDTH for node_type in store.node_types}
    heads = {"n_heads": 2} if name in ("hgt", "gat", "han") else {}
    settings = {"conv_name": name, "n_hid": 8, "n_layers": n_layers, "dropout": 0.0, **heads}
    return GNN(store.schema, dims, **settings).double()


def edges_of(graph):
    return list(
        zip(
            graph.relation_of_edge.tolist(),
            graph.src.tolist(),
            graph.dst.tolist(),
            strict=True,
        )
    )


def results(encoder, batch, rows, weight):
    """Rows of some nodes, and the gradients that they give."""
    encoder.zero_grad()
    torch.manual_seed(1)  # of the time table's dropout, in training
    x = tuple(part.clone().requires_grad_() for part in batch.x)
    h = encoder(replace(batch, x=x))
    (h[rows] * weight).sum().backward()
    grads = {n: p.grad for n, p in encoder.named_parameters() if p.grad is not None}
    return {"h": h[rows].detach(), **grads, **{f"x{i}": part.grad for i, part in enumerate(x)}}


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("n_layers", [0, 1, 2, 3])
@pytest.mark.parametrize("name", LOCAL)
def test_rows_and_gradients_are_those_of_the_whole_batch(tmp_path, name, n_layers, timed):
    store, subgraph, batch = batch_of(tmp_path, 0, timed)
    encoder = encoder_of(store, name, n_layers).eval()
    rows = seed_rows(subgraph, batch)
    trimmed = trim(batch, rows, encoder.reach)
    assert isinstance(trimmed, TrimmedBatch)
    weight = torch.randn(len(rows), 8 if n_layers else encoder.n_hid, dtype=torch.float64)
    want, got = (results(encoder, b, rows, weight) for b in (batch.index(), trimmed))
    for key, value in want.items():
        other = got.get(key)
        if other is None:  # what no row depends on
            assert not value.any(), key
        else:
            torch.testing.assert_close(other, value, rtol=1e-9, atol=1e-10, msg=key)
    rest = torch.ones(batch.node_offsets[-1], dtype=torch.bool)
    rest[rows] = False
    assert encoder(trimmed)[rest].isnan().all()


@pytest.mark.parametrize("reach", [(), (1,), (2,), (1, 1), (2, 2), (1, 2, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_is_what_a_literal_walk_finds(tmp_path, seed, reach):
    _, subgraph, batch = batch_of(tmp_path, seed)
    graph, rows = batch.edges.index(), seed_rows(subgraph, batch)
    rows = torch.cat([rows.flip(0), rows[:2]])  # any order, repeats
    trimmed = trim(batch, rows, reach)
    layers = needed(edges_of(graph), rows.tolist(), reach)
    assert trimmed.outputs.tolist() == sorted(set(rows.tolist()))
    assert trimmed.num_nodes == graph.num_nodes
    first = zip(graph.node_offsets, trimmed.rows, strict=False)
    assert [int(o + i) for o, part in first for i in part] == sorted(
        layers[0][0] if layers else set(rows.tolist())
    )
    for layer, (read, walked, updated) in zip(trimmed.layers(len(reach)), layers, strict=True):
        number = {node: i for i, node in enumerate(sorted(read))}
        ends = zip(graph.node_offsets, graph.node_offsets[1:], strict=False)
        sizes = [sum(a <= node < b for node in read) for a, b in ends]
        assert np.diff(layer.graph.node_offsets).tolist() == sizes
        assert layer.kept.tolist() == [number[node] for node in sorted(updated)]
        found = edges_of(layer.graph)
        assert found == [(r, number[s], number[t]) for r, s, t in walked]
        check_keys(layer.graph, found, len(graph.relation_rows) - 1)
        times = graph.time_index[graph.edge_time % len(graph.time_index)]
        of_edge = dict(zip(edges_of(graph), times.tolist(), strict=True))
        mine = layer.graph.time_index[layer.graph.edge_time % len(graph.time_index)]
        assert mine.tolist() == [of_edge[edge] for edge in walked]


def test_it_is_smaller(tmp_path):
    """What is further away than the layers reach is read by none of them."""
    store, subgraph, batch = batch_of(tmp_path, 1, lone=False)
    trimmed = trim(batch, seed_rows(subgraph, batch)[:1], (1, 1))
    sizes = [layer.graph.num_nodes for layer in trimmed.layers(2)]
    assert 1 < sizes[1] < sizes[0] < batch.node_offsets[-1]
    spoilt = [x.clone() for x in batch.x]
    for x, rows in zip(spoilt, trimmed.rows, strict=True):
        unread = torch.ones(len(x), dtype=torch.bool)
        unread[rows] = False
        x[unread] = torch.nan
    h = encoder_of(store, "hgt").eval()(replace(trimmed, x=tuple(spoilt)))
    assert h[trimmed.outputs].isfinite().all()


@pytest.mark.parametrize(("share", "whole"), [(0.0, 3), (0.2, 2), (0.6, 1), (1.0, 0)])
def test_layers_that_keep_most_of_a_batch_read_all_of_it(tmp_path, monkeypatch, share, whole):
    store, subgraph, batch = batch_of(tmp_path, 1)
    encoder, rows = encoder_of(store, "hgt", 3).eval(), seed_rows(subgraph, batch)
    every = len(batch.edges.src)
    kept = [len(layer.graph.src) / every for layer in trim(batch, rows, (1, 1, 1)).layers(3)]
    assert 0 < kept[2] < 0.2 < kept[1] < 0.6 < kept[0] < 1
    monkeypatch.setattr(trim_module, "MAX_EDGE_SHARE", share)
    trimmed = trim(batch, rows, (1, 1, 1))
    if whole == 3:
        assert isinstance(trimmed, Batch)
        return
    sizes = [len(layer.graph.src) for layer in trimmed.layers(3)]
    assert sizes[:whole] == [every] * whole and max(sizes[whole:]) < every
    weight = torch.randn(len(rows), 8, dtype=torch.float64)
    want, got = (results(encoder, b, rows, weight) for b in (batch.index(), trimmed))
    for key in want.keys() & got.keys():
        torch.testing.assert_close(got[key], want[key], rtol=1e-9, atol=1e-10, msg=key)


def test_degrees_of_neighbours_are_within_the_reach_of_gcn(tmp_path):
    """With one hop GCN would count the in-edges of a neighbour that are left."""
    store, subgraph, batch = batch_of(tmp_path, 0)
    encoder, rows = encoder_of(store, "gcn", 1).eval(), seed_rows(subgraph, batch)
    want = encoder(batch.index())[rows]
    assert torch.allclose(encoder(trim(batch, rows, (2,)))[rows], want)
    assert not torch.allclose(encoder(trim(batch, rows, (1,)))[rows], want)


def test_a_layer_that_does_not_say_how_far_it_reads_gets_whole_batches(tmp_path):
    store, subgraph, batch = batch_of(tmp_path, 0)
    encoder = encoder_of(store, "han")  # every node of a type is in its means
    assert encoder.reach is None
    assert isinstance(trim(batch, seed_rows(subgraph, batch), encoder.reach), Batch)
    assert [encoder_of(store, name).reach for name in LOCAL] == [
        (2, 2) if name == "gcn" else (1, 1) for name in LOCAL
    ]


def test_nothing_asked_for(tmp_path):
    store, _, batch = batch_of(tmp_path, 0)
    encoder = encoder_of(store, "hgt")
    h = encoder(trim(batch, torch.empty(0, dtype=torch.int64), encoder.reach))
    assert h.shape == (batch.node_offsets[-1], 8) and h.isnan().all()


def test_another_number_of_layers_is_refused(tmp_path):
    store, subgraph, batch = batch_of(tmp_path, 0)
    trimmed = trim(batch, seed_rows(subgraph, batch), (1,))
    with pytest.raises(ValueError, match="trimmed for 1 convolutions, got 2"):
        encoder_of(store, "hgt", 2)(trimmed)


def test_it_moves_to_a_device(tmp_path):
    _, subgraph, batch = batch_of(tmp_path, 0)
    trimmed = trim(batch, seed_rows(subgraph, batch), (1, 1))
    moved = to_device(trimmed, torch.device("cpu"))
    assert isinstance(moved, TrimmedBatch) and not isinstance(moved, Batch)
    assert torch.equal(moved.smaller[1].graph.key_edges, trimmed.smaller[1].graph.key_edges)
    assert torch.equal(moved.smaller[0].kept, trimmed.smaller[0].kept)


def test_gradient_checkpointing_changes_nothing(tmp_path):
    store, subgraph, batch = batch_of(tmp_path, 0)
    encoder, rows = encoder_of(store, "hgt").train(), seed_rows(subgraph, batch)
    trimmed = trim(batch, rows, encoder.reach)
    weight = torch.randn(len(rows), 8, dtype=torch.float64)
    want = results(encoder, trimmed, rows, weight)
    encoder.gradient_checkpointing = True
    for key, value in results(encoder, trimmed, rows, weight).items():
        torch.testing.assert_close(value, want[key], msg=key)
