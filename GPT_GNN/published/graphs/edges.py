"""Edges of a published graph, which stores each link in two directions: each link once."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.published.graphs.read import Edges, PublishedGraph
from GPT_GNN.schema import EdgeType

_LATEST = np.iinfo(np.int32).max


def write_edges(builder: GraphBuilder, graph: PublishedGraph, timed: bool, bar: tqdm) -> None:
    """Add each link from one of its two directions where they agree, as they always should.

    Args:
        timed: whether nodes have times; in a graph without, one time for all edges says nothing.
    """
    relations = graph.relations
    inverse = _inverses(relations)
    waiting: dict[EdgeType, Edges] = {}
    for edge_type, adjacency in relations.items():
        bar.set_postfix_str(" ".join(edge_type), refresh=False)
        bar.update()
        edges = graph.edges(adjacency)
        other_type = inverse[edge_type]
        if other_type == edge_type and not _agree(edges, edges):
            other_type = (edge_type[2], f"rev_{edge_type[1]}", edge_type[0])
        builder.add_relation(edge_type, other_type[1])
        if other_type in relations and other_type != edge_type and other_type not in waiting:
            waiting[edge_type] = edges
            continue
        other = waiting.pop(other_type, None)
        if other is not None and not _agree(edges, other):
            edges, differing = _reconciled(edges, other)
            tqdm.write(
                f"warning: {graph.name}: {differing:,} links of {' '.join(edge_type)} and "
                f"{other_type[1]} are stored in one direction only, or with two years"
            )
        known = edges.time[edges.time != NO_TIME]
        has_times = len(known) > 0 and (timed or bool((known != known[0]).any()))
        builder.add_edges(edge_type, edges.src, edges.dst, edges.time if has_times else None)


def _inverses(relations: Collection[EdgeType]) -> dict[EdgeType, EdgeType]:
    """For each edge type the one that holds the same links the other way round.

    As the published code names them: ``rev_r`` of ``r``. A relation of a type with itself that has
    no other may be its own (Reddit's); one that has none gets one.
    """
    inverse: dict[EdgeType, EdgeType] = {}
    for edge_type in relations:
        if edge_type in inverse:
            continue
        source, relation, target = edge_type
        names = (f"rev_{relation}", relation.removeprefix("rev_"), relation)
        others = [(target, name, source) for name in names]
        free = [other for other in others if other in relations and other not in inverse]
        name = f"rev_{relation}"
        while (target, name, source) in relations:
            name = f"rev_{name}"
        inverse[edge_type] = free[0] if free else (target, name, source)
        inverse[inverse[edge_type]] = edge_type
    return inverse


def _reconciled(edges: Edges, turned: Edges) -> tuple[Edges, int]:
    """All links of two directions that do not agree, and how many do not.

    Of two years the earlier one counts, and any year more than none.
    """
    dst = np.concatenate([edges.dst, turned.src])
    src = np.concatenate([edges.src, turned.dst])
    time = np.concatenate([edges.time, turned.time])
    is_turned = np.arange(len(dst)) >= len(edges)
    order = np.lexsort((np.where(time == NO_TIME, _LATEST, time), src, dst))
    dst, src, time, is_turned = dst[order], src[order], time[order], is_turned[order]
    new_link = (dst[1:] != dst[:-1]) | (src[1:] != src[:-1])
    first = np.concatenate([[0], np.flatnonzero(new_link) + 1])
    one_way = np.minimum.reduceat(is_turned, first) == np.maximum.reduceat(is_turned, first)
    two_years = np.minimum.reduceat(time, first) != np.maximum.reduceat(time, first)
    return Edges(src[first], dst[first], time[first]), int((one_way | two_years).sum())


def _agree(edges: Edges, turned: Edges) -> bool:
    """Whether ``turned`` holds the same links the other way round."""
    own = _digest(edges.src, edges.dst, edges.time)
    return own == _digest(turned.dst, turned.src, turned.time)


def _digest(src: np.ndarray, dst: np.ndarray, time: np.ndarray) -> tuple[int, int]:
    """A number and a checksum of edges that does not depend on their order."""
    keys = src.astype(np.uint64) << np.uint64(32) | dst.astype(np.uint64)
    keys ^= time.astype(np.uint32).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((31, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys ^= keys >> np.uint64(shift)
        keys *= np.uint64(factor)
    return len(keys), int((keys ^ (keys >> np.uint64(33))).sum(dtype=np.uint64))
