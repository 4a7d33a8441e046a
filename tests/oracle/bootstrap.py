"""The paired bootstrap in loops, one item of one resample at a time."""

from __future__ import annotations

import math


def paired_bootstrap(a, b, rng, times):
    """(mean, low, high, p) of the difference of two methods' scores [seeds, items]."""
    seeds, n = len(a), len(a[0])
    difference = [sum(a[s][i] - b[s][i] for s in range(seeds)) / seeds for i in range(n)]
    mean = sum(difference) / n
    means, as_large = [], 1
    for _ in range(times):
        drawn = rng.integers(0, n, n)
        means.append(sum(difference[i] for i in drawn) / n)
        if abs(means[-1] - mean) >= abs(mean):
            as_large += 1
    means.sort()
    return mean, _percentile(means, 2.5), _percentile(means, 97.5), as_large / (times + 1)


def _percentile(ordered, percent):
    """Linear between the two nearest of the ordered values."""
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    share = place - below
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] * (1 - share) + ordered[above] * share
