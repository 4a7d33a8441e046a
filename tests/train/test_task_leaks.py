"""What fine-tuning hands to its model, in training, validation and test: no answer, no future.

Two stores that differ in what a batch must not know give the same batch, to the bit; where they
differ in what it may know, it moves, so that the tests can fail. The batches are those of
:class:`TaskBatches`, and a run is shown to use these and no others.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.split import RandomSplit, TimeSplit
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.tasks import (
    AuthorDisambiguation,
    LabelClassification,
    LinkRanking,
    NodeClassification,
)
from GPT_GNN.tasks.links import divide_links
from GPT_GNN.train.encoder import new_encoder
from GPT_GNN.train.finetune import TaskBatches, finetune
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import FinetuneRunConfig
from tests.world import (
    CITE,
    EMPLOYED,
    FIRST,
    KNOWS,
    LEVELS,
    OTHER,
    VENUES,
    VISITS,
    links_of,
    moved,
    world,
)

ROOT = Path(__file__).resolve().parents[2]
SPLIT = TimeSplit(2013, 2016, 2017)
RANDOM = RandomSplit((0.4, 0.2, 0.2, 0.2))
SPLITS = ("train", "valid", "test")
YEARS_OF = {"train": (2014, 2016), "valid": (2017, 2017), "test": (2018, 2019)}
ANSWERS = {"y", "true"}
ALL = 1000  # more than there are of anything


def fields(graph, **settings):
    return NodeClassification(graph, SPLIT, [OAG.paper_field("L2")], **settings)


def venues(graph, **settings):
    return NodeClassification(graph, SPLIT, OAG.paper_venue(graph), classes="all", **settings)


def authors(graph, **settings):
    return AuthorDisambiguation(graph, SPLIT, OAG.paper_author(graph), **settings)


# As example_OAG's scripts make them, with their flags for what else to hide.
TASKS = {
    "one class": lambda graph, **k: LabelClassification(graph, SPLIT, "paper", "y", **k),
    "many classes": lambda graph, **k: LabelClassification(graph, SPLIT, "paper", "many", **k),
    "fields": fields,
    "fields, all hidden": lambda graph, **k: fields(
        graph, also_hidden=OAG.paper_field_all(graph), **k
    ),
    "venues": venues,
    "venues, fields and citations hidden": lambda graph, **k: venues(
        graph, also_hidden=OAG.citations(graph) + OAG.paper_field_all(graph), **k
    ),
    "links by time": lambda graph, **k: LinkRanking(graph, SPLIT, EMPLOYED, ALL, **k),
    "authors": lambda graph, **k: authors(graph, also_hidden=OAG.employment(graph), **k),
}
BY_EDGES = [name for name in TASKS if "class" not in name]
PUBLISHED = [name for name in TASKS if "links" not in name]
# Relations that a task hides: of papers of its split, or (employment) of its split's years.
SECRETS = {
    "one class": [],
    "many classes": [],
    "fields": LEVELS[1:],
    "fields, all hidden": LEVELS,
    "venues": VENUES,
    "venues, fields and citations hidden": [*VENUES, *LEVELS, CITE],
    "links by time": [EMPLOYED],
    "authors": [FIRST, OTHER, EMPLOYED],
}


def with_other_labels(name, split):
    """The graph with the labels of one split exchanged among its items, and what tells of them."""
    changed, (low, high) = world(), YEARS_OF[split]
    papers = (changed.years >= low) & (changed.years <= high)
    for values in (changed.y, changed.many):
        if not SECRETS[name]:
            values[papers] = np.roll(values[papers], 1, axis=0)
    for relation in SECRETS[name]:
        src, dst, year = changed.edges[relation]
        chosen = (year >= low) & (year <= high)
        if relation == CITE:  # a paper is cited in later years, too
            chosen = papers[dst]
        if name == "links by time":
            changed.rehire(chosen)
        else:  # namesakes change places, so that candidates and queries stay what they are
            changed.swap(relation, chosen, src % 6 if name == "authors" else src * 0)
    return changed


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A world as a store; each is written once."""
    folder, kept = tmp_path_factory.mktemp("worlds"), {}

    def write(key, make):
        if key not in kept:
            kept[key] = make().write(folder / str(len(kept)))
        return kept[key]

    return write


@pytest.fixture(scope="module")
def graph(store):
    """The world as it is."""
    return store("as it is", world)


def batches(make, graph, batch_size=ALL, reach=(1, 1)):
    sampler = SamplerConfig(sample_depth=3, sample_width=200, batch_size=batch_size, n_pool=0)
    return TaskBatches(make(graph), graph, sampler, 0, reach)


def given(make, graph, split, batch_size=ALL):
    """What the model is given of a split: two training steps, or every batch."""
    made = batches(make, graph, batch_size)
    return [made.train(i) for i in (0, 1)] if split == "train" else list(made.evaluate(split))


def differs(make, a, b, split, **settings):
    """The fields of a split's batches that are not the same in two stores."""
    return moved(*(given(make, graph, split, **settings) for graph in (a, b)))


@pytest.mark.parametrize("secret", ["valid", "test"])
@pytest.mark.parametrize("name", TASKS)
def test_held_out_labels_are_in_no_batch(graph, store, name, secret):
    """Of 5 items a batch, so that most held-out items are other batches'."""
    other = store((name, secret), lambda: with_other_labels(name, secret))
    for split in SPLITS:
        found = differs(TASKS[name], graph, other, split, batch_size=5)
        assert found - ANSWERS == set(), split
        assert bool(found) == (split == secret)  # there was something to see


@pytest.mark.parametrize("name", TASKS)
def test_a_training_batch_does_not_hold_its_own_labels(graph, store, name):
    """All items are in the batch; in a smaller one the others show theirs, if not hidden."""
    make, other = TASKS[name], store((name, "train"), lambda: with_other_labels(name, "train"))
    assert differs(make, graph, other, "train") <= ANSWERS
    assert differs(make, graph, other, "train")
    if name not in BY_EDGES:  # no link tells a label
        assert not differs(make, graph, other, "test")
        return

    def hiding(graph):
        return make(graph, hide_train_labels=True)

    assert "batch" in differs(make, graph, other, "train", batch_size=5)
    assert "batch" not in differs(hiding, graph, other, "train", batch_size=5)
    for split in ("valid", "test"):  # training's labels are known there, with the flag, too
        assert "batch" in differs(make, graph, other, split)
        assert "batch" in differs(hiding, graph, other, split)


@pytest.mark.parametrize("secret", ["valid", "test"])
@pytest.mark.parametrize("name", [name for name in PUBLISHED if name in BY_EDGES])
def test_the_published_protocol_shows_held_out_labels(graph, store, name, secret):
    """The control: what is hidden does move a batch once it is not; only its own labels do not."""
    other = store((name, secret), lambda: with_other_labels(name, secret))

    def published(graph):
        return TASKS[name](graph, original_protocol=True)

    assert "batch" in differs(published, graph, other, secret, batch_size=5)
    assert name == "authors" or "batch" not in differs(published, graph, other, secret)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("fields, all hidden", fields),
        ("venues, fields and citations hidden", venues),
        ("authors", authors),
    ],
)
def test_what_is_also_hidden_shows_where_it_is_not(graph, store, name, without, split):
    other = store((name, split), lambda: with_other_labels(name, split))
    assert "batch" in differs(without, graph, other, split)
    assert "batch" not in differs(TASKS[name], graph, other, split)


@pytest.mark.parametrize("split", SPLITS)
def test_what_is_also_hidden_is_not_predicted(graph, split):
    both = [given(TASKS[name], graph, split)[0] for name in ("fields", "fields, all hidden")]
    assert moved(*both) == {"batch"}


@pytest.mark.parametrize("split", SPLITS)
def test_co_authors_stay(graph, split):
    """Of a training paper, those of other names; of a held-out one nobody whose name is shared."""
    made = batches(TASKS["authors"], graph, 5, None)
    data = made.train(0) if split == "train" else next(iter(made.evaluate(split)))
    seen = links_of(graph, data.batch, FIRST) | links_of(graph, data.batch, OTHER)
    asked = asked_in(graph, data, FIRST)
    names = {(author % 6, paper) for author, paper in asked}
    assert not {(author % 6, paper) for author, paper in seen} & names
    assert bool({p for _, p in asked} & {p for _, p in seen}) == (split == "train")


VIEWS_READ = {
    "by default": ({}, ("pretrain", "finetune", "finetune")),
    "train_view": ({"train_view": "finetune"}, ("finetune",) * 3),
    "published": ({"original_protocol": True}, ("original",) * 3),
}


def with_other_features(view):
    changed = world()
    for (_, this), rows in changed.x.items():
        rows[:, 1:] += this == view
    return changed


@pytest.mark.parametrize("which", VIEWS_READ)
@pytest.mark.parametrize("name", TASKS)
def test_each_split_reads_what_was_known_before_its_years(graph, store, name, which):
    settings, views = VIEWS_READ[which]
    if which == "published" and name not in PUBLISHED:
        return

    def make(graph):
        return TASKS[name](graph, **settings)

    for split, read in zip(SPLITS, views, strict=True):
        before = given(make, graph, split, 12)
        for view in ("pretrain", "finetune", "original"):
            other = store(view, lambda view=view: with_other_features(view))
            found = moved(before, given(make, other, split, 12))
            assert found == ({"batch"} if view == read else set()), (split, view)


@pytest.mark.parametrize(("split", "last"), [("train", 2016), ("valid", 2017)])
@pytest.mark.parametrize("name", TASKS)
def test_the_future_of_a_split_is_in_none_of_its_batches(graph, store, name, split, last):
    """Not in its features or links, nor in how many there are, nor in who are candidates."""

    def later():
        changed = world()
        changed.later(last)
        return changed

    other = store(last, later)
    assert differs(TASKS[name], graph, other, split, batch_size=8) == set()
    assert "batch" in moved(*(given(TASKS[name], g, "test")[:1] for g in (graph, other)))


LINKS = {
    "by time": (EMPLOYED, SPLIT),
    "at random": (VISITS, RANDOM),
    "directed, of one type": (CITE, RANDOM),
    "symmetric": (KNOWS, RANDOM),
}


@pytest.mark.parametrize("hide_train_labels", [False, True])
@pytest.mark.parametrize("which", LINKS)
def test_asked_links_are_in_no_batch(graph, which, hide_train_labels):
    """In neither direction; of other training links most are there, if they are not hidden."""
    relation, split = LINKS[which]
    links, one_type = divide_links(graph, relation, split), relation[0] == relation[2]
    ends = list(zip(links.source.tolist(), links.target.tolist(), strict=True))
    held_out = {ends[k] for k in links.of_split(2, 3)}

    def make(graph):
        return LinkRanking(graph, split, relation, 6, hide_train_labels=hide_train_labels)

    made, back = batches(make, graph, 8, None), graph.schema.inverse_of(relation)
    for name in SPLITS:
        for data in [made.train(0)] if name == "train" else made.evaluate(name):
            seen = links_of(graph, data.batch, relation)
            seen |= {(s, t) for t, s in links_of(graph, data.batch, back)}
            assert not seen & held_out
            asked = asked_in(graph, data, relation)
            asked |= {(t, s) for s, t in asked} if one_type else set()
            assert asked and not seen & asked
            if hide_train_labels and name == "train":
                assert not seen & {ends[k] for k in links.of_split(1)}
            else:
                assert seen & {ends[k] for k in links.of_split(1)}


def asked_in(graph, data, relation):
    """The (source id, target id) that a batch asks for."""
    s, t = (graph.schema.node_type_id(relation[end]) for end in (0, 2))
    offsets, true = data.batch.graph.node_offsets, data.true > 0
    right = data.batch.x[s][data.right[true] - offsets[s], 0].long().tolist()
    left = data.batch.x[t][data.left[true] - offsets[t], 0].long().tolist()
    return set(zip(right, left, strict=True))


@pytest.mark.parametrize("name", ["one class", "fields", "links by time", "authors"])
def test_a_run_uses_these_batches_and_no_others(graph, tmp_path, monkeypatch, name):
    """Each step its own, the validation's in validation, the test's in the test."""
    make, sampler = (
        TASKS[name],
        SamplerConfig(sample_depth=3, sample_width=16, batch_size=8, n_pool=0),
    )
    encoder = new_encoder(graph, EncoderConfig(n_hid=4, n_heads=2, n_layers=2), 0)
    task, seen = make(graph), []
    encoder.register_forward_pre_hook(lambda m, args: seen.append((m.training, args[0])))
    run = FinetuneRunConfig(model_dir=str(tmp_path), cuda=-1, seed=3)
    finetune(encoder, task, graph, sampler, OptimConfig(n_epoch=1, n_batch=3), run, {})
    made = TaskBatches(task, graph, sampler, 3, encoder.reach)
    want = [(True, made.train(i)) for i in range(3)]
    want += [(False, data) for split in ("valid", "test") for data in made.evaluate(split)]
    assert [training for training, _ in seen] == [training for training, _ in want]
    for (_, batch), (_, data) in zip(seen, want, strict=True):
        assert moved(batch, data.batch) == set()


@pytest.mark.parametrize("name", TASKS)
def test_every_step_draws_its_own_batch(graph, name):
    """In time every training item; none twice in a batch."""
    task, drawn = TASKS[name](graph), []
    made, query = (
        TaskBatches(
            task,
            graph,
            SamplerConfig(sample_depth=1, sample_width=1, batch_size=4, n_pool=0),
            0,
            None,
        ),
        task.query,
    )
    task.query = lambda split, items: drawn.append(items) or query(split, items)
    for step in range(150):
        made.train(step)
    first = [tuple(items[:, 0] if items.ndim == 2 else items) for items in drawn]
    assert all(len(set(items)) == 4 for items in first) and len(set(first)) > 140
    items = task.items("train")
    assert {i for row in first for i in row} == set(items[:, 0] if items.ndim == 2 else items)
    assert moved(made.train(7), made.train(7)) == set() != moved(made.train(7), made.train(8))


@pytest.mark.parametrize(
    ("script", "flags", "want"),
    [
        ("PF", "", ("PF_in_L2",)),
        ("PF", "--hide_all_fields", ("PF_in_",)),
        ("PV", "", ("PV_",)),
        ("PV", "--hide_citations", ("PV_", "PP_cite")),
        ("PV", "--hide_fields", ("PV_", "PF_in_")),
        ("AD", "", ("AP_write_", "in")),
    ],
)
def test_the_scripts_hide_what_their_flags_say(toy, monkeypatch, script, flags, want):
    """By the beginnings of relations' names; the flags that all tasks have arrive, too."""
    path, tasks = ROOT / f"example_OAG/finetune_OAG_{script}.py", []
    monkeypatch.setattr("GPT_GNN.train.finetune.finetune", lambda *given: tasks.append(given[1]))
    for more in ("", "--hide_train_labels --train_view finetune", "--original_protocol"):
        line = f"{path} --data_dir {toy.path} --n_hid 8 --n_heads 2 --n_layers 1 {flags} {more}"
        monkeypatch.setattr(sys, "argv", line.split())
        runpy.run_path(str(path))["main"]()
    default, other, published = tasks
    names = {edge_type[1] for edge_type in toy.edge_types}
    every = {name for name in names if name.removeprefix("rev_").startswith(want)}
    hidden = hidden_in(toy, default, "test")
    assert {name for name, n in hidden.items() if n} == every
    few, more = (sum(hidden_in(toy, task, "train").values()) for task in (default, other))
    assert more > few and (default.train_view, other.train_view) == ("pretrain", "finetune")
    assert published.original_protocol and not default.original_protocol


def hidden_in(graph, task, split):
    """How many edges of each relation a batch of one item must not see."""
    hidden, found = task.query(split, task.items(split)[:1]).hidden, {}
    for edge_type in graph.edge_types:
        csr = graph.csr(edge_type)
        found[edge_type[1]] = int(hidden.hides(edge_type, csr.indices, csr.targets()).sum())
    return found
