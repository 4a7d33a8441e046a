"""Rows of different lengths in flat arrays: the in-edges of a node, the words of a title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from GPT_GNN.schema import Schema


@dataclass(frozen=True)
class CSR:
    """In-edges of every target node of one edge type.

    Attributes:
        indptr: [N_target + 1] int64; the in-edges of node i are ``indptr[i]:indptr[i + 1]``.
            All three are strided views: what is read together lies together in the store.
        indices: [E] int32, source ids; a target's edges are sorted by (time, source), so that
            those up to a bound come first.
        time: [E] int32 or None for an untimed relation; ascending within a target.
    """

    indptr: np.ndarray
    indices: np.ndarray
    time: np.ndarray | None

    def rows(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """In-edges of some targets: (position in ``targets``, position of the edge), [n] int64."""
        return row_positions(self.indptr, targets)

    def degrees(self) -> np.ndarray:
        """In-degree of every target node, [N_target] int64."""
        return np.diff(self.indptr)

    def targets(self) -> np.ndarray:
        """The target of every edge, [E] int32, so that (indices, targets) is the COO form."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), self.degrees())


@dataclass(frozen=True)
class Ragged:
    """A row of values per node, each of its own length: ``values[indptr[i] : indptr[i + 1]]``."""

    indptr: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.indptr[row] : self.indptr[row + 1]]

    def text(self, row: int) -> str:
        """Row of a string column (UTF-8 bytes) as str."""
        return self[row].tobytes().decode("utf-8")


def indptr_layout(schema: Schema, num_nodes: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where the flat array ``indptr`` holds which edge type.

    A node's offsets in all edge types into its type lie side by side, so that looking up its
    in-edges is one cache miss and not one for each edge type.

    Returns:
        start: [R + 1] int64, the position of each edge type's first offset, and the array's length.
        step: [R] int64, from one offset to the next: the number of edge types into the target type.
    """
    start, step = np.empty((2, len(schema.edge_types)), dtype=np.int64)
    length = 0
    for node_type in schema.node_types:
        into = schema.edge_types_into(node_type)
        start[into], step[into] = length + np.arange(len(into)), len(into)
        length += (num_nodes[node_type] + 1) * len(into)
    return np.append(start, length), step


def row_positions(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entries of some rows of a CSR array: (position in ``rows``, position of the entry)."""
    start, length = indptr[rows], indptr[np.asarray(rows) + 1] - indptr[rows]
    row = np.repeat(np.arange(len(rows)), length)
    within = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    return row, start[row] + within
