"""NDCG, MRR and hits of one ranking at a time, F1 of one class at a time, from their formulas."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

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


def ties(scores: np.ndarray, relevance: np.ndarray) -> list[list[float]]:
    """Relevances of one row, those of one score together, best score first."""
    pairs = sorted(zip(scores, relevance, strict=True), key=lambda pair: -pair[0])
    return [[float(r) for _, r in tie] for _, tie in itertools.groupby(pairs, lambda p: p[0])]


def orders(scores: np.ndarray, relevance: np.ndarray) -> Iterator[list[float]]:
    """Every order of one row that its scores allow; each is as likely as another."""
    parts = [list(itertools.permutations(tie)) for tie in ties(scores, relevance)]
    for choice in itertools.product(*parts):
        yield [r for tie in choice for r in tie]


def over_all_orders(
    scores: np.ndarray, relevance: np.ndarray, k: int
) -> tuple[float, float, float]:
    """NDCG, reciprocal rank and hits of one row, means over :func:`orders`: for small ties."""
    found = [(ndcg(o), reciprocal_rank(o), hit(o, k)) for o in orders(scores, relevance)]
    return tuple(sum(values) / len(found) for values in zip(*found, strict=True))  # type: ignore[return-value]


def row_metrics(scores: np.ndarray, relevance: np.ndarray) -> tuple[float, float]:
    """The same NDCG and reciprocal rank by counting, for ties of any size."""
    spread, best = [], ties(scores, relevance)
    for tie in best:  # in the mean over its orders, each place of a tie has the tie's mean
        spread += [sum(tie) / len(tie)] * len(tie)
    ideal = dcg(sorted(relevance, reverse=True))
    chances = first_relevant(scores, relevance)
    mrr = sum(chance / rank for rank, chance in chances.items())
    return dcg(spread) / ideal if ideal else 0.0, float(mrr)


def row_hits(scores: np.ndarray, relevance: np.ndarray, k: int) -> float:
    """Hits of one row, for ties of any size."""
    return float(sum(p for rank, p in first_relevant(scores, relevance).items() if rank <= k))


def first_relevant(scores: np.ndarray, relevance: np.ndarray) -> dict[int, Fraction]:
    """The probability of each rank of the first relevant candidate.

    Of the sets of places that m tied candidates give to their k relevant ones, those that begin at
    place j are the choices of k - 1 places behind it.
    """
    above = 0
    for tie in ties(scores, relevance):
        m, k = len(tie), sum(r != 0 for r in tie)
        if k:
            ways = math.comb(m, k)
            places = range(1, m - k + 2)
            return {above + j: Fraction(math.comb(m - j, k - 1), ways) for j in places}
        above += m
    return {}


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
