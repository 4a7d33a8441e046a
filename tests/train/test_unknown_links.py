"""Links that pre-training must not know, changed: no loss and no weight moves, to the bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import RandomSplit, TimeSplit
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.train.checkpoint import load_checkpoint
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import PretrainRunConfig
from GPT_GNN.train.pretrain import pretrain
from tests.made import method_of

RATES = ("user", "rates", "film")
SHOWN = ("film", "shown_in", "place")
USERS, FILMS, PLACES = 50, 120, 12
UNTIL = 2010  # pre-training's bound
TRAINED = [name for name in OBJECTIVES if name != "none"]
SIZES = {RATES: (USERS, FILMS), SHOWN: (FILMS, PLACES)}


def random_links(seed, years=(2006, UNTIL)):
    """(source, target, year) of both relations."""
    rng = np.random.default_rng(seed)
    ends = {
        edge_type: np.unique(rng.integers(0, sizes, (500, 2)), axis=0)
        for edge_type, sizes in SIZES.items()
    }
    return {
        edge_type: (*pairs.T, rng.integers(years[0], years[1] + 1, len(pairs)).astype(np.int32))
        for edge_type, pairs in ends.items()
    }


def store(path, *links, timed=False):
    """A store of some links that join the same nodes."""
    rng = np.random.default_rng(0)
    nodes = {
        name: NodeArrays(n, {"x": rng.normal(size=(n, 5)).astype(np.float32)})
        for name, n in (("user", USERS), ("film", FILMS), ("place", PLACES))
    }
    if timed:
        nodes["film"].time = rng.integers(2000, 2006, FILMS).astype(np.int32)
    edges = {}
    for edge_type in SIZES:
        columns = zip(*(some[edge_type] for some in links), strict=True)
        src, dst, year = (np.concatenate(column) for column in columns)
        edges[edge_type] = EdgeArrays(src, dst, year if timed else None, multigraph=timed)
    return write_graph(path, nodes, edges, times_declared=True)


def trained(graph, file, objective, split, hidden=None):
    """The log of a pre-training and the state that it ends in."""
    encoder, method = EncoderConfig(n_hid=8, n_heads=2, n_layers=2), ObjectiveConfig(objective)
    facts, gpt = GraphFacts(target="film", split=split), GPTConfig(queue_size=64)
    model = new_objective(new_encoder(graph, encoder, 0), graph, facts, method_of(method, gpt), 0)
    sampler = SamplerConfig(sample_depth=2, sample_width=9, batch_size=32, n_pool=0)
    optim, run = (
        OptimConfig(n_epoch=2, n_batch=3),
        PretrainRunConfig(pretrain_model_dir=str(file), cuda=-1),
    )
    pretrain(model, graph, facts, sampler, optim, run, {}, hidden)
    folder = file.with_name(file.name + ".run")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return lines, load_checkpoint(folder / "checkpoint.pt", "pretrain")["model"]


def assert_same(one, other):
    (lines, state), (again, other_state) = one, other
    assert lines == again and sum(line["split"] == "train" for line in lines) == 6
    assert state.keys() == other_state.keys()
    assert all(torch.equal(state[name], other_state[name]) for name in state)
    if "queue.count" in state:
        assert state["queue.count"].min() > 8  # there was a queue to draw negatives from


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    """Two stores that differ in what is later than the bound."""
    folder = tmp_path_factory.mktemp("later")
    return [
        store(folder / name, random_links(0), random_links(seed, (UNTIL + 1, 2019)), timed=True)
        for name, seed in (("a", 1), ("b", 2))
    ]


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """Two stores that differ in what is hidden, some pairs and all links of some nodes; and that.

    As ``--hide_links`` and ``--hide_classes`` hide them.
    """
    shut = np.arange(FILMS) % 4 == 0
    asked = [random_links(seed) for seed in (1, 2)]
    for links in asked:
        links[SHOWN] = tuple(column[shut[links[SHOWN][0]]] for column in links[SHOWN])
    pairs = tuple(np.concatenate([links[RATES][end] for links in asked]) for end in (0, 1))
    folder = tmp_path_factory.mktemp("hidden")
    graphs = [
        store(folder / name, random_links(0), links)
        for name, links in zip("ab", asked, strict=True)
    ]
    return graphs, HiddenEdges(graphs[0], {SHOWN: (shut, None)}, {RATES: pairs})


@pytest.mark.parametrize("objective", TRAINED)
def test_links_of_later(later, tmp_path, objective):
    split = TimeSplit(UNTIL, 2012, 2013)
    assert_same(*(trained(g, tmp_path / g.path.name, objective, split) for g in later))


@pytest.mark.parametrize("objective", TRAINED)
def test_links_that_a_task_will_ask_for(hidden, tmp_path, objective):
    graphs, edges = hidden
    split = RandomSplit((0.97, 0.01, 0.01, 0.01))
    assert_same(*(trained(g, tmp_path / g.path.name, objective, split, edges) for g in graphs))
