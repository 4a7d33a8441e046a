"""Paired bootstrap: do two methods differ on the same test items by more than the items' chance?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

TIMES = 10_000
_CELLS = 2**20  # counts held at a time, 8 MB


@dataclass(frozen=True)
class Scores:
    """One method's scores of the test items.

    Attributes:
        items: [n] or [n, 2] int, what the task calls them.
        values: [S, n] float, of S seeds.
    """

    items: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Difference:
    """How much better a method is than another.

    Attributes:
        mean: of the items' differences.
        low, high: 95 % interval, the percentiles of the resampled means.
        p: two-sided: how often, were there no difference, resampled items would show one as large.
    """

    mean: float
    low: float
    high: float
    p: float


def item_differences(a: Scores, b: Scores) -> np.ndarray:
    """Each item's score of ``a`` less that of ``b``, mean over seeds, [n].

    Raises:
        ValueError: the items or the numbers of seeds are not the same, or there is no item.
    """
    if a.items.shape != b.items.shape or not np.array_equal(a.items, b.items):
        raise ValueError(
            f"expected scores of the same test items in the same order, got {len(a.items)} and "
            f"{len(b.items)} that differ"
        )
    if a.values.shape != b.values.shape or a.values.shape[1:] != (len(a.items),):
        raise ValueError(
            f"expected scores [seeds, {len(a.items)}] of as many seeds, got {a.values.shape} and "
            f"{b.values.shape}"
        )
    if not a.values.size:
        raise ValueError("expected at least one item and one seed, got none")
    return (a.values.astype(np.float64) - b.values).mean(0)


def bootstrap(
    differences: np.ndarray, rng: np.random.Generator, times: int = TIMES
) -> list[Difference]:
    """The mean of each row's items, with its interval and p-value over resampled items.

    Rows share the resampled items, which costs little more than one row. A p-value is the share of
    resamples whose mean strays from the row's by at least as much as the row's does from 0; the row
    itself counts as one more, so that it is never 0.

    Args:
        differences: [M, n] float.
        times: how often the n items are drawn, with replacement.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 16.4 (the data shifted to the
        hypothesis).
    """
    mean = differences.mean(1)
    centred = (differences - mean[:, None]).T  # [n, M]
    strays = np.concatenate([counts @ centred for counts in _counts(len(centred), rng, times)])
    strays /= len(centred)  # [times, M]
    p = (1 + (np.abs(strays) >= np.abs(mean)).sum(0)) / (times + 1)
    low, high = mean + np.quantile(strays, [0.025, 0.975], axis=0)
    rows = zip(mean.tolist(), low.tolist(), high.tolist(), p.tolist(), strict=True)
    return [Difference(*row) for row in rows]


def _counts(n: int, rng: np.random.Generator, times: int) -> Iterator[np.ndarray]:
    """How often each item is drawn, [slice, n] float64, slice by slice."""
    size = max(1, _CELLS // n)
    for start in range(0, times, size):
        counts = np.empty((min(size, times - start), n))
        for row in counts:  # a bincount each: its table stays in the cache
            row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
        yield counts
