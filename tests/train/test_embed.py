"""Embeddings: which rows they are, what they depend on, and nodes that training never saw."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import assemble
from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.rng import derive
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.tasks import NodeClassification
from GPT_GNN.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from GPT_GNN.train.embed import embed
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.finetune import finetune
from GPT_GNN.train.models import open_encoder, open_model
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import FinetuneRunConfig, PretrainRunConfig
from GPT_GNN.train.pretrain import pretrain
from tests.made import encoder_settings, method_of
from tests.published.models import published_models as published

ENCODER = EncoderConfig(n_hid=8, n_heads=2, n_layers=2)
CITE, WRITES = ("paper", "cite", "paper"), ("author", "writes", "paper")
N = {"paper": 60, "author": 25}
WHOLE = {"sample_depth": 2, "sample_width": 100, "n_pool": 0}
TOLERANCE = {"rtol": 0, "atol": 2e-5}


def random_store(path, timed, seed=0, n=N, edges=90):
    """Papers that cite (each other, themselves) and authors; some of either have no edge."""
    rng = derive(seed, "embed")
    nodes = {
        t: NodeArrays(k, {"x": rng.normal(size=(k, 4)).astype(np.float32)}) for t, k in n.items()
    }
    if timed:
        nodes["paper"].time = rng.integers(2000, 2020, n["paper"])
        nodes["paper"].time[3] = NO_TIME
    links = {}
    for edge_type in (CITE, WRITES):
        ends = (rng.integers(0, n[t], edges) for t in (edge_type[0], edge_type[2]))
        links[edge_type] = EdgeArrays(*ends, None, f"rev_{edge_type[1]}")
    return write_graph(path, nodes, links, task=GraphFacts("paper"))


@pytest.fixture(scope="module", params=[False, True], ids=["untimed", "timed"])
def graph(request, tmp_path_factory):
    return random_store(tmp_path_factory.mktemp("embed") / "g", request.param)


@pytest.fixture(scope="module")
def untimed(tmp_path_factory):
    return random_store(tmp_path_factory.mktemp("embed") / "untimed", False)


def encoder_of(graph, conv_name="hgt", seed=1):
    return new_encoder(
        graph, encoder_settings(conv_name, 2, n_hid=ENCODER.n_hid, n_layers=ENCODER.n_layers), seed
    ).eval()


@torch.no_grad()
def whole_graph(encoder, graph, node_type):
    """All nodes and all edges in one batch, without a sampler: what the rows should be."""
    x = [graph.gather_features(t, np.arange(graph.num_nodes(t)), "finetune") for t in N]
    times = [np.full(graph.num_nodes(t), NO_TIME, np.int32) for t in N]
    csr = [graph.csr(edge_type) for edge_type in graph.edge_types]
    batch = assemble(
        graph.schema,
        x,
        times,
        np.concatenate([c.indices for c in csr]).astype(np.int64),
        np.concatenate([c.targets() for c in csr]).astype(np.int64),
        graph.edges_start,
    ).index()
    return batch.graph.by_type(encoder(batch))[list(N).index(node_type)].numpy()


@pytest.mark.parametrize("node_type", list(N))
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_a_sample_of_all_neighbours_gives_the_row_of_the_whole_graph(
    untimed, node_type, batch_size
):
    encoder = encoder_of(untimed)
    got = embed(
        encoder, untimed, node_type, np.arange(N[node_type]), batch_size=batch_size, **WHOLE
    )
    assert got.dtype == np.float32 and got.shape == (N[node_type], 8)
    want = whole_graph(encoder, untimed, node_type)
    np.testing.assert_allclose(got, want, **TOLERANCE)
    shallow = embed(encoder, untimed, node_type, np.arange(20), **{**WHOLE, "sample_depth": 1})
    assert np.abs(shallow - want[:20]).max() > 1e-3  # two layers need two rounds


@pytest.mark.parametrize("conv_name, depth", [("gcn", 3), ("gat", 2), ("rgcn", 2), ("hetgnn", 2)])
def test_layers_that_read_no_times_do_so_in_a_graph_with_times_too(graph, conv_name, depth):
    encoder = encoder_of(graph, conv_name)
    sizes = {**WHOLE, "sample_depth": depth}
    got = embed(encoder, graph, "paper", np.arange(60), batch_size=3, **sizes)
    np.testing.assert_allclose(got, whole_graph(encoder, graph, "paper"), **TOLERANCE)


def test_a_batch_of_one_makes_each_row_a_function_of_its_node(graph):
    encoder = encoder_of(graph)
    sizes = {**WHOLE, "batch_size": 1}
    rows = embed(encoder, graph, "paper", np.arange(60), **sizes)
    some = np.array([5, 17, 3])
    np.testing.assert_array_equal(embed(encoder, graph, "paper", some, seed=9, **sizes), rows[some])


def test_a_node_is_embedded_at_its_own_time(tmp_path):
    rows = []
    for year in (2005, 2006):
        nodes = {"paper": NodeArrays(2, {"x": np.ones((2, 4))}, time=np.array([year, 2000]))}
        edges = {CITE: EdgeArrays(np.array([1]), np.array([0]), np.array([2008]))}
        graph = write_graph(tmp_path / str(year), nodes, edges)
        rows.append(embed(encoder_of(graph), graph, "paper", np.array([0]), **WHOLE))
    assert not np.allclose(*rows)


def test_rows_are_in_the_order_of_the_ids_and_computed_once(graph, monkeypatch):
    encoder, sampled = encoder_of(graph), []
    sample = HGSampler.sample

    def spy(self, query, rng):
        sampled.extend(query.seeds["paper"][0].tolist())
        return sample(self, query, rng)

    monkeypatch.setattr(HGSampler, "sample", spy)
    sizes = {"sample_depth": 2, "sample_width": 4, "batch_size": 5}
    rows = embed(encoder, graph, "paper", np.arange(60), n_pool=2, **sizes)
    assert sorted(sampled) == list(range(60))
    shuffled = derive(0, "order").permutation(np.repeat(np.arange(60), 2))
    again = embed(encoder, graph, "paper", shuffled, n_pool=0, **sizes)
    assert len(sampled) == 120 and np.array_equal(again, rows[shuffled])
    other = embed(encoder, graph, "paper", np.arange(60), seed=1, **sizes)
    assert not np.array_equal(other, rows)  # they are samples
    none = embed(encoder, graph, "paper", np.array([]))
    assert none.shape == (0, 8) and none.dtype == np.float32


def test_the_mode_is_restored_and_no_dropout_acts(graph):
    encoder = encoder_of(graph)
    want = embed(encoder, graph, "paper", np.arange(9))
    encoder.train()
    got = embed(encoder, graph, "paper", np.arange(9))
    assert np.array_equal(got, want) and encoder.training
    with pytest.raises(ValueError, match="has no view 'x'; available"):
        embed(encoder, graph, "paper", np.arange(9), view="x")
    assert encoder.training
    assert not any(p.grad_fn or p.grad is not None for p in encoder.parameters())


def test_nothing_after_time_max_is_seen(tmp_path):
    """Later papers and edges make no difference; a later node to embed is an error."""
    graph = random_store(tmp_path / "g", True)
    time = graph.node_time("paper")
    ids, encoder = np.flatnonzero(time <= 2010), encoder_of(graph)
    rows = embed(encoder, graph, "paper", ids, time_max=2010, **WHOLE)
    nodes = {
        "paper": NodeArrays(1, {"x": np.ones((1, 4))}, time=np.array([2011])),
        "author": NodeArrays(1, {"x": np.ones((1, 4))}),
    }
    late = np.full(10, 2011)
    edges = {
        CITE: EdgeArrays(np.full(10, 60), ids[:10], late),
        WRITES: EdgeArrays(np.full(10, 25), ids[:10], late),
    }
    grown = append_arrays(graph, tmp_path / "grown", nodes, edges)
    # Ids of sampled nodes differ by nothing, so that even the samples are the same.
    assert np.array_equal(embed(encoder, grown, "paper", ids, time_max=2010, **WHOLE), rows)
    assert not np.allclose(embed(encoder, grown, "paper", ids, **WHOLE), rows)
    with pytest.raises(ValueError, match=r"are later than time_max: expected times up to 2010"):
        embed(encoder, graph, "paper", np.arange(60), time_max=2010)


def test_hidden_edges_are_not_seen(untimed, tmp_path):
    """Hiding the citations gives the rows of the graph that has none."""
    x = {t: untimed.gather_features(t, np.arange(N[t]), "finetune") for t in N}
    csr, none = untimed.csr(WRITES), np.empty(0, dtype=np.int64)
    edges = {
        CITE: EdgeArrays(none, none, None, "rev_cite"),
        WRITES: EdgeArrays(csr.indices, csr.targets(), None, "rev_writes"),
    }
    nodes = {t: NodeArrays(N[t], {"x": x[t]}) for t in N}
    without = write_graph(tmp_path / "without", nodes, edges)
    encoder, hidden = encoder_of(untimed), HiddenEdges(untimed, masks={CITE: (None, None)})
    got = embed(encoder, untimed, "paper", np.arange(60), hidden=hidden, **WHOLE)
    want = embed(encoder, without, "paper", np.arange(60), **WHOLE)
    np.testing.assert_allclose(got, want, **TOLERANCE)
    assert not np.allclose(embed(encoder, untimed, "paper", np.arange(60), **WHOLE), want)


@pytest.mark.parametrize(
    "ids, settings, message",
    [
        (np.array([0, 60]), {}, r"expected paper ids in \[0, 60\), got 0 .. 60"),
        (np.array([-1]), {}, r"got -1 .. -1"),
        (np.array([0.5]), {}, "of integers, got"),
        (np.array([[1]]), {}, r"got \(1, 1\) of int64"),
        (np.array([True]), {}, "of bool"),
        (np.array([0]), {"batch_size": 0}, "batch_size: expected a value in .*, got 0"),
        (np.array([0]), {"sample_width": 0}, "sample_width: expected a value in"),
    ],
)
def test_mistakes(untimed, ids, settings, message):
    with pytest.raises(ValueError, match=message):
        embed(encoder_of(untimed), untimed, "paper", ids, **settings)


def test_an_encoder_of_another_graph(untimed, toy):
    with pytest.raises(ValueError, match="expected an encoder of its schema and widths"):
        embed(encoder_of(toy), untimed, "paper", np.arange(3))
    with pytest.raises(ValueError, match="unknown node type 'venue'"):
        embed(encoder_of(untimed), untimed, "venue", np.arange(3))


# New nodes ---------------------------------------------------------------------------------------


def in_neighbours(graph, node_type, ids, hops):
    """All (type, id) that some nodes' rows depend on, by hand."""
    found = frontier = {(node_type, i) for i in ids}
    for _ in range(hops):
        reached = set()
        for edge_type in graph.edge_types:
            csr = graph.csr(edge_type)
            ends = zip(csr.indices.tolist(), csr.targets().tolist(), strict=True)
            reached |= {(edge_type[0], s) for s, d in ends if (edge_type[2], d) in frontier}
        frontier = reached - found
        found = found | reached
    return found


def test_a_model_embeds_nodes_that_are_appended_after_its_training(tmp_path):
    graph = random_store(tmp_path / "g", False, n={"paper": 120, "author": 60}, edges=70)
    gpt = GPTConfig(queue_size=4)
    objective = new_objective(
        new_encoder(graph, ENCODER, 0), graph, GraphFacts("paper"), method_of("gpt_gnn", gpt), 0
    )
    sampler = SamplerConfig(sample_depth=2, sample_width=8, batch_size=16, n_pool=0)
    run = PretrainRunConfig(pretrain_model_dir=str(tmp_path / "gpt.pt"), cuda=-1)
    config = {"encoder": asdict(ENCODER), "sampler": asdict(sampler)}
    pretrain(objective, graph, GraphFacts("paper"), sampler, OptimConfig(n_epoch=2), run, config)
    old = embed(open_encoder(tmp_path / "gpt.pt", graph), graph, "paper", np.arange(120), **WHOLE)

    x = derive(0, "new").normal(size=(2, 4))
    new_edges = [(120, 7), (8, 121), (121, 9)]

    def grown(x=x, cites=new_edges):
        src, dst = np.array(cites).T
        nodes = {"paper": NodeArrays(2, {"x": x}), "author": NodeArrays(1, {"x": x[:1]})}
        edges = {
            CITE: EdgeArrays(src, dst),
            ("paper", "rev_writes", "author"): EdgeArrays(np.array([120]), np.array([60])),
        }
        return append_arrays(graph, tmp_path / "grown", nodes, edges)

    def rows(graph):
        encoder = open_encoder(tmp_path / "gpt.pt", graph)
        return embed(encoder, graph, "paper", np.arange(122), **WHOLE)

    bigger = grown()
    new = rows(bigger)
    assert np.isfinite(new).all() and new.shape == (122, 8)
    before = [in_neighbours(graph, "paper", [i], 2) for i in range(120)]
    after = [in_neighbours(bigger, "paper", [i], 2) for i in range(120)]
    same = np.array([a == b for a, b in zip(before, after, strict=True)])
    assert 20 < same.sum() < 118
    np.testing.assert_allclose(new[:120][same], old[same], **TOLERANCE)
    assert (np.abs(new[:120][~same] - old[~same]).max(1) > 1e-6).all()
    other_x = rows(grown(x=x + np.array([[1.0], [0.0]])))
    assert np.abs(other_x[120] - new[120]).max() > 1e-4
    other_edges = rows(grown(cites=[(120, 7), (8, 121), (121, 9), (30, 120)]))
    assert np.abs(other_edges[120] - new[120]).max() > 1e-5
    unlinked = other_edges[121] - new[121]
    assert np.abs(unlinked).max() < 1e-5  # the other new node is none of its neighbours


# Files of models ---------------------------------------------------------------------------------


def same_state(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_fine_tuned_model_says_its_own_architecture(toy, tmp_path):
    settings = replace(ENCODER, n_hid=12, n_heads=3, last_norm=True)
    encoder = new_encoder(toy, settings, 0)
    sampler = SamplerConfig(sample_depth=1, sample_width=8, batch_size=32, n_pool=0)
    task = NodeClassification(toy, OAG.FACTS.split, [OAG.paper_field("L2")])
    run = FinetuneRunConfig(model_dir=str(tmp_path), cuda=-1)
    config = {"encoder": asdict(settings), "sampler": asdict(sampler)}
    finetune(encoder, task, toy, sampler, OptimConfig(n_epoch=1, n_batch=2), run, config)
    best = tmp_path / "task" / "best.pt"
    read = open_encoder(best, toy)
    assert same_state(read, encoder) and not read.training
    assert open_model(best).config["sampler"]["sample_width"] == 8
    rows = [embed(e, toy, "author", np.arange(9)) for e in (read, encoder)]
    assert np.array_equal(*rows)
    with pytest.raises(CheckpointError, match="without feature_dims .a run's last state, for --r"):
        open_encoder(tmp_path / "task" / "checkpoint.pt", toy)


@pytest.mark.parametrize("prefix", ["gnn.", "0."])
def test_a_published_model(tmp_path, prefix):
    graph = published.store(tmp_path / "store")
    literal = published.literal(graph, "hgt")
    path = tmp_path / "old.pt"
    torch.save({prefix + name: x for name, x in literal.state_dict().items()}, path)
    encoder = open_encoder(path, graph)
    assert encoder.n_hid == published.D
    assert embed(encoder, graph, "paper", np.arange(5)).shape == (5, published.D)
    wider = published.store(tmp_path / "wider", width=published.WIDTH + 1)
    with pytest.raises(CheckpointError, match="in_dim of 'paper' is 7 in the file and 8 in the gr"):
        open_encoder(path, wider)


def test_files_that_do_not_fit(untimed, toy, tmp_path):
    path = tmp_path / "gpt.pt"

    def save(kind="pretrain", **changes):
        content = {
            "config": {"encoder": asdict(ENCODER)},
            "schema": untimed.schema.to_dict(),
            "feature_dims": untimed.feature_dims,
            "model": {f"encoder.{k}": v for k, v in encoder_of(untimed).state_dict().items()},
        }
        save_checkpoint(path, kind, **(content | changes))
        return load_checkpoint(path, kind)

    save()
    assert same_state(open_encoder(path, untimed), encoder_of(untimed))
    for changes, graph, message in (
        ({}, toy, "made for another schema: 2 node_types in the checkpoint and 5 in"),
        (
            {"feature_dims": {"paper": 5, "author": 4}},
            untimed,
            r"widths.*5 in the.*4 here|'paper'|5",
        ),
        (
            {"config": {"gpt": {}}},
            untimed,
            "expected the encoder's settings in its config, found t",
        ),
        ({"kind": "report"}, untimed, "expected a pretrain or finetune checkpoint of version 1"),
    ):
        save(**changes)
        with pytest.raises(CheckpointError, match=message):
            open_encoder(path, graph)
    with pytest.raises(CheckpointError, match="no such file; expected a pretrain or finetune che"):
        open_encoder(tmp_path / "none.pt", untimed)
