"""GPT-GNN's loss of a batch: what relations and the queue are to it, and which batches have one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.model.queue import SPAN
from GPT_GNN.objectives.counts import LossCounts
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.rng import derive
from GPT_GNN.train.encoder import new_encoder, new_objective
from tests.made import indexed, method_of
from tests.objectives.batches import sample
from tests.oracle.edge_scorer import LiteralMatcher
from tests.oracle.link_loss import LiteralLinks, relation_loss
from tests.stores import films


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return films(tmp_path_factory.mktemp("gpt_gnn") / "films")


@pytest.fixture
def made(graph):
    """An objective with a queue of its full size, and a batch with links of two relations."""
    encoder = new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=1, dropout=0.0), 0)
    gpt = GPTConfig(queue_size=16, min_masked=0)
    objective = new_objective(
        encoder, graph, GraphFacts("film", text_part="plot"), method_of("gpt_gnn", gpt), 0
    )
    for scorer in objective.scorers:
        scorer.eval()  # their dropout would hide what is compared
    objective.start_epoch(1, 1)
    data = indexed(
        objective.transform(graph, sample(graph, "film", np.arange(50)), derive(0, "mask"))
    )
    assert len(data.links) >= 2
    return objective, data


def literal(objective, h, task):
    """The loss of one relation's masked links, one at a time, without a queue."""
    scorer = LiteralMatcher(8, 8).eval()
    scorer.load_state_dict(objective.scorers[task.relation].state_dict())
    targets, candidates = task.targets.tolist(), task.candidates.tolist()
    linked = {
        t: [c for c, fits in zip(candidates, row, strict=True) if not fits]
        for t, row in zip(targets, task.is_negative.tolist(), strict=True)
    }
    pairs = zip(task.edge_target.tolist(), task.edge_source.tolist(), strict=True)
    masked = [(targets[i], source) for i, source in pairs]
    return relation_loss(h, LiteralLinks(scorer, masked, candidates, linked))


def test_the_edge_loss_is_the_mean_over_relations(made):
    objective, data = made
    objective.eval()
    with torch.no_grad():
        h = objective.embed(data)
        losses = [float(literal(objective, h, task)) for task in data.links]
    assert float(objective(data)["edge_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert max(losses) > 1.05 * min(losses)


def test_validation_neither_reads_the_queue_nor_fills_it(made):
    objective, data = made
    objective.eval()
    empty = objective(data)["edge_loss"]
    assert objective.queue.count.sum() == 0
    for task in data.links:  # of no source: negatives of every target
        objective.queue.push(task.relation, torch.randn(16, 8), torch.full((16,), -1))
    before = {name: x.clone() for name, x in objective.queue.state_dict().items()}
    assert torch.equal(objective(data)["edge_loss"], empty)
    after = objective.queue.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    objective.train()
    for scorer in objective.scorers:
        scorer.eval()
    assert objective(data)["edge_loss"] > empty  # training does read it
    objective.after_step()
    assert not torch.equal(after["rows"], before["rows"])


def test_the_queue_is_read_as_it_was_and_filled_after_the_step_in_order(made):
    """So that it does not matter which process computes which of a step's batches."""
    objective, data = made
    objective.train()
    pushed, push = [], objective.queue.push
    objective.queue.push = lambda relation, rows, ids: (
        pushed.append((relation, ids)),
        push(relation, rows, ids),
    )
    for _ in range(2):  # two batches of one step
        objective(data)
        assert not pushed and objective.queue.count.sum() == 0
    objective.after_step()
    own = [(task.relation, task.entering_id) for task in data.links for _ in range(2)]
    assert [relation for relation, _ in pushed] == [relation for relation, _ in own]
    entering = objective.queue.queue_size // SPAN
    assert all(torch.equal(a[1], b[1][:entering]) for a, b in zip(pushed, own, strict=True))
    objective.after_step()
    assert len(pushed) == len(own)  # once each


def test_a_relation_without_negatives_is_not_trained(made):
    """All candidates are linked to all targets: the loss is 0, whatever the weights are."""
    objective, data = made
    full = [
        replace(task, is_negative=torch.zeros_like(task.is_negative), has_negatives=False)
        for task in data.links
    ]
    data.links[:] = full
    assert "edge_loss" not in objective.measures(data)
    objective.train()
    assert objective(data)["edge_loss"] == 0
    assert objective.end_of_run()[0]["without_edge_loss"] == 1
    objective.after_step()
    objective(data)  # the queue's rows are negatives by now, of those that it is not linked to
    assert objective.end_of_run()[0]["without_edge_loss"] == 0.5


def test_the_flag_says_whether_there_are_negatives(made):
    _, data = made
    assert all(task.has_negatives == bool(task.is_negative.any()) for task in data.links)


def test_batches_with_an_edge_loss_are_counted_in_training_only(made):
    objective, data = made
    objective.eval()
    objective(data)
    assert objective.end_of_run()[0]["batches"] == 0
    objective.train()
    objective(data)
    first, links = data.links[:1], list(data.links)
    data.links[:] = first
    objective(data)
    data.links[:] = []
    objective(data)
    record, warning = objective.end_of_run()
    assert record["batches"] == 3 and record["without_edge_loss"] == pytest.approx(1 / 3)
    shares = dict.fromkeys(objective.counts.names, 1.0)
    names = [objective.counts.names[task.relation] for task in links]
    shares |= dict.fromkeys(names, 2 / 3) | {names[0]: 1 / 3}
    assert record["relations_without"] == pytest.approx(shares)
    assert warning.startswith("1 of 3 batches had no edge loss (33%)")
    data.links[:] = links


def test_which_relations_never_had_one():
    counts = LossCounts(["a:r:b", "b:q:b"])
    assert counts.warning() == ""  # nothing was trained yet
    counts.count([0])
    assert counts.warning() == "1 of 2 relations had an edge loss in none: b:q:b"
    counts.count([1])
    assert counts.warning() == ""
    many = LossCounts([f"e:r{i}:e" for i in range(30)])
    many.count([])
    assert many.warning().startswith("1 of 1 batches had no edge loss (100%); 30 of 30 relations")
    assert many.warning().endswith("e:r9:e and 20 more")


def test_what_a_batch_measures_and_what_to_do(made, graph):
    objective, data = made
    assert objective.measures(data) == ["edge_loss", "attr_loss"]
    assert objective.weights == {"edge_loss": 0.5, "attr_loss": 0.5}
    data.links[:] = []
    assert objective.measures(data) == ["attr_loss"]
    assert "min_masked" not in objective.remedy()
    encoder = new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=1), 0)
    facts = GraphFacts("film", text_part="plot")
    usual = new_objective(encoder, graph, facts, method_of("gpt_gnn", GPTConfig()), 0)
    assert usual.settings.min_masked == 8 and "8 masked links" in usual.remedy()
    assert "--min_masked 0" in usual.remedy() and "--batch_size" in usual.remedy()
