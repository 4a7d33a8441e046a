"""Attributes of PyG's data objects as arrays."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch_geometric.data import HeteroData


def array(values: Any) -> np.ndarray:
    """A tensor of any device, layout and dtype, or what NumPy takes, as an array."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
        return values.to_dense().numpy() if values.layout != torch.strided else values.numpy()
    return np.asarray(values)


def flat(values: Any) -> np.ndarray:
    """An array, one of shape [N, 1] as [N]."""
    found = array(values)
    return found[:, 0] if found.shape[1:] == (1,) else found


def entries(values: Any, count: int, what: str) -> np.ndarray:
    """[count] values. Raises ValueError, which names them ``what``, for another shape."""
    found = flat(values)
    if found.shape != (count,):
        raise ValueError(f"{what}: expected {count} values, found shape {found.shape}")
    return found


def attribute(data: HeteroData, key: Any, name: str) -> Any:
    """An attribute of a node type or edge type. Raises ValueError when there is none."""
    if name not in data[key]:
        raise ValueError(f"{key}: no attribute {name!r}; available: {list(data[key].keys())}")
    return data[key][name]


def check_known(what: str, keys: Collection[Any], available: Collection[Any]) -> None:
    """Raise ValueError for a type that there is not."""
    unknown = [key for key in keys if key not in available]
    if unknown:
        raise ValueError(f"{what}: unknown type {unknown[0]}; available: {list(available)}")


def is_column(value: Any, n: int) -> bool:
    """Whether an attribute has an entry a node: an array, or a list of strings."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return bool(np.shape(value)[:1] == (n,))
    return isinstance(value, list) and len(value) == n and all(isinstance(v, str) for v in value)
