"""Ranking metrics: NDCG, reciprocal rank and hits; F1 of one label per node and of several.

Legend: n rows (queries), C candidates of a row, K candidates and L relevant ones of all rows
together. Candidates of equal scores are a *tie*. Literal version: ``tests/oracle/metrics.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CELLS = 2**17  # scores compared at a time, so that they stay in the processor's cache


@dataclass(frozen=True)
class Ranking:
    """Where the relevant candidates of each row are in the order that scores give.

    Tied candidates have no order. Every metric is its expected value over all orders of the ties,
    each as likely as another; it is exact, nothing is drawn. So a model that scores all candidates
    alike is at chance, and the order in which candidates are listed does not matter.

    Attributes:
        n: number of rows.
        row: [L] int64, ascending; within a row the best score first.
        gain: [L] float64, above 0.
        above: [L] int64, how many candidates of the row score higher.
        tied: [L] int64, how many score the same, itself among them.

    Source: the published ``ndcg_at_k`` and ``mean_reciprocal_rank``, over all C candidates; the
        expected values are those of McSherry and Najork, "Computing information retrieval
        performance measures efficiently in the presence of tied scores", ECIR 2008.
    Differs: the published code ranks by an unstable argsort, which places ties arbitrarily.
    """

    n: int
    row: np.ndarray
    gain: np.ndarray
    above: np.ndarray
    tied: np.ndarray

    def ndcg(self) -> np.ndarray:
        """[n], 0 for a row without a relevant candidate."""
        found = _per_row(self.gain * self._discount(), self.row, self.n)
        best = np.lexsort((-self.gain, self.row))
        rank = _position(self.row[best]) + 1
        ideal = _per_row(self.gain[best] * discount(rank), self.row[best], self.n)
        return _ratio(found, ideal)

    def reciprocal_rank(self) -> np.ndarray:
        """1 / rank of the first relevant candidate, [n], 0 for a row without one."""
        row, above, tied, relevant = self._first()
        values = 1.0 / (above + 1)
        in_tie = np.flatnonzero(tied > 1)
        # A baseline has few different ties, however many rows.
        ties = np.stack([above, tied, relevant])[:, in_tie]
        distinct, at = np.unique(ties, axis=1, return_inverse=True)
        values[in_tie] = np.array([_expected_reciprocal(*tie) for tie in distinct.T.tolist()])[at]
        out = np.zeros(self.n)
        out[row] = values
        return out

    def hits(self, k: int) -> np.ndarray:
        """Probability that a relevant candidate is among the first ``k``, [n]; 0 or 1 without ties.

        Args:
            k: at least 1.
        """
        row, above, tied, relevant = self._first()
        missed = np.ones(len(row))
        for i in range(k):  # the i-th place of the tie, where it is among the first k
            here = (i < tied) & (above + i < k)
            wrong = np.maximum(tied - relevant - i, 0) / np.maximum(tied - i, 1)
            missed = np.where(here, missed * wrong, missed)
        out = np.zeros(self.n)
        out[row] = 1.0 - missed
        return out

    def _discount(self) -> np.ndarray:
        """Of each relevant candidate the mean discount of the places of its tie, [L]."""
        alone = discount(self.above + 1)
        if (self.tied == 1).all():
            return alone
        last = self.above + self.tied
        total = np.append(0.0, np.cumsum(discount(np.arange(1, last.max() + 1))))
        return np.where(self.tied == 1, alone, (total[last] - total[self.above]) / self.tied)

    def _first(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of each row with a relevant candidate: the row, and its best relevant ones' tie.

        Returns:
            row, above, tied, and how many candidates of the tie are relevant.
        """
        row, first = np.unique(self.row, return_index=True)
        counts = np.diff(np.append(first, len(self.row)))
        same_tie = self.above == np.repeat(self.above[first], counts)
        relevant = np.bincount(self.row[same_tie], minlength=self.n)[row]
        return row, self.above[first], self.tied[first], relevant


def _expected_reciprocal(above: int, tied: int, relevant: int) -> float:
    """Mean of 1 / rank of the first relevant candidate of a tie over all orders of the tie."""
    place = np.arange(tied - relevant + 1)  # of the first relevant one, within the tie, from 0
    wrong = np.append(1.0, (tied - relevant - place[:-1]) / (tied - place[:-1]))
    here = np.cumprod(wrong) * relevant / (tied - place)
    return float((here / (above + place + 1)).sum())


def rank(scores: np.ndarray, relevance: np.ndarray | tuple[np.ndarray, np.ndarray]) -> Ranking:
    """Rank the same number of candidates in every row, without sorting them.

    Args:
        scores: [n, C], higher is better. Rows with fewer candidates are filled up with -inf.
        relevance: [n, C], at least 0, only ratios within a row matter; or, where the relevant
            candidates of a row are all alike, ``(indptr [n + 1], columns [L])``: those of row i are
            ``columns[indptr[i]:indptr[i + 1]]``, each named once.

    Raises:
        ValueError: shapes do not fit, a score is NaN, or a relevance is negative or not finite.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2:
        raise ValueError(f"expected scores of shape [n, C], got {scores.shape}")
    row, column, gain = _relevant(scores, relevance)
    own = scores[row, column]
    order = np.lexsort((gain, -own, row))
    row, gain, own = row[order], gain[order], own[order]
    return Ranking(len(scores), row, gain, *_count(scores, row, own))


def rank_groups(scores: np.ndarray, relevance: np.ndarray, sizes: np.ndarray) -> Ranking:
    """Rank rows of different numbers of candidates, which lie one after the other.

    Args:
        scores: [K], higher is better.
        relevance: [K], at least 0.
        sizes: [n], candidates of each row.

    Raises:
        ValueError: as :func:`rank`.
    """
    scores, relevance, sizes = (np.asarray(part) for part in (scores, relevance, sizes))
    if not len(scores) == len(relevance) == sizes.sum():
        raise ValueError(
            f"expected as many scores as relevances and candidates, got {len(scores)}, "
            f"{len(relevance)} and {sizes.sum()}"
        )
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    row = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((relevance, -scores, row))
    row, scores, relevance = row[order], scores[order], relevance[order]
    new_row = row[1:] != row[:-1]
    first = np.append(True, new_row | (scores[1:] != scores[:-1]))
    starts = np.flatnonzero(first[: len(row)])
    length = np.diff(np.append(starts, len(row)))
    above = np.repeat(_position(row)[starts], length)
    tied = np.repeat(length, length)
    kept = np.flatnonzero(relevance)
    gain = _checked(relevance[kept])
    return Ranking(len(sizes), row[kept], gain, above[kept], tied[kept])


def ranking_metrics(
    scores: np.ndarray, relevance: np.ndarray | tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """NDCG [n] and reciprocal rank [n] of what :func:`rank` takes, see :class:`Ranking`."""
    ranking = rank(scores, relevance)
    return ranking.ndcg(), ranking.reciprocal_rank()


def f1_scores(true: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Micro-F1 and macro-F1 of one class per item, or of any number of classes per item.

    F1 of a class is 2 right / (true + predicted). Micro-F1 takes the three counts over all classes
    together; for one class an item it is the share of right answers. Macro-F1 is the mean over the
    classes that occur in truth or prediction; where the columns say which classes there are, over
    all of them, and one that occurs in neither counts 0.

    Args:
        true, predicted: [n] int, at least 0, the class of each item; or [n, C] bool, its classes.

    Raises:
        ValueError: no item, or shapes that differ.

    Source: as scikit-learn's ``f1_score`` with ``average="micro"`` and ``"macro"``.
    """
    if true.shape != predicted.shape or not len(true):
        raise ValueError(f"expected as many true as predicted, got {true.shape}, {predicted.shape}")
    if true.ndim == 2:
        right = (true & predicted).sum(0)
        named = true.sum(0) + predicted.sum(0)
    else:
        n = int(max(true.max(), predicted.max())) + 1
        right = np.bincount(true[true == predicted], minlength=n)
        named = np.bincount(true, minlength=n) + np.bincount(predicted, minlength=n)
        right, named = right[named > 0], named[named > 0]
    micro = _ratio(2 * right.sum(keepdims=True), named.sum(keepdims=True))
    return float(micro[0]), float(_ratio(2 * right, named).mean())


def discount(rank: np.ndarray) -> np.ndarray:
    """Weight of a rank, counted from 1: 1 for rank 1, then 1 / log2(rank).

    Ranks 1 and 2 weigh the same, as in the published code; the usual 1 / log2(rank + 1) would
    not be comparable with the paper's numbers.
    """
    return 1.0 / np.log2(np.maximum(rank, 2))


def _relevant(
    scores: np.ndarray, relevance: np.ndarray | tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and gain of every relevant candidate, [L] each."""
    if isinstance(relevance, tuple):
        indptr, column = (np.asarray(part) for part in relevance)
        if len(indptr) != len(scores) + 1 or indptr[-1] != len(column):
            raise ValueError(
                f"expected {len(scores) + 1} row starts, the last {len(column)}, got {len(indptr)} "
                f"and {indptr[-1:]}"
            )
        row = np.repeat(np.arange(len(scores)), np.diff(indptr))
        if len(column) and not 0 <= column.min() <= column.max() < scores.shape[1]:
            raise ValueError(
                f"expected columns in [0, {scores.shape[1]}), got {column.min()} to {column.max()}"
            )
        gain = np.ones(len(column))
    else:
        relevance = np.asarray(relevance)
        if relevance.shape != scores.shape:
            raise ValueError(f"expected relevance of shape {scores.shape}, got {relevance.shape}")
        row, column = relevance.nonzero()
        gain = _checked(relevance[row, column])
    return row, column, gain


def _checked(gain: np.ndarray) -> np.ndarray:
    """Relevances that are not 0, [L] float64."""
    gain = gain.astype(np.float64)
    if not (np.isfinite(gain) & (gain > 0)).all():
        raise ValueError("expected relevance of at least 0, got a negative or non-finite one")
    return gain


def _count(scores: np.ndarray, row: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many candidates of its row score higher than each relevant one, and the same, [L]."""
    above, tied = np.empty(len(row), dtype=np.int64), np.ones(len(row), dtype=np.int64)
    step = max(1, CELLS // max(scores.shape[1], 1))
    for start in range(0, len(scores), step):
        if np.isnan(scores[start : start + step]).any():
            raise ValueError(f"a score of rows {start} to {start + step} is NaN")
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        candidates, mine = scores[row[part]], own[part, None]
        above[part] = (candidates > mine).sum(axis=1)
        same = candidates == mine
        if np.count_nonzero(same) > len(same):  # each is in its own tie; most often alone
            tied[part] = same.sum(axis=1)
    return above, tied


def _position(row: np.ndarray) -> np.ndarray:
    """Position of each entry within its row, [L]; ``row`` ascends."""
    return np.arange(len(row)) - np.searchsorted(row, row)


def _per_row(values: np.ndarray, row: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(row, weights=values, minlength=n)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
