"""A table as columns of cells, from a CSV or Parquet file or from memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.builder.times import TimeBins, YearError
from GPT_GNN.datasets.tables.description import Missing
from GPT_GNN.datasets.tables.text import SUFFIXES, read_text
from GPT_GNN.features.cells import CellError, are_among, missing
from GPT_GNN.features.lists import without_items

FILES = (*SUFFIXES, ".parquet")


class Table:
    """Columns of one length. Errors count rows from 1, without the header.

    Attributes:
        name: of the table, for errors.
        num_rows: length of each column.
        available: names of all columns of the table, read or not.
    """

    def __init__(self, name: str, columns: Mapping[str, np.ndarray], available: Sequence[str]):
        self.name, self._columns, self.available = name, columns, available
        _check_once(name, available)
        self.num_rows = len(next(iter(columns.values()), ()))
        for column, cells in columns.items():
            if len(cells) != self.num_rows:
                raise ValueError(
                    f"{name}: expected columns of one length, got {self.num_rows} cells in "
                    f"{next(iter(columns))!r} and {len(cells)} in {column!r}"
                )

    def where(self, column: str) -> str:
        """Table and column, for errors."""
        return f"{self.name}, column {column!r}"

    def cells(
        self, column: str, also_missing: Missing = (), wide: bool = False, separator: str = ""
    ) -> np.ndarray:
        """[n] numbers, dates or objects, of which None is an empty cell.

        Args:
            also_missing: values that mean an empty cell, see :func:`are_among`; or those by column.
            wide: whether a column may be [n, width] numbers.
            separator: between the items of a cell; those among ``also_missing`` are left out.
        """
        if column not in self._columns:
            raise ValueError(
                f"{self.name}: expected a column {column!r}; available: {list(self.available)}"
            )
        cells = self._columns[column]
        if cells.ndim != 1 and not wide:
            raise ValueError(
                f"{self.where(column)}: expected one value per row, got an array of shape "
                f"{cells.shape}"
            )
        if isinstance(also_missing, Mapping):
            also_missing = also_missing.get(column, ())
        if not also_missing or cells.ndim != 1:
            return cells
        cells = emptied(cells, are_among(cells, also_missing))
        return without_items(cells, also_missing, separator) if separator else cells

    def times(self, column: str, bins: TimeBins, also_missing: Missing = ()) -> np.ndarray:
        """[n] int32, NO_TIME for none. Raises ValueError with the row of a cell that is no time."""
        cells = self.cells(column, also_missing)
        with self.named_errors(column):
            try:
                return bins(cells)
            except YearError as error:
                problem = (
                    f"{error.problem}; another unit of this table: time_unit; if it means unknown: "
                    f"{missing_advice(column, error.value)}"
                )
                raise CellError(error.row, problem) from error

    @contextmanager
    def named_errors(self, column: str, rows: Sequence[int] | np.ndarray = ()) -> Iterator[None]:
        """Name table, column and row in the errors of a block that works on cells of a column.

        ``rows``: position in the table of each cell; empty: the cells are the whole column.
        """
        try:
            yield
        except CellError as error:
            row = rows[error.row] if len(rows) else error.row
            raise ValueError(f"{self.where(column)}, row {row + 1}: {error.problem}") from error
        except ValueError as error:
            raise ValueError(f"{self.where(column)}: {error}") from error


def missing_advice(column: str, value: Any) -> str:
    """How a description says that a value of a column means an empty cell."""
    return f'missing: {{{column}: ["{value}"]}}'


def read_table(
    name: str,
    folder: Path,
    tables: Mapping[str, Any] | None,
    wanted: Collection[str],
) -> Table | None:
    """Read a table of ``tables``, or else the file of that name; None when there is neither.

    Args:
        tables: name -> pandas DataFrame, pyarrow Table or mapping from names to columns.
        wanted: the columns to read, where the table has them.
    """
    if tables is not None and name in tables:
        return _in_memory(name, tables[name], wanted)
    path = folder / name
    suffix = next((s for s in FILES if name.endswith(s)), None)
    if suffix is None and tables is None:
        raise ValueError(f"{name}: expected a file {', '.join(FILES)}")
    if suffix is None or not path.is_file():
        return None
    if suffix in SUFFIXES:
        return Table(str(path), *read_text(path, SUFFIXES[suffix], wanted))
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ValueError(f"{path} needs pyarrow: pip install gpt-gnn[parquet]") from error
    try:
        with parquet.ParquetFile(path) as file:
            return _arrow(str(path), file.schema_arrow.names, file.read, wanted)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path}: {error}") from error


def _arrow(
    name: str, header: list[str], read: Callable[[list[str]], Any], wanted: Collection[str]
) -> Table:
    _check_once(name, header)
    # Without pandas' metadata: an index that was written along is a column like others.
    found = read([column for column in header if column in wanted])
    frame = found.to_pandas(integer_object_nulls=True, ignore_metadata=True)
    return _typed(name, {str(column): frame[column] for column in frame.columns}, header)


def _in_memory(name: str, table: Any, wanted: Collection[str]) -> Table:
    import pandas

    if hasattr(table, "column_names"):  # pyarrow
        return _arrow(name, [str(c) for c in table.column_names], table.select, wanted)
    if isinstance(table, pandas.DataFrame):
        names = [str(column) for column in table.columns]
        columns = {c: table.iloc[:, i] for i, c in enumerate(names) if c in wanted}
        index, named = table.index, [level for level in table.index.names if level is not None]
        levels = [level for level in named if str(level) not in names]
        columns |= {
            str(c): index.get_level_values(c).to_series() for c in levels if str(c) in wanted
        }
        return _typed(name, columns, [*map(str, levels), *names])
    if not isinstance(table, Mapping):
        raise ValueError(
            f"{name}: expected a pandas DataFrame, a pyarrow Table or a mapping from names to "
            f"columns, got {type(table).__name__}"
        )
    return _typed(name, {c: cells for c, cells in table.items() if c in wanted}, [*map(str, table)])


def _typed(name: str, columns: Mapping[str, Any], available: Sequence[str]) -> Table:
    found = {}
    for column, values in columns.items():
        is_wide = isinstance(values, np.ndarray) and values.ndim > 1
        try:
            found[column] = values if is_wide else typed_column(values)
        except ValueError as error:
            raise ValueError(f"{name}, column {column!r}: {error}") from error
    return Table(name, found, available)


def _check_once(name: str, header: Sequence[str]) -> None:
    column, times = Counter(header).most_common(1)[0] if header else ("", 1)
    if times > 1:
        raise ValueError(f"{name}: expected each column name once, got {column!r} {times} times")


def typed_column(values: Any) -> np.ndarray:
    """A column as 64-bit floats, integers, booleans, dates (UTC) or objects.

    An empty cell is NaN, NaT or None. The others are what a CSV of the table would have: integers
    and booleans beside empty cells stay integers and booleans, and 0.1 in 32 bits is 0.1. Raises
    ValueError for cells of another kind, e.g. durations.
    """
    import pandas

    series = pandas.Series(values)
    if isinstance(values, list | tuple) and any(isinstance(cell, int) for cell in values):
        series = pandas.Series(values, dtype=object)  # pandas would round integers beside None
    if isinstance(series.dtype, pandas.ArrowDtype):
        series = series.array.__arrow_array__().to_pandas(integer_object_nulls=True)
    if isinstance(series.dtype, pandas.CategoricalDtype):
        series = series.astype(object if series.hasnans else series.cat.categories.dtype)
    if isinstance(series.dtype, pandas.DatetimeTZDtype):
        series = series.dt.tz_convert(None)
    elif isinstance(series.dtype, pandas.PeriodDtype):
        series = series.astype("string")
    kinds = pandas.api.types
    if kinds.is_float_dtype(series.dtype):
        dtype = getattr(series.dtype, "numpy_dtype", series.dtype)  # of pandas' nullable types
        floats: np.ndarray = series.to_numpy(dtype=dtype, na_value=np.nan)
        # Through texts to the shortest decimal: 0.1 in 32 bits is not its binary neighbour.
        return floats if floats.dtype == np.float64 else floats.astype(str).astype(np.float64)
    whole = kinds.is_integer_dtype(series.dtype) or kinds.is_bool_dtype(series.dtype)
    if whole and series.hasnans:
        series = series.astype(object)  # as floats large ids would be rounded
    cells: np.ndarray = series.to_numpy()
    if cells.dtype.kind not in "biuMO":
        raise ValueError(f"expected numbers, dates or texts, got {cells.dtype}")
    return _objects(cells) if cells.dtype.kind == "O" else cells


def emptied(cells: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Cells of which some, [n] bool, are made empty."""
    if not empty.any():
        return cells
    kind = cells.dtype.kind
    out = cells.copy() if kind in "fM" else cells.astype(object)
    out[empty] = np.nan if kind == "f" else np.datetime64("NaT") if kind == "M" else None
    return out


def _objects(cells: np.ndarray) -> np.ndarray:
    import pandas

    cells = emptied(cells.astype(object), pandas.isna(cells))
    if pandas.api.types.infer_dtype(cells) == "bytes":  # texts of writers that declare no texts
        cells = np.array([None if c is None else c.decode("utf-8") for c in cells], dtype=object)
    return emptied(cells, missing(cells))
