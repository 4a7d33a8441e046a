"""The losses of the other objectives, one pair at a time, as their papers write them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tests.oracle.edge_scorer import TEMPERATURE
from tests.oracle.link_loss import Score

Pair = tuple[int, int]  # (target row, other row)


def log_sigmoid(x: Tensor) -> Tensor:
    return torch.log(1 / (1 + torch.exp(-x)))


def gae_loss(
    h: Tensor, relations: Sequence[tuple[Score, Sequence[Pair], Sequence[Pair]]]
) -> Tensor:
    """Mean over relations of the mean cross-entropy of pairs.

    Args:
        relations: score of two embeddings, linked pairs, pairs that are not linked.
    """
    means = []
    for score, linked, unlinked in relations:
        losses = [-log_sigmoid(score(h[t], h[s])) for t, s in linked]
        losses += [-log_sigmoid(-score(h[t], h[s])) for t, s in unlinked]
        means.append(torch.stack(losses).mean())
    return torch.stack(means).mean()


def random_walks(neighbours: dict[int, list[int]], start: int, draws: Sequence) -> list[Pair]:
    """Pairs of a start and the nodes of its walks, itself left out; ``draws`` are in [0, 1)."""
    pairs = []
    for walk in draws:
        at = start
        for draw in walk:
            if not neighbours.get(at):
                break
            at = neighbours[at][int(draw * len(neighbours[at]))]
            if at != start:
                pairs.append((start, at))
    return pairs


def graphsage_loss(
    h: Tensor, pairs: Sequence[Pair], negatives: Sequence[int], kind: Sequence[int], q: int
) -> Tensor:
    """Equation 1 of the paper, of cosines / 0.1; mean over pairs.

    Args:
        pairs: of walks, as often as they occur.
        negatives: drawn rows; those of the type of a pair's second node count, unless a walk from
            its first node reached them or they are this node.
        kind: the type of each row.
    """
    z = [row / row.norm() for row in h]
    losses = []
    for u, v in pairs:
        loss = -log_sigmoid(z[u] @ z[v] / TEMPERATURE)
        known = {u} | {b for a, b in pairs if a == u}
        mine = [n for n in negatives if kind[n] == kind[v] and n not in known]
        if mine:
            loss = (
                loss
                - q * torch.stack([log_sigmoid(-(z[u] @ z[n]) / TEMPERATURE) for n in mine]).mean()
            )
        losses.append(loss)
    return torch.stack(losses).mean()


def infomax_loss(true: Tensor, false: Tensor, weight: Tensor, slope: Tensor) -> Tensor:
    """Equation 1 of the paper, its sign turned.

    Args:
        true, false: [B, D] targets of a batch and of its corruption.
        weight: W of D(h, s) = h^T W s.
        slope: of PReLU below zero.
    """
    true, false = (torch.where(h > 0, h, slope * h) for h in (true, false))
    summary = 1 / (1 + torch.exp(-sum(true) / len(true)))
    losses = [-log_sigmoid(h @ weight @ summary) for h in true]
    losses += [-torch.log(1 - 1 / (1 + torch.exp(-(h @ weight @ summary)))) for h in false]
    return torch.stack(losses).mean()
