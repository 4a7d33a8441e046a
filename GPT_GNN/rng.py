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
