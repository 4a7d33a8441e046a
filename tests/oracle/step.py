"""One pre-training step with the structure of the published code: what ours is timed against.

Nested dicts are sampled, Python lists are masked, the encoder projects edges, and each masked edge
has negatives, a projection by the scorer and a share of the queue of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor, nn

from tests.oracle.edge_scorer import LiteralMatcher
from tests.oracle.encoder import LiteralGNN
from tests.oracle.link_loss import MIN_MASKED
from tests.oracle.masking import LiteralBatch


class LiteralGPTGNN(nn.Module):
    """Encoder, edge scorers, ``vec`` decoder, learned input and queue.

    Args:
        encoder: a :class:`LiteralGNN`.
        target: number of the node type that is generated.
        relations: edge types whose links are generated.
        attr_columns: feature columns that are generated.
        neg_samp_num: most in-batch negatives a masked edge.
        queue_size: most queued negatives a masked edge.
    """

    def __init__(
        self,
        encoder: LiteralGNN,
        n_hid: int,
        target: int,
        relations: Sequence[int],
        attr_columns: slice,
        init_emb: Tensor,
        neg_samp_num: int,
        queue_size: int,
        attr_ratio: float = 0.5,
    ) -> None:
        super().__init__()
        self.encoder, self.target, self.attr_columns = encoder, target, attr_columns
        self.scorers = nn.ModuleDict({str(r): LiteralMatcher(n_hid, n_hid) for r in relations})
        self.decoder = LiteralMatcher(n_hid, attr_columns.stop - attr_columns.start)
        self.init_emb = nn.Parameter(init_emb.detach().clone())
        self.neg_samp_num, self.queue_size = neg_samp_num, queue_size
        self.attr_ratio = attr_ratio
        self.queue: dict[int, Tensor] = {}

    def forward(self, batch: LiteralBatch, rng: np.random.Generator) -> Tensor:
        """Loss of one batch; the queue takes in the batch's sources."""
        x = list(batch.features)
        known = x[self.target]
        x[self.target] = torch.cat([known, self.init_emb.expand(len(batch.attr_rows), -1)])
        h = self.encoder(x, batch.node_type, batch.edge_index, batch.edge_type, batch.edge_row)
        losses = [
            self.relation_loss(h, r, np.array(batch.masked[r]), np.array(batch.linked[r]), rng)
            for r in batch.masked
            if len(batch.masked[r]) > MIN_MASKED
        ]
        edge = torch.stack(losses).mean() if losses else h.new_zeros(())
        attributes = known[: len(batch.attr_rows), self.attr_columns]
        attr = self.decoder.attribute_loss(h[batch.attr_rows], attributes)
        return (1 - self.attr_ratio) * edge + self.attr_ratio * attr

    def relation_loss(
        self,
        h: Tensor,
        relation: int,
        masked: np.ndarray,
        linked: np.ndarray,
        rng: np.random.Generator,
    ) -> Tensor:
        """Contrastive loss of one relation.

        Args:
            masked, linked: [M, 2] and [L, 2] (target row, source row).
        """
        sources = np.unique(linked[:, 1])
        negatives = [
            self._negatives(sources, linked[linked[:, 0] == t, 1].tolist(), rng)
            for t in masked[:, 0]
        ]
        shortest = min(len(row) for row in negatives)
        rows = np.concatenate([masked[:, 1:], [row[:shortest] for row in negatives]], axis=1)
        source = h[torch.from_numpy(rows.astype(np.int64)).to(h.device)]  # [M, 1 + negatives, D]
        queue = self.queue.get(relation, h.new_zeros(0, h.shape[1]))
        share = len(queue) // len(masked)
        if share:
            own = queue[: share * len(masked)].view(len(masked), share, -1)
            source = torch.cat([source, own], dim=1)
        target = h[torch.from_numpy(masked[:, 0]).to(h.device)]
        target = target[:, None].expand(source.shape).flatten(0, 1)
        score = self.scorers[str(relation)](target, source.flatten(0, 1)).view(len(masked), -1)
        fresh = h[torch.from_numpy(sources).to(h.device)].detach()
        self.queue[relation] = torch.cat([fresh, queue])[: self.queue_size * len(masked)]
        return -torch.log_softmax(score, dim=-1)[:, 0].mean()

    def _negatives(
        self, sources: np.ndarray, linked: list[int], rng: np.random.Generator
    ) -> list[int]:
        """Up to ``neg_samp_num`` sources, at random, that a target is not linked to."""
        known = set(linked)
        out: list[int] = []
        for node in rng.permutation(sources).tolist():
            if len(out) == self.neg_samp_num:
                break
            if node not in known:
                out.append(node)
        return out


def train_step(
    model: LiteralGPTGNN,
    optimizer: torch.optim.Optimizer,
    batch: LiteralBatch,
    clip: float,
    rng: np.random.Generator,
) -> float:
    """Forward, backward, clip, update; returns the loss."""
    model.train()
    optimizer.zero_grad()
    loss = model(batch, rng)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.item()


def on_device(batch: LiteralBatch, device: torch.device) -> LiteralBatch:
    """A batch whose tensors are on a device."""
    moved: dict[str, object] = {"features": [x.to(device) for x in batch.features]}
    for f in fields(batch):
        value = getattr(batch, f.name)
        if isinstance(value, Tensor):
            moved[f.name] = value.to(device)
    return replace(batch, **moved)  # type: ignore[arg-type]
