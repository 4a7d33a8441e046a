"""GAE: reconstruct the masked links of a batch's targets, each relation by its own score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from GPT_GNN.batch.batch import assemble, gather_features
from GPT_GNN.batch.mask import Masked, mask_links
from GPT_GNN.batch.trim import AnyBatch
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import Matcher, full_precision, unit
from GPT_GNN.objectives.objective import Objective
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.compiler import serial_kernel


@dataclass(frozen=True)
class LinkPairs:
    """Masked links of one relation, and for each one pair that is not linked. M masked links.

    Attributes:
        relation: position in the objective's list of relations.
        target, source: [M] int64 node rows, the ends of the masked links.
        negative: [M] int64 node rows, sources of the relation that the target is not linked to.
    """

    relation: int
    target: Tensor
    source: Tensor
    negative: Tensor


@dataclass(frozen=True)
class GAEBatch:
    """A batch without its masked links, and those links, a record per relation."""

    batch: AnyBatch
    links: list[LinkPairs]


@dataclass(frozen=True)
class GAESettings(Checked):
    """Reconstruction of masked links."""

    mask_ratio: float = setting(0.5, "probability that a link is masked", low=0, high=1)


class GAE(Objective):
    """Graph auto-encoder: p(link) = sigmoid(score of its relation), binary cross-entropy.

    Source: Kipf & Welling, Variational Graph Auto-Encoders (2016), the non-probabilistic model.
    Literal version: ``tests/oracle/baselines.py``.
    Differs: its encoder sees the links that it reconstructs, and it scores all pairs of nodes by
    the inner product. Here reconstructed links are hidden in both directions, since a message over
    a link reveals it. The score is that of GPT-GNN's edge loss, :class:`Matcher`, so that the two
    differ in the loss alone.
    Negatives are one per link, sources of its relation in the subgraph other than the target, so
    that a pair's types reveal nothing. The loss is the mean over relations, as GPT-GNN's.

    Raises:
        ValueError: nothing is masked.
    """

    Settings = GAESettings

    def __init__(self, encoder: GNN, facts: GraphFacts, **settings: Any) -> None:
        super().__init__(encoder, facts, **settings)
        schema = encoder.schema
        self.rel_stop_list, mask_ratio = facts.rel_stop_list, self.settings.mask_ratio
        into, stop = schema.edge_types_into(facts.target), facts.rel_stop_list
        self.relations = [i for i in into if not schema.is_named(i, stop)]
        if mask_ratio == 0 or not self.relations:
            raise ValueError(
                f"gae reconstructs masked links: expected a mask_ratio above 0, got {mask_ratio}, "
                f"and relations into {facts.target!r} outside rel_stop_list, found "
                f"{len(self.relations)}"
            )
        n_hid = encoder.n_hid
        self.scorers = nn.ModuleList(Matcher(n_hid, n_hid) for _ in self.relations)

    def transform(
        self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator
    ) -> GAEBatch:
        """Mask a subgraph's links and draw their negatives."""
        ratio = self.settings.mask_ratio
        masked = mask_links(subgraph, self.target, self.rel_stop_list, ratio, rng)
        x = gather_features(graph, subgraph)
        batch = assemble(graph.schema, x, subgraph.node_times, *masked.edges(subgraph))
        offsets = batch.node_offsets
        return GAEBatch(batch, link_pairs(subgraph, masked, self.relations, offsets, rng))

    def outputs(self, data: GAEBatch) -> Tensor:
        read = [x for pairs in data.links for x in (pairs.target, pairs.source, pairs.negative)]
        return torch.cat([*read, torch.empty(0, dtype=torch.int64)])

    def forward(self, data: GAEBatch) -> dict[str, Tensor]:
        """``loss``, the mean over relations; 0 where a batch has no masked link."""
        h = self.encoder(data.batch)
        with full_precision(h):
            losses = [self.relation_loss(h, pairs) for pairs in data.links]
        # A sum over no rows is 0 and still has a (zero) gradient.
        return {"loss": torch.stack(losses).mean() if losses else h[:0].sum()}

    def relation_loss(self, h: Tensor, pairs: LinkPairs) -> Tensor:
        """Mean binary cross-entropy of one relation's masked links and negatives."""
        scorer = cast(Matcher, self.scorers[pairs.relation])
        projected = scorer.project(h[pairs.target])
        true = (projected * unit(h[pairs.source])).sum(-1)
        false = (projected * unit(h[pairs.negative])).sum(-1)
        return (F.softplus(-true).mean() + F.softplus(false).mean()) / 2

    def measures(self, data: GAEBatch) -> list[str]:
        return ["loss"] if data.links else []


def link_pairs(
    subgraph: Subgraph,
    masked: Masked,
    relations: Sequence[int],
    node_offsets: Sequence[int],
    rng: np.random.Generator,
) -> list[LinkPairs]:
    """The masked links of each relation that has some, with a negative each.

    A masked link whose target is linked to every source of the relation in the subgraph is left
    out: without a negative beside it, it would teach that all pairs are linked.

    Args:
        relations: positions in ``schema.edge_types`` of the relations into the target type.
        node_offsets: first node row of each type, in the batch.
    """
    schema = subgraph.schema
    out = []
    for position, i in enumerate(relations):
        edges = subgraph.edges(schema.edge_types[i])
        if not masked.generated[edges].any():
            continue
        source_type, _, target_type = schema.edge_types[i]
        ends = _with_negatives(
            subgraph.src[edges],
            subgraph.dst[edges],
            masked.generated[edges],
            rng.random(edges.stop - edges.start),
            source_type == target_type,
        )
        if len(ends[0]):
            first = [schema.node_type_id(t) for t in (target_type, source_type, source_type)]
            rows = [a + node_offsets[t] for a, t in zip(ends, first, strict=True)]
            out.append(LinkPairs(position, *(torch.from_numpy(a) for a in rows)))
    return out


@serial_kernel
def _with_negatives(src, dst, generated, uniform, one_type):
    """Target, source and negative of one relation's masked edges, [M] int64 each.

    Args:
        src, dst: [E] edges ascending by dst, then by src.
        uniform: [E] numbers in [0, 1): which of the sources that are left is drawn.
        one_type: sources and targets are nodes of one type: none is a negative of itself.
    """
    is_source = np.zeros(src.max() + 1, np.bool_)
    is_source[src] = True
    sources = np.flatnonzero(is_source)
    position = np.cumsum(is_source) - 1
    n = generated.sum()
    target, source, negative = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    linked, at, begin = np.empty(len(sources), np.int64), 0, 0
    while begin < len(src):
        end, n_linked = begin, 0
        own = dst[begin] if one_type and dst[begin] < len(is_source) else -1
        own = own if own >= 0 and is_source[own] else -1  # it counts as linked
        while end < len(src) and dst[end] == dst[begin]:
            if 0 <= own <= src[end]:
                if own < src[end]:
                    linked[n_linked] = position[own]
                    n_linked += 1
                own = -1
            if end == begin or src[end] != src[end - 1]:  # parallel edges lie side by side
                linked[n_linked] = position[src[end]]
                n_linked += 1
            end += 1
        if own >= 0:
            linked[n_linked] = position[own]
            n_linked += 1
        left = len(sources) - n_linked
        for e in range(begin, end):
            if not generated[e] or left == 0:
                continue
            drawn = int(uniform[e] * left)
            for k in range(n_linked):  # the drawn-th source that is not linked
                if linked[k] > drawn:
                    break
                drawn += 1
            target[at], source[at], negative[at] = dst[e], src[e], sources[drawn]
            at += 1
        begin = end
    return target[:at].copy(), source[:at].copy(), negative[:at].copy()
