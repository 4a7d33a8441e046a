"""One table as columns of cells: from a CSV or Parquet file, or from what is in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.encoders.cells import CellError, missing
from GPT_GNN.graph.times import TimeBins, YearError

SUFFIXES = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}  # and .parquet


class Table:
    """Columns of one length. Rows are counted from 1 in errors, a header not counted.

    Attributes:
        name: of the table, for errors.
        num_rows: rows of each column.
    """

    def __init__(self, name: str, columns: Mapping[str, np.ndarray], available: Sequence[str]):
        self.name, self._columns, self._available = name, columns, available
        lengths = {column: len(cells) for column, cells in columns.items()}
        self.num_rows = next(iter(lengths.values()), 0)
        for column, length in lengths.items():
            if length != self.num_rows:
                raise ValueError(
                    f"{name}: expected columns of one length, got {self.num_rows} cells in "
                    f"{next(iter(lengths))!r} and {length} in {column!r}"
                )

    def where(self, column: str) -> str:
        """Table and column, for errors."""
        return f"{self.name}, column {column!r}"

    def has(self, column: str) -> bool:
        """Whether it has a column of this name, among those that were read."""
        return column in self._columns

    def cells(
        self, column: str, also_missing: Collection[str] = (), wide: bool = False
    ) -> np.ndarray:
        """[n] numbers, dates or objects, None among these being empty.

        Args:
            also_missing: texts that mean an empty cell.
            wide: whether [n, width] numbers are a column too.

        Raises:
            ValueError: no such column.
        """
        if column not in self._columns:
            raise ValueError(
                f"{self.name}: expected a column {column!r}; available: {list(self._available)}"
            )
        cells = self._columns[column]
        if cells.ndim != 1 and not wide:
            raise ValueError(
                f"{self.where(column)}: expected one value a row, got an array of shape "
                f"{cells.shape}"
            )
        if not also_missing or cells.dtype.kind != "O":
            return cells
        texts = set(also_missing)
        return _emptied(cells, np.array([isinstance(c, str) and c in texts for c in cells], bool))

    def times(self, column: str, bins: TimeBins, also_missing: Collection[str] = ()) -> np.ndarray:
        """[n] int32, NO_TIME for none.

        Raises:
            ValueError: a cell that is no time, or one of no plausible year, with its row.
        """
        cells = self.cells(column, also_missing)
        try:
            return bins(cells)
        except YearError as error:
            problem = (
                f"{error.problem}; another unit of this table: time_unit; if it means unknown: "
                f'missing: ["{error.value}"]'
            )
            raise self._error(column, error.row, problem) from error
        except CellError as error:
            raise self._error(column, error.row, error.problem) from error

    def named_errors(
        self, column: str, work: Callable[[np.ndarray], Any], cells: np.ndarray, rows: Any = None
    ) -> Any:
        """``work`` on cells of a column, with its errors naming table, column and row.

        Args:
            rows: [n] position in the table of each of ``cells``, by default all of it.
        """
        try:
            return work(cells)
        except CellError as error:
            row = error.row if rows is None else int(rows[error.row])
            raise self._error(column, row, error.problem) from error
        except ValueError as error:
            raise ValueError(f"{self.where(column)}: {error}") from error

    def _error(self, column: str, row: int, problem: str) -> ValueError:
        return ValueError(f"{self.where(column)}, row {row + 1}: {problem}")


def read_table(
    name: str,
    folder: Path,
    tables: Mapping[str, Any] | None,
    wanted: Collection[str],
) -> Table | None:
    """A table of ``tables``, or else the file of that name; None when there is neither.

    CSV files are UTF-8 with a header line. Their cells are texts: an id stays as it is written.

    Args:
        tables: name -> pandas DataFrame, pyarrow Table or mapping from names to columns.
        wanted: the columns to read, if they are there.

    Raises:
        ValueError: a file that cannot be read, or of no known kind.
    """
    if tables is not None and name in tables:
        return _in_memory(name, tables[name], wanted)
    path = folder / name
    suffix = next((s for s in SUFFIXES if name.endswith(s)), None)
    if suffix is None and not name.endswith(".parquet"):
        if tables is not None:
            return None
        raise ValueError(f"{name}: expected a file {', '.join([*SUFFIXES, '.parquet'])}")
    if not path.is_file():
        return None
    return _parquet(path, wanted) if suffix is None else _csv(path, SUFFIXES[suffix], wanted)


def _csv(path: Path, separator: str, wanted: Collection[str]) -> Table:
    import zlib

    import pandas

    options: dict[str, Any] = {"sep": separator, "encoding": "utf-8", "index_col": False}
    try:
        header = pandas.read_csv(path, nrows=0, **options).columns
        with warnings.catch_warnings():
            # pandas warns of cells that it drops, and with usecols not even that.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                path,
                dtype=object,
                keep_default_na=False,  # a text like NA may be a name; see ``missing``
                na_values=[""],
                skip_blank_lines=len(header) > 1,  # an empty line may be an empty cell
                **options,
            )
    except pandas.errors.ParserWarning as error:
        raise ValueError(
            f"{path}: expected rows of {len(header)} cells, got longer ones"
        ) from error
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    return _of_frame(str(path), frame[[c for c in header if c in wanted]], header)


def _parquet(path: Path, wanted: Collection[str]) -> Table:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ValueError(f"{path} needs pyarrow: pip install gpt-gnn[parquet]") from error
    try:
        with parquet.ParquetFile(path) as file:
            header = file.schema_arrow.names
            found = file.read([c for c in header if c in wanted])
            frame = found.to_pandas(integer_object_nulls=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path}: {error}") from error
    return _of_frame(str(path), frame, header)


def _in_memory(name: str, table: Any, wanted: Collection[str]) -> Table:
    import pandas

    if hasattr(table, "column_names"):  # pyarrow
        names = [str(column) for column in table.column_names]
        found = table.select([c for c in names if c in wanted])
        return _of_frame(name, found.to_pandas(integer_object_nulls=True), names)
    if isinstance(table, pandas.DataFrame):
        return _of_frame(name, table[[c for c in table.columns if c in wanted]], table.columns)
    if not isinstance(table, Mapping):
        raise ValueError(
            f"{name}: expected a pandas DataFrame, a pyarrow Table or a mapping from names to "
            f"columns, got {type(table).__name__}"
        )
    blocks = {c: values for c, values in table.items() if c in wanted}
    columns = {
        column: values
        if isinstance(values, np.ndarray) and values.ndim > 1
        else _cells(pandas.Series(values))
        for column, values in blocks.items()
    }
    return Table(name, columns, list(table))


def _of_frame(name: str, frame: Any, available: Sequence[str]) -> Table:
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise ValueError(f"{name}: expected one column of a name, got {repeated[0]!r} twice")
    columns = {str(column): _cells(frame[column]) for column in frame.columns}
    return Table(name, columns, [str(column) for column in available])


def _cells(series: Any) -> np.ndarray:
    """A pandas Series as numbers, dates (UTC) or objects with None for what is missing."""
    import pandas

    if isinstance(series.dtype, pandas.DatetimeTZDtype):
        series = series.dt.tz_convert(None)
    elif isinstance(series.dtype, pandas.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if pandas.api.types.is_integer_dtype(series.dtype) and series.hasnans:
        series = series.astype(object)  # as floats large ids would be rounded
    elif pandas.api.types.is_numeric_dtype(series.dtype) and series.hasnans:
        return series.to_numpy(dtype=np.float64, na_value=np.nan)  # type: ignore[no-any-return]
    cells = series.to_numpy()
    if cells.dtype.kind in "biufM":
        return cells  # type: ignore[no-any-return]
    cells = _emptied(cells, pandas.isna(cells))
    return _emptied(cells, missing(cells))


def _emptied(cells: np.ndarray, empty: np.ndarray) -> np.ndarray:
    out = cells.astype(object)
    out[empty] = None
    return out
