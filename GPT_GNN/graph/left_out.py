"""What of a PyG data object does not come into a store: a line for each attribute."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch_geometric.data import HeteroData

MASKS = {
    "pretrain": "pretrain_mask",
    "train": "train_mask",
    "valid": "val_mask",
    "test": "test_mask",
}
# ``time`` is a store's own name for what the setting ``time`` gives.
NO_COLUMNS = ("x", "num_nodes", "y_index", "time", *MASKS.values())


def left_out(data: HeteroData, time: Any, masks: Collection[tuple[str, str]]) -> list[str]:
    """Lines about attributes that nothing reads, with the setting that would, where there is one.

    Args:
        time: the setting of :func:`GPT_GNN.graph.hetero_data.from_hetero_data`.
        masks: (node type, name) of those that divide the nodes.
    """
    lines = []
    for name in data.stores[0]:  # that of the whole graph
        lines.append(f"note: {name} left out: it belongs to no node type and no edge type")
    for node_type in data.node_types:
        store = data[node_type]
        for name, value in store.items():
            if _gives_times(time, node_type, name):
                continue
            what = f"note: {node_type!r}: {name}"
            if name in MASKS.values():
                if (node_type, name) not in masks:
                    lines.append(f"{what} left out: it does not divide the target's nodes here")
            elif name == "time" or not (name in NO_COLUMNS or is_column(value, store.num_nodes)):
                reason = "neither an array with an entry a node nor a list of strings"
                setting = _time_setting(name, node_type) if name == "time" else ""
                lines.append(f"{what} left out: {setting or reason}")
            elif _may_be_times(name, value, store.num_nodes):
                lines.append(f"{what} is a column, no time: {_time_setting(name, node_type)}")
    for edge_type in data.edge_types:
        store = data[edge_type]
        for name, value in store.items():
            if name == "edge_index" or _gives_times(time, edge_type, name):
                continue
            count = np.shape(store["edge_index"])[-1]
            setting = _time_setting(name, edge_type) if _may_be_times(name, value, count) else ""
            reason = setting or "no encoder reads it"
            lines.append(f"note: {edge_type}: {name} left out: {reason}")
    return lines


def is_column(value: Any, n: int) -> bool:
    """Whether an attribute has an entry a node: an array, or a list of strings."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return bool(np.shape(value)[:1] == (n,))
    return isinstance(value, list) and len(value) == n and all(isinstance(v, str) for v in value)


def _gives_times(time: Any, key: Any, name: str) -> bool:
    """Whether an attribute is what the setting ``time`` reads."""
    named = time.get(key) if isinstance(time, Mapping) else time
    return isinstance(named, str) and named == name


def _may_be_times(name: str, value: Any, n: int) -> bool:
    """Whether an attribute looks like times: one number an entry, under a name such as ``year``."""
    is_name = name == "t" or name.endswith("_at")
    is_name |= any(word in name.lower() for word in ("time", "year", "date"))
    return is_name and is_column(value, n) and np.shape(value) in ((n,), (n, 1))


def _time_setting(name: str, key: Any) -> str:
    return f"time={{{key!r}: {name!r}}} would read it as times"
