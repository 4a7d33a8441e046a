"""Read the tables of a description: only the columns that it names, all times on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.time_scale import Advice, check_scale
from GPT_GNN.datasets.tables.description import Description, EdgeTable, NodeTable
from GPT_GNN.datasets.tables.source import Table, missing_advice, read_table

_SHOWN = 8  # names of columns in a line
_INDEX = ("Unnamed: ", "__index_level_")  # pandas' names for row numbers that were written along
_UNIT = (
    "time: {unit: seconds, bin: months}, for one table time_unit: seconds; "
    "time: bins for numbers that are no dates"
)


class TableReader:
    """Reads the tables of a description. Raises ValueError for tables that it does not name."""

    def __init__(self, description: Description, tables: Mapping[str, Any] | None) -> None:
        self._description, self._tables = description, tables
        self._wanted: dict[str, set[str]] = {}
        self._printed: set[str] = set()  # tables of which the unread columns were named
        self._times: dict[str, tuple[str, np.ndarray]] = {}  # table and column -> column, times
        self._have_units = True
        specs: list[NodeTable | EdgeTable] = [*description.nodes.values(), *description.edges]
        for spec in specs:
            self._wanted.setdefault(spec.table, set()).update(spec.columns)
        if description.split.by == "column":
            self._wanted[description.nodes[description.target].table].add(description.split.column)
        for spec in specs:
            wanted = self._wanted[spec.table]
            columns = spec.missing if isinstance(spec.missing, Mapping) else {}
            unread = [column for column in columns if column not in wanted]
            if unread:
                raise ValueError(
                    f"{description.name}, missing of {spec.table}: expected columns among "
                    f"{sorted(wanted)}, got {unread}"
                )
        unknown = [name for name in tables or () if name not in self._wanted]
        if unknown:
            raise ValueError(
                f"{description.name}: expected tables among {list(self._wanted)}, got {unknown}"
            )

    def read(self, name: str) -> Table | None:
        """Read a table; print a line and return None when it is not there."""
        table = read_table(name, self._description.folder, self._tables, self._wanted[name])
        if table is None:
            tqdm.write(f"{self._description.folder / name}: not there, nothing to append from it")
        else:
            self._print_unread(name, table)
        return table

    def filled(self, name: str) -> Table:
        """Read a table that must be there and have rows."""
        table = read_table(name, self._description.folder, self._tables, self._wanted[name])
        if table is None:
            given = f"; tables given: {list(self._tables)}" if self._tables else ""
            raise ValueError(f"{self._description.folder / name}: no such file{given}")
        for column in sorted(self._wanted[name]):
            table.cells(column, wide=True)  # before its rows: a wrong separator finds neither
        if not table.num_rows:
            raise ValueError(f"{table.name}: expected at least one row")
        self._print_unread(name, table)
        return table

    def times(self, spec: NodeTable | EdgeTable, table: Table) -> np.ndarray | None:
        """[rows] int32, NO_TIME for an empty cell; None for a table without times."""
        if not spec.time:
            return None
        times = table.times(spec.time, self._description.bins(spec), spec.missing)
        self._times[table.where(spec.time)] = spec.time, times
        self._have_units &= bool(spec.time_unit) or self._description.time is not None
        return times

    def check_times(self, others: Mapping[str, np.ndarray] | None = None) -> None:
        """Raise ValueError for times on several scales, unless all times read have a unit.

        ``others``: name -> [n] int32, times that the graph has already.
        """

        def unknown(where: str, value: int) -> str:
            return missing_advice(self._times[where][0] if where in self._times else where, value)

        if not self._have_units:
            read = {where: times for where, (_, times) in self._times.items()}
            advice = Advice(unknown, _UNIT, lambda i: f"row {i + 1}")
            check_scale({**(others or {}), **read}, advice)

    def _print_unread(self, name: str, table: Table) -> None:
        """Print the columns of a table that nothing reads, once per table."""
        wanted = self._wanted[name]
        unread = [c for c in table.available if c not in wanted and not c.startswith(_INDEX)]
        if not unread or name in self._printed:
            return
        self._printed.add(name)
        more = f" and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
        hint = ""
        if any(spec.table == name for spec in self._description.nodes.values()):
            hint = "; features, labels, text or time would read them"
        elif any(edge.table == name and not edge.time for edge in self._description.edges):
            hint = "; time would read the times of edges"
        shown = ", ".join(unread[:_SHOWN])
        tqdm.write(f"{table.name}: columns that nothing reads: {shown}{more}{hint}")
