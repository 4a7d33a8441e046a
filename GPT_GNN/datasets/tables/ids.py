"""Ids of nodes as tables write them, and the nodes that they name."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from GPT_GNN.datasets.tables.description import Missing
from GPT_GNN.datasets.tables.source import Table
from GPT_GNN.features.cells import canonical, check, is_whole, missing, names
from GPT_GNN.graph.store import HeteroGraph


class Ids:
    """The ids of a node type, one per node.

    Ids are compared by name, see :func:`GPT_GNN.features.cells.canonical`: 7, 7.0 and '7' are one
    id, '07' is another. So it does not matter which types a table's writer or reader chose.

    Attributes:
        values: [N] int64 when all ids are whole numbers, else [N] texts, as objects.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    @classmethod
    def read(cls, table: Table, column: str, also_missing: Missing) -> Ids:
        """Read the ids of a node table; an error names the row of an empty or repeated one."""
        cells = table.cells(column, also_missing)

        def empty(row: int) -> str:
            (name,) = names(table.cells(column)[row : row + 1])
            found = "an empty cell" if name is None else f"{name!r}, which missing says is none"
            return f"expected an id, got {found}"

        def again(row: int) -> str:
            found = ids.values[row]
            first = int(np.argmax(ids.values == found)) + 1
            return f"expected each id once, got {found!s} again, which row {first} has"

        with table.named_errors(column):
            check(missing(cells), empty)
            if cells.dtype.kind not in "iu" or cells.max(initial=0) >= 2**63:
                cells = np.array(names(cells), dtype=object)
            are_numbers = cells.dtype.kind in "iu" or all(map(is_whole, cells))
            ids = cls(cells.astype(np.int64) if are_numbers else cells)
            check(ids._by_value.duplicated(), again)
        return ids

    @classmethod
    def stored(cls, graph: HeteroGraph, node_type: str) -> Ids:
        """The ids of a store, its column ``id``."""
        if not graph.is_ragged(node_type, "id"):
            return cls(np.asarray(graph.column(node_type, "id")))
        rows = graph.ragged(node_type, "id")
        return cls(np.fromiter((rows.text(i) for i in range(len(rows))), object, len(rows)))

    @property
    def are_numbers(self) -> bool:
        """Whether all ids are whole numbers."""
        return self.values.dtype.kind == "i"

    def followed_by(self, new: Ids) -> Ids:
        """These ids, then others of the same type."""
        return Ids(np.concatenate([self.values, new.values]))

    def positions(self, cells: np.ndarray) -> np.ndarray:
        """The node of each cell, [n] int64, -1 for an empty cell or an unknown id."""
        if cells.dtype.kind in "iu" and self.are_numbers:
            return np.asarray(self._by_value.get_indexer(cells), dtype=np.int64)
        found = np.array(names(cells), dtype=object)
        if not self.are_numbers:
            return np.asarray(self._by_text.get_indexer(found), dtype=np.int64)
        whole = np.array([name is not None and is_whole(name) for name in found], dtype=bool)
        positions = np.full(len(found), -1, dtype=np.int64)
        positions[whole] = self._by_value.get_indexer(found[whole].astype(np.int64))
        return positions

    @cached_property
    def _by_value(self) -> Any:
        import pandas

        return pandas.Index(self.values)

    @cached_property
    def _by_text(self) -> Any:
        import pandas

        # Other builders, and older versions, may have kept 7.0 as it was written.
        index = pandas.Index([canonical(text) for text in self.values], dtype=object)
        return index if index.is_unique else self._by_value
