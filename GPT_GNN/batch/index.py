"""How the edges of a batch are indexed for layers: one compiled pass, in the loader's thread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from GPT_GNN.system.compiler import serial_kernel


class EdgeIndex(NamedTuple):
    """Rows, sides and orders of the edges of a batch; :class:`BatchGraph` says what each is."""

    row_ptr: np.ndarray
    row_dst: np.ndarray
    row_of_edge: np.ndarray
    relation_rows: np.ndarray
    dst_ptr: np.ndarray
    dst_rows: np.ndarray
    query_nodes: np.ndarray
    query_offsets: np.ndarray
    key_nodes: np.ndarray
    key_offsets: np.ndarray
    time_nodes: np.ndarray
    time_offsets: np.ndarray
    edge_query: np.ndarray
    edge_key: np.ndarray
    edge_time_key: np.ndarray
    key_ptr: np.ndarray
    key_edges: np.ndarray


@serial_kernel
def time_rows(src, dst, node_time, type_of_node, no_time, zero, span):
    """Rows of the relative time table in use, and what each edge takes from it.

    Args:
        src, dst: [E] int64; node_time, type_of_node: [N] int64.
        no_time: the time of a node that has none; zero: the row of no difference; span: rows.

    Returns:
        [U] int64 distinct rows, ascending, and [E] int64, source type * U + position among them.
    """
    edge_row = np.empty(len(src), np.int64)
    place = np.full(span, -1)
    for e in range(len(src)):
        source, target = node_time[src[e]], node_time[dst[e]]
        row = zero
        if source != no_time and target != no_time:
            row = min(max(target - source + zero, 0), span - 1)
        edge_row[e] = row
        place[row] = 0
    in_use = np.flatnonzero(place == 0)
    place[in_use] = np.arange(len(in_use))
    for e in range(len(src)):
        edge_row[e] = type_of_node[src[e]] * len(in_use) + place[edge_row[e]]
    return in_use, edge_row


@serial_kernel
def index_edges(src, dst, relation_edges, edge_time, num_nodes, num_times):
    """Index edges that are grouped by relation and ascend by target within each.

    Args:
        src, dst: [E] int64 nodes.
        relation_edges: [R + 1] int64, where each relation's edges begin.
        edge_time: [E] int64 in [0, num_times).
    """
    n_edges, n_relations = len(src), len(relation_edges) - 1
    row_of_edge = np.empty(n_edges, np.int64)
    row_ptr, row_dst = np.empty(n_edges + 1, np.int64), np.empty(n_edges, np.int64)
    relation_rows = np.zeros(n_relations + 1, np.int64)
    query_nodes, query_offsets = np.empty(n_edges, np.int64), np.zeros(n_relations + 1, np.int64)
    key_nodes, key_offsets = np.empty(n_edges, np.int64), np.zeros(n_relations + 1, np.int64)
    time_nodes, time_offsets = np.empty(n_edges, np.int64), np.zeros(n_relations + 1, np.int64)
    edge_query = np.empty(n_edges, np.int64)
    edge_key, edge_time_key = np.empty(n_edges, np.int64), np.empty(n_edges, np.int64)
    # Position of a source or a time among the distinct ones of the relation at hand.
    source_place, source_stamp = np.empty(num_nodes, np.int64), np.full(num_nodes, -1)
    time_place, time_stamp = np.empty(num_times, np.int64), np.full(num_times, -1)
    rows, queries, keys, times = 0, 0, 0, 0
    for relation in range(n_relations):
        begin, end = relation_edges[relation], relation_edges[relation + 1]
        # Its rows, distinct sources and distinct time differences.
        first_row, sources, own_times = rows, 0, 0
        for e in range(begin, end):
            if e == begin or dst[e] != dst[e - 1]:
                row_ptr[rows], row_dst[rows] = e, dst[e]
                rows += 1
            row_of_edge[e] = rows - 1
            if source_stamp[src[e]] != relation:
                source_stamp[src[e]], source_place[src[e]] = relation, sources
                key_nodes[keys + sources] = src[e]
                sources += 1
            if time_stamp[edge_time[e]] != relation:
                time_stamp[edge_time[e]], time_place[edge_time[e]] = relation, own_times
                time_nodes[times + own_times] = edge_time[e]
                own_times += 1
        # It transforms whichever are fewer.
        if sources + own_times < rows - first_row:
            for e in range(begin, end):
                edge_query[e] = dst[e]
                edge_key[e] = num_nodes + keys + source_place[src[e]]
                edge_time_key[e] = num_times + times + time_place[edge_time[e]]
            keys += sources
            times += own_times
        else:
            for e in range(begin, end):
                edge_query[e] = num_nodes + queries + row_of_edge[e] - first_row
                edge_key[e], edge_time_key[e] = src[e], edge_time[e]
            for row in range(first_row, rows):
                query_nodes[queries] = row_dst[row]
                queries += 1
        relation_rows[relation + 1] = rows
        query_offsets[relation + 1] = queries
        key_offsets[relation + 1] = keys
        time_offsets[relation + 1] = times
    # The rows of each target, the edges of each key.
    row_ptr[rows] = n_edges
    dst_ptr, dst_rows = _grouped(row_dst[:rows], np.arange(rows), num_nodes)
    by_time = _grouped(edge_time_key, np.arange(n_edges), num_times + times)[1]
    key_ptr, key_edges = _grouped(edge_key, by_time, num_nodes + keys)
    return EdgeIndex(
        row_ptr[: rows + 1].copy(),
        row_dst[:rows].copy(),
        row_of_edge,
        relation_rows,
        dst_ptr,
        dst_rows,
        query_nodes[:queries].copy(),
        query_offsets,
        key_nodes[:keys].copy(),
        key_offsets,
        time_nodes[:times].copy(),
        time_offsets,
        edge_query,
        edge_key,
        edge_time_key,
        key_ptr,
        key_edges,
    )


@serial_kernel
def _grouped(group, order, num_groups):
    """Stable counting sort: where each group begins, and ``order`` rearranged by its groups."""
    begin = np.zeros(num_groups + 1, np.int64)
    for item in order:
        begin[group[item] + 1] += 1
    for g in range(num_groups):
        begin[g + 1] += begin[g]
    free = begin.copy()
    out = np.empty(len(order), np.int64)
    for item in order:
        out[free[group[item]]] = item
        free[group[item]] += 1
    return begin, out
