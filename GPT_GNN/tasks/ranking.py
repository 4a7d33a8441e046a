"""Queries with candidates of their own: their loss, metrics and positions in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.batch import RawBatch
from GPT_GNN.batch.trim import AnyBatch
from GPT_GNN.metrics import rank_groups
from GPT_GNN.model.heads import Matcher
from GPT_GNN.schema import Schema


@dataclass(frozen=True)
class PairBatch:
    """A batch of queries with candidates of their own. Q queries, K candidates in total.

    Attributes:
        batch: features and structure.
        left: [K] int64 node rows of the query's node, right: [K] int64 node rows of the candidate.
        query: [K] int64 in [0, Q), ascending.
        size: [Q] int64 candidates of each query.
        true: [K] float32, each query's sum to 1 over its true candidates.
    """

    batch: AnyBatch
    left: Tensor
    right: Tensor
    query: Tensor
    size: Tensor
    true: Tensor


def pair_batch(
    schema: Schema,
    batch: RawBatch,
    asked: tuple[str, np.ndarray],
    candidates: tuple[str, np.ndarray],
    query: np.ndarray,
    true: np.ndarray,
) -> PairBatch:
    """The pairs of a batch that was sampled around :func:`pair_seeds`.

    Args:
        asked: type and [Q] ids of what is asked for; candidates: type and [K] ids.
        query: [K] int64, whose candidate each is, ascending.
        true: [K], see :class:`PairBatch`.
    """
    seeds, offsets = pair_seeds(asked, candidates), batch.node_offsets
    left, right = (
        position_in(seeds[node_type], ids) + offsets[schema.node_type_id(node_type)]
        for node_type, ids in (asked, candidates)
    )
    arrays = {
        "left": left[query],
        "right": right,
        "query": query,
        "size": np.bincount(query, minlength=len(left)),
        "true": true.astype(np.float32),
    }
    return PairBatch(batch, **{name: torch.from_numpy(array) for name, array in arrays.items()})


def pair_seeds(
    asked: tuple[str, np.ndarray], candidates: tuple[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Seed nodes by type: what is asked for, then candidates; each once."""
    (asked_type, first), (node_type, more) = asked, candidates
    seeds = {asked_type: first_seen(first)}
    before = seeds.get(node_type, np.empty(0, dtype=np.int64))
    return seeds | {node_type: first_seen(np.concatenate([before, more]))}


def pair_scores(head: Matcher, h: Tensor, data: PairBatch) -> Tensor:
    """How well each candidate matches its query, [K]."""
    return head(h[data.right], h[data.left])


def pair_loss(head: Matcher, h: Tensor, data: PairBatch) -> Tensor:
    """Cross-entropy over the candidates / log(their number), mean over queries."""
    score = pair_scores(head, h, data)
    top = score.new_full((len(data.size),), -torch.inf)
    top = top.scatter_reduce(0, data.query, score.detach(), "amax")
    total = score.new_zeros(len(data.size))
    total = total.index_add(0, data.query, (score - top[data.query]).exp()).log() + top
    log_p = (score - total[data.query]) / data.size[data.query].log()
    return -(data.true * log_p).sum() / len(data.size)


def pair_metrics(
    head: Matcher, h: Tensor, data: PairBatch, hits_at: int | None = None
) -> dict[str, np.ndarray]:
    """What :func:`ranked` gives for the scores of a batch, [Q] each."""
    score = pair_scores(head, h, data).cpu().numpy()
    return ranked(score, data.true.cpu().numpy(), data.size.cpu().numpy(), hits_at)


def ranked(
    score: np.ndarray, true: np.ndarray, size: np.ndarray, hits_at: int | None = None
) -> dict[str, np.ndarray]:
    """``ndcg`` and ``mrr`` of queries whose candidates lie one after the other, [Q] each.

    Args:
        score: [K]; true: [K], 0 for a wrong candidate; size: [Q], candidates of each query.
        hits_at: also ``hits@<it>``.
    """
    ranking = rank_groups(score, true, size)
    values = {"ndcg": ranking.ndcg(), "mrr": ranking.reciprocal_rank()}
    return values if hits_at is None else values | {f"hits@{hits_at}": ranking.hits(hits_at)}


def first_seen(ids: np.ndarray) -> np.ndarray:
    """Distinct ids in the order in which they first occur."""
    values, first = np.unique(ids, return_index=True)
    return values[np.argsort(first)]


def position_in(distinct: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Position of each id in a list of distinct ids."""
    order = np.argsort(distinct)
    return order[np.searchsorted(distinct, ids, sorter=order)]
