"""The paired bootstrap in loops, one item of one resample at a time."""

from __future__ import annotations


def p_value(a, b, rng, times):
    """Of the difference of two methods' scores [seeds, items]."""
    seeds, n = len(a), len(a[0])
    difference = [sum(a[s][i] - b[s][i] for s in range(seeds)) / seeds for i in range(n)]
    mean = sum(difference) / n
    as_large = 1
    for _ in range(times):
        drawn = rng.integers(0, n, n)
        if abs(sum(difference[i] for i in drawn) / n - mean) >= abs(mean):
            as_large += 1
    return as_large / (times + 1)
