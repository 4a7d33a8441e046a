"""Features that come from no attribute: of texts, of degrees, of identities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from GPT_GNN.encoders.text import sample_to_fit, text_encoder, tokenise
from GPT_GNN.graph.arrays import EdgeArrays, NodeArrays, with_times
from GPT_GNN.graph.split import Split, TimeSplit
from GPT_GNN.schema import EdgeType

IDENTITY_DIM = 128


def degree_features(
    node_type: str,
    nodes: Mapping[str, NodeArrays],
    edges: Mapping[EdgeType, EdgeArrays],
    split: Split,
) -> np.ndarray:
    """[N, number of sides of relations that the type is on] float32."""
    n = nodes[node_type].num_nodes
    counts = []
    for edge_type, arrays in edges.items():
        time = with_times(nodes, edge_type, arrays).time
        known = np.ones(len(arrays.src), dtype=bool)
        if time is not None and isinstance(split, TimeSplit):
            known = time <= split.pretrain_until
        for end, ids in ((edge_type[0], arrays.src), (edge_type[2], arrays.dst)):
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
) -> np.ndarray:
    """[N, width] float32; the encoder learns from texts that pre-training may know."""
    encoder = text_encoder(name, dim, seed)
    fitted = [texts[i] for i in sample_to_fit(known).tolist()]
    if not any(map(tokenise, fitted)):
        raise ValueError(f"text: expected words, found none in {len(fitted)} texts")
    encoder.fit(fitted)
    return encoder.encode(texts)
