"""Features that no ``x`` gives: of texts, and of the identities of nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from torch_geometric.data import HeteroData

from GPT_GNN.builder.arrays import NodeArrays, known_nodes
from GPT_GNN.datasets.pyg.attributes import attribute, check_known
from GPT_GNN.features.text import fitted_text, sample_to_fit, text_model
from GPT_GNN.graph.split import Split
from GPT_GNN.rng import derive

TEXT, IDENTITY = "text", "identity"  # the parts' names
IDENTITY_DIM = 128

Texts = Mapping[str, str | Sequence[str]] | None


def add_texts(
    data: HeteroData,
    nodes: Mapping[str, NodeArrays],
    text: Texts,
    split: Split,
    model: str,
    dim: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Add the column ``text`` and the feature part ``text`` to types with texts.

    Args:
        text: the setting of :func:`GPT_GNN.datasets.pyg.from_pyg.from_pyg`.
        split: encoders are fitted on the texts that pre-training may know by it.

    Returns:
        What was fitted, per node type and part.
    """
    check_known("text", text or {}, nodes)
    fitted: dict[str, dict[str, Any]] = {}
    for node_type, value in (text or {}).items():
        texts = list(attribute(data, node_type, value) if isinstance(value, str) else value)
        n = nodes[node_type].num_nodes
        if len(texts) != n or not all(isinstance(entry, str) for entry in texts):
            raise ValueError(
                f"text of {node_type!r}: expected {n} strings, found {len(texts)} entries"
            )
        known = known_nodes(nodes[node_type], split)
        encoder = text_model(model, dim, seed)
        try:
            encoder.fit([texts[i] for i in sample_to_fit(known).tolist()])
            nodes[node_type].features[TEXT] = encoder.transform(texts)
        except ValueError as error:
            name = f" ({value!r})" if isinstance(value, str) else ""
            raise ValueError(f"text{name} of {node_type!r}: {error}") from error
        nodes[node_type].columns[TEXT] = texts
        fitted[node_type] = {TEXT: fitted_text(encoder, model)}
    return fitted


def add_identities(nodes: Mapping[str, NodeArrays], node_types: Collection[str], seed: int) -> None:
    """Add the feature part ``identity``: unit vectors, or random ones for more than 128 nodes."""
    for node_type in node_types:
        n = nodes[node_type].num_nodes
        if n <= IDENTITY_DIM:
            rows = np.eye(n)
        else:
            rows = derive(seed, IDENTITY, node_type).normal(size=(n, IDENTITY_DIM))
        nodes[node_type].features[IDENTITY] = rows.astype(np.float32)
