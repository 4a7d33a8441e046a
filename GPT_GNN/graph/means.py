"""Features that are means over other nodes, recomputed without a sample's seed nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from GPT_GNN.graph.split import NO_BOUND
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.system.compiler import serial_kernel

FACT = "means"  # of a store, see SeedMeans


def unnamed_means(graph: HeteroGraph) -> bool:
    """Whether features of a store may be such means without its fact saying which.

    So it is with academic stores from before the fact or with rows appended, which have the fact
    ``views``, and with graphs of the published code, whose ``source`` was converted.
    """
    source = graph.facts.get("source")
    converted = isinstance(source, Mapping) and "conversion" in source
    return FACT not in graph.facts and ("views" in graph.facts or converted)


def count_column(part: str) -> str:
    """The column that counts the nodes a mean is taken over."""
    return f"{part}_count"


class SeedMeans:
    """Takes a sample's seed nodes out of the means that are other nodes' features.

    This is the leak guard of means: a node's features may be the mean over its neighbours, as an
    author's are over its papers. Such a mean shows the features of a seed node that pre-training
    has to generate, fully where it is the only one. So each batch's means are taken without its
    seed nodes; a mean over nothing is zeros. Means over means change with them.

    Args:
        graph: a store with the fact ``means``: in the view ``view`` the feature part ``part`` of
            each node type t in ``over`` is the mean over its neighbours of type ``over[t]`` up to
            the time ``until`` (None for no bound); the column :func:`count_column` is their number.

    Raises:
        ValueError: the store has no such fact, or the fact names a part that is not there.
    """

    def __init__(self, graph: HeteroGraph) -> None:
        fact = graph.facts.get(FACT, {})
        if not {"part", "view", "until", "over"} <= fact.keys():
            raise ValueError(
                f"{graph.path}: expected the fact {FACT!r} with part, view, until and over, "
                f"found {sorted(fact)}"
            )
        self.graph = graph
        self.part: str = fact["part"]
        self.view: str = fact["view"]
        self.until = NO_BOUND if fact["until"] is None else int(fact["until"])
        self.over = _bases_first(graph, fact["over"])
        name = count_column(self.part)
        for node_type in {*self.over, *self.over.values()}:
            if self.part not in graph.feature_parts(node_type):
                raise ValueError(
                    f"{graph.path}: fact {FACT!r}: expected a part {self.part!r} of {node_type!r}, "
                    f"found {sorted(graph.feature_parts(node_type))}"
                )
        self._count = {node_type: graph.column(node_type, name) for node_type in self.over}

    @classmethod
    def stored(cls, graph: HeteroGraph) -> SeedMeans | None:
        """Those of a store, or None for a store without such means."""
        return cls(graph) if FACT in graph.facts else None

    def leave_out(
        self,
        node_ids: Sequence[np.ndarray],
        num_seeds: Sequence[int],
        x: Sequence[np.ndarray],
        view: str,
    ) -> None:
        """Change a sample's features in place.

        Args:
            node_ids: per node type, [n_t] ids, seed nodes first.
            num_seeds: per node type.
            x: per node type, [n_t, F_t] float32 features in this view.
        """
        if view != self.view:
            raise ValueError(
                f"{self.graph.path}: seed nodes can be taken out of the means of view "
                f"{self.view!r} only, got {view!r}"
            )
        changed: dict[str, _Changed] = {}
        for node_type, ids, n, rows in zip(
            self.graph.node_types, node_ids, num_seeds, x, strict=True
        ):
            if n and node_type in self.over.values():
                old = np.ascontiguousarray(rows[:n, self._columns(node_type)])
                changed[node_type] = _Changed(ids[:n], old, np.zeros_like(old), np.ones(n, bool))
        for node_type, base in self.over.items():
            if base in changed:
                t = self.graph.schema.node_type_id(node_type)
                # Only a type that others are means over has to be followed beyond the sample.
                among = None if node_type in self.over.values() else node_ids[t]
                found = self._without(node_type, base, changed[base], among, view)
                _, here, there = np.intersect1d(
                    node_ids[t], found.ids, assume_unique=True, return_indices=True
                )
                x[t][here, self._columns(node_type)] = found.new[there]
                changed[node_type] = found

    def _columns(self, node_type: str) -> slice:
        return self.graph.feature_parts(node_type)[self.part]

    def _without(
        self, node_type: str, base: str, was: _Changed, among: np.ndarray | None, view: str
    ) -> _Changed:
        """The means over some changed nodes: all of them, or those whose ids are ``among`` some."""
        node, row = self._links(node_type, base, was.ids)
        if among is not None:
            inside = np.isin(node, among)
            node, row = node[inside], row[inside]
        ids, first = np.unique(node, return_index=True)
        count = self._count[node_type][ids]
        columns = self._columns(node_type)
        old = np.ascontiguousarray(self.graph.gather_features(node_type, ids, view)[:, columns])
        left, new = _taken_out(old, count, np.append(first, len(row)), row, *was[1:])
        return _Changed(ids, old, new, left <= 0)

    def _links(self, node_type: str, base: str, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct (node, position in ``ids``) that any relation joins, ascending by node."""
        n, pairs = len(ids), [np.empty(0, dtype=np.int64)]
        for edge_type in self.graph.edge_types:
            if edge_type[::2] == (node_type, base):
                csr = self.graph.csr(edge_type)
                row, edge = csr.rows(ids)
                if csr.time is not None:
                    known = csr.time[edge] <= self.until
                    row, edge = row[known], edge[known]
                pairs.append(csr.indices[edge].astype(np.int64) * n + row)
        node, row = np.divmod(np.unique(np.concatenate(pairs)), n)
        return node, row


def _bases_first(graph: HeteroGraph, over: Mapping[str, str]) -> dict[str, str]:
    """Which type is the mean over which, sorted so that a mean comes after what it is over."""
    left, out = dict(over), {}
    while left:
        ready = [node_type for node_type, base in left.items() if base not in left]
        if not ready:
            raise ValueError(f"{graph.path}: fact {FACT!r}: means over each other: {left}")
        out.update({node_type: left.pop(node_type) for node_type in ready})
    return out


class _Changed(NamedTuple):
    """Distinct nodes of one type, [n] int64 ``ids``, whose part in the means changes: ``old`` to
    ``new``, [n, W] float32. Those that are ``gone``, [n] bool, are in no mean any more.
    """

    ids: np.ndarray
    old: np.ndarray
    new: np.ndarray
    gone: np.ndarray


@serial_kernel
def _taken_out(mean, count, first, row, old, new, gone):
    """Update means whose nodes have changed: how many nodes are left, [n], and [n, W] float32.

    ``row[first[i]:first[i + 1]]`` are the changed nodes of mean i, as positions in ``old`` etc.
    """
    n, width = mean.shape
    left, out = np.empty(n, np.int64), np.zeros((n, width), np.float32)
    total = np.empty(width)  # float64: what is taken out must not stay behind as rounding
    for i in range(n):
        left[i] = count[i]
        for c in range(width):
            total[c] = np.float64(mean[i, c]) * count[i]
        for k in range(first[i], first[i + 1]):
            j = row[k]
            left[i] -= gone[j]
            for c in range(width):
                total[c] += np.float64(new[j, c]) - old[j, c]
        if left[i] > 0:
            for c in range(width):
                out[i, c] = total[c] / left[i]
    return left, out
