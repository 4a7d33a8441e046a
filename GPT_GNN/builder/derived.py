"""Features that come from no attribute: of texts, of degrees, of identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from GPT_GNN.features.text import fitted_text, sample_to_fit, text_encoder
from GPT_GNN.schema import EdgeType

DEGREE = "degree"  # the feature part of degrees
IDENTITY_DIM = 128

TimedEnds = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def degree_features(
    node_type: str, n: int, edges: Mapping[EdgeType, TimedEnds], until: int | None
) -> np.ndarray:
    """log(1 + number of edges) on each side of a relation that a type is on, [n, sides] float32.

    Args:
        edges: per edge type sources, targets and times, [E] each, or None for no times.
        until: edges with a later time are not counted; None counts all.
    """
    counts = []
    for edge_type, (src, dst, time) in edges.items():
        known = np.ones(len(src), dtype=bool)
        if time is not None and until is not None:
            known = time <= until
        for end, ids in ((edge_type[0], src), (edge_type[2], dst)):
            if end == node_type:
                counts.append(np.bincount(ids[known], minlength=n))
    return np.log1p(np.array(counts, dtype=np.float32).reshape(len(counts), n).T)


def identity_features(n: int, rng: np.random.Generator) -> np.ndarray:
    """[n, min(n, IDENTITY_DIM)] float32; entries are of order one either way."""
    if n <= IDENTITY_DIM:
        return np.eye(n, dtype=np.float32)
    return rng.normal(size=(n, IDENTITY_DIM)).astype(np.float32)


def text_features_of(
    texts: list[str], known: np.ndarray, name: str, dim: int, seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """[N, width] float32, and what was fitted: from texts that pre-training may know.

    Raises:
        ValueError: texts without a word.
    """
    encoder = text_encoder(name, dim, seed)
    encoder.fit([texts[i] for i in sample_to_fit(known).tolist()])
    return encoder.encode(texts), fitted_text(encoder, name)
