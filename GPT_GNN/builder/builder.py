"""Write a graph store: chunks of edges are sorted to CSR, inverses added, all or nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.output import META, store_files
from GPT_GNN.builder.remarks import remarks
from GPT_GNN.builder.sort import sort_rows
from GPT_GNN.graph.store import (
    FORMAT,
    NO_TIME,
    VERSION,
    HeteroGraph,
    file_checksum,
    indptr_layout,
    meta_checksum,
)
from GPT_GNN.schema import EdgeType, Schema
from GPT_GNN.system.files import atomic_folder

_EDGE = np.dtype([("src", "<i4"), ("dst", "<i4"), ("time", "<i4")])
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")  # the name of a table
_LONGEST_NAME = 100  # of what is part of a file's name: file systems take 255 bytes


@dataclass
class _Relation:
    edge_type: EdgeType
    inverse: EdgeType
    multigraph: bool
    timed: bool | None = None  # set by the first chunk of edges


@contextmanager
def build_graph(
    path: str | os.PathLike[str],
    views: Iterable[str] = ("default",),
    keep_other_files: bool = False,
) -> Iterator[GraphBuilder]:
    """Build a store at ``path``; nothing is there until the block ends without an error.

    Then what its owner should know is printed: repeated edges, and :func:`remarks`.

    Args:
        path: the folder to create or replace.
        views: names of the feature views.
        keep_other_files: build also where ``path`` holds files that are not a store's, and leave
            them there.

    Raises:
        OtherFilesError: ``path`` holds such files, or is a file.
    """
    with atomic_folder(path, store_files, keep_other_files) as folder:
        builder = GraphBuilder(folder, tuple(views))
        yield builder
        builder.finish()
    for line in (*builder.repeats, *remarks(HeteroGraph.open(path))):
        tqdm.write(line)


class GraphBuilder:
    """Collects nodes, features and edges of a store; use :func:`build_graph` to get one.

    Edge chunks are spooled to disk, so that memory holds one relation at a time, and that only
    while it is sorted.

    Attributes:
        folder: being filled.
        views: names of the feature views.
        facts: what the data set says about itself, for JSON.
        repeats: a line for each relation in which edges were repeated, once finished.
    """

    def __init__(self, folder: Path, views: tuple[str, ...]) -> None:
        self.folder = folder
        self.views = views
        self.facts: dict[str, Any] = {}
        self.repeats: list[str] = []
        self._num_nodes: dict[str, int] = {}
        self._relations: dict[EdgeType, _Relation] = {}
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
        self._relations[edge_type] = _Relation(edge_type, inverse_type, multigraph)

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

        Raises:
            ValueError: undeclared relation, ids out of range, lengths that differ, mixed times.
        """
        if edge_type not in self._relations:
            raise ValueError(
                f"edge type {edge_type} is not declared; declared: {list(self._relations)}"
            )
        relation = self._relations[edge_type]
        timed = time is not None
        if relation.timed is None:
            relation.timed = timed
        if relation.timed != timed:
            raise ValueError(f"{edge_type}: some edges have a time and some have none")
        if len(src) != len(dst) or (time is not None and len(time) != len(src)):
            raise ValueError(f"{edge_type}: src, dst and time differ in length")
        for ids, node_type in ((src, edge_type[0]), (dst, edge_type[2])):
            n = self._num_nodes.get(node_type, 0)
            if len(ids) and not (0 <= int(np.min(ids)) and int(np.max(ids)) < n):
                raise ValueError(
                    f"{edge_type}: expected {node_type} ids in [0, {n}), "
                    f"got {int(np.min(ids))} .. {int(np.max(ids))}"
                )
        chunk = np.empty(len(src), dtype=_EDGE)
        chunk["src"], chunk["dst"] = src, dst
        chunk["time"] = NO_TIME if time is None else _as_int32(time, f"{edge_type} times")
        with open(self._spool_file(edge_type), "ab") as file:
            chunk.tofile(file)

    def create_feature(
        self,
        node_type: str,
        part: str,
        width: int,
        view: str | None = None,
        dtype: Any = np.float32,
    ) -> np.ndarray:
        """A zeroed, writable [N, width] array on disk: a named part of a type's features.

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
        names = [node_type, part] + ([view] if view else [])
        file = f"features/{_file_name(*names)}.npy"
        entry["files"][key] = file
        shape = (self._num_nodes[node_type], int(width))
        return self._zeros(file, dtype, shape)

    def add_column(self, node_type: str, name: str, values: np.ndarray) -> None:
        """One value a node: ``time`` (int32, NO_TIME for none), ``id``, labels. No objects.

        Args:
            values: [N], or [N, C] for labels of which a node may have several.
        """
        if len(values) != self._num_nodes[node_type]:
            raise ValueError(
                f"column {name!r} of {node_type!r}: expected {self._num_nodes[node_type]} "
                f"values, got {len(values)}"
            )
        if name == "time":
            values = _as_int32(values, f"{node_type} times")
        file = f"columns/{_file_name(node_type, name)}.npy"
        np.save(self.folder / file, values, allow_pickle=False)
        self._columns.setdefault(node_type, {})[name] = {"kind": "array", "files": [file]}

    def add_ragged(self, node_type: str, name: str, rows: Iterable[np.ndarray | str]) -> None:
        """One row of values a node (int32), or one string a node (kept as UTF-8 bytes)."""
        lengths: list[int] = []
        dtype: Any = np.int32
        spool = self.folder / "spool" / "ragged"
        with open(spool, "wb") as file:
            for row in rows:
                if isinstance(row, str):
                    dtype, data = np.uint8, row.encode("utf-8")
                    lengths.append(len(data))
                    file.write(data)
                else:
                    lengths.append(len(row))
                    file.write(np.asarray(row, dtype=np.int32).tobytes())
        if len(lengths) != self._num_nodes[node_type]:
            raise ValueError(
                f"column {name!r} of {node_type!r}: expected {self._num_nodes[node_type]} "
                f"rows, got {len(lengths)}"
            )
        indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
        self.add_ragged_arrays(node_type, name, indptr, np.fromfile(spool, dtype=dtype))
        spool.unlink()

    def add_ragged_arrays(
        self, node_type: str, name: str, indptr: np.ndarray, values: np.ndarray
    ) -> None:
        """The same from arrays.

        Args:
            indptr: [N + 1] int64, where each row begins.
            values: int32, or the UTF-8 bytes of strings, uint8.
        """
        if len(indptr) != self._num_nodes[node_type] + 1 or indptr[-1] != len(values):
            raise ValueError(
                f"column {name!r} of {node_type!r}: expected {self._num_nodes[node_type]} rows, "
                f"got {len(indptr) - 1} of {indptr[-1]} values, {len(values)} given"
            )
        stem = f"columns/{_file_name(node_type, name)}"
        np.save(self.folder / f"{stem}.indptr.npy", indptr)
        np.save(self.folder / f"{stem}.values.npy", values)
        files = [f"{stem}.indptr.npy", f"{stem}.values.npy"]
        self._columns.setdefault(node_type, {})[name] = {"kind": "ragged", "files": files}

    def add_table(self, name: str, values: np.ndarray) -> None:
        """A graph-level array, e.g. ``word_vectors`` [V, D]."""
        if not _PLAIN.fullmatch(name):  # a table is found by its name alone
            raise ValueError(f"table {name!r}: expected letters, digits, - and _ as its name")
        np.save(self.folder / f"tables/{name}.npy", values, allow_pickle=False)

    def add_words(self, words: list[str]) -> None:
        """The vocabulary of the text columns, in the order of the word vectors."""
        data = np.frombuffer("\n".join(words).encode("utf-8"), dtype=np.uint8)
        self.add_table("words", data)

    def finish(self) -> None:
        """Sort and write the edges, then ``meta.json``. Called by :func:`build_graph`."""
        edge_types, inverse = self._edge_types()
        edges = dict.fromkeys(edge_types, 0)
        timed = dict.fromkeys(edge_types, False)
        for edge_type in edge_types:
            relation = self._relations.get(edge_type)
            if relation is not None:
                timed[edge_type] |= bool(relation.timed)
                timed[relation.inverse] |= bool(relation.timed)
        self._check_mixed_times()
        schema = Schema(
            tuple(self._num_nodes), edge_types, inverse, tuple(timed[e] for e in edge_types)
        )
        start, step = indptr_layout(schema, self._num_nodes)
        indptr = self._zeros("indptr.npy", "<i8", (int(start[-1]),))
        with open(self.folder / "spool/edges", "wb") as edges_file:
            for i, edge_type in enumerate(edge_types):
                src, dst, time = self._directed_edges(edge_type, edge_types[inverse[i]])
                edges[edge_type] = len(src)
                n = self._num_nodes[edge_type[2]]
                ends = np.cumsum(np.bincount(dst, minlength=n))
                indptr[start[i] + step[i] : start[i] + step[i] * n + 1 : step[i]] = ends
                np.stack([src, time], axis=1).tofile(edges_file)
        del indptr  # written out before its checksum is taken
        self._edges_to_npy()
        for file in (self.folder / "spool").iterdir():
            file.unlink()
        (self.folder / "spool").rmdir()
        self._write_meta(schema, [edges[e] for e in edge_types])

    def _edge_types(self) -> tuple[tuple[EdgeType, ...], tuple[int, ...]]:
        # As declared; an inverse that is not declared comes right after its relation.
        ordered: list[EdgeType] = []
        for relation in self._relations.values():
            ordered.append(relation.edge_type)
            if relation.inverse not in self._relations:
                ordered.append(relation.inverse)
        partner = {r.edge_type: r.inverse for r in self._relations.values()}
        partner |= {r.inverse: r.edge_type for r in self._relations.values()}
        return tuple(ordered), tuple(ordered.index(partner[e]) for e in ordered)

    def _check_mixed_times(self) -> None:
        for relation in self._relations.values():
            partner = self._relations.get(relation.inverse)
            if partner and None not in (relation.timed, partner.timed):
                if relation.timed != partner.timed:
                    raise ValueError(f"{relation.edge_type} has times and its inverse has none")

    def _directed_edges(
        self, edge_type: EdgeType, inverse: EdgeType
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """src, dst and time [E] int32 of all edges of one direction, its own and its inverse's.

        Each edge is there once; they are sorted by (dst, time, src).
        """
        own, turned = self._spooled(edge_type), self._spooled(inverse)
        dst = np.concatenate([own["dst"], turned["src"]])
        src = np.concatenate([own["src"], turned["dst"]])
        time = np.concatenate([own["time"], turned["time"]])
        is_turned = np.repeat(np.array([0, 1], dtype=np.int8), [len(own), len(turned)])
        del own, turned  # a relation may be a large part of the graph
        dst, src, time, is_turned = sort_rows(dst, src, time, is_turned)
        relation = self._relations.get(edge_type) or self._relations[inverse]
        repeats = _repeats(dst, src, time, relation.multigraph)
        if repeats.any():
            given = is_turned == 0  # what its inverse holds too is no repetition
            ends = dst[given], src[given], time[given]
            self._note_repeats(edge_type, *ends, multigraph=relation.multigraph)
        dst, src, time = dst[~repeats], src[~repeats], time[~repeats]
        if len(time) and (time != time[0]).any():
            dst, time, src = sort_rows(dst, time, src)
        return src, dst, time

    def _note_repeats(
        self,
        edge_type: EdgeType,
        dst: np.ndarray,
        src: np.ndarray,
        time: np.ndarray,
        multigraph: bool,
    ) -> None:
        """Keep a line about those of a relation's own edges, sorted, that repeat others."""
        repeats = _repeats(dst, src, time, multigraph)
        if not repeats.any():
            return
        is_later = (time[1:] != time[:-1])[repeats[1:]].any()
        kept = "they are kept once"
        if is_later:
            kept = "the earliest of each is kept; multigraph: true keeps one for each time"
        self.repeats.append(
            f"note: {':'.join(edge_type)}: {int(repeats.sum()):,} of {len(time):,} edges repeat a "
            f"link: {kept}"
        )

    def _spooled(self, edge_type: EdgeType) -> np.ndarray:
        file = self._spool_file(edge_type)
        return np.fromfile(file, dtype=_EDGE) if file.exists() else np.empty(0, dtype=_EDGE)

    def _spool_file(self, edge_type: EdgeType) -> Path:
        position = list(self._relations).index(edge_type) if edge_type in self._relations else -1
        return self.folder / "spool" / f"edges.{position}"

    def _zeros(self, name: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        """A zeroed, writable array in a file of its own."""
        array = np.lib.format.open_memmap(self.folder / name, "w+", np.dtype(dtype), shape)
        _reserve(self.folder / name)
        return array

    def _edges_to_npy(self) -> None:
        """Copy the edges behind an .npy header, without holding all relations in memory."""
        raw = self.folder / "spool/edges"
        header = {"descr": "<i4", "fortran_order": False, "shape": (raw.stat().st_size // 8, 2)}
        with open(raw, "rb") as values, open(self.folder / "edges.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            shutil.copyfileobj(values, file, 2**20)

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


def _repeats(dst: np.ndarray, src: np.ndarray, time: np.ndarray, multigraph: bool) -> np.ndarray:
    """Which of sorted edges repeat the one before, in a multigraph its time too. [n] bool."""
    repeats = np.zeros(len(dst), dtype=bool)
    repeats[1:] = (dst[1:] == dst[:-1]) & (src[1:] == src[:-1])
    if multigraph:
        repeats[1:] &= time[1:] == time[:-1]
    return repeats


def _file_name(*names: str) -> str:
    """A file's name from names that may come out of a file of others.

    What could lead out of the folder, or make two files one, is written as %XX.
    """
    quoted = [quote(name, safe=" ").replace(".", "%2E") for name in names]
    if any(len(name) > _LONGEST_NAME for name in quoted):
        raise ValueError(f"expected names of at most {_LONGEST_NAME} letters, got {names}")
    return ".".join(quoted)


def _as_int32(values: np.ndarray, what: str) -> np.ndarray:
    """Times as int32; a time that would wrap round or lose its fraction is an error."""
    values = np.asarray(values)
    with np.errstate(invalid="ignore"):
        narrow = values.astype(np.int32)
    if not np.array_equal(narrow, values):
        wrong = values[narrow != values][0]
        raise ValueError(f"{what}: expected integers of 32 bits, got {wrong}")
    return narrow


def _reserve(path: Path) -> None:
    # A mapped file is a hole until it is written; on a full disk that write would kill the process
    # (SIGBUS) and leave a half-written folder, so the space is claimed now, with an OSError.
    if hasattr(os, "posix_fallocate"):
        with open(path, "rb+") as file:
            os.posix_fallocate(file.fileno(), 0, max(path.stat().st_size, 1))
