"""NDCG, MRR and hits of one ranking at a time, F1 of one class at a time, from their formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def dcg(relevance_ranked: Sequence[float]) -> float:
    """Sum of relevances; from the second rank on each divided by log2 of its rank."""
    total = 0.0
    for rank, relevance in enumerate(relevance_ranked, start=1):
        total += relevance if rank == 1 else relevance / math.log2(rank)
    return total


def ndcg(relevance_ranked: Sequence[float]) -> float:
    """DCG over the DCG of the best order; 0 when nothing is relevant."""
    best = dcg(sorted(relevance_ranked, reverse=True))
    return dcg(relevance_ranked) / best if best else 0.0


def reciprocal_rank(relevance_ranked: Sequence[float]) -> float:
    """1 / rank of the first relevant candidate; 0 when there is none."""
    for rank, relevance in enumerate(relevance_ranked, start=1):
        if relevance:
            return 1.0 / rank
    return 0.0


def ranked(scores: np.ndarray, relevance: np.ndarray) -> list[float]:
    """Relevances of one row, best score first; of equal scores the least relevant first."""
    pairs = sorted(zip(scores, relevance, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return [float(r) for _, r in pairs]


def row_metrics(scores: np.ndarray, relevance: np.ndarray) -> tuple[float, float]:
    """NDCG and reciprocal rank of one row: scores [C], relevance [C]."""
    order = ranked(scores, relevance)
    return ndcg(order), reciprocal_rank(order)


def hit(relevance_ranked: Sequence[float], k: int) -> float:
    """1 when one of the first k is relevant, else 0."""
    return float(any(relevance_ranked[:k]))


def f1(
    true: Sequence[set[int]], predicted: Sequence[set[int]], classes: int
) -> tuple[float, float]:
    """Micro-F1 and macro-F1 of sets of classes, each class counted for itself."""

    def score(right: int, wrong: int, missed: int) -> float:
        return 2 * right / (2 * right + wrong + missed) if right else 0.0

    counts = []
    for c in range(classes):
        pairs = [(c in t, c in p) for t, p in zip(true, predicted, strict=True)]
        counts.append([pairs.count(pair) for pair in ((True, True), (False, True), (True, False))])
    micro = score(*(sum(column) for column in zip(*counts, strict=True)))
    return micro, sum(score(*count) for count in counts) / classes
