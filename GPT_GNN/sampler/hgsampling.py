"""HGSampling: from seed nodes to a typed, timed, induced subgraph."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.sampler import kernels
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.subgraph import Subgraph

Seeds = Mapping[str, tuple[np.ndarray, np.ndarray | None]]


class HGSampler:
    """Samples subgraphs of one graph; several threads may share one.

    All that it keeps is room: each thread's table of reached nodes grows once, not in every sample.

    Each sampled node adds, for every relation into it, 1 / (number of drawn edges) to the budget
    of each drawn neighbour; each of ``depth`` rounds draws up to ``width`` nodes of every type
    that has a budget, with probability proportional to the budget squared.

    Args:
        graph: the store.
        depth: rounds of drawing, >= 0.
        width: nodes drawn per type and round, and in-edges drawn per node and relation, >= 1.

    Source: HGT (WWW 2020) algorithms 1 and 2; GPT-GNN (KDD 2020) section 3.5; the published
        ``sample_subgraph``.
    Differs: an edge later than ``time_max`` is as if it were not in the graph (the published code
        draws it, counts it and then skips it, so that the future thins out the sample, and induces
        it when both ends are sampled); seeds are distinct; an edge of a multigraph counts as often
        as it is stored, and its drawn edges are taken in stored order, so that the latest of
        several gives the time.
    """

    def __init__(self, graph: HeteroGraph, depth: int, width: int) -> None:
        if depth < 0 or width < 1:
            raise ValueError(f"expected depth >= 0 and width >= 1, got {depth} and {width}")
        self.graph = graph
        self.depth = depth
        self.width = width
        self._arrays = _graph_arrays(graph)
        self._nothing = HiddenEdges(graph)
        self._room = threading.local()

    def sample(
        self, seeds: Seeds, time_max: int, hidden: HiddenEdges | None, rng: np.random.Generator
    ) -> Subgraph:
        """Draw the subgraph around some seeds.

        Args:
            seeds: per node type ids, [n] distinct, and their times, [n] int in the graph's unit or
                None where there are none. The types extend the budgets in this order.
            time_max: nothing later than this is in the sample.
            hidden: edges that are treated as if they were not in the graph.
            rng: gives one number; the same state gives the same sample.

        Returns:
            The sampled nodes, seeds first, and all visible edges between them.

        Raises:
            ValueError: an unknown type, an id twice or out of range, a seed later than
                ``time_max``, ``hidden`` of another graph.
        """
        schema = self.graph.schema
        unseen = hidden or self._nothing
        if unseen.schema != schema or unseen.num_nodes != self._nothing.num_nodes:
            raise ValueError(
                "hidden belongs to another graph: its types or numbers of nodes differ"
            )
        nodes, kinds, times = self._flat_seeds(seeds, time_max)
        if not hasattr(self._room, "pool"):
            self._room.pool = kernels.new_pool(len(schema.node_types), 0)
        *arrays, self._room.pool = kernels.sample(
            self._arrays,
            unseen.arrays,
            nodes,
            kinds,
            times,
            self.depth,
            self.width,
            int(time_max),
            int(rng.integers(2**63)),
            self._room.pool,
        )
        node, time, first, src, dst, link, num_links, offsets = arrays
        groups = [slice(a, b) for a, b in zip(first[:-1], first[1:], strict=True)]
        starts = self._arrays.type_start
        return Subgraph(
            schema=schema,
            node_ids=tuple(node[g] - start for g, start in zip(groups, starts, strict=False)),
            node_times=tuple(time[g] for g in groups),
            num_seeds=tuple(len(seeds[t][0]) if t in seeds else 0 for t in schema.node_types),
            src=src,
            dst=dst,
            link=link,
            num_links=int(num_links),
            edge_offsets=offsets,
            time_max=int(time_max),
            hidden=hidden,
        )

    def _flat_seeds(self, seeds: Seeds, time_max: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Global ids [n] int64, types [n] int64 and times [n] int32 of all seeds, checked."""
        nodes, kinds, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [_no_times(0)]
        for node_type, (ids, seed_times) in seeds.items():
            kind = self.graph.schema.node_type_id(node_type)
            ids = np.asarray(ids).astype(np.int64)
            seed_times = _no_times(len(ids)) if seed_times is None else np.asarray(seed_times)
            if ids.ndim != 1 or seed_times.shape != ids.shape:
                raise ValueError(
                    f"{node_type} seeds: {ids.shape} ids and {seed_times.shape} times differ"
                )
            n = self.graph.num_nodes(node_type)
            if len(ids) and not (0 <= ids.min() and ids.max() < n):
                raise ValueError(
                    f"{node_type} seeds: expected ids in [0, {n}), got {ids.min()} .. {ids.max()}"
                )
            ordered = np.sort(ids)
            if (ordered[1:] == ordered[:-1]).any():
                twice = int(ordered[1:][ordered[1:] == ordered[:-1]][0])
                raise ValueError(f"{node_type} seeds: expected distinct ids, got {twice} twice")
            if len(ids) and seed_times.max() > time_max:
                raise ValueError(
                    f"{node_type} seeds: expected times up to {time_max}, got {seed_times.max()}"
                )
            nodes.append(ids + self._arrays.type_start[kind])
            kinds.append(np.full(len(ids), kind, dtype=np.int64))
            times.append(seed_times.astype(np.int32))
        return np.concatenate(nodes), np.concatenate(kinds), np.concatenate(times)


def _no_times(n: int) -> np.ndarray:
    return np.full(n, NO_TIME, dtype=np.int32)


def _graph_arrays(graph: HeteroGraph) -> kernels.GraphArrays:
    schema = graph.schema
    counts = [graph.num_nodes(node_type) for node_type in schema.node_types]
    into = [schema.edge_types_into(node_type) for node_type in schema.node_types]
    ends = [[schema.node_types.index(t) for t in (s, d)] for s, _, d in schema.edge_types]
    source, target = np.array(ends, dtype=np.int64).reshape(-1, 2).T.copy()
    return kernels.GraphArrays(
        indptr=graph.indptr,
        edges=graph.edges,
        indptr_start=graph.indptr_start,
        indptr_step=graph.indptr_step,
        edges_start=graph.edges_start,
        type_start=np.cumsum([0, *counts]).astype(np.int64),
        source=source,
        target=target,
        inverse=np.array(schema.inverse, dtype=np.int64),
        into=np.array([e for group in into for e in group], dtype=np.int64),
        into_start=np.cumsum([0, *(len(group) for group in into)]).astype(np.int64),
    )
