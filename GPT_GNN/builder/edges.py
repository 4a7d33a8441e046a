"""Edges on their way into a store: spooled to disk in chunks, then sorted, inverses added."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from GPT_GNN.builder.files import zeros
from GPT_GNN.builder.sort import sort_rows
from GPT_GNN.builder.values import cast
from GPT_GNN.graph.csr import indptr_layout
from GPT_GNN.graph.store import NO_TIME, check_ids
from GPT_GNN.schema import EdgeType, Schema

_EDGE = np.dtype([("src", "<i4"), ("dst", "<i4"), ("time", "<i4")])


@dataclass
class _Relation:
    """A declared edge type; ``timed`` is None until its first chunk of edges."""

    edge_type: EdgeType
    inverse: EdgeType
    multigraph: bool
    timed: bool | None = None


class EdgeSpool:
    """Takes the edges of a store that is being built; memory holds one relation at a time.

    Args:
        folder: of the store; chunks lie in its subfolder ``spool`` until they are written.
        num_nodes: per node type; types may be added until :meth:`write`.

    Attributes:
        repeats: a line for each relation in which edges were repeated, once written.
    """

    def __init__(self, folder: Path, num_nodes: Mapping[str, int]) -> None:
        self.repeats: list[str] = []
        self._folder = folder
        self._num_nodes = num_nodes
        self._relations: dict[EdgeType, _Relation] = {}

    def declare(self, edge_type: EdgeType, inverse: str | None, multigraph: bool) -> None:
        """See :meth:`GPT_GNN.builder.builder.GraphBuilder.add_relation`."""
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

    def add(
        self, edge_type: EdgeType, src: np.ndarray, dst: np.ndarray, time: np.ndarray | None
    ) -> None:
        """See :meth:`GPT_GNN.builder.builder.GraphBuilder.add_edges`."""
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
            check_ids(ids, node_type, self._num_nodes.get(node_type, 0), f"{edge_type}: ")
        chunk = np.empty(len(src), dtype=_EDGE)
        chunk["src"], chunk["dst"] = src, dst
        chunk["time"] = NO_TIME if time is None else cast(time, np.int32, f"{edge_type} times")
        with open(self._file(edge_type), "ab") as file:
            chunk.tofile(file)

    def write(self) -> tuple[Schema, list[int]]:
        """Write ``indptr.npy`` and ``edges.npy``.

        Returns:
            The store's schema; the number of edges of each edge type.
        """
        schema = self._schema()
        start, step = indptr_layout(schema, self._num_nodes)
        indptr = zeros(self._folder / "indptr.npy", "<i8", (int(start[-1]),))
        num_edges = []
        raw = self._folder / "spool/edges"
        with open(raw, "wb") as file:
            for i, edge_type in enumerate(schema.edge_types):
                src, dst, time = self._sorted(edge_type, schema.inverse_of(edge_type))
                n = self._num_nodes[edge_type[2]]
                ends = np.cumsum(np.bincount(dst, minlength=n))
                indptr[start[i] + step[i] : start[i] + step[i] * n + 1 : step[i]] = ends
                np.stack([src, time], axis=1).tofile(file)
                num_edges.append(len(src))
        # Behind the header comes a copy of the file, so that memory never holds all relations.
        header = {"descr": "<i4", "fortran_order": False, "shape": (sum(num_edges), 2)}
        with open(raw, "rb") as values, open(self._folder / "edges.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            shutil.copyfileobj(values, file, 2**20)
        return schema, num_edges

    def _schema(self) -> Schema:
        """Edge types as declared; an inverse that is not declared comes after its relation."""
        partner: dict[EdgeType, EdgeType] = {}
        timed: dict[EdgeType, bool] = {}
        for edge_type, relation in self._relations.items():
            inverse = relation.inverse
            twin = self._relations.get(inverse)
            if twin and None not in (relation.timed, twin.timed) and relation.timed != twin.timed:
                raise ValueError(f"{edge_type} has times and its inverse has none")
            partner[edge_type] = inverse
            timed[edge_type] = bool(relation.timed or (twin and twin.timed))
            if twin is None:
                partner[inverse], timed[inverse] = edge_type, timed[edge_type]
        types = tuple(partner)
        inverses = tuple(types.index(inverse) for inverse in partner.values())
        return Schema(tuple(self._num_nodes), types, inverses, tuple(timed.values()))

    def _sorted(
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
            self._note_repeats(edge_type, dst[given], src[given], time[given], relation.multigraph)
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
        kept = "they are kept once"
        if (time[1:] != time[:-1])[repeats[1:]].any():
            kept = "the earliest of each is kept; multigraph: true keeps one for each time"
        self.repeats.append(
            f"note: {':'.join(edge_type)}: {int(repeats.sum()):,} of {len(time):,} edges repeat a "
            f"link: {kept}"
        )

    def _spooled(self, edge_type: EdgeType) -> np.ndarray:
        file = self._file(edge_type)
        return np.fromfile(file, dtype=_EDGE) if file.exists() else np.empty(0, dtype=_EDGE)

    def _file(self, edge_type: EdgeType) -> Path:
        position = list(self._relations).index(edge_type) if edge_type in self._relations else -1
        return self._folder / "spool" / f"edges.{position}"


def _repeats(dst: np.ndarray, src: np.ndarray, time: np.ndarray, multigraph: bool) -> np.ndarray:
    """Which of sorted edges repeat the one before, in a multigraph its time too. [n] bool."""
    repeats = np.zeros(len(dst), dtype=bool)
    repeats[1:] = (dst[1:] == dst[:-1]) & (src[1:] == src[:-1])
    if multigraph:
        repeats[1:] &= time[1:] == time[:-1]
    return repeats
