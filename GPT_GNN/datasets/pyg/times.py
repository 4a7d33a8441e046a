"""Times of PyG's data objects: where they are, and how they become whole numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from torch_geometric.data import HeteroData

from GPT_GNN.builder.time_scale import PYTHON, check_scale
from GPT_GNN.builder.times import TimeBins, YearError
from GPT_GNN.datasets.pyg.attributes import attribute, check_known, flat
from GPT_GNN.features.cells import CellError
from GPT_GNN.schema import EdgeType

Key = str | EdgeType  # a node type or an edge type
Times = str | Mapping[Key, Any] | None
Rules = TimeBins | Mapping[Key, TimeBins] | None


def read_times(
    data: HeteroData, time: Times, time_bins: Rules, counts: Mapping[Key, int]
) -> dict[Key, np.ndarray]:
    """Times by node type or edge type, [count] int32, NO_TIME for none.

    ``counts``: nodes or edges of each type; the others are settings of :func:`from_pyg`.
    """
    rules = _rules(time_bins, counts)
    found = {
        key: _binned(rules.get(key, TimeBins()), key, values, counts[key])
        for key, values in _given(data, time, counts).items()
    }
    if not found.keys() <= rules.keys():
        check_scale({f"times of {_name(key)!r}": times for key, times in found.items()})
    return found


def rules_fact(time_bins: Rules) -> dict[str, Any]:
    """The rules, ready for JSON."""
    if not isinstance(time_bins, Mapping):
        return asdict(time_bins or TimeBins())
    return {
        "unit": {_name(key): rule.unit for key, rule in time_bins.items()},
        "bin": next(iter(time_bins.values()), TimeBins()).bin,
    }


def _rules(time_bins: Rules, types: Collection[Key]) -> dict[Key, TimeBins]:
    """The declared rule of each type, if it has one."""
    if not isinstance(time_bins, Mapping):
        return {} if time_bins is None else dict.fromkeys(types, time_bins)
    check_known("time_bins", time_bins, types)
    bins = {rule.bin for rule in time_bins.values()}
    if len(bins) > 1:
        raise ValueError(f"time_bins: expected one bin for all types, got {sorted(bins)}")
    return dict(time_bins)


def _given(data: HeteroData, time: Times, types: Collection[Key]) -> dict[Key, Any]:
    """Values by node type or edge type."""
    if isinstance(time, str):
        name, time = time, {key: time for key in types if time in data[key]}
        if not time:
            raise ValueError(f"time: no node type and no edge type has an attribute {name!r}")
    time = time or {}
    check_known("time", time, types)
    return {k: attribute(data, k, v) if isinstance(v, str) else v for k, v in time.items()}


def _binned(rule: TimeBins, key: Key, values: Any, count: int) -> np.ndarray:
    """The times of a type; errors name it and the entry."""
    values = flat(values)
    if values.shape != (count,):
        raise ValueError(f"{key} times: expected {count} values, found shape {values.shape}")
    try:
        return rule(values)
    except CellError as error:
        advice = "; an unknown time is NaN" if isinstance(error, YearError) else ""
        where = f"{key} times, {PYTHON.entry(error.row)}"
        raise ValueError(f"{where}: {error.problem}{advice}") from error


def _name(key: Key) -> str:
    return key if isinstance(key, str) else ":".join(key)
