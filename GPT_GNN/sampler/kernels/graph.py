"""The graph and what is hidden of it, as the kernels see them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from GPT_GNN.sampler.kernels.compiler import kernel, leaf
from GPT_GNN.system.prefetch import prefetch

_EVERY = -1  # in HiddenArrays.rules: the rule has no mask on this end
_ABSENT = -2  # in HiddenArrays.rules: there is no rule


class GraphArrays(NamedTuple):
    """A HeteroGraph as flat arrays; T node types, R edge types. Global id = type_start[type] + id.

    ``indptr, edges``, the two ``*_start`` and ``indptr_step`` are those of HeteroGraph; ``source,
    target, inverse`` [R] are positions; the edge types into node type t are
    ``into[into_start[t]:into_start[t + 1]]``.
    """

    indptr: np.ndarray
    edges: np.ndarray
    indptr_start: np.ndarray
    indptr_step: np.ndarray
    edges_start: np.ndarray
    type_start: np.ndarray
    source: np.ndarray
    target: np.ndarray
    inverse: np.ndarray
    into: np.ndarray
    into_start: np.ndarray


class HiddenArrays(NamedTuple):
    """What is hidden, already closed under the inverse.

    Attributes:
        rules: [R, 2, 2] int64, per edge type two rules (its own and its inverse's turned round),
            each (start of the source mask, start of the target mask) in ``masks``; -1: every node,
            -2 in both: no rule. An edge is hidden when both ends are in their masks.
        masks: uint8, node masks one after the other.
        pair_keys: int64, ``dst << 32 | src`` of hidden pairs, ascending within an edge type.
        pair_start: [R + 1] int64, where each edge type's pairs begin.
    """

    rules: np.ndarray
    masks: np.ndarray
    pair_keys: np.ndarray
    pair_start: np.ndarray


@leaf
def prefetch_offsets(graph, kind, node):
    """Ask for the offsets of a node (its id within its type) in all edge types into its type."""
    into = graph.into_start[kind + 1] - graph.into_start[kind]
    if into > 0:
        first = graph.indptr_start[graph.into[graph.into_start[kind]]] + node * into
        for at in range(first, first + 2 * into, 8):  # eight of them are a cache line
            prefetch(graph.indptr, at)
        prefetch(graph.indptr, first + 2 * into - 1)


@leaf
def in_edges(graph, edge_type, node):
    """Where the in-edges of a node (its id within its type) begin and end in ``edges``."""
    base, step = graph.edges_start[edge_type], graph.indptr_step[edge_type]
    at = graph.indptr_start[edge_type] + node * step
    return base + graph.indptr[at], base + graph.indptr[at + step]


@leaf
def first_late(edges, begin, end, time_max):
    """First position of a node's in-edges, begin .. end - 1, that is later than ``time_max``."""
    while begin < end:
        middle = (begin + end) >> 1
        if edges[middle, 1] <= time_max:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def hides(hidden):
    """Which edge types have hidden edges at all, [R] bool."""
    out = np.empty(len(hidden.rules), np.bool_)
    for i in range(len(out)):
        rules = hidden.rules[i, 0, 1] != _ABSENT or hidden.rules[i, 1, 1] != _ABSENT
        out[i] = rules or hidden.pair_start[i] < hidden.pair_start[i + 1]
    return out


@leaf
def first_pair(hidden, edge_type, key):
    """Position of the first hidden pair of an edge type whose key is not below ``key``."""
    low, high = hidden.pair_start[edge_type], hidden.pair_start[edge_type + 1]
    while low < high:
        middle = (low + high) >> 1
        if hidden.pair_keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@leaf
def may_hide(hidden, edge_type, target):
    """Whether any in-edge of ``target`` could be hidden; False spares the test of each edge."""
    for rule in range(2):
        at = hidden.rules[edge_type, rule, 1]
        if at == _EVERY or (at >= 0 and hidden.masks[at + target]):
            return True
    pair = first_pair(hidden, edge_type, np.int64(target) << 32)
    return pair < hidden.pair_start[edge_type + 1] and hidden.pair_keys[pair] >> 32 == target


@leaf
def is_hidden(hidden, edge_type, source, target):
    """Whether the edge source -> target is hidden."""
    for rule in range(2):
        at_source = hidden.rules[edge_type, rule, 0]
        at_target = hidden.rules[edge_type, rule, 1]
        if at_source == _ABSENT:
            continue
        in_source = at_source == _EVERY or hidden.masks[at_source + source]
        if in_source and (at_target == _EVERY or hidden.masks[at_target + target]):
            return True
    key = (np.int64(target) << 32) | np.int64(source)
    pair = first_pair(hidden, edge_type, key)
    return pair < hidden.pair_start[edge_type + 1] and hidden.pair_keys[pair] == key
