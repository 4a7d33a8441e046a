"""Features that no ``x`` gives: of texts, and of the identities of nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from torch_geometric.data import HeteroData

from GPT_GNN.builder.arrays import NodeArrays, known_nodes
from GPT_GNN.datasets.pyg.attributes import attribute, check_known
from GPT_GNN.features.text import fitted_text, sample_to_fit, text_encoder
from GPT_GNN.graph.split import Split
from GPT_GNN.rng import derive

TEXT, IDENTITY = "text", "identity"  # the parts' names
IDENTITY_DIM = 128

Texts = Mapping[str, str | Sequence[str]] | None


def read_texts(data: HeteroData, text: Texts) -> dict[str, list[str]]:
    """The texts of each type in the setting ``text`` of :func:`from_pyg`.

    Raises:
        ValueError: an unknown type or attribute, or not one string per node.
    """
    check_known("text", text or {}, data.node_types)
    found = {}
    for node_type, value in (text or {}).items():
        texts = attribute(data, node_type, value) if isinstance(value, str) else value
        n = data[node_type].num_nodes
        if len(texts) != n or not all(isinstance(entry, str) for entry in texts):
            raise ValueError(
                f"text of {node_type!r}: expected {n} strings, found {len(texts)} entries"
            )
        found[node_type] = list(texts)
    return found


def add_text_features(
    nodes: Mapping[str, NodeArrays],
    texts: Mapping[str, list[str]],
    split: Split,
    text: Texts,
    model: str,
    dim: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Add the column ``text`` and the feature part ``text`` to types with texts.

    Args:
        texts: of :func:`read_texts`; text: the setting, for errors.
        split: an encoder is fitted on the texts that pre-training may know.
        model, dim, seed: see :func:`GPT_GNN.features.text.text_encoder`.

    Returns:
        What was fitted, per node type and part.

    Raises:
        ValueError: texts without a word.
    """
    fitted: dict[str, dict[str, Any]] = {}
    for node_type, values in texts.items():
        known = known_nodes(nodes[node_type], split)
        encoder = text_encoder(model, dim, seed)
        try:
            encoder.fit([values[i] for i in sample_to_fit(known).tolist()])
            nodes[node_type].features[TEXT] = encoder.encode(values)
        except ValueError as error:
            given = (text or {})[node_type]
            name = f" ({given!r})" if isinstance(given, str) else ""
            raise ValueError(f"text{name} of {node_type!r}: {error}") from error
        nodes[node_type].columns[TEXT] = values
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
