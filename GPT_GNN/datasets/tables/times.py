"""The columns of times in a description's tables: each in its own unit, all on one scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from GPT_GNN.builder.time_scale import Advice, check_scale
from GPT_GNN.datasets.tables.description import Description, EdgeTable, NodeTable
from GPT_GNN.datasets.tables.source import Table, missing_advice

_UNIT = (
    "time: {unit: seconds, bin: months}, for one table time_unit: seconds; "
    "time: bins for numbers that are no dates"
)


class TimeColumns:
    """Reads the times of one table after the other; those without a unit are compared at the end.

    Attributes:
        have_units: whether all that were read have a declared unit.
    """

    def __init__(self, description: Description) -> None:
        self._description = description
        self._read: dict[str, np.ndarray] = {}
        self._columns: dict[str, str] = {}  # what names times -> their column
        self.have_units = True

    def read(self, spec: NodeTable | EdgeTable, table: Table) -> np.ndarray | None:
        """[rows] int32, NO_TIME for none; None for a table without times.

        Raises:
            ValueError: no such column, or a cell that is no time, with its row.
        """
        if not spec.time:
            return None
        times = table.times(spec.time, self._description.bins(spec), spec.missing)
        self._read[table.where(spec.time)] = times
        self._columns[table.where(spec.time)] = spec.time
        self.have_units &= bool(spec.time_unit) or self._description.time is not None
        return times

    def check(self, others: Mapping[str, np.ndarray] | None = None) -> None:
        """Raise ValueError for times on several scales of which not all have a unit.

        Args:
            others: what names them -> [n] int32 that are there already.
        """
        if not self.have_units:
            advice = Advice(self._unknown, _UNIT, lambda i: f"row {i + 1}")
            check_scale({**(others or {}), **self._read}, advice)

    def _unknown(self, name: str, value: int) -> str:
        return missing_advice(self._columns.get(name, name), value)
