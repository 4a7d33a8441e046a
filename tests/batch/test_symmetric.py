"""Masking where a relation is its own inverse: posts linked to posts, some to themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.mask import mask_links
from GPT_GNN.builder.builder import build_graph
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.store import VIEWS, HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.train.encoder import new_encoder, new_objective
from tests.made import indexed, method_of

POSTS, LOOPS, LONE = 60, (3, 7, 11), range(50, 60)


def posts(path, links):
    """Sixty posts, the last ten without links; 3, 7 and 11 are linked to themselves."""
    with build_graph(path, VIEWS) as builder:
        builder.add_node_type("def", POSTS)
        builder.add_relation(Reddit.relation, inverse="def")
        builder.add_edges(Reddit.relation, links[:, 0], links[:, 1])
        x = builder.create_feature("def", "emb", 5)
        x[:] = np.random.default_rng(0).normal(size=x.shape)
        builder.add_column("def", "split", np.zeros(POSTS, dtype=np.int8))
    return HeteroGraph.open(path)


def some_links(seed=0):
    links = derive(seed, "links").integers(0, 50, (300, 2))
    links = links[links[:, 0] != links[:, 1]]
    return np.concatenate([links, [[i, i] for i in LOOPS]])


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return posts(tmp_path_factory.mktemp("posts") / "store", some_links())


def sampled(graph, ids, seed=0):
    ids = np.asarray(ids)
    return HGSampler(graph, sample_depth=2, sample_width=30).sample(
        Query({"def": (ids, None)}, 2**31 - 1, "pretrain"), derive(seed)
    )


def masked_batch(graph, ids, seed=0, **gpt):
    encoder = new_encoder(graph, EncoderConfig(n_hid=8, n_heads=2, n_layers=1), 0)
    objective = new_objective(
        encoder,
        graph,
        Reddit.facts(graph),
        method_of("gpt_gnn", GPTConfig(queue_size=16, **gpt)),
        0,
    )
    return objective, indexed(
        objective.transform(graph, sampled(graph, ids, seed), derive(seed, "mask"))
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_link_is_masked_in_both_directions_or_in_none(graph, seed):
    subgraph = sampled(graph, derive(seed).permutation(POSTS)[:25], seed)
    masked = mask_links(subgraph, "def", (), 0.5, derive(seed, "mask"))
    observed = dict(
        zip(
            zip(subgraph.src.tolist(), subgraph.dst.tolist(), strict=True),
            masked.observed.tolist(),
            strict=True,
        )
    )
    assert all(observed[dst, src] == seen for (src, dst), seen in observed.items())
    assert all(seen for (src, dst), seen in observed.items() if src == dst)
    assert 0 < sum(observed.values()) < len(observed)
    # Both ends of a link are asked for where both are targets, and only targets are asked.
    asked = set(
        zip(
            subgraph.src[masked.generated].tolist(),
            subgraph.dst[masked.generated].tolist(),
            strict=True,
        )
    )
    want = {(s, d) for (s, d), seen in observed.items() if not seen and d < 25}
    assert asked == want


@pytest.mark.parametrize("seed", range(5))
def test_loops_of_the_data_stay_and_copies_do_not_hear_their_originals(graph, seed):
    ids = np.concatenate([LOOPS, derive(seed).permutation(np.arange(12, POSTS))[:20]])
    objective, data = masked_batch(graph, ids, seed)
    src, dst = data.batch.graph.src.numpy(), data.batch.graph.dst.numpy()
    nodes, copies = data.edge_nodes.numpy(), data.attr_nodes.numpy()
    for node, copy in zip(nodes.tolist(), copies.tolist(), strict=True):
        loops = int(((src == node) & (dst == node)).sum())
        assert loops == 1 + (ids[node] in LOOPS)  # the encoder's own and the data's
        assert not ((src == node) & (dst == copy)).any()
    assert not np.isin(src[src != dst], copies).any()


def test_true_links_are_no_negatives(graph):
    links = {tuple(pair) for pair in some_links().tolist()}
    links |= {(b, a) for a, b in links}
    ids = np.arange(25)
    subgraph = sampled(graph, ids)
    _, data = masked_batch(graph, ids)
    (task,) = data.links
    local = subgraph.node_ids[0]
    targets, candidates = local[task.targets.numpy()], local[task.candidates.numpy()]
    for target, source in zip(task.edge_target.numpy(), task.edge_source.numpy(), strict=True):
        assert (int(local[source]), int(targets[target])) in links
    for i, target in enumerate(targets.tolist()):
        for j, candidate in enumerate(candidates.tolist()):
            assert bool(task.is_negative[i, j]) == ((candidate, target) not in links)


def test_masked_links_leave_no_trace(graph, tmp_path):
    """The encoder's input without them is that of a graph that never had them."""
    ids = np.arange(POSTS)  # all posts are targets, so that the sample is the graph
    subgraph = sampled(graph, ids)
    masked = mask_links(subgraph, "def", (), 0.5, derive(0, "mask"))
    _, data = masked_batch(graph, ids)
    kept = np.stack([subgraph.src[masked.observed], subgraph.dst[masked.observed]], axis=1)
    rest = posts(tmp_path / "rest", kept)
    _, want = masked_batch(rest, ids, mask_ratio=0.0)
    for name in ("src", "dst", "node_offsets"):
        found, expected = (getattr(d.batch.graph, name) for d in (data, want))
        assert torch.equal(torch.as_tensor(found), torch.as_tensor(expected))


@pytest.mark.parametrize("ids", [[50], [51, 52, 53], [3, 50]])
def test_posts_without_links_pass_through(graph, ids):
    objective, data = masked_batch(graph, ids)
    losses = objective(data)
    assert torch.isfinite(losses["loss"]) and losses["edge_loss"] == 0
    losses["loss"].backward()
    assert data.attributes.shape == (len(ids), 5)
