"""Write a graph store, all or nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.edges import Relation, schema_of, write_edges
from GPT_GNN.builder.output import META, file_name, store_files, zeros
from GPT_GNN.builder.remarks import remarks
from GPT_GNN.builder.values import cast, encoded_row
from GPT_GNN.graph.store import (
    FORMAT,
    VERSION,
    HeteroGraph,
    check_ids,
    file_checksum,
    meta_checksum,
)
from GPT_GNN.schema import EdgeType, Schema
from GPT_GNN.system.files import atomic_folder

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")  # the name of a table


@contextmanager
def build_graph(
    path: str | os.PathLike[str],
    views: Iterable[str] = ("default",),
    keep_other_files: bool = False,
) -> Iterator[GraphBuilder]:
    """Build a store at ``path``, which appears only when the block ends without an error.

    Then notes and warnings are printed: about repeated edges, and those of :func:`remarks`.

    Args:
        path: the folder to create or replace.
        views: names of the feature views.
        keep_other_files: leave other files than a store's in ``path``, and build all the same;
            without it they raise OtherFilesError.
    """
    with atomic_folder(path, store_files, keep_other_files) as folder:
        builder = GraphBuilder(folder, tuple(views))
        yield builder
        builder.finish()
    for line in (*builder.notes, *remarks(HeteroGraph.open(path))):
        tqdm.write(line)


class GraphBuilder:
    """Collects nodes, features and edges of a store; use :func:`build_graph` to get one.

    Attributes:
        folder: the folder that is being filled.
        views: names of the feature views.
        facts: of the data set, as plain values for JSON.
        notes: on repeated edges, once the store is finished.
    """

    def __init__(self, folder: Path, views: tuple[str, ...]) -> None:
        self.folder = folder
        self.views = views
        self.facts: dict[str, Any] = {}
        self.notes: list[str] = []
        self._num_nodes: dict[str, int] = {}
        self._relations: dict[EdgeType, Relation] = {}
        self._features: dict[str, list[dict[str, Any]]] = {}
        self._columns: dict[str, dict[str, dict[str, Any]]] = {}
        for name in ("spool", "features", "columns", "tables"):
            (folder / name).mkdir()

    def add_node_type(self, node_type: str, num_nodes: int) -> None:
        """Declare a node type of ``num_nodes`` nodes with ids 0 .. num_nodes - 1."""
        if node_type in self._num_nodes:
            raise ValueError(f"node type {node_type!r} is declared already")
        if not 0 <= num_nodes < 2**31:
            raise ValueError(
                f"node type {node_type!r}: expected 0 <= nodes < 2^31, got {num_nodes}"
            )
        self._num_nodes[node_type] = int(num_nodes)

    def num_nodes(self, node_type: str) -> int:
        """Number of nodes of a declared type."""
        return self._num_nodes[node_type]

    def has_column(self, node_type: str, name: str) -> bool:
        """Whether nodes of this type have a column of this name already."""
        return name in self._columns.get(node_type, {})

    def has_table(self, name: str) -> bool:
        """Whether there is a graph-level array of this name already."""
        return (self.folder / f"tables/{name}.npy").exists()

    def add_relation(
        self, edge_type: EdgeType, inverse: str | None = None, multigraph: bool = False
    ) -> None:
        """Declare an edge type and its inverse.

        Args:
            edge_type: (source type, relation, target type).
            inverse: name of the relation that stores the same links the other way round:
                ``rev_<relation>`` by default; the relation's own name for a symmetric relation; or
                another declared relation, when a schema already holds both directions.
            multigraph: keep edges between the same ends at several times, not the earliest only.
        """
        source, relation, target = edge_type
        inverse_type = (target, inverse or f"rev_{relation}", source)
        if inverse_type == edge_type and source != target:
            raise ValueError(f"{edge_type} joins two node types, so it cannot be symmetric")
        partner = self._relations.get(inverse_type)
        taken = {r.inverse for r in self._relations.values() if r is not partner}
        if (
            edge_type in self._relations
            or taken & {edge_type, inverse_type}
            or (partner and partner.inverse != edge_type)
        ):
            raise ValueError(f"edge type {edge_type} or its inverse is declared already")
        if partner and partner.multigraph != multigraph:
            raise ValueError(f"{edge_type} and its inverse: one is a multigraph, the other is not")
        spool = self.folder / f"spool/edges.{len(self._relations)}"
        self._relations[edge_type] = Relation(edge_type, inverse_type, multigraph, spool)

    def add_edges(
        self,
        edge_type: EdgeType,
        src: np.ndarray,
        dst: np.ndarray,
        time: np.ndarray | None = None,
    ) -> None:
        """Add a chunk of edges.

        Args:
            src, dst: [n] node ids of the source and the target type.
            time: [n] int, or None for an untimed relation; the same choice for all chunks.
        """
        if edge_type not in self._relations:
            raise ValueError(
                f"edge type {edge_type} is not declared; declared: {list(self._relations)}"
            )
        for ids, node_type in ((src, edge_type[0]), (dst, edge_type[2])):
            check_ids(ids, node_type, self._num_nodes.get(node_type, 0), f"{edge_type}: ")
        self._relations[edge_type].add(src, dst, time)

    def create_feature(
        self,
        node_type: str,
        part: str,
        width: int,
        view: str | None = None,
        dtype: Any = np.float32,
    ) -> np.ndarray:
        """Create a named part of a type's features: a zeroed, writable [N, width] array on disk.

        Args:
            part: parts are concatenated in the order in which they are first created.
            view: the view it belongs to, or None when it is the same in all views.
        """
        if view is not None and view not in self.views:
            raise ValueError(f"unknown view {view!r}; available: {list(self.views)}")
        parts = self._features.setdefault(node_type, [])
        entry = next((p for p in parts if p["name"] == part), None)
        if entry is None:
            entry = {"name": part, "width": int(width), "files": {}}
            parts.append(entry)
        key = view or "*"
        if entry["width"] != width or key in entry["files"]:
            raise ValueError(f"feature part {part!r} of {node_type!r} is there already")
        file = f"features/{file_name(node_type, part, *filter(None, [view]))}.npy"
        entry["files"][key] = file
        return zeros(self.folder / file, dtype, (self._num_nodes[node_type], int(width)))

    def add_column(self, node_type: str, name: str, values: np.ndarray) -> None:
        """Add one value per node: ``time`` (int32, NO_TIME for none), ``id``, labels. No objects.

        Args:
            values: [N], or [N, C] for labels of which a node may have several.
        """
        self._check_length(node_type, name, len(values), "values")
        if name == "time":
            values = cast(values, np.int32, f"{node_type} times")
        self._save_column(node_type, name, "array", {"": values})

    def add_ragged(self, node_type: str, name: str, rows: Iterable[np.ndarray | str]) -> None:
        """Add one row of values per node (int32), or one string per node (kept as UTF-8 bytes)."""
        lengths: list[int] = []
        data, dtype = bytearray(), np.dtype(np.int32)
        for row in rows:
            values = encoded_row(row)
            dtype = values.dtype
            lengths.append(len(values))
            data += values.tobytes()
        indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
        self.add_ragged_arrays(node_type, name, indptr, np.frombuffer(data, dtype))

    def add_ragged_arrays(
        self, node_type: str, name: str, indptr: np.ndarray, values: np.ndarray
    ) -> None:
        """Add the same from arrays; ``indptr``: [N + 1] int64, where each row begins."""
        self._check_length(node_type, name, len(indptr) - 1, "rows")
        if indptr[-1] != len(values):
            raise ValueError(
                f"column {name!r} of {node_type!r}: expected {indptr[-1]} values in all rows, "
                f"got {len(values)}"
            )
        self._save_column(node_type, name, "ragged", {".indptr": indptr, ".values": values})

    def _check_length(self, node_type: str, name: str, found: int, what: str) -> None:
        expected = self._num_nodes[node_type]
        if found != expected:
            raise ValueError(
                f"column {name!r} of {node_type!r}: expected {expected} {what}, got {found}"
            )

    def _save_column(
        self, node_type: str, name: str, kind: str, arrays: dict[str, np.ndarray]
    ) -> None:
        """Write the files of a column; ``arrays``: what each file's name ends with -> its array."""
        stem = f"columns/{file_name(node_type, name)}"
        files = [f"{stem}{end}.npy" for end in arrays]
        for file, values in zip(files, arrays.values(), strict=True):
            np.save(self.folder / file, values, allow_pickle=False)
        self._columns.setdefault(node_type, {})[name] = {"kind": kind, "files": files}

    def add_table(self, name: str, values: np.ndarray) -> None:
        """Add an array of the whole graph, e.g. ``word_vectors`` [V, D]."""
        if not _PLAIN.fullmatch(name):  # a table is found by its name alone
            raise ValueError(f"table {name!r}: expected letters, digits, - and _ as its name")
        np.save(self.folder / f"tables/{name}.npy", values, allow_pickle=False)

    def add_words(self, words: list[str]) -> None:
        """Add the vocabulary of the text columns, in the order of the word vectors."""
        data = np.frombuffer("\n".join(words).encode("utf-8"), dtype=np.uint8)
        self.add_table("words", data)

    def finish(self) -> None:
        """Sort and write the edges, then ``meta.json``. Called by :func:`build_graph`."""
        schema = schema_of(self._num_nodes, self._relations)
        num_edges, self.notes = write_edges(self.folder, schema, self._num_nodes, self._relations)
        shutil.rmtree(self.folder / "spool")
        self._write_meta(schema, num_edges)

    def _write_meta(self, schema: Schema, num_edges: list[int]) -> None:
        for node_type, parts in self._features.items():
            for part in parts:
                missing = set(self.views) - set(part["files"])
                if "*" not in part["files"] and missing:
                    raise ValueError(
                        f"feature part {part['name']!r} of {node_type!r} lacks views {missing}"
                    )
        files = {}
        for file in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            entry = {"bytes": file.stat().st_size, "sha256": file_checksum(file)}
            files[file.relative_to(self.folder).as_posix()] = entry
        meta = {
            "format": FORMAT,
            "version": VERSION,
            "schema": schema.to_dict(),
            "num_nodes": self._num_nodes,
            "num_edges": num_edges,
            "views": list(self.views),
            "features": self._features,
            "columns": self._columns,
            "facts": self.facts,
            "files": files,
        }
        record = {"checksum": meta_checksum(meta), "meta": meta}
        text = json.dumps(record, indent=1, ensure_ascii=True)
        (self.folder / META).write_text(text + "\n", encoding="utf-8")
