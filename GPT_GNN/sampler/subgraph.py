"""The record that sampling returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from GPT_GNN.sampler.query import Query
from GPT_GNN.schema import EdgeType, Schema


@dataclass(frozen=True)
class Subgraph:
    """A sampled, induced subgraph. Local ids count within a node type, seed nodes first.

    Attributes:
        schema: types of the graph it was drawn from.
        node_ids: per node type, [n_t] int64 ids in the graph, distinct, seed nodes first.
        node_times: per node type, [n_t] int32 (the graph's unit; NO_TIME where there is none).
        num_seeds: per node type, how many of its nodes are seed nodes.
        src, dst: [E] int32 local ids (of the source type and of the target type), edges grouped by
            edge type, ascending by dst within a type, then by src.
        link: [E] int32: an edge and its inverse (the same link, read the other way) share a number.
        num_links: how many distinct numbers ``link`` holds: 0 .. num_links - 1.
        edge_offsets: [number of edge types + 1] int64, where each edge type begins.
        query: what was asked for: what the sample must not know, and the view of its features.

    Self loops of the encoder (the ``self`` relation) are not edges here; the batch adds them.
    """

    schema: Schema
    node_ids: tuple[np.ndarray, ...]
    node_times: tuple[np.ndarray, ...]
    num_seeds: tuple[int, ...]
    src: np.ndarray
    dst: np.ndarray
    link: np.ndarray
    num_links: int
    edge_offsets: np.ndarray
    query: Query

    def num_nodes(self, node_type: str) -> int:
        """Number of sampled nodes of a type."""
        return len(self.node_ids[self.schema.node_type_id(node_type)])

    def edges(self, edge_type: EdgeType) -> slice:
        """Where the edges of one type are in ``src``, ``dst`` and ``link``."""
        i = self.schema.edge_type_id(edge_type)
        return slice(int(self.edge_offsets[i]), int(self.edge_offsets[i + 1]))
