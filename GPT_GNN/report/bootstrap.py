"""Paired bootstrap: do two methods differ on the same test items by more than the items' chance?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

TIMES = 10_000
_CELLS = 2**20  # counts held at a time, 8 MB


def p_values(differences: np.ndarray, rng: np.random.Generator, times: int = TIMES) -> list[float]:
    """Two-sided: how often, were there no difference, resampled items would show one as large.

    It is the share of resamples whose mean strays from the row's by at least as much as the row's
    does from 0; the row itself counts as one more, so that it is never 0. Rows share the resampled
    items, which costs little more than one row.

    Args:
        differences: [M, n] float, each item's score of one method less that of another.
        times: how often the n items are drawn, with replacement.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 16.4 (the data shifted to the
        hypothesis).
    """
    mean = differences.mean(1)
    centred = (differences - mean[:, None]).T  # [n, M]
    strays = np.concatenate([counts @ centred for counts in _counts(len(centred), rng, times)])
    strays /= len(centred)  # [times, M]
    return ((1 + (np.abs(strays) >= np.abs(mean)).sum(0)) / (times + 1)).tolist()


def _counts(n: int, rng: np.random.Generator, times: int) -> Iterator[np.ndarray]:
    """How often each item is drawn, [slice, n] float64, slice by slice."""
    size = max(1, _CELLS // n)
    for start in range(0, times, size):
        counts = np.empty((min(size, times - start), n))
        for row in counts:  # a bincount each: its table stays in the cache
            row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
        yield counts
