"""Small random graphs that hold every hard case at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.sampler.subgraph import Subgraph

NODES = {"paper": 60, "author": 40, "venue": 3, "ghost": 0, "field": 12}
CITE = ("paper", "cite", "paper")
WRITES = ("author", "writes", "paper")
VENUE = ("paper", "in", "venue")
FIELD = ("paper", "about", "field")
SAME = ("author", "same", "author")  # its own inverse, with self loops
MEETS = ("author", "meets", "author")  # multigraph when timed
HAUNTS = ("ghost", "haunts", "paper")  # into an empty type, no edges
NEVER = ("field", "never", "venue")  # no edges


def random_edges(seed: int, n_edges: int = 150) -> dict[tuple[str, str, str], list[np.ndarray]]:
    """Edges (src, dst, time) of every relation; low ids of ``dst`` are hubs."""
    rng = derive(seed, "edges")
    out = {}
    for edge_type in (CITE, WRITES, VENUE, FIELD, SAME, MEETS):
        n_src, n_dst = NODES[edge_type[0]], NODES[edge_type[2]]
        src = rng.integers(0, n_src - 2, n_edges)  # the last two nodes of a type have no edges
        dst = (max(1, n_dst - 2) * rng.random(n_edges) ** 2).astype(int)
        out[edge_type] = [src, dst, rng.integers(2000, 2012, n_edges)]
    return out


def build(path: Path, edges: dict, timed: bool = True) -> HeteroGraph:
    """A store of these edges; ``about`` never has times."""
    with build_graph(path) as builder:
        for node_type, n in NODES.items():
            builder.add_node_type(node_type, n)
        builder.add_relation(CITE)
        builder.add_relation(WRITES, inverse="written_by")
        builder.add_relation(("paper", "written_by", "author"), inverse="writes")
        for edge_type in (VENUE, FIELD, HAUNTS, NEVER):
            builder.add_relation(edge_type)
        builder.add_relation(SAME, inverse="same")
        builder.add_relation(MEETS, multigraph=timed)
        for edge_type, (src, dst, time) in edges.items():
            builder.add_edges(edge_type, src, dst, time if timed and edge_type != FIELD else None)
    return HeteroGraph.open(path)


def random_graph(path: Path, seed: int, timed: bool = True, n_edges: int = 150) -> HeteroGraph:
    return build(path, random_edges(seed, n_edges), timed)


def same_subgraph(a: Subgraph, b: Subgraph) -> bool:
    """Whether two subgraphs are equal to the bit."""
    groups = [(*a.node_ids, *a.node_times), (*b.node_ids, *b.node_times)]
    groups[0] += (a.src, a.dst, a.link, a.edge_offsets, np.array(a.num_seeds))
    groups[1] += (b.src, b.dst, b.link, b.edge_offsets, np.array(b.num_seeds))
    return a.num_links == b.num_links and all(map(np.array_equal, *groups))
