"""Find the nodes of a graph by the ids that a user gives in a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from GPT_GNN.datasets.tables.ids import Ids
from GPT_GNN.datasets.tables.source import FILES, read_table
from GPT_GNN.features.cells import CellError, check, missing
from GPT_GNN.graph.store import HeteroGraph

_ID = "id"  # the column of a store that holds them
_SHOWN = 5  # unknown ids that an error lists


class _Listed(NamedTuple):
    """The ids of a file, [n] cells, and their places in it: a unit and numbers from 1."""

    cells: np.ndarray
    unit: str
    numbers: list[int] | range

    def place(self, row: int) -> str:
        return f"{self.unit} {self.numbers[row]}"


def rows_of_ids(graph: HeteroGraph, node_type: str, path: str | Path) -> np.ndarray:
    """The rows [n] int64 of the nodes whose ids a file lists, in its order, repeated ones too.

    Ids are compared as in :class:`GPT_GNN.datasets.tables.ids.Ids`. A type without ids has its row
    numbers for ids, and a line is printed.

    Args:
        path: a text file with one id per line (empty lines are skipped); a .npy of [n] integers or
            texts; or a CSV, TSV (also .gz) or Parquet file with a column that is called as in the
            graph's own tables, or ``id``.

    Raises:
        ValueError: no such file, no ids in it, or ids of no node; names their places.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise ValueError(f"{path}: expected a file of ids, found {what}")
    listed = _listed(graph, node_type, path)
    own, rows = _own_ids(graph, node_type)
    try:
        check(missing(listed.cells), lambda row: "expected an id, got an empty cell")
        found = own.positions(listed.cells)
    except CellError as error:
        raise ValueError(f"{path}, {listed.place(error.row)}: {error.problem}") from error
    unknown = np.flatnonzero(found < 0)
    if len(unknown):
        shown = ", ".join(f"{listed.place(i)} {str(listed.cells[i])!r}" for i in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise ValueError(
            f"{path}: expected ids of {node_type!r} in {graph.path}, {len(unknown)} of "
            f"{len(found)} are of no node or of several: {shown}{more}"
        )
    return rows[found]


def rows_in_range(text: str, num_nodes: int) -> np.ndarray:
    """The rows of FIRST:END, END excluded, [n] int64; either end may be left out.

    Raises ValueError for another form, or rows that are not there.
    """
    ends = re.fullmatch(r"(\d*):(\d*)", text)
    if not ends:
        raise ValueError(f"{text}: expected row numbers FIRST:END, such as 0:100")
    first, end = int(ends[1] or 0), int(ends[2] or num_nodes)
    if not first <= end <= num_nodes:
        raise ValueError(f"{text}: expected a range of 0:{num_nodes}")
    return np.arange(first, end)


def _own_ids(graph: HeteroGraph, node_type: str) -> tuple[Ids, np.ndarray]:
    """Ids of a single node and their rows: those of the store, or else row numbers."""
    import pandas

    if not _has_ids(graph, node_type):
        tqdm.write(
            f"{graph.path}: nodes of type {node_type!r} have no ids of their own, their ids are "
            f"row numbers 0 to {graph.num_nodes(node_type) - 1}"
        )
        rows = np.arange(graph.num_nodes(node_type))
        return Ids(rows), rows
    stored = Ids.stored(graph, node_type)
    # A store that was grown from arrays has one filler for all new nodes without an id.
    once = np.flatnonzero(~pandas.Index(stored.values).duplicated(keep=False))
    return Ids(stored.values[once]), once


def _has_ids(graph: HeteroGraph, node_type: str) -> bool:
    """Whether the column ``id`` holds ids; some data sets have other things there."""
    if not graph.has_column(node_type, _ID):
        return False
    if graph.is_ragged(node_type, _ID):
        return graph.ragged(node_type, _ID).values.dtype == np.uint8
    values = graph.column(node_type, _ID)
    return values.ndim == 1 and values.dtype.kind in "iU"


def _listed(graph: HeteroGraph, node_type: str, path: Path) -> _Listed:
    if path.name.endswith(FILES):
        nodes = graph.facts.get("description", {}).get("nodes", {})
        own = nodes.get(node_type, {}).get("id", _ID)
        table = read_table(path.name, path.parent, None, {own, _ID})
        assert table is not None  # the file is there
        cells = table.cells(own if own in table.available or _ID not in table.available else _ID)
    elif path.suffix == ".npy":
        cells = _array(path)
    else:
        return _lines(path)
    return _Listed(cells, "row", range(1, len(cells) + 1))


def _array(path: Path) -> np.ndarray:
    try:
        values = np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: expected a .npy of integers or texts: {error}") from error
    if values.ndim != 1 or (len(values) and values.dtype.kind not in "iufUS"):
        raise ValueError(
            f"{path}: expected [n] integers or texts, found {values.dtype} of shape {values.shape}"
        )
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    return values.astype(object) if values.dtype.kind == "U" else values


def _lines(path: Path) -> _Listed:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8 with one id per line: {error}") from error
    found = {i: line.removesuffix("\r") for i, line in enumerate(lines, 1) if line.strip()}
    return _Listed(np.array([*found.values()], dtype=object), "line", [*found])
