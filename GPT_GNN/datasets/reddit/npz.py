"""Arrays of an ``.npz`` file, read in pieces: the whole array need not fit in memory."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from GPT_GNN.datasets.raw import RawDataError

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError)


class Npz:
    """An ``.npz`` file. ``with Npz(path) as npz`` closes it.

    Every method raises RawDataError where the file or an array is missing or damaged.

    Args:
        path: as ``numpy.savez``, ``numpy.savez_compressed`` or ``scipy.sparse.save_npz`` write it.

    Attributes:
        names: of the arrays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise RawDataError(f"{path}: no such file")
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise RawDataError(f"{path}: expected a whole .npz file, found {error}") from error
        self.names = [name.removesuffix(".npy") for name in self._zip.namelist()]

    def __enter__(self) -> Npz:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array."""
        with self._opened(name) as file:
            return self._header(name, file)[0]

    def read(self, name: str) -> np.ndarray:
        """A whole array."""
        shape = self.shape(name)
        parts = list(self.chunks(name, max(1, shape[0] if shape else 1)))
        return np.concatenate(parts).reshape(shape) if parts else np.empty(shape)

    def chunks(self, name: str, rows: int) -> Iterator[np.ndarray]:
        """An array, ``rows`` at a time: [at most ``rows``, ...], read-only."""
        with self._opened(name) as file:
            shape, dtype = self._header(name, file)
            count, *row_shape = shape or (1,)
            for start in range(0, count, rows):
                n = min(rows, count - start)
                wanted = n * prod(row_shape) * dtype.itemsize
                with self._whole(name):
                    data = file.read(wanted)
                if len(data) != wanted:
                    raise self.error(name, f"{wanted} more bytes", len(data))
                yield np.frombuffer(data, dtype).reshape(n, *row_shape)

    def error(self, name: str, expected: str, found: object) -> RawDataError:
        """The error about an array that is not as expected."""
        return RawDataError(f"{self.path}, array {name!r}: expected {expected}, found {found}")

    def _opened(self, name: str) -> IO[bytes]:
        if name not in self.names:
            raise RawDataError(f"{self.path}: expected an array {name!r}, found {self.names}")
        with self._whole(name):
            return self._zip.open(f"{name}.npy")

    def _header(self, name: str, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
        with self._whole(name):
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, by_column, dtype = read(file)
        if dtype.hasobject or (by_column and len(shape) > 1):
            found = "Python objects" if dtype.hasobject else "columns one after the other"
            raise self.error(name, "numbers, rows one after the other", found)
        return shape, dtype

    @contextmanager
    def _whole(self, name: str) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise RawDataError(f"{self.path}, array {name!r}: damaged: {error}") from error
