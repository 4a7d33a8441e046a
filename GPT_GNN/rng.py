"""Random generators as values: each is a function of a seed and of what it is for."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np


def derive(seed: int, *purpose: int | str) -> np.random.Generator:
    """A generator for one purpose of one run, e.g. ``derive(seed, "pretrain", step)``.

    Args:
        seed: the run's seed, >= 0.
        purpose: names, then counters >= 0; the same ones give the same stream, others an
            independent one.

    Raises:
        ValueError: a negative seed or counter.
    """
    if seed < 0 or any(not isinstance(p, str) and p < 0 for p in purpose):
        raise ValueError(f"expected a seed and counters of at least 0, got {seed}, {purpose}")
    names = [zlib.crc32(p.encode()) for p in purpose if isinstance(p, str)]
    counters = [int(p) for p in purpose if not isinstance(p, str)]
    if not counters:
        return np.random.default_rng([int(seed), *names])
    # NumPy cuts numbers into words of 32 bits and pads with zeros: a counter of 0 would be the same
    # as none, and 2**32 + 5 the same as 5 followed by 1. A hash of the exact purpose is neither.
    exact = repr((int(seed), *(p if isinstance(p, str) else int(p) for p in purpose)))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(exact.encode()).digest()))


def uniform_of(seed: int, purpose: str, *ids: np.ndarray) -> np.ndarray:
    """A number of [0, 1) for each tuple of ids, [n] float64: the same whatever others there are.

    Args:
        seed: >= 0.
        purpose: what it is for; of another one, the numbers are independent.
        ids: [n] int each, >= 0.
    """
    start = derive(seed, purpose).integers(2**64, dtype=np.uint64)
    state = np.full(np.broadcast(*ids).shape, start)
    for part in ids:
        state = _mixed(state ^ part.astype(np.uint64))
    return (state >> np.uint64(11)) * 2.0**-53


def _mixed(x: np.ndarray) -> np.ndarray:
    """One step of splitmix64, [n] uint64. Source: Steele, Lea and Flood, OOPSLA 2014."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
