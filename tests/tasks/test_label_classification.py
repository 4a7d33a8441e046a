"""Classes of a column: labels, shares, baseline, loss and scores by literal loops; no leak."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.builder.builder import build_graph
from GPT_GNN.datasets.reddit.preprocess import toy_store
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.split import ColumnSplit, TimeSplit
from GPT_GNN.graph.store import VIEWS, HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.tasks import LabelClassification
from GPT_GNN.train.encoder import new_encoder
from tests.made import indexed
from tests.oracle.metrics import f1

SPLIT_NAMES = ("train", "valid", "test")
# Post i: class and split. Class 9 has no training post, posts 0 and 7 have no class.
LABEL = [-1, 5, 5, 2, 9, 2, 9, -3, 5, 2]
SPLIT = [1, 1, 1, 1, 2, 2, 3, 3, 3, 0]
LINKS = [(1, 2), (2, 2), (3, 6), (1, 8)]


def posts(path, label=LABEL, links=LINKS, split=SPLIT, time=None):
    """Ten posts; 2 is linked to itself, 0, 4, 5, 7 and 9 to none."""
    with build_graph(path, VIEWS) as builder:
        builder.add_node_type("def", len(label))
        builder.add_relation(Reddit.relation, inverse="def")
        builder.add_edges(Reddit.relation, *np.array(links).reshape(-1, 2).T)
        x = builder.create_feature("def", "emb", 4)
        x[:] = np.random.default_rng(0).normal(size=x.shape)
        builder.add_column("def", "y", np.asarray(label))
        builder.add_column("def", "split", np.array(split, dtype=np.int8))
        if time is not None:
            builder.add_column("def", "time", np.asarray(time))
    return HeteroGraph.open(path)


@pytest.fixture
def ten(tmp_path):
    return posts(tmp_path / "ten")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return toy_store(400, 0, tmp_path_factory.mktemp("toy"))


def of_posts(graph, **settings):
    return LabelClassification(graph, Reddit.FACTS.split, Reddit.FACTS.target, **settings)


def collated(task, graph, split, items, seed=0):
    query = task.query(split, items)
    subgraph = HGSampler(graph, sample_depth=2, sample_width=8).sample(query, derive(seed))
    assert subgraph.node_ids[0][: len(items)].tolist() == items.tolist()
    return indexed(task.collate(split, items, make_batch(graph, subgraph)))


def test_labels_counted_on_paper(ten):
    task = of_posts(ten)
    assert task.classes.tolist() == [2, 5, 9]
    assert [task.items(split).tolist() for split in SPLIT_NAMES] == [[1, 2, 3], [4, 5], [6, 8]]
    data = collated(task, ten, "test", np.array([8, 6]))
    assert data.y.tolist() == [1, 2] and data.y.dtype == torch.int64
    assert data.nodes.tolist() == [0, 1]
    assert task.times("test") is None
    assert task.describe() == {"task": "LabelClassification", "column": "def.y"}


def test_the_baseline_is_trainings_most_frequent_class(ten):
    task = of_posts(ten)
    baseline = task.most_frequent("test")
    assert baseline["predicted"].tolist() == [[1, 1]]  # class 5: two of three training posts
    assert task.metrics(baseline) == {"micro_f1": 0.5, "macro_f1": pytest.approx(1 / 3), "items": 2}


@pytest.mark.parametrize("renumbered", [False, True])
def test_the_baseline_of_equally_frequent_classes_is_the_mean_of_their_answers(
    tmp_path, renumbered
):
    """Classes 2 and 5 have a training post each; which has the smaller number is of no matter."""
    label = [-1, 5, -1, 2, 9, 2, 5, -3, 9, 2]
    if renumbered:
        label = [{5: 2, 2: 5}.get(c, c) for c in label]
    task = of_posts(posts(tmp_path / "store", label=label))
    # Of the test posts, one of 5 and one of 9, "always 5" gets one right, "always 2" none.
    baseline = task.metrics(task.most_frequent("test"))
    assert baseline == {"micro_f1": 1 / 4, "macro_f1": pytest.approx((2 / 3 / 2) / 2), "items": 2}


def test_loss_and_scores_by_literal_loops(toy):
    task = of_posts(toy)
    items = task.items("train")[:9]
    data = collated(task, toy, "train", items)
    head = task.head(8)
    h = torch.randn(data.batch.graph.num_nodes, 8)
    with torch.no_grad():
        logits = (h[data.nodes] @ head.linear.weight.T + head.linear.bias).tolist()
        label = toy.column("def", "y")[items].tolist()
        want, right = 0.0, []
        for row, y in zip(logits, label, strict=True):
            want += np.log(np.exp(row).sum()) - row[task.classes.tolist().index(y)]
            right.append(bool(task.classes[int(np.argmax(row))] == y))
        assert float(task.loss(head, h, data)) == pytest.approx(want / 9, rel=1e-5)
        scores = task.scores(head, h, data)
    assert (scores["true"] == scores["predicted"]).tolist() == right
    assert task.classes[scores["true"]].tolist() == label


def test_the_share_of_labels(toy):
    whole, part, again, other = (
        of_posts(toy, fraction=f, seed=s) for f, s in ((1.0, 0), (0.25, 0), (0.25, 0), (0.25, 1))
    )
    for split in ("train", "valid"):
        assert set(part.items(split)) < set(whole.items(split))
        assert len(part.items(split)) == len(whole.items(split)) // 4
        assert np.array_equal(part.items(split), again.items(split))
        assert not np.array_equal(part.items(split), other.items(split))
    assert np.array_equal(part.items("test"), whole.items("test"))
    with pytest.raises(ValueError, match=r"data_percentage: expected a value in"):
        of_posts(toy, fraction=0)


def test_batches_are_distinct_training_nodes(ten):
    task = of_posts(ten)
    assert sorted(task.draw(99, derive(0)).tolist()) == [1, 2, 3]
    assert len(set(task.draw(2, derive(0)).tolist())) == 2


def test_mistakes(tmp_path, ten):
    with pytest.raises(ValueError, match="has no array column 'z'; available"):
        of_posts(ten, column="z")
    floats = posts(tmp_path / "floats", label=np.array(LABEL, dtype=float))
    with pytest.raises(
        ValueError, match="expected an integer per node, .* in column 'y' of 'def', found float64"
    ):
        of_posts(floats)
    for number, name in enumerate(SPLIT_NAMES, start=1):
        split = [-1 if s == number else s for s in SPLIT]
        graph = posts(tmp_path / name, split=split)
        with pytest.raises(ValueError, match=f"no 'def' node of the {name} split has a label"):
            of_posts(graph)


def test_a_graph_with_times(tmp_path):
    year = [2010, 2014, 2015, 2016, 2017, 2017, 2018, 2019, 2020, 2012]
    graph = posts(tmp_path / "timed", time=year)
    task = LabelClassification(graph, TimeSplit(2013, 2016, 2017), "def")
    assert task.items("train").tolist() == [1, 2, 3]
    assert task.times("test").tolist() == [2018, 2020]
    assert task.query("train", np.array([3])).time_max == 2016


# Post i: its genres, of four; 0 and 7 have none, genre 3 has no training post.
GENRES = np.array(
    [
        [0, 0, 0, 0],
        [1, 0, 1, 0],
        [0, 1, 1, 0],
        [0, 0, 1, 0],
        [1, 1, 1, 0],
        [0, 1, 0, 1],
        [0, 0, 1, 1],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
    ]
)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.float32])
def test_several_classes_a_post_counted_on_paper(tmp_path, dtype):
    task = of_posts(posts(tmp_path / "store", label=GENRES.astype(dtype)))
    assert task.classes.tolist() == [0, 1, 2, 3]
    assert [task.items(split).tolist() for split in SPLIT_NAMES] == [[1, 2, 3], [4, 5], [6, 8]]
    data = collated(task, task.graph, "test", np.array([8, 6]))
    assert data.y.tolist() == GENRES[[8, 6]].tolist() and data.y.dtype == torch.float32
    baseline = task.most_frequent("test")
    # Genre 2, always.
    assert baseline["predicted"].tolist() == [[[False, False, True, False]] * 2]
    # Post 6 has genres 2 and 3, post 8 genre 0: one right, one wrong, two missed.
    assert task.metrics(baseline) == {
        "micro_f1": pytest.approx(2 / 5),
        "macro_f1": pytest.approx((0 + 0 + 2 / 3 + 0) / 4),
        "items": 2,
    }


def test_the_baseline_of_equally_frequent_genres_is_the_mean_of_their_answers(tmp_path):
    genres = GENRES.copy()
    genres[3] = [1, 0, 0, 0]  # now training has genres 0 and 2 twice
    task = of_posts(posts(tmp_path / "store", label=genres))
    baseline = task.most_frequent("test")
    assert baseline["predicted"][:, 0].tolist() == [
        [True, False, False, False],
        [False, False, True, False],
    ]
    # Post 6 has genres 2 and 3, post 8 genre 0: each answer has one right, one wrong, two missed.
    assert task.metrics(baseline) == {
        "micro_f1": pytest.approx(2 / 5),
        "macro_f1": pytest.approx(2 / 3 / 4),
        "items": 2,
    }


def test_loss_and_scores_of_several_classes_by_literal_loops(tmp_path):
    graph = posts(tmp_path / "store", label=GENRES)
    task = of_posts(graph)
    head = task.head(8)
    values, losses, sets = [], [], ([], [])
    for items in (np.array([1, 2]), np.array([3])):  # two batches, as over a split
        data = collated(task, graph, "train", items)
        h = torch.randn(data.batch.graph.num_nodes, 8)
        with torch.no_grad():
            p = torch.sigmoid(h[data.nodes] @ head.weight.T + head.bias).tolist()
            loss = float(task.loss(head, h, data))
            values.append(task.scores(head, h, data))
        terms = []
        for row, post in zip(p, items, strict=True):
            terms += [-np.log(q if y else 1 - q) for q, y in zip(row, GENRES[post], strict=True)]
            sets[0].append({c for c in range(4) if GENRES[post][c]})
            sets[1].append({c for c in range(4) if row[c] > 0.5})
        losses.append((loss, np.mean(terms)))
    assert all(got == pytest.approx(want, rel=1e-5) for got, want in losses)
    whole = {name: np.concatenate([v[name] for v in values]) for name in values[0]}
    got = task.metrics(whole)
    assert (got["micro_f1"], got["macro_f1"]) == pytest.approx(f1(*sets, classes=4))


def test_a_column_that_is_neither_form(tmp_path):
    for name, label in (("counts", 2 * GENRES), ("missing", np.where(GENRES, np.nan, 0))):
        with pytest.raises(ValueError, match=r"a 0 or 1 per class, .* of shape \(10, 4\)"):
            of_posts(posts(tmp_path / name, label=label))


@pytest.mark.parametrize("split", SPLIT_NAMES)
def test_no_label_moves_a_prediction(tmp_path, split):
    """All labels but those of training: they are read for loss and scores only."""
    other = np.array(LABEL)
    other[[4, 5, 6, 8]] = 2, 9, 2, 9
    graphs = [posts(tmp_path / "a"), posts(tmp_path / "b", label=other)]
    answers = []
    for graph in graphs:
        task = of_posts(graph)
        encoder = new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=2), 0).eval()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            head = task.head(8)
        data = collated(task, graph, split, np.array([1, 3, 4, 6]))
        with torch.no_grad():
            answers.append((head(encoder(data.batch)[data.nodes]), data.y))
    assert torch.equal(answers[0][0], answers[1][0])
    assert not torch.equal(answers[0][1], answers[1][1])


def test_posts_without_links_are_classified_from_their_own_features(ten):
    task = of_posts(ten)
    encoder = new_encoder(ten, EncoderConfig(n_hid=8, n_heads=2, n_layers=2), 0).eval()
    lone = np.array([4, 5])
    with torch.no_grad():
        together = encoder(collated(task, ten, "valid", lone).batch)
        apart = [encoder(collated(task, ten, "valid", lone[i : i + 1]).batch) for i in (0, 1)]
    assert together.shape == (2, 8) and torch.isfinite(together).all()
    assert torch.allclose(together, torch.cat(apart), atol=1e-6)


def test_a_store_that_names_what_pretrains(tmp_path, ten):
    assert ColumnSplit().nodes(ten, "def", "pretrain").tolist() == [9]
    assert ColumnSplit().nodes(ten, "def", "train").tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="unknown split 'dev'; available"):
        ColumnSplit().nodes(ten, "def", "dev")
    with pytest.raises(ValueError, match="has no array column 'fold'"):
        ColumnSplit("fold").nodes(ten, "def", "train")
