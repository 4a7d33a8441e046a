"""What the readers of raw data share: their error, the count of what was read, ids to positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NONE = -1  # an optional id or a year that is empty


class RawDataError(ValueError):
    """A raw dump that is incomplete, damaged or contradicts itself."""


@dataclass
class FileCounts:
    """Counts of one file: every row read is kept, left out for a reason, or bad.

    Attributes:
        key: its name in the facts of a store; empty: that of the kind of its records.
        bad: rows that are wrong, skipped because the user asked for it.
        not_read: columns of the file that have no use here.
    """

    file: str
    key: str = ""
    read: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    bad: int = 0
    bad_examples: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Rows that are in the graph."""
        return self.read - self.bad - sum(self.left_out.values())

    def leave_out(self, reason: str, rows: int) -> None:
        """Note that ``rows`` rows are left out for a reason."""
        if rows:
            self.left_out[reason] = self.left_out.get(reason, 0) + int(rows)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy, ``kept`` included."""
        return {
            "file": self.file,
            "read": self.read,
            "kept": self.kept,
            "left_out": dict(self.left_out),
            "bad": self.bad,
        }


def counts_table(files: Iterable[FileCounts]) -> str:
    """What was read, kept and left out of every file, and the first of the bad rows."""
    lines = [f"{'file':<34}{'read':>12}{'kept':>12}{'bad':>8}  left out"]
    for counts in files:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in counts.left_out.items())
        numbers = f"{counts.read:>12,}{counts.kept:>12,}{counts.bad:>8,}"
        lines.append(f"{counts.file:<34}{numbers}  {reasons or '-'}")
        lines += [f"    bad: {message}" for message in counts.bad_examples]
        if counts.not_read:
            lines.append(f"    columns that are not read: {', '.join(counts.not_read)}")
        if counts.read and not counts.kept:
            lines.append("    nothing of this file is in the graph")
    return "\n".join(lines)


def lookup(sorted_ids: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Position of each id in an ascending array, or NONE; int64 of the shape of the ids."""
    if len(sorted_ids) == 0:
        return np.full(ids.shape, NONE, dtype=np.int64)
    at = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
    return np.where(sorted_ids[at] == ids, at, NONE)


def distinct(rows: np.ndarray, keys: int | None = None) -> np.ndarray:
    """Columns of an integer array [C, E], each once, sorted.

    Of columns that are equal in their first ``keys`` entries, if given, only the first is kept.
    """
    rows = rows[:, np.lexsort(rows[::-1])]
    first = np.ones(rows.shape[1], dtype=bool)
    first[1:] = (rows[:keys, 1:] != rows[:keys, :-1]).any(axis=0)
    return rows if first.all() else rows[:, first]
