"""The induced edges: every visible link between sampled nodes, in both directions, sorted."""

from __future__ import annotations

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel, leaf
from GPT_GNN.sampler.kernels.graph import hides, in_edges, is_hidden, may_hide, prefetch_offsets
from GPT_GNN.sampler.kernels.pool import home
from GPT_GNN.system.prefetch import prefetch


@kernel
def _longer_rows(array):
    out = np.empty((2 * array.shape[0], array.shape[1]), array.dtype)
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            out[i, j] = array[i, j]
    return out


@kernel
def _places(node):
    """A hash table of the sampled nodes alone, small enough for the nearest cache: [2C, 2] int64.

    A row is (node, its position in ``node``), or -1 in both.
    """
    size = 64
    while size < 2 * len(node):
        size *= 2
    table = np.full((size, 2), -1, np.int64)
    for i in range(len(node)):
        slot = home(node[i], size)
        while table[slot, 0] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot, 0], table[slot, 1] = node[i], i
    return table


@leaf
def place_of(table, node):
    """Position of a sampled node in ``node``, -1 when it is not sampled."""
    slot = home(node, len(table))
    while table[slot, 0] != node and table[slot, 0] >= 0:
        slot = (slot + 1) & (len(table) - 1)
    return table[slot, 1]


@leaf
def _total_degree(graph, edge_type, nodes):
    """In-edges of some nodes (global ids), hidden ones included."""
    total = 0
    start = graph.type_start[graph.target[edge_type]]
    for node in nodes:
        begin, end = in_edges(graph, edge_type, node - start)
        total += end - begin
    return total


@kernel
def induced(graph, hidden, node, first, time_max):
    """Every visible link between sampled nodes, once: [L, 3] int64 (edge type, source, target).

    Of an edge type and its inverse the one whose sampled targets have fewer in-edges is read, so
    that a venue with a million papers costs nothing.
    """
    # A hash table of the sampled nodes, and the offsets of all of them on their way to the cache.
    links = np.empty((4 * len(node) + 64, 3), np.int64)
    places = _places(node)
    hidden_types = hides(hidden)
    for kind in range(len(first) - 1):
        for i in range(first[kind], first[kind + 1]):
            prefetch_offsets(graph, kind, node[i] - graph.type_start[kind])
    edges = graph.edges
    n = 0
    # Each pair of inverse edge types once, read from the side with fewer in-edges.
    for pair in range(len(graph.inverse)):
        edge_type, inverse = pair, graph.inverse[pair]
        if inverse < pair:
            continue
        symmetric = inverse == pair
        targets = node[first[graph.target[pair]] : first[graph.target[pair] + 1]]
        others = node[first[graph.target[inverse]] : first[graph.target[inverse] + 1]]
        if _total_degree(graph, inverse, others) < _total_degree(graph, pair, targets):
            edge_type, targets = inverse, others
        source_start = graph.type_start[graph.source[edge_type]]
        target_start = graph.type_start[graph.target[edge_type]]
        first_source = first[graph.source[edge_type]]
        for target in targets:
            prefetch(edges, in_edges(graph, edge_type, target - target_start)[0])
        for local in range(len(targets)):
            target = targets[local] - target_start
            begin, end = in_edges(graph, edge_type, target)
            test = begin < end and hidden_types[edge_type] and may_hide(hidden, edge_type, target)
            for position in range(begin, end):
                source = edges[position, 0]
                if edges[position, 1] > time_max:
                    break  # and so are all after it
                if symmetric and source > target:
                    continue  # the same link is stored at the other end, too
                place = place_of(places, source + source_start)
                if place < 0:
                    continue
                if test and is_hidden(hidden, edge_type, source, target):
                    continue
                if n == len(links):
                    links = _longer_rows(links)
                links[n, 0] = edge_type
                links[n, 1] = place - first_source
                links[n, 2] = local
                n += 1
    return links[:n]


@kernel
def _counting_sort(order, keys, size):
    """``order`` rearranged so that ``keys[order]`` (each below ``size``) ascends; stable."""
    start = np.zeros(size + 1, np.int64)
    for item in order:
        start[keys[item] + 1] += 1
    for i in range(size):
        start[i + 1] += start[i]
    out = np.empty_like(order)
    for item in order:
        out[start[keys[item]]] = item
        start[keys[item]] += 1
    return out


@kernel
def directed(graph, links, first):
    """Both directions of every link, sorted by edge type, target, source.

    Returns src, dst, link [E] int32, the number of links and the edge types' offsets. Links are
    numbered in the order of the sorted edges: which direction was read leaves no trace.
    """
    # Both directions of every link.
    types = len(graph.inverse)
    rows = np.zeros(types + 1, np.int64)  # a row for every sampled target of every edge type
    for edge_type in range(types):
        target = graph.target[edge_type]
        rows[edge_type + 1] = rows[edge_type] + first[target + 1] - first[target]
    source = np.empty(2 * len(links), np.int64)
    row = np.empty_like(source)
    number = np.empty_like(source)
    n = 0
    for i in range(len(links)):
        edge_type, s, t = links[i, 0], links[i, 1], links[i, 2]
        source[n], row[n], number[n] = s, rows[edge_type] + t, i
        n += 1
        inverse = graph.inverse[edge_type]
        if inverse != edge_type or s != t:
            source[n], row[n], number[n] = t, rows[inverse] + s, i
            n += 1
    # Sort by source, then, which is stable, by edge type and target.
    most = 0
    for kind in range(len(first) - 1):
        most = max(most, first[kind + 1] - first[kind])
    order = _counting_sort(np.arange(n), source, most)
    order = _counting_sort(order, row, rows[types])
    # Write them in that order, and number the links anew.
    src = np.empty(n, np.int32)
    dst = np.empty_like(src)
    link = np.empty_like(src)
    offsets = np.zeros(types + 1, np.int64)
    renumbered = np.full(len(links), -1, np.int32)
    edge_type, known = 0, 0
    for i in range(n):
        edge = order[i]
        while row[edge] >= rows[edge_type + 1]:
            edge_type += 1
        offsets[edge_type + 1] += 1
        if renumbered[number[edge]] < 0:
            renumbered[number[edge]] = known
            known += 1
        src[i] = source[edge]
        dst[i] = row[edge] - rows[edge_type]
        link[i] = renumbered[number[edge]]
    for edge_type in range(types):
        offsets[edge_type + 1] += offsets[edge_type]
    return src, dst, link, known, offsets
