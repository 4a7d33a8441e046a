"""Attributes of PyG's data objects as arrays, and which of them are left out of a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch_geometric.data import HeteroData

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays
from GPT_GNN.schema import EdgeType

MASKS = {
    "pretrain": "pretrain_mask",
    "train": "train_mask",
    "valid": "val_mask",
    "test": "test_mask",
}
# ``time`` is a store's own name for what the setting ``time`` gives.
NO_COLUMNS = ("x", "num_nodes", "y_index", "time", *MASKS.values())


def array(values: Any) -> np.ndarray:
    """A tensor of any device, layout and dtype, or what NumPy takes, as an array."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
        return values.to_dense().numpy() if values.layout != torch.strided else values.numpy()
    return np.asarray(values)


def flat(values: Any) -> np.ndarray:
    """An array, of shape [N] where it was [N, 1]."""
    found = array(values)
    return found[:, 0] if found.shape[1:] == (1,) else found


def attribute(data: HeteroData, key: Any, name: str) -> Any:
    """An attribute of a node type or edge type. Raises ValueError when there is none."""
    if name not in data[key]:
        raise ValueError(f"{key}: no attribute {name!r}; available: {list(data[key].keys())}")
    return data[key][name]


def check_known(what: str, keys: Collection[Any], available: Collection[Any]) -> None:
    """Raise ValueError for a node type or edge type that the data do not have."""
    unknown = [key for key in keys if key not in available]
    if unknown:
        raise ValueError(f"{what}: unknown type {unknown[0]}; available: {list(available)}")


def is_column(value: Any, n: int) -> bool:
    """Whether an attribute has one entry per node: an array, or a list of strings."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return bool(np.shape(value)[:1] == (n,))
    return isinstance(value, list) and len(value) == n and all(isinstance(v, str) for v in value)


def node_arrays(data: HeteroData, node_type: str) -> NodeArrays:
    """The nodes of a type: ``x`` as features, every other attribute per node as a column."""
    store = data[node_type]
    n = store.num_nodes
    if n is None:
        raise ValueError(f"{node_type!r}: expected x or num_nodes, found {list(store.keys())}")
    arrays = NodeArrays(int(n))
    for name, value in store.items():
        if name == "y" and "y_index" in store:  # classes of some nodes only
            value = _scattered(node_type, value, store["y_index"], arrays.num_nodes)
        if name == "x":
            x = array(value)
            arrays.features["x"] = x[:, None] if x.ndim == 1 else x
        elif name not in NO_COLUMNS and is_column(value, arrays.num_nodes):
            arrays.columns[name] = value if isinstance(value, list) else flat(value)
    return arrays


def edge_arrays(
    data: HeteroData, edge_type: EdgeType, inverse: str, multigraph: bool
) -> EdgeArrays:
    """The edges of a type, without times. Raises ValueError where there is no ``edge_index``."""
    store = data[edge_type]
    if "edge_index" not in store:
        raise ValueError(f"{edge_type}: expected edge_index, found {list(store.keys())}")
    ends = array(store["edge_index"])
    if ends.ndim != 2 or len(ends) != 2 or ends.dtype.kind not in "iu":
        # An empty list of edges is a float tensor of one dimension in some data sets.
        if ends.size:
            raise ValueError(
                f"{edge_type}: expected edge_index [2, E] of integers, found {ends.dtype} of "
                f"shape {ends.shape}"
            )
        ends = np.empty((2, 0), dtype=np.int64)
    return EdgeArrays(ends[0], ends[1], inverse=inverse, multigraph=multigraph)


def mask_of(data: HeteroData, node_type: str, name: str) -> np.ndarray | None:
    """A mask of a type's nodes, [N] bool, or None. Raises ValueError for anything else."""
    if name not in data[node_type]:
        return None
    mask, n = array(data[node_type][name]), data[node_type].num_nodes
    if mask.shape != (n,) or mask.dtype != np.bool_:
        raise ValueError(
            f"{name} of {node_type!r}: expected [{n}] booleans, found {mask.dtype} of shape "
            f"{mask.shape}"
        )
    return mask


def _scattered(node_type: str, values: Any, nodes: Any, n: int) -> np.ndarray:
    """Classes of some nodes as a column of all, [n] int64, -1 for none."""
    y, ids = array(values), array(nodes)
    if y.shape != ids.shape or ids.ndim != 1 or (len(ids) and not 0 <= ids.min() <= ids.max() < n):
        raise ValueError(
            f"y_index of {node_type!r}: expected an id in [0, {n}) for each of y, found shapes "
            f"{y.shape} and {ids.shape}"
        )
    out = np.full(n, -1, dtype=np.int64)
    out[ids] = y
    return out


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
            line = _described(data[key], isinstance(key, tuple), name, value, could)
            if isinstance(key, str) and name in MASKS.values() and (key, name) not in masks:
                line = " left out: it does not divide the target's nodes here"
            lines += [f"{key!r}: {name}{line}"] if line else []
    return [f"note: {line}" for line in lines]


def _described(store: Any, is_edge: bool, name: str, value: Any, could: str) -> str:
    """The rest of the line about an attribute; empty for one that is read."""
    if name == "edge_index" or (name == "y" and "y_index" in store):
        return ""
    n = np.shape(store["edge_index"])[-1] if is_edge else store.num_nodes
    likely = could and _may_be_times(name, value, n)
    if is_edge:
        return f" left out: {could if likely else 'no encoder reads it'}"
    if name == "time":
        return f" left out: {could or 'the times are others'}"
    if name in NO_COLUMNS:
        return ""
    if not is_column(value, n):
        return " left out: neither an array with one entry per node nor a list of strings"
    return f" is a column, no time: {could}" if likely else ""


def _may_be_times(name: str, value: Any, n: int) -> bool:
    """Whether an attribute may hold times: one number per entry, a name such as ``year``."""
    is_name = name == "t" or name.endswith("_at")
    is_name |= any(word in name.lower() for word in ("time", "year", "date"))
    return is_name and is_column(value, n) and np.shape(value) in ((n,), (n, 1))
