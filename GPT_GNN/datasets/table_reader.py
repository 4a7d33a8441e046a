"""The tables of a description: of each only the columns that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from GPT_GNN.datasets.description import Description, EdgeTable, NodeTable
from GPT_GNN.datasets.table_source import Table, read_table


class TableReader:
    """Reads the tables of a description.

    Args:
        tables: see :func:`read_table`.
    """

    def __init__(self, description: Description, tables: Mapping[str, Any] | None) -> None:
        self._description, self._tables = description, tables
        self._wanted: dict[str, set[str]] = {}
        specs: list[NodeTable | EdgeTable] = [*description.nodes.values(), *description.edges]
        for spec in specs:
            self._wanted.setdefault(spec.table, set()).update(_columns(spec))
        if description.split.by == "column":
            self._wanted[description.nodes[description.target].table].add(description.split.column)

    def read(self, name: str) -> Table | None:
        """A table, or None when it is not there, which is said."""
        table = read_table(name, self._description.folder, self._tables, self._wanted[name])
        if table is None:
            tqdm.write(f"{self._description.folder / name}: not there, nothing to append from it")
        return table

    def filled(self, name: str) -> Table:
        """A table that has to be there, with rows."""
        table = read_table(name, self._description.folder, self._tables, self._wanted[name])
        if table is None:
            given = f"; tables given: {list(self._tables)}" if self._tables else ""
            raise ValueError(f"{self._description.folder / name}: no such file{given}")
        for column in sorted(self._wanted[name]):
            table.cells(column, wide=True)  # before its rows: a wrong separator finds neither
        if not table.num_rows:
            raise ValueError(f"{table.name}: expected at least one row")
        return table


def _columns(spec: NodeTable | EdgeTable) -> list[str]:
    if isinstance(spec, EdgeTable):
        named = [spec.source, spec.target, spec.time]
    else:
        named = [spec.id, spec.time, spec.text, *spec.features, *spec.labels]
    return [column for column in named if column]
