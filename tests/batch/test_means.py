"""Means over papers without a batch's own: against literal means, and where they are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.batch.batch import gather_features, make_batch
from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.builder import build_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.means import FACT, SeedMeans, count_column, unnamed_means
from GPT_GNN.graph.split import TimeSplit
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.published.graphs.convert import source_of
from GPT_GNN.rng import derive
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.pretrain import PretrainBatches
from tests.made import asked, method_of, whole
from tests.oracle.means import means_without
from tests.stores import films

BOUND = 2013
TYPES = ("author", "venue", "field", "affiliation")


def sampled(graph, papers, until=BOUND):
    seeds = {"paper": (papers, graph.node_time("paper")[papers])}
    return HGSampler(graph, sample_depth=3, sample_width=24).sample(
        Query(seeds, until, "pretrain"), derive(0, "means")
    )


def seeds_of(graph, n):
    nodes = OAG.FACTS.split.nodes(graph, "paper", "pretrain")
    return derive(n, "papers").choice(nodes, n, replace=False)


def test_counts_are_those_of_literal_means(toy):
    rows, counts = means_without(toy, set(), BOUND)
    for node_type in TYPES:
        assert toy.column(node_type, count_column("text")).tolist() == counts[node_type]
        x = toy.gather_features(node_type, np.arange(toy.num_nodes(node_type)), "pretrain")
        x = x[:, toy.feature_parts(node_type)["text"]]
        np.testing.assert_allclose(x, rows[node_type], atol=1e-5)


@pytest.mark.parametrize("n", [1, 40])
def test_seeds_are_in_no_mean(toy, n):
    papers = seeds_of(toy, n)
    subgraph = sampled(toy, papers)
    before = gather_features(toy, subgraph)
    x = [rows.copy() for rows in before]
    SeedMeans(toy).leave_out(subgraph.node_ids, subgraph.num_seeds, x, "pretrain")
    want, counts = means_without(toy, set(papers.tolist()), BOUND)
    every, _ = means_without(toy, set(), BOUND)
    moved, emptied = 0, 0
    for node_type, ids, old, new in zip(toy.node_types, subgraph.node_ids, before, x, strict=True):
        part = toy.feature_parts(node_type)["text"]
        rest = np.setdiff1d(np.arange(old.shape[1]), np.arange(part.start, part.stop))
        assert np.array_equal(old[:, rest], new[:, rest])
        if node_type == "paper":
            assert np.array_equal(old, new)
            continue
        np.testing.assert_allclose(new[:, part], want[node_type][ids], atol=2e-5)
        changed = (want[node_type][ids] != every[node_type][ids]).any(1)
        assert np.array_equal(old[~changed], new[~changed])
        moved += changed.sum()
        empty = np.array(counts[node_type])[ids] == 0
        assert not new[empty][:, part].any()  # exactly: a rounding error would tell
        emptied += (empty & changed).sum()
    assert moved > 0 and (n == 1 or emptied > 0)


def test_two_relations_between_the_same_nodes_count_once(tmp_path):
    with build_graph(tmp_path / "store", ["pretrain"]) as builder:
        builder.add_node_type("paper", 2)
        builder.add_node_type("author", 1)
        for relation, papers in (("first", [0, 1]), ("last", [0])):
            builder.add_relation(("author", relation, "paper"))
            edges = np.zeros(len(papers), dtype=int), np.array(papers)
            builder.add_edges(("author", relation, "paper"), *edges)
        builder.create_feature("paper", "text", 1)[:, 0] = [3, 5]
        builder.create_feature("author", "text", 1)[:, 0] = 4
        builder.add_column("author", count_column("text"), np.array([2]))
        over = {"author": "paper"}
        builder.facts = {FACT: {"part": "text", "view": "pretrain", "until": None, "over": over}}
    graph = HeteroGraph.open(tmp_path / "store")
    x = [np.array([[3], [5]], np.float32), np.array([[4]], np.float32)]
    SeedMeans(graph).leave_out([np.array([0, 1]), np.array([0])], [1, 0], x, "pretrain")
    assert x[1].tolist() == [[5]] and x[0].tolist() == [[3], [5]]


def test_pretraining_takes_them_out(toy):
    encoder = new_encoder(toy, EncoderConfig(n_hid=8, n_heads=2, n_layers=2), 0)
    sampler = SamplerConfig(sample_depth=3, sample_width=24, batch_size=32, n_pool=0)
    for name in ("gpt_gnn", "gae", "graphsage", "infomax"):
        chosen, gpt = ObjectiveConfig(objective=name), GPTConfig(attr_type="vec")
        objective = new_objective(encoder, toy, OAG.facts(toy), method_of(chosen, gpt), 0)
        ours, published = (
            PretrainBatches(objective, toy, OAG.facts(toy), sampler, 0, None, kept)
            for kept in (False, True)
        )
        authors = toy.node_types.index("author")
        left, kept = (whole(batches, 0).batch.x[authors].numpy() for batches in (ours, published))
        part = toy.feature_parts("author")["text"]
        changed = (left[:, part] != kept[:, part]).any(1)
        assert 0 < changed.sum() < len(changed)
        assert (left[changed][:, part] == 0).all(1).any()  # their only papers are in the batch


def test_a_store_that_has_no_means(tmp_path):
    graph = films(tmp_path / "films")
    assert SeedMeans.stored(graph) is None


def changed(graph, **fact):
    """A graph whose fact says something else."""
    other = HeteroGraph.open(graph.path)
    other.meta["facts"] = graph.facts | {FACT: {**graph.facts[FACT], **fact}}
    return other


def test_the_order_of_the_fact_does_not_matter(toy):
    over = toy.facts[FACT]["over"]
    turned = SeedMeans(changed(toy, over=dict(reversed(over.items()))))
    assert list(turned.over)[-1] == "affiliation" and turned.over == SeedMeans(toy).over == over


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ({"part": "emb"}, r"expected a part 'emb' of '\w+', found \['citation', 'text'\]"),
        ({"over": {"author": "venue", "venue": "author"}}, "means over each other"),
        ({"over": {"paper": "author"}}, "no array column 'text_count'"),
    ],
)
def test_a_fact_that_names_what_is_not_there(toy, fact, message):
    with pytest.raises(ValueError, match=message):
        SeedMeans(changed(toy, **fact))


def test_a_fact_that_lacks_something(toy):
    older = changed(toy)
    del older.meta["facts"][FACT]["view"]
    with pytest.raises(ValueError, match=r"part, view, .* found \['over', 'part', 'until'\]"):
        SeedMeans(older)


def test_another_view_is_refused(toy):
    """Its means are over other papers than the counts say."""
    subgraph = asked(sampled(toy, seeds_of(toy, 3)), view="finetune", means=SeedMeans(toy))
    with pytest.raises(ValueError, match="means of view 'pretrain' only, got 'finetune'"):
        gather_features(toy, subgraph)


def test_the_bound_is_that_of_the_means_not_of_a_split(toy):
    """A run may divide the papers by other years than preprocessing did."""
    encoder = new_encoder(toy, EncoderConfig(n_hid=8, n_heads=2, n_layers=1), 0)
    for split in (TimeSplit(2011, 2016, 2017), TimeSplit(2016, 2017, 2018)):
        facts = replace(OAG.FACTS, split=split)
        gpt = GPTConfig(attr_type="vec")
        objective = new_objective(encoder, toy, facts, method_of(ObjectiveConfig(), gpt), 0)
        sampler = SamplerConfig(sample_depth=3, sample_width=24, batch_size=64, n_pool=0)
        batches = PretrainBatches(objective, toy, facts, sampler, 0)
        assert batches.means.until == BOUND
        papers = batches.nodes[:64]
        subgraph = sampled(toy, papers, split.pretrain_until)
        x = gather_features(toy, asked(subgraph, means=batches.means))
        want, _ = means_without(toy, set(papers.tolist()), BOUND)
        for node_type, ids, rows in zip(toy.node_types, subgraph.node_ids, x, strict=True):
            if node_type != "paper":
                part = toy.feature_parts(node_type)["text"]
                np.testing.assert_allclose(rows[:, part], want[node_type][ids], atol=2e-5)


def test_appending_ends_it(toy, tmp_path):
    """What is given for new nodes is no mean that seeds could be taken out of."""
    assert SeedMeans.stored(toy) is not None
    longer = append_arrays(toy, tmp_path / "longer", {}, {})
    assert SeedMeans.stored(longer) is None and longer.facts["appended"]
    assert unnamed_means(longer) and not unnamed_means(toy)
    papers = seeds_of(longer, 5)
    assert len(make_batch(longer, sampled(longer, papers)).index().x) == 5


@pytest.mark.parametrize(
    ("facts", "unnamed"),
    [
        ({"dataset": "works", "views": {}}, True),  # older than the fact
        ({"dataset": "works", "views": {}, FACT: {}}, False),
        ({"dataset": "legacy", "source": source_of(Path(__file__))}, True),
        ({"dataset": "tables", "source": "a conversion"}, False),
        ({}, False),
    ],
)
def test_which_stores_may_have_means_that_no_fact_names(toy, facts, unnamed):
    graph = HeteroGraph.open(toy.path)
    graph.meta["facts"] = facts
    assert unnamed_means(graph) == unnamed
