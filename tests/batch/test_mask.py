"""Which links are masked: never half of one, never what must stay, each as often as asked."""

from __future__ import annotations

import numpy as np
import pytest

from GPT_GNN.batch.mask import mask_links
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from tests.sampler.graphs import NODES, SAME

STOP = ("rev_about",)


@pytest.fixture(scope="module", params=["paper", "author"])
def case(request, random_store):
    """A subgraph with many links between targets; ``author`` has a symmetric relation."""
    target = request.param
    ids = np.arange(0, NODES[target] - 2, 2)
    seeds = {target: (ids, np.full(len(ids), 2011))}
    return target, HGSampler(random_store, sample_depth=2, sample_width=20).sample(
        Query(seeds, 2011, "pretrain"), derive(3)
    )


def links(subgraph):
    """Per edge: (edge type, its inverse's position, source local id, target local id)."""
    schema = subgraph.schema
    return [
        (i, schema.inverse[i], int(subgraph.src[e]), int(subgraph.dst[e]))
        for i in range(len(schema.edge_types))
        for e in range(subgraph.edge_offsets[i], subgraph.edge_offsets[i + 1])
    ]


def may_be_masked(subgraph, target, edge):
    """Whether an edge counts as a link into a target, from the words of the method."""
    i, _, s, t = edge
    source, relation, into = subgraph.schema.edge_types[i]
    num_targets = subgraph.num_seeds[subgraph.schema.node_type_id(target)]
    is_loop = source == into and s == t
    return into == target and t < num_targets and relation not in STOP and not is_loop


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_masked_in_both_directions_and_only_where_allowed(case, ratio):
    target, subgraph = case
    masked = mask_links(subgraph, target, STOP, ratio, derive(1))
    edges = links(subgraph)
    allowed = [may_be_masked(subgraph, target, edge) for edge in edges]
    gone = {edge for edge, seen in zip(edges, masked.observed, strict=True) if not seen}
    possible = {edge for edge, may in zip(edges, allowed, strict=True) if may}
    both = possible | {(j, i, t, s) for i, j, s, t in possible}
    assert all((j, i, t, s) in gone for i, j, s, t in gone)  # never half a link
    assert gone <= both
    assert (ratio == 0) == (not gone) and (ratio < 1 or gone == both)
    want = [may and edge in gone for edge, may in zip(edges, allowed, strict=True)]
    assert masked.generated.tolist() == want
    if ratio == 0.5:
        assert 0.3 < len(gone) / len(both) < 0.7


def test_each_link_is_masked_half_the_time_also_between_two_targets(case):
    target, subgraph = case
    edges = links(subgraph)
    runs = 400
    count = np.zeros(len(edges))
    for seed in range(runs):
        count += ~mask_links(subgraph, target, STOP, 0.5, derive(seed, "mask")).observed
    may = np.array([may_be_masked(subgraph, target, edge) for edge in edges])
    turned = {(j, i, t, s): k for k, (i, j, s, t) in enumerate(edges)}
    two_ends = np.array([m and may[turned[e]] for e, m in zip(edges, may, strict=True)])
    assert two_ends.sum() > 10  # links with a target at either end
    for some in (may & ~two_ends, two_ends):
        share = count[some] / runs
        assert abs(share - 0.5).max() < 5 * 0.5 / runs**0.5
        assert abs(share.mean() - 0.5) < 0.02


def test_a_symmetric_relation_has_one_draw_for_both_ends(random_store):
    ids = np.arange(0, NODES["author"] - 2, 2)
    seeds = {"author": (ids, np.full(len(ids), 2011))}
    subgraph = HGSampler(random_store, sample_depth=2, sample_width=20).sample(
        Query(seeds, 2011, "pretrain"), derive(3)
    )
    masked = mask_links(subgraph, "author", (), 0.5, derive(2))
    part = subgraph.edges(SAME)
    ends = list(zip(subgraph.src[part].tolist(), subgraph.dst[part].tolist(), strict=True))
    seen = dict(zip(ends, masked.observed[part].tolist(), strict=True))
    assert any(a == b for a, b in ends) and all(seen[a, b] for a, b in ends if a == b)
    assert all(seen[a, b] == seen[b, a] for a, b in ends)
    assert {seen[a, b] for a, b in ends if a != b} == {True, False}


def test_nothing_to_mask(random_store):
    lone = {"paper": (np.array([NODES["paper"] - 1]), np.array([2011]))}
    subgraph = HGSampler(random_store, sample_depth=1, sample_width=4).sample(
        Query(lone, 2011, "pretrain"), derive(0)
    )
    masked = mask_links(subgraph, "paper", (), 1.0, derive(0))
    assert len(masked.observed) == len(masked.generated) == 0
