"""Cells of a table's column as numbers, names or texts; a bad one is named by its row."""

from __future__ import annotations

from typing import Any

import numpy as np

_NO_LONGER_EXACT = 2**53  # floats from here on stand for several whole numbers each


class CellError(ValueError):
    """A cell that does not hold what its column should.

    Attributes:
        row: its position in the values, from 0.
        problem: what was expected and what was found.
    """

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(f"row {row + 1}: {problem}")
        self.row, self.problem = row, problem


def as_cells(values: Any) -> np.ndarray:
    """A column as an array whose first dimension is the rows.

    Args:
        values: [n] numbers, dates, texts or objects (lists of one cell each, None for missing), or
            [n, width] numbers.

    Returns:
        [n] or [n, width]; texts as objects.
    """
    if isinstance(values, np.ndarray):
        return values.astype(object) if values.dtype.kind in "US" else values
    return np.fromiter(values, dtype=object, count=len(values))


def missing(cells: np.ndarray) -> np.ndarray:
    """Which cells are empty: None, NaN, NaT or a text of no letters. [n] bool."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    if cells.dtype.kind in "mM":
        return np.isnat(cells)
    if cells.dtype.kind != "O":
        return np.zeros(len(cells), dtype=bool)
    # Texts are told here: a call for each cell of a million would take longer than all the rest.
    empty = [not cell if type(cell) is str else _is_missing(cell) for cell in cells.tolist()]
    return np.array(empty, dtype=bool)


def numbers(values: Any) -> np.ndarray:
    """[n] float64, NaN where missing.

    Raises:
        CellError: a cell that is no number, or an infinite one.
    """
    cells = _one_each(values, "a number")
    if cells.dtype.kind in "mM" and len(cells):
        raise CellError(0, f"expected a number, got the date {cells[0]}")
    if cells.dtype.kind == "O":
        cells = np.where(missing(cells), np.nan, cells)
    try:
        found = cells.astype(np.float64)
    except (TypeError, ValueError):
        row = next(i for i, cell in enumerate(cells) if not _is_number(cell))
        raise CellError(row, f"expected a number, got {cells[row]!r}") from None
    if np.isinf(found).any():
        row = int(np.argmax(np.isinf(found)))
        raise CellError(row, f"expected a finite number, got {cells[row]}")
    return found


def names(values: Any) -> list[str | None]:
    """Each cell as the name of a category, None where missing.

    A whole number is the same name however a file's reader typed it: 1, 1.0 and '1' are '1'.

    Raises:
        CellError: a cell of several values, or a float too large to say which whole number it is.
    """
    cells = _one_each(values, "one value")
    empty = missing(cells).tolist()
    found = cells.tolist() if cells.dtype.kind != "M" else cells.astype(str).tolist()
    return [
        None if is_empty else cell if type(cell) is str else _name(row, cell)
        for row, (cell, is_empty) in enumerate(zip(found, empty, strict=True))
    ]


def name_lists(values: Any, separator: str) -> list[list[str]]:
    """The distinct names in each cell, in the cell's order; none where missing.

    Args:
        values: texts of names with a separator between, or lists of names.
        separator: blanks around it are no part of a name.
    """
    cells = as_cells(values)
    found: list[list[str]] = []
    for row, (cell, empty) in enumerate(zip(cells, missing(cells), strict=True)):
        if empty:
            found.append([])
        elif isinstance(cell, list | tuple | set | np.ndarray):
            named = (_name(row, one) for one in cell if not _is_missing(one))
            found.append(list(dict.fromkeys(named)))
        else:
            parts = (part.strip() for part in _name(row, cell).split(separator))
            found.append([part for part in dict.fromkeys(parts) if part])
    return found


def texts(values: Any) -> list[str]:
    """Each cell as a text, empty where missing."""
    return [name or "" for name in names(values)]


def in_order(classes: set[str]) -> list[str]:
    """Names ascending: as numbers when all are whole ones, else as texts."""
    if all(is_whole(name) for name in classes):
        return sorted(classes, key=int)
    return sorted(classes)


def is_whole(name: str) -> bool:
    """Whether a text is a whole number of up to 18 digits as it is written: -7, not 07 or +7."""
    digits = name.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        return False
    return digits[0] != "0" or name == "0"


def _one_each(values: Any, expected: str) -> np.ndarray:
    cells = as_cells(values)
    if cells.ndim != 1:
        raise CellError(0, f"expected {expected}, got {list(cells.shape[1:])} values")
    return cells


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell
    # NaN and NaT differ from themselves; comparing arrays would not give one answer.
    return cell is None or (not isinstance(cell, list | tuple | set | np.ndarray) and cell != cell)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _name(row: int, cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, list | tuple | set | np.ndarray):
        raise CellError(row, f"expected one value, got {cell!r}")
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        if abs(float(cell)) >= _NO_LONGER_EXACT:
            raise CellError(row, f"expected a whole number or a text, got {cell!r}, a rounded one")
        return str(int(cell))
    return str(cell)
