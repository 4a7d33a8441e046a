"""A table of edges as the nodes at their ends and their times."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.arrays import EdgeArrays
from GPT_GNN.datasets.tables.description import EdgeTable
from GPT_GNN.datasets.tables.ids import Ids
from GPT_GNN.datasets.tables.source import Table
from GPT_GNN.features.cells import CellError, check, names


def edge_arrays(
    spec: EdgeTable, table: Table, ids: Mapping[str, Ids], time: np.ndarray | None
) -> EdgeArrays:
    """The edges of a table; ``ids`` by node type, times as :meth:`TableReader.times` reads them."""
    ends = ((spec.source, spec.type[0]), (spec.target, spec.type[2]))
    src, dst = (_positions(spec, table, column, t, ids[t]) for column, t in ends)
    known = (src >= 0) & (dst >= 0)
    relation = ":".join(spec.type)
    if table.num_rows and not known.any():
        column, node_type = ends[0 if src[0] < 0 else 1]
        unknown = _unknown(table.cells(column, spec.missing), 0, node_type)
        with table.named_errors(column):
            rows = f"in all {table.num_rows} rows: none would be left of {relation}"
            raise CellError(0, f"{unknown}, and so {rows}")
    if not known.all():  # only where ``skip_unknown_ids`` allows it
        tqdm.write(
            f"{table.name}: {int((~known).sum())} of {table.num_rows} rows name no known node in "
            f"{spec.source!r} or {spec.target!r} and are left out of {relation}"
        )
        src, dst, time = src[known], dst[known], None if time is None else time[known]
    return EdgeArrays(src, dst, time, spec.inverse, spec.multigraph)


def _positions(spec: EdgeTable, table: Table, column: str, node_type: str, ids: Ids) -> np.ndarray:
    cells = table.cells(column, spec.missing)
    hint = "skip_unknown_ids: true leaves such rows out"
    with table.named_errors(column):
        found = ids.positions(cells)
        if not spec.skip_unknown_ids:
            check(found < 0, lambda row: f"{_unknown(cells, row, node_type)}; {hint}")
    return found


def _unknown(cells: np.ndarray, row: int, node_type: str) -> str:
    (name,) = names(cells[row : row + 1])
    found = "an empty cell" if name is None else repr(name)
    return f"expected the id of a {node_type!r} node, got {found}"
