"""Which attributes of a PyG data object do not come into a store: a line for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from torch_geometric.data import HeteroData

from GPT_GNN.datasets.pyg.attributes import MASKS, NO_COLUMNS, is_column


def left_out(
    data: HeteroData, time: Any, timed: Collection[Any], masks: Collection[tuple[str, str]]
) -> list[str]:
    """Lines about attributes that are not read, with the setting that would read them, if any.

    Args:
        time: the setting of :func:`GPT_GNN.datasets.pyg.from_pyg.from_pyg`.
        timed: the node types and edge types that have times by it.
        masks: (node type, name) of the masks that divide the nodes.
    """
    whole = data.stores[0]  # attributes of the graph
    lines = [f"{name} left out: it belongs to no node type and no edge type" for name in whole]
    for key in (*data.node_types, *data.edge_types):
        for name, value in data[key].items():
            named = time.get(key) if isinstance(time, Mapping) else time
            if isinstance(named, str) and named == name:  # it is read as times
                continue
            could = "" if key in timed else f"time={{{key!r}: {name!r}}} would read it as times"
            if isinstance(key, tuple):
                line = _of_edges(data[key], name, value, could)
            elif name in MASKS.values() and (key, name) not in masks:
                line = " left out: it does not divide the target's nodes here"
            else:
                line = _of_nodes(data[key], name, value, could)
            lines += [f"{key!r}: {name}{line}"] if line else []
    return [f"note: {line}" for line in lines]


def _of_nodes(store: Any, name: str, value: Any, could: str) -> str:
    """The line about a node type's attribute; empty for one that is read."""
    if name == "time":
        return f" left out: {could or 'the times are others'}"
    if name in NO_COLUMNS or (name == "y" and "y_index" in store):
        return ""
    if not is_column(value, store.num_nodes):
        return " left out: neither an array with one entry per node nor a list of strings"
    likely = could and _may_be_times(name, value, store.num_nodes)
    return f" is a column, no time: {could}" if likely else ""


def _of_edges(store: Any, name: str, value: Any, could: str) -> str:
    """The line about an edge type's attribute."""
    if name == "edge_index":
        return ""
    likely = could and _may_be_times(name, value, np.shape(store["edge_index"])[-1])
    return f" left out: {could if likely else 'no encoder reads it'}"


def _may_be_times(name: str, value: Any, n: int) -> bool:
    """Whether an attribute may hold times: one number per entry, a name such as ``year``."""
    is_name = name == "t" or name.endswith("_at")
    is_name |= any(word in name.lower() for word in ("time", "year", "date"))
    return is_name and is_column(value, n) and np.shape(value) in ((n,), (n, 1))
