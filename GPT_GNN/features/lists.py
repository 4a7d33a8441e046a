"""Cells with several names: lists, or texts with a separator between the names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from GPT_GNN.features.cells import (
    SEVERAL,
    CellError,
    as_cells,
    canonical,
    exact,
    has_variants,
    is_missing,
    missing,
    name_of,
    names,
)

# How Python, NumPy, JSON and PostgreSQL write a list as text: ['a', 'b'], ['a' 'b'], ["a"], [1, 2],
# [], ('a',), {a,b}, frozenset({'a'}), array(['a'], dtype=object); also [a, b].
_LIST = re.compile(
    r"""\s*(
        \[\s*( ['"].*['"]\s*,? | -?\d[-+\d.,\se]* | (None|nan).* )?\s*\]
        | \(\s*['"].*['"]\s*,.*\)
        | \{\s*['"](?!.*['"]\s*:).*['"]\s*\}
        | \[ [^\[\]]* , [^\[\]]* \] | \{ [^{}:]* , [^{}:]* \}
        | (frozenset|array)\(\s*[\[{(] .* \)
    )\s*""",
    re.DOTALL | re.VERBOSE,
)
_BEGINNINGS = "[({fa"
_SEPARATORS = (",", ";", "|", "\t", "/")


def name_lists(values: Any, separator: str) -> list[list[str]]:
    """The distinct names in each cell, in the cell's order; none where missing.

    Args:
        values: texts of names with a separator between, or lists of names.
        separator: blanks around it are ignored; empty: cells hold one name each.
    """
    if not separator:
        single = names(values)
        for name in set(single):
            if name and name[0] in _BEGINNINGS and _LIST.fullmatch(name):
                problem = f"expected one value, got {name!r}, a list written as text"
                raise CellError(single.index(name), problem)
        return [[] if name is None else [name] for name in single]
    cells = as_cells(values)
    first: dict[str, int] = {}  # text -> its first row: most columns have few texts
    for row, cell in enumerate(cells):
        if type(cell) is str and cell not in first:
            first[cell] = row
    _check_texts(first, separator)
    lists = {text: _canonical(row, text.split(separator)) for text, row in first.items()}
    return [
        [] if empty else lists[cell] if type(cell) is str else _canonical(row, _items(row, cell))
        for row, (cell, empty) in enumerate(zip(cells, missing(cells), strict=True))
    ]


def without_items(cells: np.ndarray, texts: Collection[str], separator: str) -> np.ndarray:
    """Remove from [n] cells of several names those that :func:`are_among` some texts."""
    unwanted = {canonical(text) for text in texts}
    shorter: dict[str, str | None] = {}  # most columns have few texts
    out = cells.copy()
    for row, cell in enumerate(cells.tolist() if cells.dtype.kind == "O" else ()):
        if type(cell) is str:
            if cell not in shorter:
                items = cell.split(separator)
                kept = [item for item in items if canonical(item.strip()) not in unwanted]
                shorter[cell] = cell if len(kept) == len(items) else separator.join(kept) or None
            out[row] = shorter[cell]
        elif isinstance(cell, SEVERAL) and not isinstance(cell, dict):
            out[row] = [item for item in cell if canonical(str(item).strip()) not in unwanted]
    return out


def _items(row: int, cell: Any) -> list[str]:
    items = cell if isinstance(cell, SEVERAL) and not isinstance(cell, dict) else [cell]
    return [name_of(row, item) for item in items if not is_missing(item)]


def _canonical(row: int, texts: list[str]) -> list[str]:
    if has_variants(texts):
        texts = [exact(row, canonical(text.strip())) for text in texts]
    return list(dict.fromkeys(filter(None, map(str.strip, texts))))


def _check_texts(rows: dict[str, int], separator: str) -> None:
    expected = f"expected names separated by {separator!r}, as declared, got"
    for text, row in rows.items():
        if text and text[0] in " " + _BEGINNINGS:
            in_brackets = text[0] + text[-1] in ("[]", "{}") and separator in text
            if in_brackets or _LIST.fullmatch(text):
                raise CellError(row, f"{expected} {text!r}, a list written as text")
    joined = "\n".join(rows)
    if separator in joined:
        return
    for other in _SEPARATORS:
        if other in joined and _separates(other, rows):
            text, row = next((text, row) for text, row in rows.items() if other in text)
            raise CellError(row, f"{expected} {text!r}; {separator!r} is in no cell")


def _separates(separator: str, texts: Iterable[str]) -> bool:
    """Whether a character separates the items of lists, rather than parts of names.

    Items of a list recur in other lists, at other places or alone. Parts of names do not: the
    second part of ``Korea, Republic of`` does not recur, and ``France`` in ``Paris, France`` and
    ``Lyon, France`` is always the second.
    """
    split = [[part.strip() for part in text.strip("[]{}").split(separator)] for text in texts]
    places: dict[str, list[int]] = defaultdict(list)
    for parts in split:
        for place, part in enumerate(parts):
            places[part].append(place)
    found = [part for parts in split if len(parts) > 1 for part in parts if part]
    again = [part for part in found if len(places[part]) > 1]
    moved = [part for part in again if len(set(places[part])) > 1]
    return 0 < len(found) <= 2 * len(again) and len(again) <= 2 * len(moved)
