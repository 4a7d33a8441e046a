"""What of a PyG data object does not come into a store: a line for each attribute."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from torch_geometric.data import HeteroData

from GPT_GNN.datasets.pyg.attributes import is_column

MASKS = {
    "pretrain": "pretrain_mask",
    "train": "train_mask",
    "valid": "val_mask",
    "test": "test_mask",
}
# ``time`` is a store's own name for what the setting ``time`` gives.
NO_COLUMNS = ("x", "num_nodes", "y_index", "time", *MASKS.values())


def left_out(
    data: HeteroData, time: Any, timed: Collection[Any], masks: Collection[tuple[str, str]]
) -> list[str]:
    """Lines about attributes that nothing reads, with the setting that would, where there is one.

    Args:
        time: the setting of :func:`GPT_GNN.datasets.pyg.from_pyg.from_hetero_data`.
        timed: the node types and edge types that it gives times.
        masks: (node type, name) of those that divide the nodes.
    """
    whole = data.stores[0]  # what belongs to the graph
    lines = [f"{name} left out: it belongs to no node type and no edge type" for name in whole]
    for key in (*data.node_types, *data.edge_types):
        for name, value in data[key].items():
            if _gives_times(time, key, name):
                continue
            could = "" if key in timed else f"time={{{key!r}: {name!r}}} would read it as times"
            if isinstance(key, tuple):
                said = _of_edges(data[key], name, value, could)
            elif name in MASKS.values() and (key, name) not in masks:
                said = " left out: it does not divide the target's nodes here"
            else:
                said = _of_nodes(data[key], name, value, could)
            lines += [f"{key!r}: {name}{said}"] if said else []
    return [f"note: {line}" for line in lines]


def _of_nodes(store: Any, name: str, value: Any, could: str) -> str:
    """What to say of a node type's attribute; nothing of one that is read."""
    if name == "time":
        return f" left out: {could or 'the times are others'}"
    if name in NO_COLUMNS or (name == "y" and "y_index" in store):
        return ""
    if not is_column(value, store.num_nodes):
        return " left out: neither an array with an entry a node nor a list of strings"
    likely = could and _may_be_times(name, value, store.num_nodes)
    return f" is a column, no time: {could}" if likely else ""


def _of_edges(store: Any, name: str, value: Any, could: str) -> str:
    """The same of an edge type's."""
    if name == "edge_index":
        return ""
    likely = could and _may_be_times(name, value, np.shape(store["edge_index"])[-1])
    return f" left out: {could if likely else 'no encoder reads it'}"


def _gives_times(time: Any, key: Any, name: str) -> bool:
    """Whether an attribute is what the setting ``time`` reads."""
    named = time.get(key) if isinstance(time, Mapping) else time
    return isinstance(named, str) and named == name


def _may_be_times(name: str, value: Any, n: int) -> bool:
    """Whether an attribute looks like times: one number an entry, under a name such as ``year``."""
    is_name = name == "t" or name.endswith("_at")
    is_name |= any(word in name.lower() for word in ("time", "year", "date"))
    return is_name and is_column(value, n) and np.shape(value) in ((n,), (n, 1))
