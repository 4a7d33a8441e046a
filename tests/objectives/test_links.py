"""The edge loss as matrix products against one masked edge at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from GPT_GNN.batch.mask import Masked, mask_links
from GPT_GNN.model.heads import Matcher
from GPT_GNN.model.queue import AdaptiveQueue
from GPT_GNN.objectives.links import contrastive_loss, link_tasks
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from tests.oracle.edge_scorer import LiteralMatcher
from tests.oracle.link_loss import LiteralLinks, link_loss
from tests.sampler.graphs import random_graph

D = 6


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return random_graph(tmp_path_factory.mktemp("links") / "store", 0, n_edges=400)


def sampled(graph, seed, n_targets=30):
    """A masked subgraph around some papers, and the first node row of each type."""
    rng = derive(seed, "test")
    ids = rng.choice(60, n_targets, replace=False)
    seeds = {"paper": (ids, np.full(n_targets, 2011, dtype=np.int32))}
    subgraph = HGSampler(graph, sample_depth=2, sample_width=20).sample(
        Query(seeds, 2011, "pretrain"), rng
    )
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in subgraph.node_ids])])
    masked = mask_links(subgraph, "paper", ["rev_about"], 0.5, rng)
    return subgraph, offsets, masked, rng


def relations_of(graph):
    return graph.schema.edge_types_into("paper")


def literal_links(graph, subgraph, masked, offsets, relation, candidates, score, queue):
    """The same task from the edges themselves, one loop per definition."""
    source, _, target = graph.edge_types[relation]
    s, t = graph.schema.node_type_id(source), graph.schema.node_type_id(target)
    masked_edges, linked, linked_ids = [], {}, {}
    for e in range(*subgraph.edge_offsets[relation : relation + 2]):
        u, v = int(subgraph.src[e] + offsets[s]), int(subgraph.dst[e] + offsets[t])
        linked.setdefault(v, set()).add(u)
        if masked.generated[e]:
            masked_edges.append((v, u))
    csr = graph.csr(graph.edge_types[relation])
    for v, node in enumerate(subgraph.node_ids[t].tolist()):
        neighbours = csr.indices[csr.indptr[node] : csr.indptr[node + 1]]
        linked_ids[int(v + offsets[t])] = set(neighbours.tolist())
    return LiteralLinks(score, masked_edges, candidates, linked, linked_ids, queue)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("neg_samp_num", [1, 5, 255])
@pytest.mark.parametrize(("queued", "balanced"), [(0, True), (12, True), (12, False)])
def test_loss_and_gradients(graph, seed, neg_samp_num, queued, balanced):
    torch.manual_seed(seed)
    # Few: the literal loss scores a pair a call.
    subgraph, offsets, masked, rng = sampled(graph, seed, n_targets=16)
    relations = relations_of(graph)
    tasks = link_tasks(graph, subgraph, masked, relations, offsets, 8, neg_samp_num, 64, rng)
    assert len(tasks) > 1
    h = torch.randn(int(offsets[-1]), D, dtype=torch.float64)
    mine, theirs = h.clone().requires_grad_(), h.clone().requires_grad_()
    losses, literal = [], []
    for task in tasks:
        relation = relations[task.relation]
        ours, slow = Matcher(D, D).eval().double(), LiteralMatcher(D, D).eval().double()
        slow.load_state_dict(ours.state_dict())
        rows = torch.randn(queued, D, dtype=torch.float64)
        ids = torch.from_numpy(rng.integers(0, 40, queued))
        losses.append(contrastive_loss(ours, mine, task, rows, ids, balanced))
        queue = list(zip(ids.tolist(), rows, strict=True))
        candidates = task.candidates.tolist()
        assert len(candidates) <= neg_samp_num
        links = literal_links(graph, subgraph, masked, offsets, relation, candidates, slow, queue)
        literal.append(replace(links, balanced=balanced))
    got, want = torch.stack(losses).mean(), link_loss(theirs, literal)
    torch.testing.assert_close(got, want)
    got.backward()
    want.backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


@pytest.mark.parametrize("seed", range(4))
def test_which_relations_and_candidates(graph, seed):
    subgraph, offsets, masked, rng = sampled(graph, seed, n_targets=8 + 4 * seed)
    relations = relations_of(graph)
    tasks = link_tasks(graph, subgraph, masked, relations, offsets, 8, 255, 64, rng)
    for position, relation in enumerate(relations):
        edges = slice(*subgraph.edge_offsets[relation : relation + 2])
        count = int(masked.generated[edges].sum())
        found = [task for task in tasks if task.relation == position]
        assert len(found) == (count > 8)
        for task in found:
            assert len(task.edge_source) == count
            source = graph.schema.node_type_id(graph.edge_types[relation][0])
            rows = set((subgraph.src[edges] + offsets[source]).tolist())
            assert set(task.candidates.tolist()) == rows  # fewer than 255: all of them
            ids = subgraph.node_ids[source][task.entering.numpy() - offsets[source]]
            assert ids.tolist() == task.entering_id.tolist()
            assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("min_masked", "trains"), [(0, 1), (1, 2), (8, 9), (20, 21)])
def test_a_relation_needs_more_masked_edges_than_the_bound(graph, min_masked, trains):
    """As published: one with 8 is skipped, one with 9 trains."""
    subgraph, offsets, _, rng = sampled(graph, 0)
    relation = max(relations_of(graph), key=lambda i: np.diff(subgraph.edge_offsets)[i])
    edges = np.arange(*subgraph.edge_offsets[relation : relation + 2])
    for count in (0, trains - 1, trains):
        generated = np.zeros(len(subgraph.src), dtype=bool)
        generated[edges[:count]] = True
        masked = Masked(~generated, generated)
        tasks = link_tasks(
            graph, subgraph, masked, relations_of(graph), offsets, min_masked, 255, 64, rng
        )
        assert len(tasks) == (count == trains)
        assert all(len(task.edge_source) == count for task in tasks)


def test_candidates_and_what_enters_the_queue_are_any_of_the_sources_alike(graph):
    """Were they the first ones, the same few nodes would be the negatives of every batch."""
    subgraph, offsets, masked, _ = sampled(graph, 0)
    relation = max(relations_of(graph), key=lambda i: np.diff(subgraph.edge_offsets)[i])
    source = graph.schema.node_type_id(graph.edge_types[relation][0])
    edges = slice(*subgraph.edge_offsets[relation : relation + 2])
    sources = np.unique(subgraph.src[edges]) + offsets[source]
    assert len(sources) > 10
    chosen, entered, draws = np.zeros(offsets[-1]), np.zeros(offsets[-1]), 400
    for draw in range(draws):
        args = (graph, subgraph, masked, [relation], offsets, 8, 5, 3, derive(draw, "draw"))
        (task,) = link_tasks(*args)
        chosen[task.candidates.numpy()] += 1
        entered[task.entering.numpy()] += 1
    for counts, each in ((chosen, 5), (entered, 3)):
        share = each / len(sources)
        assert counts.sum() == draws * each == counts[sources].sum()
        spread = np.sqrt(draws * share * (1 - share))
        assert np.abs(counts[sources] - draws * share).max() < 4.5 * spread


def test_no_relation_left():
    h = torch.randn(3, D, requires_grad=True)
    few = LiteralLinks(LiteralMatcher(D, D), [(0, 1)] * 8, [2], {})
    loss = link_loss(h, [few])
    assert float(loss) == 0


def test_the_queue_adds_negatives_and_may_be_empty(graph):
    subgraph, offsets, masked, rng = sampled(graph, 0)
    relations = relations_of(graph)
    task = link_tasks(graph, subgraph, masked, relations, offsets, 8, 255, 64, rng)[0]
    h = torch.randn(int(offsets[-1]), D)
    scorer = Matcher(D, D).eval()
    empty = contrastive_loss(scorer, h, task, h[:0], torch.zeros(0, dtype=torch.long))
    every = task.linked_id.unique()
    with_queue = contrastive_loss(scorer, h, task, torch.randn(len(every), D), every)
    assert with_queue > empty  # for each target the sources of the others are negatives
    queue = AdaptiveQueue(1, 4, D)
    assert torch.equal(contrastive_loss(scorer, h, task, *queue.read(0)), empty)


def test_a_hidden_link_is_a_negative_like_any_other(graph):
    """Were its source left out of the queue's negatives, the loss would tell of the link."""
    relation = relations_of(graph)[0]
    edge_type = graph.edge_types[relation]
    csr = graph.csr(edge_type)
    gone = derive(0, "hidden").random(len(csr.indices)) < 0.5
    hidden = HiddenEdges(graph, pairs={edge_type: (csr.indices[gone], csr.targets()[gone])})
    rng = derive(0, "test")
    seeds = {"paper": (np.arange(30), np.full(30, 2011, dtype=np.int32))}
    subgraph = HGSampler(graph, sample_depth=2, sample_width=20).sample(
        Query(seeds, 2011, "pretrain", hidden), rng
    )
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in subgraph.node_ids])])
    masked = mask_links(subgraph, "paper", (), 0.5, rng)
    (task,) = link_tasks(graph, subgraph, masked, [relation], offsets, 8, 255, 8, rng)
    t = graph.schema.node_type_id("paper")
    target = subgraph.node_ids[t][task.targets[task.linked_target].numpy() - offsets[t]]
    linked = set(zip(task.linked_id.tolist(), target.tolist(), strict=True))
    every = set(zip(csr.indices.tolist(), csr.targets().tolist(), strict=True))
    banned = set(zip(csr.indices[gone].tolist(), csr.targets()[gone].tolist(), strict=True))
    of_targets = {link for link in every if link[1] in set(target.tolist())}
    assert linked == of_targets - banned and of_targets & banned


def test_queued_rows_do_not_turn_all_embeddings_one_way(graph, monkeypatch):
    """Sources are pulled as much as pushed: no step moves them all along their targets."""
    monkeypatch.setattr("GPT_GNN.objectives.links.unit", lambda rows: rows)
    subgraph, offsets, masked, rng = sampled(graph, 0)
    relations = [i for i in relations_of(graph) if graph.edge_types[i][0] == "author"]
    task = link_tasks(graph, subgraph, masked, relations, offsets, 8, 255, 64, rng)[0]
    torch.manual_seed(0)
    scorer = Matcher(D, D).eval().double()
    queue, ids = torch.randn(64, D, dtype=torch.float64), torch.full((64,), -1)

    def moved(rows, balanced):
        h = torch.randn(int(offsets[-1]), D, dtype=torch.float64)
        h /= h.norm(dim=1, keepdim=True)
        h.requires_grad_()
        contrastive_loss(scorer, h, task, rows, ids[: len(rows)], balanced).backward()
        return float(h.grad[torch.cat([task.candidates, task.edge_source]).unique()].sum(0).norm())

    assert moved(queue[:0], True) < 1e-12 and moved(queue, True) < 1e-12
    assert moved(queue, False) > 0.1
