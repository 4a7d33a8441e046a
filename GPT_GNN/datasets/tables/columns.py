"""Typed columns, from Parquet files or from memory, as arrays of a few types."""

from __future__ import annotations

from typing import Any

import numpy as np

from GPT_GNN.features.cells import missing


def typed_column(values: Any) -> np.ndarray:
    """A column as 64-bit floats, integers, booleans, dates (UTC) or objects.

    An empty cell is NaN, NaT or None. The others are what a CSV of the table would have: integers
    and booleans beside empty cells stay integers and booleans, and 0.1 in 32 bits is 0.1. Raises
    ValueError for cells of another kind, e.g. durations.
    """
    import pandas

    series = pandas.Series(values)
    if isinstance(values, list | tuple) and any(isinstance(cell, int) for cell in values):
        series = pandas.Series(values, dtype=object)  # pandas would round integers beside None
    if isinstance(series.dtype, pandas.ArrowDtype):
        series = series.array.__arrow_array__().to_pandas(integer_object_nulls=True)
    if isinstance(series.dtype, pandas.CategoricalDtype):
        series = series.astype(object if series.hasnans else series.cat.categories.dtype)
    if isinstance(series.dtype, pandas.DatetimeTZDtype):
        series = series.dt.tz_convert(None)
    elif isinstance(series.dtype, pandas.PeriodDtype):
        series = series.astype("string")
    kinds = pandas.api.types
    if kinds.is_float_dtype(series.dtype):
        dtype = getattr(series.dtype, "numpy_dtype", series.dtype)  # of pandas' nullable types
        floats: np.ndarray = series.to_numpy(dtype=dtype, na_value=np.nan)
        # Through texts to the shortest decimal: 0.1 in 32 bits is not its binary neighbour.
        return floats if floats.dtype == np.float64 else floats.astype(str).astype(np.float64)
    whole = kinds.is_integer_dtype(series.dtype) or kinds.is_bool_dtype(series.dtype)
    if whole and series.hasnans:
        series = series.astype(object)  # as floats large ids would be rounded
    cells: np.ndarray = series.to_numpy()
    if cells.dtype.kind not in "biuMO":
        raise ValueError(f"expected numbers, dates or texts, got {cells.dtype}")
    return _objects(cells) if cells.dtype.kind == "O" else cells


def emptied(cells: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Cells of which some, [n] bool, are made empty."""
    if not empty.any():
        return cells
    kind = cells.dtype.kind
    out = cells.copy() if kind in "fM" else cells.astype(object)
    out[empty] = np.nan if kind == "f" else np.datetime64("NaT") if kind == "M" else None
    return out


def _objects(cells: np.ndarray) -> np.ndarray:
    import pandas

    cells = emptied(cells.astype(object), pandas.isna(cells))
    if pandas.api.types.infer_dtype(cells) == "bytes":  # texts of writers that declare no texts
        cells = np.array([None if c is None else c.decode("utf-8") for c in cells], dtype=object)
    return emptied(cells, missing(cells))
