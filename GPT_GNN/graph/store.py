"""A heterogeneous graph in a folder of ``.npy`` files, opened by mmap (docs/DATA_FORMAT.md)."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.graph.csr import CSR, Ragged, indptr_layout
from GPT_GNN.graph.gather import gather_rows
from GPT_GNN.schema import EdgeType, Schema
from GPT_GNN.system.renamed import run_renamed

FORMAT = "gpt-gnn-store"
VERSION = 3
NO_TIME = np.iinfo(np.int32).min  # the time of an edge or a node that has none
VIEWS = ("pretrain", "finetune", "original")  # what was known when, see HeteroGraph.views


class StoreError(ValueError):
    """A folder that is no store, or a damaged one, or one of another version."""


class HeteroGraph:
    """A typed, optionally timed graph whose arrays stay on disk until they are touched.

    Open one with :meth:`open`; :class:`GPT_GNN.builder.builder.GraphBuilder` writes them.

    Attributes:
        path: the folder.
        meta: the record in ``meta.json``.
        schema: node and edge types.
        node_types: names of the node types, in storage order.
        edge_types: triples (source type, relation, target type), in storage order.
        views: names of the feature views, e.g. ``pretrain`` and ``finetune`` (what was known when).
        edges: [E, 2] int32, (source, time) of all edge types' in-edges, in the order of
            ``edge_types``; NO_TIME in an untimed relation. See :meth:`csr`.
        edges_start: [number of edge types + 1] int64, where each begins.
        indptr: all edge types' offsets; indptr_start, indptr_step: see :func:`indptr_layout`.
    """

    def __init__(self, path: Path, meta: dict[str, Any]) -> None:
        self.path = path
        self.meta = meta
        self.schema = Schema.from_dict(meta["schema"])
        self.node_types, self.edge_types = self.schema.node_types, self.schema.edge_types
        self.views: tuple[str, ...] = tuple(meta["views"])
        self._counts: dict[str, int] = meta["num_nodes"]
        self._feature_arrays: dict[str, np.ndarray] = {}
        self.indptr_start, self.indptr_step = indptr_layout(self.schema, self._counts)
        self.edges_start = np.concatenate([[0], np.cumsum(meta["num_edges"])]).astype(np.int64)
        self.indptr = self.array("indptr.npy")
        self.edges = self.array("edges.npy")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> HeteroGraph:
        """Open a store; reads ``meta.json`` only.

        Raises:
            StoreError: not a store, another format version, a damaged ``meta.json``, or a file
                that is missing or not as long as it was written.
        """
        path = Path(path)
        meta_file = path / "meta.json"
        if not meta_file.is_file():
            found = "no such folder" if not path.exists() else "no meta.json in it"
            inside = sorted(file.parent.name for file in path.glob("*/meta.json"))
            found += f"; stores in it: {', '.join(inside)}" if inside else ""
            raise StoreError(f"{path} is not a graph store: {found}")
        meta = read_meta(meta_file)
        if meta.get("format") != FORMAT or meta.get("version") != VERSION:
            raise StoreError(
                f"{path}: expected {FORMAT} version {VERSION}, "
                f"found {meta.get('format')} version {meta.get('version')}"
            )
        for name, entry in meta["files"].items():
            file = path / name
            found_bytes = file.stat().st_size if file.is_file() else None
            if found_bytes != entry["bytes"]:
                found = "no such file" if found_bytes is None else f"{found_bytes} bytes"
                raise StoreError(f"{file}: expected {entry['bytes']} bytes, found {found}")
        return cls(path, meta)

    def verify(self) -> None:
        """Read every file and compare its SHA-256. Raises StoreError naming the first bad one."""
        for name, entry in self.meta["files"].items():
            if file_checksum(self.path / name) != entry["sha256"]:
                raise StoreError(f"{self.path / name}: its bytes are not those that were written")

    def array(self, name: str) -> np.ndarray:
        """A file of the store as a read-only array backed by the page cache."""
        if name not in self.meta["files"]:
            raise StoreError(f"{self.path} has no {name}")
        return np.load(self.path / name, mmap_mode="r", allow_pickle=False).view(np.ndarray)

    def num_nodes(self, node_type: str) -> int:
        """Number of nodes of a type."""
        self.schema.node_type_id(node_type)
        return self._counts[node_type]

    def num_edges(self, edge_type: EdgeType) -> int:
        """Number of stored edges of an edge type (its inverse stores as many again)."""
        return int(self.meta["num_edges"][self.schema.edge_type_id(edge_type)])

    def csr(self, edge_type: EdgeType) -> CSR:
        """In-edges of the target nodes of one edge type."""
        i = self.schema.edge_type_id(edge_type)
        first, step = self.indptr_start[i], self.indptr_step[i]
        last = first + step * self._counts[edge_type[2]]
        edges = self.edges[self.edges_start[i] : self.edges_start[i + 1]]
        time = edges[:, 1] if self.schema.timed[i] else None
        return CSR(self.indptr[first : last + 1 : step], edges[:, 0], time)

    # Columns: one value, or one row of values, per node ---------------------------------------

    def columns(self, node_type: str) -> tuple[str, ...]:
        """Names of a type's columns, ragged ones included."""
        return tuple(self.meta["columns"].get(node_type, {}))

    def is_ragged(self, node_type: str, name: str) -> bool:
        """Whether a column has a row of values per node, and not one value."""
        return bool(self.meta["columns"][node_type][name]["kind"] == "ragged")

    def has_column(self, node_type: str, name: str) -> bool:
        """Whether nodes of this type have a column of this name."""
        return name in self.meta["columns"].get(node_type, {})

    def column(self, node_type: str, name: str) -> np.ndarray:
        """One value per node, [N]: ``time`` (int32, NO_TIME for none), ``id``, labels ...

        Labels of which a node may have several are [N, C] uint8, 1 for those that it has.
        """
        return self.array(self._column_entry(node_type, name, "array")["files"][0])

    def ragged(self, node_type: str, name: str) -> Ragged:
        """One row of values per node: token ids, or the UTF-8 bytes of strings."""
        indptr, values = self._column_entry(node_type, name, "ragged")["files"]
        return Ragged(self.array(indptr), self.array(values))

    def _column_entry(self, node_type: str, name: str, kind: str) -> dict[str, Any]:
        columns = self.meta["columns"].get(node_type, {})
        if name not in columns or columns[name]["kind"] != kind:
            raise ValueError(
                f"{self.path}: node type {node_type!r} has no {kind} column {name!r}; "
                f"available: {sorted(columns)}"
            )
        return columns[name]

    def node_time(self, node_type: str) -> np.ndarray | None:
        """Times of the nodes of a type, [N] int32 with NO_TIME for none, or None if untimed."""
        return self.column(node_type, "time") if self.has_column(node_type, "time") else None

    # Features: named parts side by side, each possibly different in each view ------------------

    def feature_parts(self, node_type: str) -> dict[str, slice]:
        """The columns of each named part of a type's features; empty when it has none."""
        self.schema.node_type_id(node_type)
        parts, start = {}, 0
        for part in self.meta["features"].get(node_type, []):
            parts[part["name"]] = slice(start, start + part["width"])
            start += part["width"]
        return parts

    def feature_dim(self, node_type: str) -> int:
        """Width of a type's features, 0 when it has none."""
        return sum(part["width"] for part in self.meta["features"].get(node_type, []))

    @cached_property
    def feature_dims(self) -> dict[str, int]:
        """Width of each type's features."""
        return {node_type: self.feature_dim(node_type) for node_type in self.node_types}

    def gather_features(self, node_type: str, ids: np.ndarray, view: str) -> np.ndarray:
        """Copy the features of some nodes in one of the :attr:`views`.

        Args:
            ids: [n] node ids.

        Returns:
            [n, F] float32.
        """
        if view not in self.views:
            raise ValueError(f"{self.path} has no view {view!r}; available: {list(self.views)}")
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        check_ids(ids, node_type, self.num_nodes(node_type))
        out = np.empty((len(ids), self.feature_dim(node_type)), dtype=np.float32)
        parts = self.feature_parts(node_type)
        for part in self.meta["features"].get(node_type, []):
            file = part["files"].get(view, part["files"].get("*"))
            if file not in self._feature_arrays:  # a loader thread must not open it for each batch
                self._feature_arrays[file] = self.array(file)
            gather_rows(self._feature_arrays[file], ids, out, parts[part["name"]].start)
        return out

    # Facts of the whole graph: word vectors, vocabulary, facts of the data set -----------

    def table(self, name: str) -> np.ndarray:
        """A graph-level array, e.g. ``word_vectors`` [V, D]."""
        return self.array(f"tables/{name}.npy")

    def words(self) -> list[str]:
        """The vocabulary of the text columns, row by row of ``table("word_vectors")``."""
        if "tables/words.npy" not in self.meta["files"]:
            raise ValueError(f"{self.path} has no vocabulary: it was built without text")
        return str(self.table("words").tobytes().decode("utf-8")).split("\n")

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the data set: name, bounds of the views, settings."""
        return dict(self.meta["facts"])

    @property
    def fingerprint(self) -> str:
        """A short hash of everything in the store; two stores with the same hash are the same."""
        return meta_checksum(self.meta)[:16]


def check_ids(ids: np.ndarray, node_type: str, num_nodes: int, where: str = "") -> None:
    """Raise ValueError, which begins with ``where``, for an id that no node has."""
    if len(ids) and not (0 <= np.min(ids) and np.max(ids) < num_nodes):
        raise ValueError(
            f"{where}expected {node_type} ids in [0, {num_nodes}), "
            f"got {np.min(ids)} .. {np.max(ids)}"
        )


def read_meta(file: Path) -> dict[str, Any]:
    """Read a ``meta.json``. Raises StoreError unless it is as it was written."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        meta, checksum = record["meta"], record["checksum"]
        if checksum == meta_checksum(meta):
            return dict(meta)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{file} is damaged: {type(error).__name__}: {error}") from error
    raise StoreError(f"{file} is damaged: its checksum does not match")


def meta_checksum(meta: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON form of a store's meta record."""
    text = json.dumps(meta, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":  # an old name of ``python -m GPT_GNN show``
    run_renamed("GPT_GNN.graph.store", "show")
