"""The leak guard: edges that sampling must not see, a task's label edges or held-out pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.kernels import HiddenArrays
from GPT_GNN.schema import EdgeType

Masks = Mapping[EdgeType, tuple[np.ndarray | None, np.ndarray | None]]
Pairs = Mapping[EdgeType, tuple[np.ndarray, np.ndarray]]


class HiddenEdges:
    """The leak guard of samples: edges that are neither walked nor induced, in both directions.

    Naming an edge type hides the same links of its inverse; one of the two is enough.

    Args:
        masks: per edge type ``(source mask, target mask)``, [N_source] and [N_target] bool or
            None for every node: an edge is hidden when both its ends are in their masks.
        pairs: per edge type ``(source ids, target ids)``, [n] each: those edges are hidden (all
            the parallel ones of a multigraph). A pair without an edge hides nothing.

    Attributes:
        schema, num_nodes: of the graph; a sampler of another one refuses it.
        arrays: the same as flat arrays, for the kernel.

    Raises:
        ValueError: unknown edge type, a mask of another shape or dtype, ids out of range.
    """

    def __init__(
        self, graph: HeteroGraph, masks: Masks | None = None, pairs: Pairs | None = None
    ) -> None:
        self.schema = graph.schema
        self.num_nodes = {t: graph.num_nodes(t) for t in graph.node_types}
        rules, flat_masks = self._rules(masks or {})
        none = [np.empty(0, dtype=np.int64)] * len(self.schema.edge_types)
        self._keys = self._with_pairs(none, pairs or {})
        self.arrays = HiddenArrays(rules, flat_masks, *_flat(self._keys))

    def with_pairs(self, pairs: Pairs) -> HiddenEdges:
        """The same and a batch's own pairs besides; the masks are shared, not copied."""
        other = object.__new__(HiddenEdges)
        other.schema, other.num_nodes = self.schema, self.num_nodes
        other._keys = self._with_pairs(self._keys, pairs)
        other.arrays = HiddenArrays(self.arrays.rules, self.arrays.masks, *_flat(other._keys))
        return other

    def hides(self, edge_type: EdgeType, src: np.ndarray, dst: np.ndarray) -> np.ndarray:
        """Which of some edges are hidden, [n] bool; as the kernel decides edge by edge.

        Args:
            src, dst: [n] ids of the source and the target type.
        """
        i = self.schema.edge_type_id(edge_type)
        keys, asked = self._keys[i], (dst.astype(np.int64) << 32) | src
        # The keys may be a whole task's and are ascending: np.isin would hash or sort all of them.
        first, behind = (np.searchsorted(keys, asked, side) for side in ("left", "right"))
        out = first < behind
        for source_at, target_at in self.arrays.rules[i]:
            if source_at == -2:  # no rule
                continue
            ends = ((source_at, src), (target_at, dst))
            masked = [self.arrays.masks[at + ids] > 0 for at, ids in ends if at >= 0]
            out |= np.logical_and.reduce([np.ones(len(src), dtype=bool), *masked])
        return out

    def _rules(self, masks: Masks) -> tuple[np.ndarray, np.ndarray]:
        rules = np.full((len(self.schema.edge_types), 2, 2), -2, dtype=np.int64)
        parts: list[np.ndarray] = []
        starts: dict[int, int] = {}
        for edge_type, ends in masks.items():
            i = self.schema.edge_type_id(edge_type)
            at = []
            for mask, node_type in zip(ends, (edge_type[0], edge_type[2]), strict=True):
                if mask is None:
                    at.append(-1)
                    continue
                if mask.dtype != np.bool_ or mask.shape != (self.num_nodes[node_type],):
                    raise ValueError(
                        f"hidden {edge_type}: expected a bool mask of {self.num_nodes[node_type]} "
                        f"{node_type} nodes, got {mask.dtype} {mask.shape}"
                    )
                if id(mask) not in starts:
                    starts[id(mask)] = sum(len(part) for part in parts)
                    parts.append(mask.view(np.uint8))
                at.append(starts[id(mask)])
            rules[i, 0] = at
            rules[self.schema.inverse[i], 1] = at[::-1]
        return rules, np.concatenate([*parts, np.empty(0, dtype=np.uint8)])

    def _with_pairs(self, keys: list[np.ndarray], pairs: Pairs) -> list[np.ndarray]:
        keys = list(keys)
        for edge_type, (src, dst) in pairs.items():
            i = self.schema.edge_type_id(edge_type)
            source = self._ids(edge_type, edge_type[0], src)
            target = self._ids(edge_type, edge_type[2], dst)
            if len(source) != len(target):
                raise ValueError(
                    f"hidden {edge_type}: {len(source)} source ids, {len(target)} target ids"
                )
            keys[i] = _merged(keys[i], (target << 32) | source)
            inverse = self.schema.inverse[i]
            keys[inverse] = _merged(keys[inverse], (source << 32) | target)
        return keys

    def _ids(self, edge_type: EdgeType, node_type: str, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids).astype(np.int64)
        n = self.num_nodes[node_type]
        if len(ids) and not (0 <= ids.min() and ids.max() < n):
            raise ValueError(
                f"hidden {edge_type}: expected {node_type} ids in [0, {n}), "
                f"got {ids.min()} .. {ids.max()}"
            )
        return ids


def _merged(keys: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Sorted keys with others merged in; linear in ``keys``, which may be a whole task's."""
    more = np.sort(more)
    return np.insert(keys, np.searchsorted(keys, more), more) if len(keys) else more


def _flat(keys: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *(len(k) for k in keys)]).astype(np.int64)
    return np.concatenate([*keys, np.empty(0, dtype=np.int64)]), starts
