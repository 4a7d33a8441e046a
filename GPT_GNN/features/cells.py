"""Cells of a table's column as numbers, names or texts; errors name the row.

A table comes as texts (CSV) or typed (Parquet, pandas, Arrow). A value has the same name in both:
see :func:`canonical`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np

SEVERAL = (list, tuple, set, dict, np.ndarray)  # types of cells that hold several values

_NO_LONGER_EXACT = 2**53  # from here on a float stands for several whole numbers
# How programs write floats: 7.0, 1e+16, and numpy.savetxt 7.000e+00. Not 07.0 or 1e3, which may be
# codes.
_FLOAT = re.compile(r"-?(0|[1-9]\d*)\.0+|-?\d(\.\d+)?e[+-]\d\d\d?", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_ROUNDED = re.compile(r"-?[1-9]\d{15,}\.0|-?\d(\.\d+)?e\+\d+", re.ASCII)
_BOOLEANS = {"true": "True", "TRUE": "True", "false": "False", "FALSE": "False"}
_MARKS = (".0", "e+", "e-", ":", *_BOOLEANS)  # a text without one of them is its own name


class CellError(ValueError):
    """A cell that does not fit its column: its ``row``, from 0, and the ``problem``."""

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(f"row {row + 1}: {problem}")
        self.row, self.problem = row, problem


def check(bad: np.ndarray, problem: Callable[[int], str]) -> None:
    """Raise CellError about the first cell of a mask, if any; ``problem`` gives its text by row."""
    if bad.any():
        row = int(np.argmax(bad))
        raise CellError(row, problem(row))


def as_cells(values: Any) -> np.ndarray:
    """A column of any kind as an array, [n] or [n, width]; texts as objects, None for missing."""
    if isinstance(values, np.ndarray):
        return values.astype(object) if values.dtype.kind in "US" else values
    return np.fromiter(values, dtype=object, count=len(values))


def missing(cells: np.ndarray) -> np.ndarray:
    """Which cells are empty: None, NaN, NaT or an empty text. [n] bool."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    if cells.dtype.kind in "mM":
        return np.isnat(cells)
    if cells.dtype.kind != "O":
        return np.zeros(len(cells), dtype=bool)
    # Texts are compared here: a million calls would take longer than all the rest.
    empty = [not cell if type(cell) is str else is_missing(cell) for cell in cells.tolist()]
    return np.array(empty, dtype=bool)


def canonical(text: str) -> str:
    """The name of the value that a text writes.

    A whole number has its digits: ``7.0`` is ``7``. A moment has its date, and its time of day
    (UTC) unless that is midnight: ``2020-01-31 00:00:00`` is ``2020-01-31``. Booleans are ``True``
    and ``False``. Any other text is its own name: ``07``, ``1.50`` and ``1e3`` may be codes.
    """
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number.is_integer() and abs(number) < _NO_LONGER_EXACT:
            return str(int(number))
        return text if np.isinf(number) else str(number)
    if _MOMENT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (ValueError, OverflowError):  # no such day
            return text
        return moment.isoformat(" ").removesuffix(" 00:00:00")
    return _BOOLEANS.get(text, text)


def has_variants(texts: Iterable[str | None]) -> bool:
    """Whether the names of some texts may differ from them: a fast check of a whole column."""
    joined = "\n".join(filter(None, texts))
    return any(mark in joined for mark in _MARKS)


def are_among(cells: np.ndarray, texts: Collection[str]) -> np.ndarray:
    """Which of [n] cells have the name of one of some texts. [n] bool."""
    wanted = {canonical(text) for text in texts}
    if cells.dtype.kind in "iufM":
        found = np.zeros(len(cells), dtype=bool)
        for text in wanted:
            try:
                value = np.array([text]).astype(cells.dtype)[0]
            except (ValueError, OverflowError):  # none of this type
                continue
            if canonical(str(value)) == text:
                found |= cells == value
        return found
    variants = has_variants(cell for cell in cells if type(cell) is str)

    def is_wanted(cell: Any) -> bool:
        if type(cell) is str:
            return (canonical(cell) if variants else cell) in wanted
        return not isinstance(cell, SEVERAL) and canonical(str(cell)) in wanted

    return np.array([is_wanted(cell) for cell in cells.tolist()], dtype=bool)


def numbers(values: Any) -> np.ndarray:
    """[n] float64, NaN where missing; true is 1 and false 0. Raises CellError for all else."""
    cells = _one_each(values, "a number")
    if cells.dtype.kind in "mM" and len(cells):
        raise CellError(0, f"expected a number, got the date {cells[0]}")
    if cells.dtype.kind == "O":
        cells = np.where(missing(cells), np.nan, cells)
    try:
        found = cells.astype(np.float64)
    except (TypeError, ValueError):
        found = np.array([_number(row, cell) for row, cell in enumerate(cells)])
    check(np.isinf(found), lambda row: f"expected a finite number, got {cells[row]}")
    return found


def names(values: Any) -> list[str | None]:
    """Each cell as the name of a category, None where missing; see :func:`canonical`.

    Raises CellError for several values, or a float too large to be an exact whole number.
    """
    found = _written(values)
    if has_variants(found):
        return [
            None if text is None else exact(row, canonical(text)) for row, text in enumerate(found)
        ]
    return found


def texts(values: Any) -> list[str]:
    """Each cell as a text, empty where missing. Texts stay as they are written."""
    return [text or "" for text in _written(values)]


def name_of(row: int, cell: Any) -> str:
    """The name of a cell that is not empty; a text stays as it is. Raises as :func:`names`."""
    if isinstance(cell, str):
        return str(cell)
    if isinstance(cell, SEVERAL):
        raise CellError(row, f"expected one value, got {cell!r}")
    return exact(row, canonical(str(cell)))


def exact(row: int, name: str) -> str:
    """Return a name. Raises CellError for a rounded whole number."""
    if _ROUNDED.fullmatch(name):
        raise CellError(row, f"expected a whole number or a text, got {name}, a rounded one")
    return name


def in_order(classes: set[str]) -> list[str]:
    """Sort names: as numbers if all are whole numbers, else as texts."""
    if all(is_whole(name) for name in classes):
        return sorted(classes, key=int)
    return sorted(classes)


def is_whole(name: str) -> bool:
    """Whether a text is the name of a whole number of 64 bits: -7, not 07 or +7."""
    digits = name.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        return False
    if len(digits) == 19 and not -(2**63) <= int(name) < 2**63:
        return False
    return digits[0] != "0" or name == "0"


def is_missing(cell: Any) -> bool:
    """Whether one cell is empty, see :func:`missing`."""
    if isinstance(cell, str):
        return not cell
    # NaN and NaT differ from themselves; comparing arrays would not give one answer.
    return cell is None or (not isinstance(cell, SEVERAL) and cell != cell)


def _one_each(values: Any, expected: str) -> np.ndarray:
    cells = as_cells(values)
    if cells.ndim != 1:
        raise CellError(0, f"expected {expected}, got {list(cells.shape[1:])} values")
    return cells


def _written(values: Any) -> list[str | None]:
    """Each cell as a text, None where missing: texts as they are, other cells by name."""
    cells = _one_each(values, "one value")
    if cells.dtype.kind in "biu":
        return [str(cell) for cell in cells.tolist()]
    empty = missing(cells).tolist()
    if cells.dtype.kind == "M":
        found = map(canonical, np.datetime_as_string(cells).tolist())
        return [None if is_empty else text for text, is_empty in zip(found, empty, strict=True)]
    return [
        None if is_empty else cell if type(cell) is str else name_of(row, cell)
        for row, (cell, is_empty) in enumerate(zip(cells.tolist(), empty, strict=True))
    ]


def _number(row: int, cell: Any) -> float:
    if isinstance(cell, str) and canonical(cell) in ("True", "False"):
        return float(canonical(cell) == "True")
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise CellError(row, f"expected a number, got {cell!r}") from None
