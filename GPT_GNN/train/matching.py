"""Whether a model's file fits a graph: what it keeps of the one that it was trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.graph.inputs import FeatureInputs
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.train.checkpoint import CheckpointError, State, check_same, check_schema, under

_PARTS = ("model", "config", "schema", "feature_dims")  # of a model's file
_PREFIX = "encoder."  # of the encoder's entries in a model


def graph_record(graph: HeteroGraph) -> dict[str, Any]:
    """What a model's file keeps of its graph: ``schema``, ``feature_dims``, ``inputs``."""
    return {
        "schema": graph.schema.to_dict(),
        "feature_dims": graph.feature_dims,
        "inputs": FeatureInputs.of(graph).to_dict(),
    }


def encoder_weights(
    path: str | os.PathLike[str],
    record: Mapping[str, Any],
    graph: HeteroGraph,
    other_features: bool = False,
) -> State:
    """The state of the encoder in a checkpoint of ours, its input layers in the graph's order.

    Args:
        graph: the store that the encoder will read.
        other_features: see :func:`moved_columns`.

    Raises:
        CheckpointError: weights that are not finite, or see :func:`moved_columns`.
    """
    moved = moved_columns(path, record, graph, other_features)
    state = under(record["model"], _PREFIX)
    wrong = [n for n, x in state.items() if x.is_floating_point() and not x.isfinite().all()]
    if wrong:
        raise CheckpointError(
            f"{path}: expected finite weights, found NaN or infinite ones in {len(wrong)} of "
            f"{len(state)} tensors, such as {wrong[0]}"
        )
    for node_type, order in moved.items():
        tqdm.write(f"{path}: features of {node_type!r} are mapped to their order in {graph.path}")
        name = f"adapt.{graph.schema.node_type_id(node_type)}.weight"
        state[name] = state[name][:, order]
    return state


def moved_columns(
    path: str | os.PathLike[str],
    record: Mapping[str, Any],
    graph: HeteroGraph,
    other_features: bool = False,
) -> dict[str, np.ndarray]:
    """Check that a model fits a graph; say which features lie elsewhere in it.

    Of a file without ``inputs``, which older versions wrote, the widths alone are compared.

    Args:
        other_features: go on, with a line, where parts or what was fitted differ. Parts are then
            matched by name where names and widths are the same, else by position.

    Returns:
        Node type -> [F] the model's column for each of the graph's, of types where they differ.

    Raises:
        CheckpointError: no whole model; another schema, other widths, or other features, all of
            them listed.
    """
    missing = [name for name in _PARTS if name not in record]
    if missing:
        raise CheckpointError(
            f"{path}: expected a model as pre-training or fine-tuning keeps the best one, found "
            f"one without {', '.join(missing)} (a run's last state, for --resume only?)"
        )
    check_schema(path, record["schema"], graph.schema)
    if "inputs" not in record:
        check_same(path, "graph (feature widths)", record["feature_dims"], graph.feature_dims)
        tqdm.write(f"{path}: an older file, of its features the widths alone are compared")
        return {}
    model, store = FeatureInputs.from_dict(record["inputs"]), FeatureInputs.of(graph)
    differences = model.differences(store)
    if differences:
        listed = "; ".join(differences)
        message = f"{path} was trained on other features than those of {graph.path}: {listed}"
        if record["feature_dims"] != graph.feature_dims:
            raise CheckpointError(message)
        if not other_features:
            raise CheckpointError(f"{message}. --other_features goes on all the same")
        tqdm.write(f"warning: {message}; --other_features goes on")
    orders = {node_type: model.order(store, node_type) for node_type in graph.node_types}
    return {t: order for t, order in orders.items() if (order != np.arange(len(order))).any()}
