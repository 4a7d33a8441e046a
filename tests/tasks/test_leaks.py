"""Change what a task hides, and no prediction moves: to the bit, for one model and one draw."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.config import EncoderConfig
from GPT_GNN.datasets.oag import OAG
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.tasks import AuthorDisambiguation, NodeClassification
from GPT_GNN.train.runtime import seeded
from GPT_GNN.train.start import new_encoder
from tests.sampler.graphs import same_subgraph
from tests.tasks.stores import copy_of

TRAIN_UNTIL = OAG.split.train_until
EMPLOYMENT = ("author", "in", "affiliation")
BATCH = 24


def paper_field(graph, **settings):
    return NodeClassification(graph, OAG.split, [OAG.paper_field("L2")], **settings)


def paper_venue(graph, **settings):
    return NodeClassification(graph, OAG.split, OAG.paper_venue(graph), classes="all", **settings)


def disambiguation(graph, **settings):
    secret = OAG.employment(graph)
    return AuthorDisambiguation(graph, OAG.split, OAG.paper_author(graph), secret, **settings)


TASKS = {"PF": paper_field, "PV": paper_venue, "AD": disambiguation}


def sample(task, graph, split, items, step=0):
    query = task.query(split, items)
    rng = derive(step, "leak")
    return query, HGSampler(graph, 3, 12).sample(query.seeds, query.time_max, query.hidden, rng)


def outcome(task, graph, split, items=None):
    """Predictions of the first items of a split by an untrained model, and their labels."""
    items = task.items(split)[:BATCH] if items is None else items
    query, subgraph = sample(task, graph, split, items)
    data = task.collate(split, items, make_batch(graph, subgraph, query.view))
    encoder = new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=2), 0).eval()
    with torch.no_grad(), seeded(0, "head"):
        head = task.head(8).eval()
        h = encoder(data.batch)
        if isinstance(task, AuthorDisambiguation):
            return head(h[data.right], h[data.left]), data.true
        return head(h[data.nodes]), data.y


def known_authors(graph, until):
    """Authors with a paper up to a year, and the names that three or more of them share."""
    known = set()
    for relation in OAG.paper_author(graph):
        csr = graph.csr(relation)
        known |= set(csr.indices[csr.time <= until].tolist())
    names = graph.ragged("author", "name")
    count = Counter(names.text(author) for author in known)
    return known, {name for name, n in count.items() if n >= 3}


def label_edges(task, graph, edge_type, src, dst):
    """Which edges of a relation into papers are labels of this task."""
    if edge_type not in task.relations:
        return np.zeros(len(src), dtype=bool)
    if isinstance(task, NodeClassification):
        return np.ones(len(src), dtype=bool)
    return of_ambiguous_authors(graph, src)


def of_ambiguous_authors(graph, authors):
    names, (_, ambiguous) = graph.ragged("author", "name"), known_authors(graph, TRAIN_UNTIL)
    return np.array([names.text(author) in ambiguous for author in authors], dtype=bool)


def split_of(year):
    return (year > OAG.split.train_until) + (year > OAG.split.valid_until)


def rewired(task, graph, path, papers):
    """The same store with the labels of some papers exchanged among them.

    Classes change places with classes of the same relation, authors with namesakes on papers of the
    same split who are as well known, so that candidates and queries stay what they are. In author
    disambiguation the employments of those years change places, too.
    """
    year, names = graph.node_time("paper"), graph.ragged("author", "name")
    chosen = np.zeros(len(year), dtype=bool)
    chosen[papers] = True
    bound = TRAIN_UNTIL if year[papers].min() > TRAIN_UNTIL else OAG.split.pretrain_until
    known, _ = known_authors(graph, bound)

    def sources(edge_type, src, dst, time):
        src, groups = src.copy(), {}
        if edge_type[2] == "paper":
            mine = label_edges(task, graph, edge_type, src, dst) & chosen[dst]
        elif edge_type == EMPLOYMENT and isinstance(task, AuthorDisambiguation):
            mine = of_ambiguous_authors(graph, src) & (time > bound)
        else:
            return src
        for edge in np.flatnonzero(mine):
            author = edge_type[0] == "author" and edge_type[2] == "paper"
            names_of = (names.text(src[edge]), src[edge] in known) if author else ()
            groups.setdefault((names_of, split_of(time[edge])), []).append(edge)
        for group in groups.values():
            src[group] = src[np.roll(group, 1)]
        return src

    return copy_of(graph, path, sources)


def held_out(graph):
    return np.flatnonzero(graph.node_time("paper") > TRAIN_UNTIL)


@pytest.fixture(scope="module", params=list(TASKS))
def case(request, toy, tmp_path_factory):
    """A task, the built-in graph, and it with the labels of all held-out papers rewired."""
    make = TASKS[request.param]
    path = tmp_path_factory.mktemp("rewired") / "store"
    return make, rewired(make(toy), toy, path, held_out(toy))


def test_a_copy_without_changes_gives_the_same(toy, tmp_path):
    copied = copy_of(toy, tmp_path / "store")
    assert copied.schema == toy.schema
    for make in TASKS.values():
        before, after = (outcome(make(g), g, "test") for g in (toy, copied))
        assert all(map(torch.equal, before, after))


@pytest.mark.parametrize("split", ["valid", "test"])
def test_labels_of_held_out_papers_are_not_seen(case, toy, split):
    make, other = case
    scores, labels = outcome(make(toy), toy, split)
    moved, other_labels = outcome(make(other), other, split)
    assert torch.equal(scores, moved)
    assert not torch.equal(labels, other_labels)


def test_training_does_not_see_labels_of_held_out_papers(case, toy):
    make, other = case
    assert all(
        map(torch.equal, outcome(make(toy), toy, "train"), outcome(make(other), other, "train"))
    )


@pytest.mark.parametrize("name", list(TASKS))
def test_a_training_batch_does_not_see_its_own_labels(toy, tmp_path, name):
    make = TASKS[name]
    task = make(toy)
    # All queries of author disambiguation: a paper may be in several, and few share a name.
    items = task.items("train")[: None if name == "AD" else BATCH]
    papers = task.query("train", items).seeds["paper"][0]
    other = rewired(task, toy, tmp_path / "store", papers)
    scores, labels = outcome(task, toy, "train", items)
    moved, other_labels = outcome(make(other), other, "train", items)
    assert torch.equal(scores, moved)
    assert not torch.equal(labels, other_labels)


def test_the_published_protocol_shows_other_test_papers_labels(case, toy):
    """The control: what the guard hides does move a prediction once the guard is off."""
    make, other = case
    scores, _ = outcome(make(toy, original_protocol=True), toy, "test")
    moved, _ = outcome(make(other, original_protocol=True), other, "test")
    assert not torch.equal(scores, moved)


@pytest.mark.parametrize("name", list(TASKS))
@pytest.mark.parametrize("split, last", [("train", 2016), ("valid", 2017)])
def test_features_of_future_papers_do_not_matter(toy, tmp_path, name, split, last):
    future = toy.node_time("paper") > last

    def features(node_type, values):
        if node_type == "paper":
            values[future] += 1
        return values

    other = copy_of(toy, tmp_path / "store", features=features)
    make = TASKS[name]
    assert torch.equal(outcome(make(toy), toy, split)[0], outcome(make(other), other, split)[0])
    later = "test"
    assert not torch.equal(outcome(make(toy), toy, later)[0], outcome(make(other), other, later)[0])


@pytest.mark.parametrize("name", list(TASKS))
@pytest.mark.parametrize("split, last", [("train", 2016), ("valid", 2017)])
def test_future_edges_leave_no_trace_in_the_sample(toy, tmp_path, name, split, last):
    """Not even their number: whether a paper will be cited is not known yet."""
    past = copy_of(toy, tmp_path / "store", until=last)
    assert past.edges.size < toy.edges.size
    task = TASKS[name](toy)
    for step in range(5):
        items = task.draw(BATCH, derive(step)) if split == "train" else task.items(split)[:BATCH]
        samples = [sample(task, graph, split, items, step)[1] for graph in (toy, past)]
        assert same_subgraph(*samples)


@pytest.mark.parametrize("name", list(TASKS))
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_what_a_sample_holds(toy, name, split):
    """No paper and no edge after the bound; no label edge of a target or of a held-out paper."""
    task = TASKS[name](toy)
    items = task.items(split)[:BATCH]
    query, subgraph = sample(task, toy, split, items)
    paper = toy.node_types.index("paper")
    year = toy.node_time("paper")
    assert year[subgraph.node_ids[paper]].max() <= query.time_max
    targets = query.seeds["paper"][0]
    secret = np.union1d(targets, held_out(toy)) if name != "AD" else held_out(toy)
    stay = 0
    for edge_type in task.relations:
        part = subgraph.edges(edge_type)
        source = subgraph.node_ids[toy.node_types.index(edge_type[0])][subgraph.src[part]]
        target = subgraph.node_ids[paper][subgraph.dst[part]]
        label = label_edges(task, toy, edge_type, source, target)
        assert not (label & np.isin(target, secret)).any()
        stay += int((~label & np.isin(target, targets)).sum())
        back = subgraph.edges(toy.schema.inverse_of(edge_type))
        assert back.stop - back.start == part.stop - part.start
    if name == "AD":
        assert stay > 0  # co-authors of the query's paper
        part, csr = subgraph.edges(EMPLOYMENT), toy.csr(EMPLOYMENT)
        authors, firms = (toy.node_types.index(EMPLOYMENT[end]) for end in (0, 2))
        source = subgraph.node_ids[authors][subgraph.src[part]]
        target = subgraph.node_ids[firms][subgraph.dst[part]]
        since = dict(
            zip(
                zip(csr.indices.tolist(), csr.targets().tolist(), strict=True),
                csr.time,
                strict=True,
            )
        )
        bound = 2013 if split == "train" else TRAIN_UNTIL
        known = [since[edge] for edge in zip(source.tolist(), target.tolist(), strict=True)]
        assert not (of_ambiguous_authors(toy, source) & (np.array(known) > bound)).any()
        own = {
            (int(a), int(p))
            for i in items
            for p in task.query(split, np.array([i])).seeds["paper"][0]
            for a in task.query(split, np.array([i])).seeds["author"][0]
        }
        authors = subgraph.node_ids[toy.node_types.index("author")]
        for edge_type in task.relations:
            part = subgraph.edges(edge_type)
            ends = zip(
                authors[subgraph.src[part]],
                subgraph.node_ids[paper][subgraph.dst[part]],
                strict=True,
            )
            assert not own & {(int(a), int(p)) for a, p in ends}


@pytest.mark.parametrize("split", ["train", "test"])
def test_hide_all_fields_hides_every_level(toy, split):
    levels = OAG.paper_field_all(toy)
    assert len(levels) == 6

    def visible(task):
        items = task.items(split)[:BATCH]
        _, subgraph = sample(task, toy, split, items)
        seeds = subgraph.num_seeds[toy.node_types.index("paper")]
        return {
            edge_type[1]
            for edge_type in levels
            if (subgraph.dst[subgraph.edges(edge_type)] < seeds).any()
        }

    some, none = paper_field(toy), paper_field(toy, also_hidden=levels)
    assert {"rev_PF_in_L0", "rev_PF_in_L1"} <= visible(some)
    assert "rev_PF_in_L2" not in visible(some)
    assert visible(none) == set()
    assert np.array_equal(some.classes, none.classes)  # hidden, not predicted
    assert torch.equal(outcome(some, toy, split)[1], outcome(none, toy, split)[1])


@pytest.mark.parametrize("relations", [OAG.citations, OAG.paper_field_all])
@pytest.mark.parametrize("split", ["train", "test"])
def test_what_is_also_hidden_is_hidden_in_both_directions(toy, split, relations):
    hidden = relations(toy)
    assert len(hidden) >= 2
    task = paper_venue(toy, also_hidden=hidden)
    _, subgraph = sample(task, toy, split, task.items(split)[:BATCH])
    seeds = subgraph.num_seeds[toy.node_types.index("paper")]
    for edge_type in hidden:
        for direction in (edge_type, toy.schema.inverse_of(edge_type)):
            edges = subgraph.edges(direction)
            if direction[2] == "paper":
                assert not (subgraph.dst[edges] < seeds).any()
            if direction[0] == "paper":
                assert not (subgraph.src[edges] < seeds).any()


def test_views_know_no_future(toy):
    for make in TASKS.values():
        for settings, views in (
            ({}, ("pretrain", "finetune", "finetune")),
            ({"train_view": "finetune"}, ("finetune", "finetune", "finetune")),
            ({"original_protocol": True}, ("original", "original", "original")),
        ):
            task = make(toy, **settings)
            splits = ("train", "valid", "test")
            assert views == tuple(task.query(s, task.items(s)[:1]).view for s in splits)
