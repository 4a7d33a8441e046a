"""Read tables from text files: CSV with quoting, TSV without."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_ROWS = 512  # at a time; with many more Python's garbage collector takes longer than reading
_LONGEST_CELL = 2**31 - 1


def read_text(
    path: Path, separator: str, wanted: Collection[str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read columns of a UTF-8 file with a header line: cells are texts, None where empty.

    Empty lines are skipped, unless there is one column: then they are empty cells.

    Args:
        wanted: the columns to read, where the file has them.

    Returns:
        Column -> [n] objects; the names of all columns, an empty one as pandas calls it.
    """
    rows: list[list[str]] = []
    done, is_csv = 0, separator == ","
    try:
        # A byte order mark, as Excel writes it, is no part of the first name.
        text = _opened(path, "rt", encoding="utf-8-sig", newline="")
        with text as file, _cells_of_any_length():
            quoting: Any = csv.QUOTE_MINIMAL if is_csv else csv.QUOTE_NONE
            reader = csv.reader(file, delimiter=separator, quoting=quoting, strict=is_csv)
            header = _header(path, reader, wanted)
            positions = [i for i, name in enumerate(header) if name in wanted]
            found: list[list[str]] = [[] for _ in positions]
            while True:
                rows = []
                rows.extend(islice(reader, _ROWS))  # an error leaves those before it
                if not rows:
                    break
                whole = _whole_rows(path, rows, header, done)
                for cells, position in zip(found, positions, strict=True):
                    cells.extend(map(itemgetter(position), whole))
                done += len(whole)
    except csv.Error as error:
        hint = "; a cell that begins with a quote ends with one" if is_csv else ""
        raise ValueError(f"{path}, row {done + len(rows) + 1}: {error}{hint}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}, line {_bad_line(path)}: expected UTF-8, got {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: {error}") from error
    columns = {
        header[position]: np.array([cell or None for cell in cells], dtype=object)
        for cells, position in zip(found, positions, strict=True)
    }
    return columns, header


def _opened(path: Path, mode: str, **options: str) -> Any:
    opener: Any = gzip.open if path.name.endswith(".gz") else open
    return opener(path, mode, **options)


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _header(path: Path, reader: Any, wanted: Collection[str]) -> list[str]:
    names = next((row for row in reader if not _is_blank(row)), None)
    if names is None:
        raise ValueError(f"{path}: expected a header line, got an empty file")
    header = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    if not any(name in wanted for name in header):
        kind = "comma" if reader.dialect.delimiter == "," else "tab"
        raise ValueError(
            f"{path}, line {reader.line_num}: expected a header of {kind}-separated names, among "
            f"them {sorted(wanted)}, got {reader.dialect.delimiter.join(names)!r}"
        )
    return header


def _whole_rows(path: Path, rows: list[list[str]], header: list[str], done: int) -> Any:
    """Rows with as many cells as the header; ``done`` rows of the file come before them."""
    width = len(header)
    if set(map(len, rows)) == {width}:
        return rows
    rows = [row or [""] for row in rows] if width == 1 else [r for r in rows if not _is_blank(r)]
    for i, row in enumerate(rows):
        if len(row) != width:
            raise ValueError(
                f"{path}, row {done + i + 1}: expected {width} cells as in the header, got "
                f"{len(row)}: {row}"
            )
    return rows


def _is_blank(row: list[str]) -> bool:
    return len(row) < 2 and not "".join(row).strip()


def _bad_line(path: Path) -> int:
    with _opened(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0
