"""Tab-separated files, read once, in order, in checked chunks of rows.

A wrong row stops the reading with the file, the line, what was expected and what was found; with
``skip_bad_rows`` it is counted instead. Columns are found by the names in the header.
"""

from __future__ import annotations

import gzip
import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from GPT_GNN.datasets.raw import NONE, FileCounts, RawDataError

CHUNK_ROWS = 65_536
_WRONG = (ValueError, KeyError, OverflowError)  # what the parser of a column raises


class Kind(NamedTuple):
    """How the cells of a column become values; ``parse`` raises one of ``_WRONG``."""

    expected: str
    parse: Callable[[list[str]], np.ndarray]


def _integers(low: int, high: int, empty_allowed: bool) -> Callable[[list[str]], np.ndarray]:
    def parse(cells: list[str]) -> np.ndarray:
        if empty_allowed:
            cells = [cell or str(NONE) for cell in cells]
        values = np.array([int(cell) for cell in cells], dtype=np.int64)
        wrong = (values < low) | (values > high)
        if (wrong & ~(empty_allowed & (values == NONE))).any():
            raise ValueError("out of range")
        return values

    return parse


def _texts(cells: list[str]) -> np.ndarray:
    values = np.empty(len(cells), dtype=object)
    values[:] = cells
    return values


LEVELS = {f"L{level}": level for level in range(6)}
ID = Kind("an integer id", _integers(0, 2**62, False))
OPTIONAL_ID = Kind("an integer id or nothing", _integers(0, 2**62, True))
YEAR = Kind("an integer year up to 9999", _integers(0, 9999, True))
POSITION = Kind("an integer from 1", _integers(1, 2**31 - 1, False))
LEVEL = Kind(
    f"a level, one of {', '.join(LEVELS)}",
    lambda cells: np.array([LEVELS[cell] for cell in cells], dtype=np.int64),
)
TEXT = Kind("text", _texts)


class Chunk:
    """Some rows of a file as columns, name -> [n] int64, or str objects for text.

    ``lines``, [n] int64: the line number of each row in its file, from 1.
    """

    def __init__(self, table: RawTable, lines: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        self.table, self.lines, self.columns = table, lines, columns

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def reject(
        self, bad: np.ndarray, column: str, expected: str, show: Callable[[Any], str] = str
    ) -> None:
        """Drop the rows of a mask as wrong. Raises RawDataError unless bad rows are skipped.

        ``show`` gives a value of the column as it stands in the file.
        """
        for row in np.flatnonzero(bad):
            self.table.bad_row(
                int(self.lines[row]), expected, _short(show(self.columns[column][row]))
            )
        self._keep(~bad)

    def leave_out(self, mask: np.ndarray, reason: str) -> None:
        """Drop the rows of a mask that a rule leaves out."""
        self.table.counts.leave_out(reason, int(mask.sum()))
        self._keep(~mask)

    def _keep(self, mask: np.ndarray) -> None:
        if not mask.all():
            self.lines = self.lines[mask]
            self.columns = {name: values[mask] for name, values in self.columns.items()}


class RawTable:
    """A tab-separated UTF-8 file, plain or gzip, of known columns.

    Args:
        path: the file.
        columns: name and kind of each column.
        key: see :class:`FileCounts`.
        skip_bad_rows: count wrong rows instead of stopping at the first.
        header: whether line 1 names the columns, in any case and order, and others that are not
            read; without it they are exactly ``columns``, in this order.
    """

    def __init__(
        self,
        path: Path,
        columns: dict[str, Kind],
        skip_bad_rows: bool,
        key: str,
        header: bool = True,
    ) -> None:
        self.path, self.kinds = path, columns
        self.skip_bad_rows, self.header = skip_bad_rows, header
        self.counts = FileCounts(path.name, key)
        self._names = list(columns)  # of the file's columns, in its order
        self._place = {name: i for i, name in enumerate(columns)}  # of each that is read

    def bad_row(self, line: int, expected: str, found: str) -> None:
        """Count a wrong row, or stop. Raises RawDataError unless bad rows are skipped."""
        message = f"{self.path}, line {line}: expected {expected}, found {found}"
        if not self.skip_bad_rows:
            raise RawDataError(f"{message} (--skip_bad_rows leaves such rows out and counts them)")
        self.counts.bad += 1
        if len(self.counts.bad_examples) < 3:
            self.counts.bad_examples.append(message)

    def chunks(self) -> Iterator[Chunk]:
        """All rows, CHUNK_ROWS at a time, with a progress bar on a terminal.

        Raises:
            RawDataError: a file that is empty, damaged, cut short or lacks a column; a wrong row,
                unless bad rows are skipped; nothing but wrong rows.
        """
        from tqdm import tqdm

        total = self.path.stat().st_size
        if total == 0:
            raise RawDataError(f"{self.path}: expected a header and rows, found an empty file")
        label = f"{self.path.name:<32}"
        with (
            open(self.path, "rb") as raw,
            tqdm(total=total, desc=label, unit="B", unit_scale=True, disable=None) as bar,
        ):
            stream: BinaryIO = raw
            if self.path.suffix == ".gz":
                stream = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)), 1 << 20)
            line = 1
            if self.header:
                self._read_header(self._lines(stream, 1, line))
                line += 1
            while lines := self._lines(stream, CHUNK_ROWS, line):
                self.counts.read += len(lines)
                numbers = np.arange(line, line + len(lines), dtype=np.int64)
                try:
                    chunk = Chunk(self, numbers, self._columns(lines))
                except _WRONG:  # a wrong row somewhere: look at each
                    good = [i for i, text in enumerate(lines) if self._check_row(text, line + i)]
                    chunk = Chunk(self, numbers[good], self._columns([lines[i] for i in good]))
                yield chunk
                line += len(lines)
                bar.update(raw.tell() - bar.n)
        if self.counts.read == 0:
            raise RawDataError(f"{self.path}: expected at least one row, found none")
        # Here, behind the last chunk, those are counted that were rejected after it was parsed.
        if self.counts.bad == self.counts.read:
            raise RawDataError(
                f"{self.path}: all {self.counts.read:,} rows are bad, and --skip_bad_rows leaves "
                f"none; the first: {self.counts.bad_examples[0]}"
            )

    def _lines(self, stream: BinaryIO, count: int, line: int) -> list[bytes]:
        lines: list[bytes] = []
        try:
            lines.extend(itertools.islice(stream, count))
            return lines
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RawDataError(
                f"{self.path}, after line {line - 1 + len(lines)}: expected a whole gzip file, "
                f"found one that is damaged or cut short ({error})"
            ) from error

    def _read_header(self, lines: list[bytes]) -> None:
        """Find each column by its name."""
        text = b"".join(lines).decode("utf-8-sig", "replace").rstrip("\r\n")
        self._names = [cell.strip() for cell in text.split("\t")]
        places: dict[str, list[int]] = {}
        for i, name in enumerate(self._names):
            places.setdefault(name.casefold(), []).append(i)
        found = {name: places.pop(name.casefold(), []) for name in self.kinds}
        expected = f"{self.path}, line 1: expected a header with the columns "
        expected += ", ".join(self.kinds)
        if not any(found.values()):
            raise RawDataError(f"{expected}; found a line that names none of them: {_short(text)}")
        missing = [name for name, at in found.items() if not at]
        if missing:
            raise RawDataError(
                f"{expected}; {', '.join(missing)} missing, found {', '.join(self._names)}"
            )
        twice = [name for name, at in found.items() if len(at) > 1]
        if twice:
            raise RawDataError(f"{expected}, each once; found {', '.join(twice)} several times")
        self._place = {name: at for name, (at,) in found.items()}
        self.counts.not_read = [self._names[i] for others in places.values() for i in others]

    def _columns(self, lines: list[bytes]) -> dict[str, np.ndarray]:
        rows = [_cells(line) for line in lines]
        if any(len(row) != len(self._names) for row in rows):
            raise ValueError("wrong number of columns")
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self._names)
        return {
            name: kind.parse(list(columns[self._place[name]])) for name, kind in self.kinds.items()
        }

    def _check_row(self, line: bytes, number: int) -> bool:
        try:
            cells = _cells(line)
        except UnicodeDecodeError:
            self.bad_row(number, "UTF-8 text", repr(line[:80]))
            return False
        if len(cells) != len(self._names):
            expected = f"{len(self._names)} columns ({', '.join(self._names)})"
            self.bad_row(number, expected, f"{len(cells)}: {_short(chr(9).join(cells))}")
            return False
        for name, kind in self.kinds.items():
            cell = cells[self._place[name]]
            try:
                kind.parse([cell])
            except _WRONG:
                self.bad_row(number, f"{kind.expected} as {name}", _short(cell))
                return False
        return True


def _cells(line: bytes) -> list[str]:
    return line.decode("utf-8").rstrip("\r\n").split("\t")


def _short(text: str, width: int = 80) -> str:
    return repr(text if len(text) <= width else text[: width - 3] + "...")
