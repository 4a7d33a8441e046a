"""Features that are means over other nodes, without the seeds of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from GPT_GNN.graph.store import HeteroGraph

FACT = "means"  # of a store: {"part": name, "over": {node type: node type}}


def count_column(part: str) -> str:
    """The column that says how many nodes a node's mean is over, in the view ``pretrain``."""
    return f"{part}_count"


class SeedMeans:
    """Takes a sample's seeds out of the means that are other nodes' features.

    A node's features may be the mean over the nodes that it is linked to, as an author's are over
    its papers. Then they tell of a seed what pre-training is to generate, the more the fewer nodes
    there are: where a seed is the only one, they are its features. So for each batch the means are
    taken without its seeds, and are zeros where nothing else is left, as for a node of which
    nothing is known. A mean over means follows.

    Args:
        graph: a store with the fact ``means``: ``part`` is the mean over the nodes of type
            ``over[t]`` for each type t, in an order in which those come first; with the column
            :func:`count_column` for each.
        time_max: means are over links up to this time.
    """

    def __init__(self, graph: HeteroGraph, time_max: int) -> None:
        fact = graph.facts[FACT]
        self.graph, self.time_max = graph, time_max
        self.part: str = fact["part"]
        self.over: Mapping[str, str] = fact["over"]

    @classmethod
    def stored(cls, graph: HeteroGraph, time_max: int) -> SeedMeans | None:
        """Those of a store, or None where it does not say that it has means."""
        return cls(graph, time_max) if FACT in graph.facts else None

    def leave_out(
        self,
        node_ids: Sequence[np.ndarray],
        num_seeds: Sequence[int],
        x: Sequence[np.ndarray],
        view: str,
    ) -> None:
        """Change a sample's features in place.

        Args:
            node_ids: per node type, [n_t] ids, seeds first.
            num_seeds: per node type.
            x: per node type, [n_t, F_t] float32 features in this view.
        """
        changed: dict[str, _Changed] = {}
        for node_type, ids, n, rows in zip(
            self.graph.node_types, node_ids, num_seeds, x, strict=True
        ):
            if n and node_type in self.over.values():
                old = rows[:n, self._columns(node_type)].astype(np.float64)
                changed[node_type] = _Changed(ids[:n], old, np.zeros_like(old), np.ones(n, bool))
        for node_type, base in self.over.items():
            if base in changed:
                changed[node_type] = self._without(node_type, base, changed[base], view)
                t = self.graph.schema.node_type_id(node_type)
                _, here, there = np.intersect1d(
                    node_ids[t], changed[node_type].ids, assume_unique=True, return_indices=True
                )
                x[t][here, self._columns(node_type)] = changed[node_type].new[there]

    def _columns(self, node_type: str) -> slice:
        return self.graph.feature_parts(node_type)[self.part]

    def _without(self, node_type: str, base: str, was: _Changed, view: str) -> _Changed:
        """The means over some changed nodes, all of them, in the sample or not."""
        node, row = self._links(node_type, base, was.ids)
        if not len(node):
            return _Changed(node, was.old[:0], was.new[:0], was.gone[:0])
        ids, first = np.unique(node, return_index=True)
        count = self.graph.column(node_type, count_column(self.part))[ids]
        left = count - np.add.reduceat(was.gone[row].astype(np.int64), first)
        old = self.graph.gather_features(node_type, ids, view)[:, self._columns(node_type)]
        old = old.astype(np.float64)
        total = old * count[:, None] + np.add.reduceat((was.new - was.old)[row], first)
        gone = left <= 0
        new = np.where(gone[:, None], 0, total / np.maximum(left, 1)[:, None])
        return _Changed(ids, old, new, gone)

    def _links(self, node_type: str, base: str, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct (node, position in ``ids``) that any relation joins, ascending by node."""
        n, pairs = len(ids), [np.empty(0, dtype=np.int64)]
        for edge_type in self.graph.edge_types:
            if edge_type[::2] == (node_type, base):
                csr = self.graph.csr(edge_type)
                row, edge = csr.rows(ids)
                if csr.time is not None:
                    known = csr.time[edge] <= self.time_max
                    row, edge = row[known], edge[known]
                pairs.append(csr.indices[edge].astype(np.int64) * n + row)
        node, row = np.divmod(np.unique(np.concatenate(pairs)), n)
        return node, row


class _Changed(NamedTuple):
    """Nodes of one type, ids ascending or the seeds', and what they are in means.

    Attributes:
        ids: [n] int64.
        old, new: [n, W] float64, before and after; zeros for what is gone.
        gone: [n] bool, whether it is in no mean any more.
    """

    ids: np.ndarray
    old: np.ndarray
    new: np.ndarray
    gone: np.ndarray
