"""Random generators as values: each is a function of a seed and of what it is for."""

from __future__ import annotations

import zlib

import numpy as np


def derive(seed: int, *purpose: int | str) -> np.random.Generator:
    """A generator for one purpose of one run, e.g. ``derive(seed, "pretrain", step)``.

    Args:
        seed: the run's seed, >= 0.
        purpose: names and counters; the same ones give the same stream, others an independent one.
    """
    words = [zlib.crc32(p.encode()) if isinstance(p, str) else int(p) for p in purpose]
    return np.random.default_rng([int(seed), *words])


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
