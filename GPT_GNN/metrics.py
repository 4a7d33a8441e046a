"""Ranking metrics: NDCG, reciprocal rank and hits; F1 of single labels and of several a node.

Legend: n rows (queries), C candidates of a row, L relevant candidates of all rows together.
"""

from __future__ import annotations

import numpy as np

CELLS = 2**22  # scores compared at a time: bounds the temporary memory to a few MB


def ranking_metrics(
    scores: np.ndarray, relevance: np.ndarray | tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """NDCG and reciprocal rank of the order that scores give, without sorting the candidates.

    A tie is resolved against the model: of candidates with equal scores the irrelevant ones are
    ranked first, so that a model which scores all alike gains nothing.

    Args:
        scores: [n, C], higher is better. Rows with fewer candidates are filled up with -inf.
        relevance: [n, C], at least 0, only ratios within a row matter; or, where the relevant
            candidates of a row are all alike, ``(indptr [n + 1], columns [L])``: those of row i are
            ``columns[indptr[i]:indptr[i + 1]]``, each named once.

    Returns:
        ndcg [n] and reciprocal rank of the first relevant candidate [n], both 0 for a row without a
        relevant one.

    Raises:
        ValueError: shapes do not fit, a score is NaN, or a relevance is negative or not finite.

    Source: the published ``ndcg_at_k`` and ``mean_reciprocal_rank``, over all C candidates.
    Differs: the published code ranks by an unstable argsort, which places ties arbitrarily.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2:
        raise ValueError(f"expected scores of shape [n, C], got {scores.shape}")
    row, column, gain = _relevant(scores, relevance)
    own = scores[row, column]
    # Best first within a row; of equal scores the less relevant first.
    order = np.lexsort((gain, -own, row))
    row, column, gain, own = row[order], column[order], gain[order], own[order]
    rank = _count_at_least(scores, row, own) - _after_in_tie(row, own)
    ndcg = _per_row(gain * discount(rank), row, len(scores))
    best = np.lexsort((-gain, row))
    ideal = _per_row(gain[best] * discount(_position(row[best]) + 1), row[best], len(scores))
    reciprocal = np.zeros(len(scores))
    np.maximum.at(reciprocal, row, 1.0 / rank)
    return _ratio(ndcg, ideal), reciprocal


def f1_scores(true: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Micro-F1 and macro-F1 of one class an item, or of any number of classes an item.

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


def hits(reciprocal: np.ndarray, k: int) -> np.ndarray:
    """Whether the first relevant candidate is among the first ``k``: 1 / rank [n] -> [n], 0 or 1.

    Args:
        reciprocal: as :func:`ranking_metrics` and :func:`reciprocal_rank` give it.
        k: at least 1.
    """
    return (reciprocal >= 1.0 / k).astype(np.float64)


def ndcg(relevance_ranked: np.ndarray) -> np.ndarray:
    """NDCG of rankings that are already made.

    Args:
        relevance_ranked: [n, C], the relevance of the candidate at each rank, best rank first.

    Returns:
        [n], 0 for a row without a relevant candidate.
    """
    gains = np.asarray(relevance_ranked, dtype=np.float64)
    weight = discount(np.arange(1, gains.shape[1] + 1))
    return _ratio(gains @ weight, np.flip(np.sort(gains, axis=1), axis=1) @ weight)


def reciprocal_rank(relevance_ranked: np.ndarray) -> np.ndarray:
    """1 / rank of the first relevant candidate: [n, C], best rank first -> [n], 0 without one."""
    relevant = np.asarray(relevance_ranked) != 0
    if relevant.shape[1] == 0:
        return np.zeros(len(relevant))
    return np.where(relevant.any(axis=1), 1.0 / (relevant.argmax(axis=1) + 1), 0.0)


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
        gain = relevance[row, column].astype(np.float64)
        if not (np.isfinite(gain) & (gain > 0)).all():
            raise ValueError("expected relevance of at least 0, got a negative or non-finite one")
    return row, column, gain


def _count_at_least(scores: np.ndarray, row: np.ndarray, own: np.ndarray) -> np.ndarray:
    """How many candidates of its row score at least as high as each relevant one, [L]."""
    out = np.empty(len(row), dtype=np.int64)
    step = max(1, CELLS // max(scores.shape[1], 1))
    for start in range(0, len(scores), step):
        if np.isnan(scores[start : start + step]).any():
            raise ValueError(f"a score of rows {start} to {start + step} is NaN")
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        out[part] = (scores[row[part]] >= own[part, None]).sum(axis=1)
    return out


def _after_in_tie(row: np.ndarray, own: np.ndarray) -> np.ndarray:
    """How many relevant candidates of the same row and score come later in the order, [L]."""
    if len(row) == 0:
        return np.zeros(0, dtype=np.int64)
    new = np.append((row[1:] != row[:-1]) | (own[1:] != own[:-1]), True)
    last = np.flatnonzero(new)
    return last[np.searchsorted(last, np.arange(len(row)))] - np.arange(len(row))


def _position(row: np.ndarray) -> np.ndarray:
    """Position of each entry within its row, [L]; ``row`` ascends."""
    return np.arange(len(row)) - np.searchsorted(row, row)


def _per_row(values: np.ndarray, row: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(row, weights=values, minlength=n)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
