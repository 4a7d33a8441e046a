"""Column encoders cell by cell, in plain Python."""

from __future__ import annotations

import math


def is_empty(cell):
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def standardised(fitted, cells, transform=lambda x: x):
    """Rows of [value] or [value, empty], for cells that are numbers or empty."""
    known = [transform(float(cell)) for cell in fitted if not is_empty(cell)]
    flag = len(known) < len(fitted)
    mean = math.fsum(known) / len(known) if known else 0
    scale = math.sqrt(math.fsum((x - mean) ** 2 for x in known) / len(known)) if known else 0
    rows = []
    for cell in cells:
        value = 0.0 if is_empty(cell) or scale == 0 else (transform(float(cell)) - mean) / scale
        rows.append([value] + ([float(is_empty(cell))] if flag else []))
    return rows


def hot(fitted, cells, most, separator=None):
    """Rows of 0 and 1 for the most frequent categories; a cell holds each of its own once."""

    def split(cell):
        if is_empty(cell):
            return set()
        if separator is None:
            return {str(cell)}
        return {part.strip() for part in str(cell).split(separator)} - {""}

    count = {}
    for cell in fitted:
        for name in split(cell):
            count[name] = count.get(name, 0) + 1
    kept = []
    while count and len(kept) < most:
        best = min(name for name in count if count[name] == max(count.values()))
        kept.append(best)
        del count[best]
    return [[float(name in split(cell)) for name in kept] for cell in cells]
