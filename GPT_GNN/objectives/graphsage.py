"""GraphSAGE without labels: nodes of the same random walks are alike, drawn nodes are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from GPT_GNN.batch.batch import RawBatch, make_batch
from GPT_GNN.batch.trim import AnyBatch
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.heads import TEMPERATURE, full_precision, unit
from GPT_GNN.objectives.objective import Objective
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.compiler import serial_kernel

DISTORTION = 0.75  # negatives are drawn by degree to this power, as published


@dataclass(frozen=True)
class WalkBatch:
    """A batch and the pairs that walks over it made. B targets, U contexts, M pairs, C negatives.

    Attributes:
        batch: nothing masked.
        targets: [B] int64 node rows, where the walks start.
        contexts: [U] int64 node rows, nodes that walks reach.
        pair_target, pair_context: [M] int64, distinct pairs as positions in these two.
        pair_count: [M] float32, how often walks made the pair.
        negatives: [C] int64 node rows, as many of each type that walks reach.
        negative_weight: [B, C] float32, how much each counts as a target's negative.
    """

    batch: AnyBatch
    targets: Tensor
    contexts: Tensor
    pair_target: Tensor
    pair_context: Tensor
    pair_count: Tensor
    negatives: Tensor
    negative_weight: Tensor


@dataclass(frozen=True)
class GraphSAGESettings(Checked):
    """Random walks."""

    walk_length: int = setting(5, "steps of a random walk", low=1)
    n_walks: int = setting(50, "random walks from each target", low=1)
    n_walk_negatives: int = setting(20, "negatives of a pair", low=1)


class GraphSAGE(Objective):
    """-log sigmoid(s(u, v)) - Q E log sigmoid(-s(u, n)), the mean over pairs (u, v) of walks.

    u is a target, v a node of a walk from it, n is drawn by degree^0.75, s = cos(h, h) / 0.1. Walks
    go over the subgraph, from a node to any of its neighbours alike. Nothing is masked.

    Nothing but the encoder has parameters. Q is ``n_walk_negatives``.

    Source: Hamilton et al., Inductive Representation Learning on Large Graphs (2017), equation 1;
    50 walks of length 5, 20 negatives that a batch shares. Literal version:
    ``tests/oracle/baselines.py``.
    Differs: the cosine is divided by 0.1, as every other one here: within [-1, 1] it cannot tell
    pairs from Q negatives, and all embeddings are merely driven apart. Q negatives are drawn for
    each node type, and a pair's are of the type of v (Dong et al., metapath2vec++), else the loss
    would separate types, not nodes. Neither u nor nodes that walks from u reach are its negatives.
    The walks stay within the batch's subgraph.
    """

    Settings = GraphSAGESettings

    def transform(
        self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator
    ) -> WalkBatch:
        """Walk over a subgraph and draw negatives."""
        t = graph.schema.node_type_id(self.target)
        settings, batch = self.settings, make_batch(graph, subgraph)
        offsets = np.array(batch.node_offsets)
        targets = np.arange(subgraph.num_seeds[t]) + offsets[t]
        indptr, neighbours = _neighbours(batch)
        uniform = rng.random((len(targets), settings.n_walks, settings.walk_length))
        start, node = _walk(indptr, neighbours, targets, uniform)
        pair, count = np.unique(start * offsets[-1] + node, return_counts=True)
        start, node = np.divmod(pair, offsets[-1])
        contexts, context = np.unique(node, return_inverse=True)
        number = settings.n_walk_negatives
        negatives = draw_negatives(np.diff(indptr), offsets, contexts, number, rng)
        weight = negative_weights(targets, offsets, start, node, count, negatives, number)
        arrays = {
            "targets": targets,
            "contexts": contexts,
            "pair_target": start,
            "pair_context": context,
            "pair_count": count.astype(np.float32),
            "negatives": negatives,
            "negative_weight": weight,
        }
        return WalkBatch(batch, **{k: torch.from_numpy(v) for k, v in arrays.items()})

    def outputs(self, data: WalkBatch) -> Tensor:
        return torch.cat([data.targets, data.contexts, data.negatives])

    def forward(self, data: WalkBatch) -> dict[str, Tensor]:
        """``loss``, the mean over pairs; 0 where no target has a neighbour."""
        h = self.encoder(data.batch)
        with full_precision(h):
            z = unit(h[data.targets]) / TEMPERATURE
            scores = (z @ unit(h[data.contexts]).T)[data.pair_target, data.pair_context]
            pairs = (data.pair_count * F.softplus(-scores)).sum()
            drawn = F.softplus(z @ unit(h[data.negatives]).T)
            loss = pairs + (data.negative_weight * drawn).sum()
        return {"loss": loss / data.pair_count.sum().clamp(min=1)}

    def measures(self, data: WalkBatch) -> list[str]:
        return ["loss"] if len(data.pair_count) else []


def _neighbours(batch: RawBatch) -> tuple[np.ndarray, np.ndarray]:
    """Every node's neighbours of all types but itself, as CSR: each link is there in both ways."""
    src, dst = batch.edges.src, batch.edges.dst
    src, dst = src[src != dst], dst[src != dst]
    degrees = np.bincount(dst, minlength=batch.node_offsets[-1])
    return np.concatenate([[0], np.cumsum(degrees)]), src[np.argsort(dst, kind="stable")]


@serial_kernel
def _walk(indptr, neighbours, targets, uniform):
    """Walks from each target: pairs of its position and a node that is not itself, repeated.

    Args:
        uniform: [B, walks, steps] numbers in [0, 1): which neighbour each step goes to.
    """
    start, node = np.empty(uniform.size, np.int64), np.empty(uniform.size, np.int64)
    n = 0
    for i in range(len(targets)):
        for walk in range(uniform.shape[1]):
            at = targets[i]
            for step in range(uniform.shape[2]):
                degree = indptr[at + 1] - indptr[at]
                if degree == 0:
                    break  # only a target without neighbours: else there is the way back
                at = neighbours[indptr[at] + int(uniform[i, walk, step] * degree)]
                if at != targets[i]:
                    start[n], node[n] = i, at
                    n += 1
    return start[:n].copy(), node[:n].copy()


def draw_negatives(
    degrees: np.ndarray,
    offsets: np.ndarray,
    contexts: np.ndarray,
    number: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """``number`` nodes of each type among the contexts, with replacement, by degree^0.75."""
    drawn = []
    for a, b in zip(offsets, offsets[1:], strict=False):
        if ((contexts >= a) & (contexts < b)).any():
            weight = degrees[a:b] ** DISTORTION
            drawn.append(a + rng.choice(b - a, number, p=weight / weight.sum()))
    return np.concatenate([*drawn, np.empty(0, dtype=np.int64)])


def negative_weights(
    targets: np.ndarray,
    offsets: np.ndarray,
    start: np.ndarray,
    node: np.ndarray,
    count: np.ndarray,
    negatives: np.ndarray,
    number: int,
) -> np.ndarray:
    """What a drawn node counts in the loss of a target: [B, C] float32.

    A target's pairs with nodes of one type share ``number`` negatives each, spread evenly over the
    drawn nodes of the type that no walk from it reached and that are not the target: its score with
    itself is a constant.

    Args:
        targets: [B] node rows.
        start, node, count: [M] distinct pairs (position of the target, node row) and how often.
        negatives: [C] node rows, grouped by type.
    """
    n_targets, n_types = len(targets), len(offsets) - 1
    own = np.arange(n_targets)[:, None]
    type_of = np.searchsorted(offsets, negatives, side="right") - 1  # [C]
    pairs = np.zeros((n_targets, n_types))
    np.add.at(pairs, (start, np.searchsorted(offsets, node, side="right") - 1), count)
    reached = np.zeros((n_targets, offsets[-1]), dtype=np.bool_)
    reached[start, node] = reached[own[:, 0], targets] = True
    free = ~reached[:, negatives]
    left = np.zeros((n_targets, n_types))
    np.add.at(left, (own, type_of[None]), free)
    share = number * pairs / np.maximum(left, 1)
    return (share[:, type_of] * free).astype(np.float32)
