"""What pre-training and embedding hand to the model: nothing held out, no future, no answer.

The batches are those of :class:`PretrainBatches` and of :func:`embed`, as in
:mod:`tests.train.test_task_leaks`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import RandomSplit, TimeSplit
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, Objective, ObjectiveConfig
from GPT_GNN.objectives.gae import LinkPairs
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.rng import derive
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.tasks.held_out import held_out_edges
from GPT_GNN.tasks.links import divide_links
from GPT_GNN.tasks.task import NodeBatch
from GPT_GNN.train.embed import embed
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import PretrainRunConfig
from GPT_GNN.train.pretrain import PretrainBatches, pretrain
from tests.made import method_of, whole
from tests.world import FIRST, LEVELS, OTHER, VISITS, YEARS, links_of, moved, world

BY_TIME = GraphFacts("paper", split=TimeSplit(2013, 2016, 2017), text_column="title")
AT_RANDOM = replace(BY_TIME, split=RandomSplit((0.4, 0.2, 0.2, 0.2)))
SMALL = {"queue_size": 8, "neg_samp_num": 20}
OBJECTIVE = {
    "vec": ("gpt_gnn", {"attr_type": "vec"}),
    "text": ("gpt_gnn", {"attr_type": "text"}),
    "vec, two passes": ("gpt_gnn", {"attr_type": "vec", "two_pass": True}),
    "text, two passes": ("gpt_gnn", {"attr_type": "text", "two_pass": True}),
    "vec, no separation": ("gpt_gnn", {"attr_type": "vec", "node_separation": False}),
    "edges alone": ("gpt_gnn", {"attr_ratio": 0.0}),
    **{name: (name, {}) for name in ("gae", "graphsage", "infomax")},
}
GENERATES = ["vec", "text", "vec, two passes", "text, two passes"]


def objective_of(graph, name, facts=BY_TIME, n_layers=1):
    """An objective; the graph may be another one than that of its batches."""
    chosen, settings = OBJECTIVE[name]
    encoder = new_encoder(graph, EncoderConfig(n_hid=4, n_heads=2, n_layers=n_layers), 0)
    method, gpt = ObjectiveConfig(chosen), GPTConfig(**SMALL | settings)
    return new_objective(encoder, graph, facts, method_of(method, gpt), 0).eval()


def batches(objective, graph, facts=BY_TIME, hidden=None, batch_size=20):
    sampler = SamplerConfig(sample_depth=3, sample_width=200, batch_size=batch_size, n_pool=0)
    return PretrainBatches(objective, graph, facts, sampler, 0, hidden)


def given(objective, graph, *args, **settings):
    """All that the model is given in validation and in the steps of two epochs."""
    made = batches(objective, graph, *args, **settings)
    steps = [made.train(step) for step in range(2 * made.per_epoch)]
    return [data for _, data in made.valid] + steps


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """The world as it is."""
    return world().write(tmp_path_factory.mktemp("world") / "store")


@pytest.fixture(scope="module")
def future(tmp_path_factory):
    """The world with other links, features, titles and papers after 2013."""
    changed = world()
    changed.later(2013)
    return changed.write(tmp_path_factory.mktemp("future") / "store")


def test_every_objective_is_there():
    assert {name for name, _ in OBJECTIVE.values()} == set(OBJECTIVES) - {"none"}


@pytest.mark.parametrize("name", OBJECTIVE)
def test_the_future_is_in_no_batch(graph, future, name):
    """Nor among the links that the queue leaves out, nor in the learned input's first value."""
    objective = objective_of(graph, name)
    assert moved(given(objective, graph), given(objective, future)) == set()
    other = objective_of(future, name).state_dict()
    assert all(torch.equal(x, other[key]) for key, x in objective.state_dict().items())
    late = replace(BY_TIME, split=TimeSplit(2014, 2016, 2017))  # a year too far
    assert "batch" in moved(given(objective, graph, late), given(objective, future, late))


@pytest.mark.parametrize("view", ["pretrain", "finetune", "original"])
@pytest.mark.parametrize("name", OBJECTIVE)
def test_features_known_later_are_in_no_batch(graph, tmp_path, name, view):
    changed = world()
    for (_, this), rows in changed.x.items():
        rows[:, 1:] += this == view
    found = moved(
        *(given(objective_of(g, name), g) for g in (graph, changed.write(tmp_path / "s")))
    )
    assert ("batch" in found) == (view == "pretrain")
    assert found <= {"batch", "attributes"}


# What is hidden: --hide_links and --hide_classes. The queue knows links into the target type.
HIDE = {
    "links": (":".join(VISITS), ""),
    "links into the target": (":".join(OTHER), ""),
    "classes": ("", ":".join(LEVELS[1])),
}


@pytest.fixture(scope="module")
def unlike(graph, tmp_path_factory):
    """What is hidden -> the graph with other held-out links."""
    folder, changed, stores = tmp_path_factory.mktemp("unlike"), world(), {}
    held_out = np.zeros(len(YEARS), dtype=bool)
    for split in ("valid", "test"):
        held_out[AT_RANDOM.split.nodes(graph, "paper", split)] = True
    changed.swap(LEVELS[1], held_out[changed.edges[LEVELS[1]][1]])
    stores["classes"] = changed.write(folder / "classes")
    for name, edge_type in (("links", VISITS), ("links into the target", OTHER)):
        # A link's split is drawn of its ends: all links that would be held out are added.
        every, changed = world(), world()
        ends = np.indices([graph.num_nodes(edge_type[end]) for end in (0, 2)]).reshape(2, -1)
        every.edges[edge_type] = [*ends, YEARS[ends[1]] if edge_type == OTHER else None]
        links = divide_links(every.write(folder / f"every {name}"), edge_type, RandomSplit())
        asked = links.of_split(2, 3)
        src, dst, year = changed.edges[edge_type]
        src, dst = np.append(src, links.source[asked]), np.append(dst, links.target[asked])
        changed.edges[edge_type] = [src, dst, None if year is None else YEARS[dst]]
        stores[name] = changed.write(folder / name)
    return stores


@pytest.mark.parametrize("what", HIDE)
@pytest.mark.parametrize("name", OBJECTIVE)
def test_what_a_task_will_ask_for_is_in_no_batch(graph, unlike, name, what):
    """With the flag; without it the batches move. Nor is it told by what the queue leaves out."""
    objective = objective_of(graph, name, AT_RANDOM)

    def compared(hide_links, hide_classes):
        both = []
        for store in (graph, unlike[what]):
            hidden = held_out_edges(store, AT_RANDOM, "random", hide_links, hide_classes)
            both.append(given(objective, store, AT_RANDOM, hidden, batch_size=40))
        return moved(*both)

    assert compared(*HIDE[what]) == set()
    assert "batch" in compared("", "")


@pytest.mark.parametrize("name", GENERATES)
def test_what_is_generated_is_not_read(graph, tmp_path, name):
    """A target's attributes by its copy: one layer, or any number in two passes.

    One target changes, else those of others would come over citations; in two passes all do.
    """
    two = "two" in name
    objective, changed = objective_of(graph, name, n_layers=3 if two else 1), world()
    before = whole(batches(objective, graph), 0)
    targets = before.batch.x[0][: len(before.edge_nodes), 0].long().numpy()
    some = targets if two else targets[:1]
    changed.x["paper", "pretrain"][some, 1:] += 1
    after = whole(batches(objective, changed.write(tmp_path / "store")), 0)
    assert moved(before, after) == {"batch", "attributes"}
    copies = before.attr_nodes[: len(some)]
    h, other = (objective.embed(data, hide_targets=two)[copies] for data in (before, after))
    assert torch.equal(h, other)
    h, other = (objective.embed(data)[data.edge_nodes] for data in (before, after))
    assert not torch.equal(h, other)


@pytest.mark.parametrize("name", ["vec", "text", "vec, no separation", "edges alone", "gae"])
def test_masked_links_are_in_no_batch(graph, monkeypatch, name):
    """In neither direction, and not into the targets' copies."""
    objective = objective_of(graph, name)
    monkeypatch.setattr(type(objective.encoder), "reach", None)  # whole batches
    monkeypatch.setattr("GPT_GNN.train.pretrain.HELD_OUT", 0.5)
    made = batches(objective, graph, batch_size=30)
    for data in (made.valid[0][1], made.train(0), made.train(1)):
        rows = data.batch.graph
        seen = torch.stack([rows.src, rows.dst, rows.relation_of_edge]).T.tolist()
        seen, copy, asked = set(map(tuple, seen)), {}, 0
        if name in ("vec", "text"):
            copy = dict(zip(data.edge_nodes.tolist(), data.attr_nodes.tolist(), strict=True))
        for task in data.links:
            relation = objective.relations[task.relation]
            back = graph.schema.inverse[relation]
            for s, t in masked_in(task):
                asked += 1
                assert not seen & {(s, t, relation), (t, s, back), (s, copy.get(t), relation)}
        assert asked > 30


def masked_in(task):
    """(source row, target row) of the links that a record of either kind asks for."""
    if isinstance(task, LinkPairs):
        return zip(task.source.tolist(), task.target.tolist(), strict=True)
    return zip(task.edge_source.tolist(), task.targets[task.edge_target].tolist(), strict=True)


@pytest.mark.parametrize("name", ["vec", "gae", "infomax"])
def test_a_run_uses_these_batches_and_no_others(graph, tmp_path, name):
    """With what is hidden, in training and in validation."""
    csr = graph.csr(FIRST)
    hidden = HiddenEdges(graph, pairs={FIRST: (csr.indices, csr.targets())})
    objective, seen = objective_of(graph, name), []
    objective.register_forward_pre_hook(lambda m, args: seen.append((m.training, args[0])))
    sampler = SamplerConfig(sample_depth=3, sample_width=200, batch_size=20, n_pool=0)
    run = PretrainRunConfig(pretrain_model_dir=str(tmp_path / "model.pt"), cuda=-1)
    optim = OptimConfig(n_epoch=2, n_batch=50)
    pretrain(objective, graph, BY_TIME, sampler, optim, run, {}, hidden)
    made = batches(objective, graph, hidden=hidden)
    valid = [(False, data) for _, data in made.valid]
    want = []
    for step in range(2 * made.per_epoch):
        want.append((True, made.train(step)))
        want += valid if (step + 1) % made.per_epoch == 0 else []
    assert [training for training, _ in seen] == [training for training, _ in want]
    for (_, a), (_, b) in zip(seen, want, strict=True):
        assert moved(a, b) == set()
    if name == "gae":
        assert not links_of(graph, whole(made, 0).batch, FIRST)


def test_every_step_of_every_epoch_is_another_batch(graph):
    made = batches(objective_of(graph, "infomax"), graph, batch_size=5)
    drawn = []
    for step in range(3 * made.per_epoch):
        data = whole(made, step)
        drawn.append(tuple(data.batch.x[0][:5, 0].long().tolist()))
        assert moved(data, whole(made, step)) == set()
    assert len(set(map(frozenset, drawn))) == len(drawn)


class Draws(Objective):
    """What an objective draws for a batch."""

    def transform(self, graph, subgraph, rng):
        return NodeBatch(
            make_batch(graph, subgraph), torch.arange(0), torch.from_numpy(rng.random(4))
        )


def test_every_batch_draws_for_itself(graph):
    """Masks and negatives of a step are not those of another one, nor of validation."""
    encoder = new_encoder(graph, EncoderConfig(n_hid=4, n_heads=2, n_layers=1), 0)
    made = batches(Draws(encoder, BY_TIME), graph, batch_size=1)
    drawn = [made.train(step).y.tolist() for step in range(2 * made.per_epoch)]
    drawn += [data.y.tolist() for _, data in made.valid]
    assert len(set(map(tuple, drawn))) == len(drawn)
    assert made.train(3).y.tolist() == drawn[3]


# Embedding ---------------------------------------------------------------------------------------


def embedded(graph, encoder, **settings):
    ids = np.flatnonzero(YEARS <= 2013)[::4]
    size = {"sample_depth": 3, "sample_width": 200, "batch_size": 7, "n_pool": 0}
    return embed(encoder, graph, "paper", ids, **size, **settings)


@pytest.fixture(scope="module")
def encoder(graph):
    return new_encoder(graph, EncoderConfig(n_hid=4, n_heads=2, n_layers=2), 0)


def test_an_embedding_knows_nothing_after_its_bound(graph, future, encoder):
    rows = [embedded(g, encoder, time_max=2013) for g in (graph, future)]
    assert np.array_equal(*rows)
    for bound in (2014, None):
        rows = [embedded(g, encoder, time_max=bound) for g in (graph, future)]
        assert not np.array_equal(*rows)


@pytest.mark.parametrize("view", ["pretrain", "finetune", "original"])
def test_an_embedding_reads_its_view(graph, encoder, tmp_path, view):
    changed = world()
    for (_, this), rows in changed.x.items():
        rows[:, 1:] += this == view
    other = changed.write(tmp_path / "store")
    for read in ("pretrain", "finetune", "original"):
        rows = [embedded(g, encoder, view=read) for g in (graph, other)]
        assert np.array_equal(*rows) == (read != view)


def test_an_embedding_does_not_see_what_is_hidden(graph, encoder, tmp_path):
    changed = world()
    chosen = derive(0, "some").random(len(YEARS)) < 0.5
    changed.swap(FIRST, chosen)
    other, rows = changed.write(tmp_path / "store"), []
    for store in (graph, other):
        hidden = HiddenEdges(store, {FIRST: (None, chosen)})
        rows.append(embedded(store, encoder, hidden=hidden))
    assert np.array_equal(*rows)
    assert not np.array_equal(*(embedded(store, encoder) for store in (graph, other)))
