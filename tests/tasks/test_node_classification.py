"""Labels, candidates and shares of the node classification tasks against literal loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.split import RandomSplit
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.tasks import NodeClassification
from tests.made import indexed
from tests.oracle.metrics import row_metrics
from tests.tasks.stores import ABOUT, ALSO, LABEL, YEARS, coo, hand_made

SPAN = {"train": (2014, 2016), "valid": (2017, 2017), "test": (2018, 9999)}


def paper_field(graph, **settings):
    return NodeClassification(graph, OAG.FACTS.split, [OAG.paper_field("L2")], **settings)


def paper_venue(graph, **settings):
    return NodeClassification(
        graph, OAG.FACTS.split, OAG.paper_venue(graph), classes="all", **settings
    )


def literal_labels(graph, relations):
    """Paper -> its classes."""
    labels = {}
    for relation in relations:
        for source, paper in coo(graph, relation):
            labels.setdefault(paper, set()).add(source)
    return labels


def collated(task, graph, split, items):
    query = task.query(split, items)
    subgraph = HGSampler(graph, sample_depth=2, sample_width=8).sample(query, derive(0))
    batch = make_batch(graph, subgraph)
    data = indexed(task.collate(split, items, batch))
    rows = data.nodes.numpy() - batch.node_offsets[graph.node_types.index("paper")]
    paper = subgraph.node_ids[graph.node_types.index("paper")]
    assert paper[rows].tolist() == items.tolist()  # labels go with the right rows
    return query, subgraph, data


def check_labels(task, graph, relations, classes):
    labels, year = literal_labels(graph, relations), graph.node_time("paper")
    assert task.classes.tolist() == sorted(classes)
    in_training = set()
    for split, (low, high) in SPAN.items():
        want = [p for p in range(len(year)) if low <= year[p] <= high and p in labels]
        assert task.items(split).tolist() == want
        assert task.times(split).tolist() == [year[p] for p in want]
        if split == "train":
            in_training = {c for p in want for c in labels[p]}
        items = np.array(want)[:40][::-1].copy()
        _, _, data = collated(task, graph, split, items)
        for row, paper in zip(data.y.numpy(), items.tolist(), strict=True):
            true = labels[paper]
            for column, c in enumerate(task.classes.tolist()):
                assert row[column] == (np.float32(1 / len(true)) if c in true else 0)
        logits = torch.from_numpy(derive(1).normal(size=data.y.shape))
        head = lambda h, logits=logits: logits  # noqa: E731 - a head that ignores the encoder
        scores = task.scores(head, torch.zeros(10_000, 1), data)
        want_scores = [
            row_metrics(*pair) for pair in zip(logits.numpy(), data.y.numpy(), strict=True)
        ]
        assert np.allclose(np.stack([scores["ndcg"], scores["mrr"]], 1), want_scores)
        seen = [bool(labels[paper] & in_training) for paper in items.tolist()]
        assert scores["seen"].tolist() == seen


def test_labels_counted_on_paper(tiny):
    task = NodeClassification(tiny, OAG.FACTS.split, [LABEL])
    assert task.classes.tolist() == [0, 1, 2, 3, 4]
    assert task.items("train").tolist() == [2, 3, 4, 5]
    assert task.items("valid").tolist() == [7, 8]
    assert task.items("test").tolist() == [9, 10]
    check_labels(task, tiny, [LABEL], {field for _, field in ABOUT})


def test_two_label_relations_may_share_a_link(tiny):
    task = NodeClassification(tiny, OAG.FACTS.split, [LABEL, ALSO])
    check_labels(task, tiny, [LABEL, ALSO], range(5))
    _, _, data = collated(task, tiny, "train", np.array([5]))
    assert data.y.tolist() == [[0, 0, 1, 0, 0]]  # one label, though two edges


def test_labels_of_the_built_in_graph(toy):
    relation = OAG.paper_field("L2")
    check_labels(paper_field(toy), toy, [relation], {s for s, _ in coo(toy, relation)})
    relations = OAG.paper_venue(toy)
    assert len(relations) == 4
    check_labels(paper_venue(toy), toy, relations, range(toy.num_nodes("venue")))


def both_relations(graph):
    return NodeClassification(graph, OAG.FACTS.split, [LABEL, ALSO])


@pytest.mark.parametrize(
    "make, store", [(paper_field, "toy"), (paper_venue, "toy"), (both_relations, "tiny")]
)
def test_most_frequent_is_the_literal_count(request, make, store):
    graph = request.getfixturevalue(store)
    task = make(graph)
    labels = literal_labels(graph, task.relations)
    counts = dict.fromkeys(task.classes.tolist(), 0)
    for paper in task.items("train").tolist():
        for c in labels[paper]:
            counts[c] += 1
    scores = np.array([counts[c] for c in task.classes.tolist()])
    for split in ("valid", "test"):
        got = task.most_frequent(split)
        for i, paper in enumerate(task.items(split).tolist()):
            relevance = np.array([c in labels[paper] for c in task.classes.tolist()], dtype=float)
            want = row_metrics(scores, relevance)
            assert np.allclose((got["ndcg"][i], got["mrr"][i]), want)


def test_loss_is_the_literal_divergence(toy):
    task = paper_field(toy)
    _, _, data = collated(task, toy, "train", task.items("train")[:7])
    head = task.head(8)
    h = torch.randn(data.batch.graph.num_nodes, 8)
    with torch.no_grad():
        logits = h[data.nodes] @ head.linear.weight.T + head.linear.bias
        log_p = logits - logits.logsumexp(1, keepdim=True)
        want = 0.0
        for y_row, p_row in zip(data.y, log_p, strict=True):
            want += sum(
                float(y * (y.log() - p)) for y, p in zip(y_row, p_row, strict=True) if y > 0
            )
        assert float(task.loss(head, h, data)) == pytest.approx(want / 7, rel=1e-5)


def test_the_share_of_labels(toy):
    whole = paper_field(toy)
    parts = [paper_field(toy, fraction=0.25, seed=seed) for seed in (0, 0, 1)]
    for split in ("train", "valid"):
        everything = set(whole.items(split).tolist())
        first, again, other = (set(part.items(split).tolist()) for part in parts)
        assert first == again != other
        assert len(first) == len(other) == int(len(everything) * 0.25)
        assert first <= everything and other <= everything
    assert all(np.array_equal(part.items("test"), whole.items("test")) for part in parts)
    assert len(paper_field(toy, fraction=1e-9).items("train")) == 1  # at least one
    assert np.array_equal(paper_field(toy, fraction=1.0).items("train"), whole.items("train"))


@pytest.mark.parametrize("fraction", [0, -0.5, 1.0001, float("nan")])
def test_share_out_of_range(toy, fraction):
    with pytest.raises(ValueError, match=r"data_percentage: expected a value in"):
        paper_field(toy, fraction=fraction)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_split_without_labels_is_named(tmp_path, split):
    low, high = SPAN[split]
    about = [(p, f) for p, f in ABOUT if not low <= YEARS[p] <= high]
    graph = hand_made(tmp_path / "store", about=about)
    with pytest.raises(ValueError, match=f"no 'paper' node of the {split} split has a label"):
        NodeClassification(graph, OAG.FACTS.split, [LABEL])


def test_no_label_relation(toy):
    with pytest.raises(ValueError, match="no relation holds the labels"):
        NodeClassification(toy, OAG.FACTS.split, [])


def test_batches_are_distinct_training_nodes_and_never_more_than_there_are(tiny):
    task = NodeClassification(tiny, OAG.FACTS.split, [LABEL])
    for n in (1, 3, 4, 100):
        drawn = task.draw(n, derive(n))
        assert len(set(drawn.tolist())) == len(drawn) == min(n, 4)
        assert set(drawn.tolist()) <= {2, 3, 4, 5}
    assert task.draw(3, derive(7)).tolist() == task.draw(3, derive(7)).tolist()


def test_the_time_bound_of_each_split(toy):
    task = paper_field(toy)
    bounds = [task.query(split, task.items(split)[:1]).time_max for split in SPAN]
    assert bounds == [2016, 2017, int(toy.node_time("paper").max())]


@pytest.mark.parametrize("timed", [False, True])
def test_targets_without_times(tmp_path, timed):
    """Films without years; in one of the graphs the genres have some, and so have the links."""
    of_genre = ("genre", "of", "film")
    genre, film = np.array([0, 1, 0, 1, 0, 1, 1, 0]), np.array([0, 1, 2, 3, 4, 5, 6, 6])
    nodes = {
        "film": NodeArrays(8, {"x": np.eye(8, dtype=np.float32)}),
        "genre": NodeArrays(2, time=np.array([1990, 2000], dtype=np.int32) if timed else None),
    }
    edges = {of_genre: EdgeArrays(genre, film)}
    graph = write_graph(tmp_path / "store", nodes, edges, times_declared=True)
    task = NodeClassification(graph, RandomSplit((0.0, 0.5, 0.25, 0.25)), [of_genre])
    assert task.times("test") is None
    assert sorted(i for s in SPAN for i in task.items(s)) == [0, 1, 2, 3, 4, 5, 6]  # 7 has none
    for split in SPAN:
        items = task.items(split)
        query = task.query(split, items)
        subgraph = HGSampler(graph, sample_depth=3, sample_width=9).sample(query, derive(0))
        data = indexed(task.collate(split, items, make_batch(graph, subgraph)))
        want = [[(g, f) in zip(genre, film, strict=True) for g in (0, 1)] for f in items]
        assert (data.y.numpy() > 0).tolist() == want
        assert not len(subgraph.src)  # the only edges there are tell the labels
