"""HGSampling: from seed nodes to a typed, timed, induced subgraph."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.sampler import kernels
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query, Seeds
from GPT_GNN.sampler.sampler import Sampler
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class HGSettings(Checked):
    """HGSampling."""

    sample_depth: int = setting(6, "rounds of sampling; 0 leaves the seed nodes alone", low=0)
    sample_width: int = setting(128, "nodes drawn per round and node type", low=1)


class HGSampler(Sampler):
    """Budget sampling of a heterogeneous graph (HGSampling).

    Each sampled node adds, for every relation into it, 1 / (number of drawn edges) to the budget
    of each drawn neighbour; each of ``sample_depth`` rounds draws up to ``sample_width`` nodes
    of every type that has a budget, with probability proportional to the budget squared.

    It keeps nothing but memory: each thread's table of reached nodes grows once, not per sample.

    Args:
        **settings: ``sample_depth``, rounds of drawing; ``sample_width``, nodes drawn per type and
            round, and in-edges drawn per node and relation.

    Source: HGT (WWW 2020) algorithms 1 and 2; GPT-GNN (KDD 2020) section 3.5; the published
        ``sample_subgraph``. Literal version: ``tests/oracle/hgsampling.py``.
    Differs: an edge later than ``time_max`` is as if it were not in the graph (the published code
        draws it, counts it and then skips it, so that the future thins out the sample, and induces
        it when both ends are sampled); seed nodes are distinct; an edge of a multigraph counts as
        often as it is stored, and its drawn edges are taken in stored order, so that the latest of
        several gives the time.
    """

    Settings = HGSettings

    def __init__(self, graph: HeteroGraph, **settings: Any) -> None:
        super().__init__(graph, **settings)
        self._arrays = _graph_arrays(graph)
        self._nothing = HiddenEdges(graph)
        self._room = threading.local()

    def sample(self, query: Query, rng: np.random.Generator) -> Subgraph:
        """Draw a subgraph, see :class:`Sampler`; takes one number of rng.

        Raises:
            ValueError: an unknown type, an id twice or out of range, a seed node later than
                ``time_max``, ``hidden`` of another graph.
        """
        schema = self.graph.schema
        unseen = query.hidden or self._nothing
        if unseen.schema != schema or unseen.num_nodes != self._nothing.num_nodes:
            raise ValueError(
                "hidden belongs to another graph: its types or numbers of nodes differ"
            )
        nodes, kinds, times = self._flat_seeds(query.seeds, query.time_max)
        if not hasattr(self._room, "pool"):
            self._room.pool = kernels.new_pool(len(schema.node_types), 0)
        *arrays, self._room.pool = kernels.sample(
            self._arrays,
            unseen.arrays,
            nodes,
            kinds,
            times,
            self.settings.sample_depth,
            self.settings.sample_width,
            int(query.time_max),
            int(rng.integers(2**63)),
            self._room.pool,
        )
        node, time, first, src, dst, link, num_links, offsets = arrays
        groups = [slice(a, b) for a, b in zip(first[:-1], first[1:], strict=True)]
        starts, types = self._arrays.type_start, schema.node_types
        return Subgraph(
            schema=schema,
            node_ids=tuple(node[g] - start for g, start in zip(groups, starts, strict=False)),
            node_times=tuple(time[g] for g in groups),
            num_seeds=tuple(len(query.seeds[t][0]) if t in query.seeds else 0 for t in types),
            src=src,
            dst=dst,
            link=link,
            num_links=int(num_links),
            edge_offsets=offsets,
            query=query,
        )

    def _flat_seeds(self, seeds: Seeds, time_max: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Global ids [n] int64, types [n] int64 and times [n] int32 of all seed nodes, checked."""
        nodes, kinds, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [_no_times(0)]
        for node_type, (ids, seed_times) in seeds.items():
            what = f"{node_type} seed nodes"
            kind = self.graph.schema.node_type_id(node_type)
            ids = np.asarray(ids).astype(np.int64)
            seed_times = _no_times(len(ids)) if seed_times is None else np.asarray(seed_times)
            if ids.ndim != 1 or seed_times.shape != ids.shape:
                raise ValueError(f"{what}: {ids.shape} ids and {seed_times.shape} times differ")
            n = self.graph.num_nodes(node_type)
            if len(ids) and not (0 <= ids.min() and ids.max() < n):
                raise ValueError(
                    f"{what}: expected ids in [0, {n}), got {ids.min()} .. {ids.max()}"
                )
            ordered = np.sort(ids)
            if (ordered[1:] == ordered[:-1]).any():
                twice = int(ordered[1:][ordered[1:] == ordered[:-1]][0])
                raise ValueError(f"{what}: expected distinct ids, got {twice} twice")
            if len(ids) and seed_times.max() > time_max:
                raise ValueError(f"{what}: expected times up to {time_max}, got {seed_times.max()}")
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
