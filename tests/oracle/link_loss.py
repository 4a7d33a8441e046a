"""The contrastive edge loss, one masked edge at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

MIN_MASKED = 8  # a relation with no more masked edges than this is skipped

Score = Callable[[Tensor, Tensor], Tensor]  # ([D], [D]) -> scalar


@dataclass
class LiteralLinks:
    """The masked edges of one relation and what they are told from.

    Attributes:
        score: score of one (target, source) pair of embeddings.
        masked: (target row, true source row) of every masked edge; rows of the batch.
        candidates: source rows that are negatives of every target they are not linked to.
        linked: per target row, the source rows linked to it in this subgraph, masked or not.
        linked_ids: per target row, ids of all sources linked to it, wherever they are.
        queue: (id, embedding) of the queue's rows.
        balanced: the true source's gradient is cut to the share that the candidates have among
            the negatives' exponentiated scores.
    """

    score: Score
    masked: Sequence[tuple[int, int]]
    candidates: Sequence[int]
    linked: dict[int, Collection[int]]
    linked_ids: dict[int, Collection[int]] = field(default_factory=dict)
    queue: Sequence[tuple[int, Tensor]] = ()
    balanced: bool = True


def relation_loss(h: Tensor, links: LiteralLinks) -> Tensor:
    """Mean over the masked edges of -log softmax of the true source."""
    losses = []
    for t, u in links.masked:
        near, far = [], []
        for c in links.candidates:
            if c != u and c not in links.linked.get(t, ()):
                near.append(links.score(h[t], h[c]))
        for source_id, vector in links.queue:
            if source_id not in links.linked_ids.get(t, ()):
                far.append(links.score(h[t], vector))
        source = h[u].clone()
        if links.balanced and links.queue:
            pushed = sum(float(x.detach().exp()) for x in near)
            share = pushed / max(pushed + sum(float(x.detach().exp()) for x in far), 1e-300)
            source.register_hook(lambda gradient, share=share: gradient * share)
        logits = [links.score(h[t], source), *near, *far]
        losses.append(-torch.log_softmax(torch.stack(logits), dim=0)[0])
    return torch.stack(losses).mean()


def link_loss(h: Tensor, relations: Sequence[LiteralLinks]) -> Tensor:
    """Mean over the relations with more than 8 masked edges; 0 when none is left.

    Args:
        h: [N, D] embeddings of the batch.
    """
    losses = [relation_loss(h, links) for links in relations if len(links.masked) > MIN_MASKED]
    return torch.stack(losses).mean() if losses else h.new_zeros(())
