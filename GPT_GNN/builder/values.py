"""Values as a store holds them: numbers that lose nothing, features that are finite."""

from __future__ import annotations

from typing import Any

import numpy as np


def cast(values: Any, dtype: Any, what: str) -> np.ndarray:
    """Convert numbers; only floats may be rounded.

    Raises ValueError, which begins with ``what``, for no numbers, or one that would wrap round or
    lose its fraction.
    """
    values, dtype = np.asarray(values), np.dtype(dtype)
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            narrow = values.astype(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: expected {dtype}, got {values.dtype}") from error
    if dtype.kind != "f" and not np.array_equal(narrow, values):
        raise ValueError(f"{what}: expected {dtype}, got {values[narrow != values][0]}")
    return narrow


def feature_rows(
    values: Any, num_nodes: int, what: str, width: int | None = None, dtype: Any = np.float32
) -> np.ndarray:
    """Convert features to [num_nodes, width] of ``dtype``, which have to be finite then.

    Args:
        what: names the features in errors.
        width: of the features; None for any.

    Raises:
        ValueError: another shape, no real numbers, or one that is not finite; with the node.
    """
    values, dtype = np.asarray(values), np.dtype(dtype)
    if values.ndim != 2 or len(values) != num_nodes or width not in (None, values.shape[1]):
        expected = f"[{num_nodes}, {'width' if width is None else width}]"
        raise ValueError(f"{what}: expected {expected}, got shape {values.shape}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{what}: expected real numbers, got {values.dtype}")
    rows = cast(values, dtype, what)
    finite = np.isfinite(rows).all(1)
    if not finite.all():
        node = int(np.argmin(finite))
        raise ValueError(f"{what}: expected finite {dtype} numbers, node {node} has others")
    return rows


def encoded_row(row: str | np.ndarray) -> np.ndarray:
    """A row of a ragged column: a text as UTF-8 bytes, uint8, or integers as int32."""
    if isinstance(row, str):
        return np.frombuffer(row.encode("utf-8"), dtype=np.uint8)
    return np.asarray(row, dtype=np.int32)
