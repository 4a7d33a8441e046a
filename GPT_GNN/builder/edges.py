"""Edges on their way into a store: spooled to disk in chunks, then sorted, inverses added."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from GPT_GNN.builder.output import zeros
from GPT_GNN.builder.values import cast
from GPT_GNN.graph.csr import indptr_layout
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.schema import EdgeType, Schema

_EDGE = np.dtype([("src", "<i4"), ("dst", "<i4"), ("time", "<i4")])


@dataclass
class Relation:
    """A declared relation, whose edges wait in a file, ``spool`` (not there without edges).

    ``timed`` is None until the first chunk: whether the edges have times.
    """

    edge_type: EdgeType
    inverse: EdgeType
    multigraph: bool
    spool: Path
    timed: bool | None = None

    def add(self, src: np.ndarray, dst: np.ndarray, time: np.ndarray | None) -> None:
        """Append a chunk of edges to the file. Raises ValueError for mixed times or lengths."""
        timed = time is not None
        if self.timed not in (None, timed):
            raise ValueError(f"{self.edge_type}: some edges have a time and some have none")
        if len(src) != len(dst) or (time is not None and len(time) != len(src)):
            raise ValueError(f"{self.edge_type}: src, dst and time differ in length")
        self.timed = timed
        chunk = np.empty(len(src), dtype=_EDGE)
        chunk["src"], chunk["dst"] = src, dst
        chunk["time"] = NO_TIME if time is None else cast(time, np.int32, f"{self.edge_type} times")
        with open(self.spool, "ab") as file:
            chunk.tofile(file)


Relations = Mapping[EdgeType, Relation]


def schema_of(num_nodes: Mapping[str, int], relations: Relations) -> Schema:
    """Types as declared; an inverse that is not declared itself comes right after its relation.

    Raises ValueError for edges that have times in one direction only.
    """
    inverse: dict[EdgeType, EdgeType] = {}
    timed: dict[EdgeType, bool] = {}
    for edge_type, relation in relations.items():
        partner = relations.get(relation.inverse)
        known = {relation.timed, partner.timed if partner else None} - {None}
        if len(known) > 1:
            raise ValueError(f"{edge_type} has times and its inverse has none")
        inverse[edge_type] = relation.inverse
        timed[edge_type] = any(known)
        if partner is None:
            inverse[relation.inverse], timed[relation.inverse] = edge_type, timed[edge_type]
    types = tuple(inverse)
    positions = tuple(types.index(partner) for partner in inverse.values())
    return Schema(tuple(num_nodes), types, positions, tuple(timed.values()))


def write_edges(
    folder: Path, schema: Schema, num_nodes: Mapping[str, int], relations: Relations
) -> tuple[list[int], list[str]]:
    """Write ``indptr.npy`` and ``edges.npy``; memory holds one relation at a time.

    Returns:
        The number of edges of each edge type; a note for each relation with repeated edges.
    """
    start, step = indptr_layout(schema, num_nodes)
    indptr = zeros(folder / "indptr.npy", "<i8", (int(start[-1]),))
    num_edges: list[int] = []
    notes: list[str] = []
    raw = folder / "spool/edges"
    with open(raw, "wb") as file:
        for i, edge_type in enumerate(schema.edge_types):
            src, dst, time = _sorted(edge_type, schema.inverse_of(edge_type), relations, notes)
            n = num_nodes[edge_type[2]]
            ends = np.cumsum(np.bincount(dst, minlength=n))
            indptr[start[i] + step[i] : start[i] + step[i] * n + 1 : step[i]] = ends
            np.stack([src, time], axis=1).tofile(file)
            num_edges.append(len(src))
    # Only now is their number known, which the header says: the file is copied behind it.
    header = {"descr": "<i4", "fortran_order": False, "shape": (sum(num_edges), 2)}
    with open(raw, "rb") as values, open(folder / "edges.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        shutil.copyfileobj(values, file, 2**20)
    return num_edges, notes


def _sorted(
    edge_type: EdgeType, inverse: EdgeType, relations: Relations, notes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """src, dst and time [E] int32 of all edges of one direction, its own and its inverse's.

    Each edge is there once; they are sorted by (dst, time, src).
    """
    own, turned = (_spooled(relations.get(direction)) for direction in (edge_type, inverse))
    dst = np.concatenate([own["dst"], turned["src"]])
    src = np.concatenate([own["src"], turned["dst"]])
    time = np.concatenate([own["time"], turned["time"]])
    is_turned = np.repeat(np.array([0, 1], dtype=np.int8), [len(own), len(turned)])
    del own, turned  # a relation may be a large part of the graph
    dst, src, time, is_turned = sort_rows(dst, src, time, is_turned)
    multigraph = (relations.get(edge_type) or relations[inverse]).multigraph
    repeats = _repeats(dst, src, time, multigraph)
    if repeats.any():
        given = is_turned == 0  # what its inverse holds too is no repetition
        notes += _repeat_note(edge_type, dst[given], src[given], time[given], multigraph)
    dst, src, time = dst[~repeats], src[~repeats], time[~repeats]
    if len(time) and (time != time[0]).any():
        dst, time, src = sort_rows(dst, time, src)
    return src, dst, time


def _spooled(relation: Relation | None) -> np.ndarray:
    if relation is None or not relation.spool.exists():
        return np.empty(0, dtype=_EDGE)
    return np.fromfile(relation.spool, dtype=_EDGE)


def _repeats(dst: np.ndarray, src: np.ndarray, time: np.ndarray, multigraph: bool) -> np.ndarray:
    """Which of sorted edges repeat the one before, in a multigraph its time too. [n] bool."""
    repeats = np.zeros(len(dst), dtype=bool)
    repeats[1:] = (dst[1:] == dst[:-1]) & (src[1:] == src[:-1])
    if multigraph:
        repeats[1:] &= time[1:] == time[:-1]
    return repeats


def _repeat_note(
    edge_type: EdgeType, dst: np.ndarray, src: np.ndarray, time: np.ndarray, multigraph: bool
) -> list[str]:
    """A line about a relation's own edges, sorted, if some repeat others."""
    repeats = _repeats(dst, src, time, multigraph)
    if not repeats.any():
        return []
    kept = "they are kept once"
    if (time[1:] != time[:-1])[repeats[1:]].any():
        kept = "the earliest of each is kept; multigraph: true keeps one for each time"
    return [
        f"note: {':'.join(edge_type)}: {int(repeats.sum()):,} of {len(time):,} edges repeat a "
        f"link: {kept}"
    ]


def sort_rows(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sort rows of int32 columns lexicographically, the first column counting most.

    Columns whose ranges fit into 63 bits together are packed into one key, sorted in place and
    unpacked: 8 bytes per row beside the result, where sorting by an index takes 16 and is slower.
    """
    if not len(columns[0]):
        return tuple(column.copy() for column in columns)
    low = [int(column.min()) for column in columns]
    bits = [(int(c.max()) - least).bit_length() for c, least in zip(columns, low, strict=True)]
    if sum(bits) > 63:
        order = np.lexsort(columns[::-1])
        return tuple(column[order] for column in columns)
    keys = np.zeros(len(columns[0]), dtype=np.int64)
    for column, least, width in zip(columns, low, bits, strict=True):
        keys <<= width
        keys += column
        keys -= least
    keys.sort()
    out = []
    for least, width in zip(low[::-1], bits[::-1], strict=True):
        column = keys & ((1 << width) - 1)
        column += least
        out.append(column.astype(np.int32))
        keys >>= width
    return tuple(out[::-1])


def link_keys(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """One number per link, [E] int64, that sorts by source and then by target."""
    return (np.asarray(src, dtype=np.int64) << 32) | np.asarray(dst, dtype=np.int64)
