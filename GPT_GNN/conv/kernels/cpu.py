"""Attention of queries over keys in Numba: each edge is visited in place, nothing is [E, D].

Inner loops run over ``range(d)`` and add the head's offset: written so, Numba sees that an index is
not negative and the loop becomes vector instructions (ten times faster than ``range(h * d, ...)``).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.kernels.rows import Rows, by_target, empty_like
from GPT_GNN.system.compiler import parallel_kernel


def forward(
    queries: Rows, keys: Rows, times: Rows, graph: BatchGraph, n_heads: int
) -> tuple[Rows, Tensor]:
    """Sums of values, as rows like the queries', and weights [E, H]."""
    weight = queries[0].new_empty(len(graph.src), n_heads)
    out = empty_like(queries)
    _forward(*_arrays(queries, keys, times, weight, out, by_target(graph)), num_threads())
    return out, weight


def backward(
    grad: Rows,
    queries: Rows,
    keys: Rows,
    times: Rows,
    weight: Tensor,
    mean: Tensor,
    graph: BatchGraph,
) -> tuple[Rows, Rows, Rows, Tensor]:
    """Gradients of queries, keys and times, and the sums of values for relations' rows again."""
    threads = num_threads()
    grad_queries, again = empty_like(queries), torch.empty_like(queries[1])
    grad_score = torch.empty_like(weight)
    made = (grad_score, grad_queries, again, by_target(graph))
    _backward_queries(*_arrays(grad, queries, keys, times, weight, mean, *made), threads)
    grad_keys = empty_like(keys)
    own, rows = (x.new_zeros(threads, *x.shape) for x in times)  # threads share time differences
    by_key = (graph.edge_query, graph.edge_time_key, graph.key_ptr, graph.key_edges)
    grads = (grad_keys, (own, rows), by_key)
    _backward_keys(*_arrays(grad, queries, weight, grad_score, *grads), threads)
    return grad_queries, grad_keys, (own.sum(0), rows.sum(0)), again


def num_threads() -> int:
    """How many threads a kernel may use: no more than torch.

    Numba's pool, when it starts, resets the OpenMP runtime that it shares with torch; torch's
    number is put back.
    """
    threads = torch.get_num_threads()
    own = int(numba.get_num_threads())
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return min(threads, own)


def _arrays(*groups: Tensor | tuple[Tensor, ...]) -> list[Any]:
    """Tensors as arrays, in the tuples that they come in."""
    return [
        group.detach().numpy() if isinstance(group, Tensor) else tuple(_arrays(*group))
        for group in groups
    ]


@numba.njit(inline="always")
def _row(own, rows, number):
    """The array that holds a query, key or time by its number, and where."""
    if number < len(own):
        return own, number
    return rows, number - len(own)


@parallel_kernel
def _forward(queries, keys, times, weight, summed, by_target, threads):
    """Target by target: scores, weights and sums of values."""
    (q, q_rows), (kv, kv_rows), (time_kv, time_rows) = queries, keys, times
    out, out_rows = summed
    query, key, time_key, row_ptr, dst_ptr, dst_rows = by_target
    width = q.shape[1]
    n_heads = weight.shape[1]
    d = width // n_heads
    n = len(dst_ptr) - 1
    timed = len(time_kv) > 0
    for thread in numba.prange(threads):
        top = np.empty(n_heads, dtype=q.dtype)
        total = np.empty(n_heads, dtype=q.dtype)
        for i in range(thread, n, threads):  # in turn: nodes of one type cost alike
            top[:] = -np.inf
            total[:] = 0
            # Scores and their maximum.
            for c in range(width):
                out[i, c] = 0
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                x, a = _row(q, q_rows, query[row_ptr[p]])
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    y, j = _row(kv, kv_rows, key[e])
                    z, t = _row(time_kv, time_rows, time_key[e])
                    for h in range(n_heads):
                        o = h * d
                        score = q.dtype.type(0)
                        if timed:
                            for c in range(d):
                                score += x[a, o + c] * (y[j, o + c] + z[t, o + c])
                        else:
                            for c in range(d):
                                score += x[a, o + c] * y[j, o + c]
                        weight[e, h] = score
                        top[h] = max(top[h], score)
            # Their exponentials and total.
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    for h in range(n_heads):
                        weight[e, h] = np.exp(weight[e, h] - top[h])
                        total[h] += weight[e, h]
            # Weights, and the sums of values.
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                x, a = _row(out, out_rows, query[row_ptr[p]])
                if query[row_ptr[p]] >= n:
                    for c in range(width):
                        x[a, c] = 0
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    y, j = _row(kv, kv_rows, key[e])
                    z, t = _row(time_kv, time_rows, time_key[e])
                    for h in range(n_heads):
                        o = h * d
                        w = weight[e, h] / total[h]
                        weight[e, h] = w
                        if timed:
                            for c in range(d):
                                x[a, o + c] += w * (y[j, width + o + c] + z[t, width + o + c])
                        else:
                            for c in range(d):
                                x[a, o + c] += w * y[j, width + o + c]


@parallel_kernel
def _backward_queries(
    grads, queries, keys, times, weight, mean, grad_score, grad_queries, again, by_target, threads
):
    """Target by target: gradients of scores and queries, and the rows' sums again."""
    (grad, grad_rows), (q, _), (kv, kv_rows), (time_kv, time_rows) = grads, queries, keys, times
    grad_q, grad_q_rows = grad_queries
    query, key, time_key, row_ptr, dst_ptr, dst_rows = by_target
    width = q.shape[1]
    n_heads = weight.shape[1]
    d = width // n_heads
    n = len(dst_ptr) - 1
    timed = len(time_kv) > 0
    for thread in numba.prange(threads):
        both = np.zeros(2 * width, dtype=q.dtype)
        for i in range(thread, n, threads):
            for c in range(width):
                grad_q[i, c] = 0
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                number = query[row_ptr[p]]
                own = number < n
                g_all, a = _row(grad, grad_rows, number)
                x, a = _row(grad_q, grad_q_rows, number)
                if not own:
                    for c in range(width):
                        x[a, c] = 0
                        again[a, c] = 0
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    y, j = _row(kv, kv_rows, key[e])
                    z, t = _row(time_kv, time_rows, time_key[e])
                    if timed:
                        for c in range(2 * width):
                            both[c] = y[j, c] + z[t, c]
                    else:
                        for c in range(2 * width):
                            both[c] = y[j, c]
                    for h in range(n_heads):
                        o = h * d
                        g = q.dtype.type(0)
                        for c in range(d):
                            g += g_all[a, o + c] * both[width + o + c]
                        w = weight[e, h]
                        s = w * (g - mean[i, h])
                        grad_score[e, h] = s
                        for c in range(d):
                            x[a, o + c] += s * both[o + c]
                        if not own:
                            for c in range(d):
                                again[a, o + c] += w * both[width + o + c]


@parallel_kernel
def _backward_keys(grads, queries, weight, grad_score, grad_keys, grad_times, by_key, threads):
    """Key by key, so that no two threads write to one: gradients of keys, values and times.

    A key's edges are in the order of their time keys; each run of equal ones is added up first.
    """
    (grad, grad_rows), (q, q_rows), (grad_kv, grad_kv_rows) = grads, queries, grad_keys
    grad_time, grad_time_rows = grad_times
    query, time_key, key_ptr, key_edges = by_key
    width = q.shape[1]
    n_heads = weight.shape[1]
    d = width // n_heads
    n_times = grad_time.shape[1]
    for thread in numba.prange(threads):
        run = np.zeros(2 * width, dtype=q.dtype)
        for number in range(thread, len(key_ptr) - 1, threads):
            y, j = _row(grad_kv, grad_kv_rows, number)
            for c in range(2 * width):
                y[j, c] = 0
            for position in range(key_ptr[number], key_ptr[number + 1]):
                e = key_edges[position]
                x, a = _row(q, q_rows, query[e])
                g_all, a = _row(grad, grad_rows, query[e])
                t = time_key[e]
                for h in range(n_heads):
                    o = h * d
                    s, w = grad_score[e, h], weight[e, h]
                    for c in range(d):
                        run[o + c] += s * x[a, o + c]
                    for c in range(d):
                        run[width + o + c] += w * g_all[a, o + c]
                last = position + 1 == key_ptr[number + 1]
                if last or (n_times and time_key[key_edges[position + 1]] != t):
                    for c in range(2 * width):
                        y[j, c] += run[c]
                    if n_times and t < n_times:
                        for c in range(2 * width):
                            grad_time[thread, t, c] += run[c]
                    elif n_times:
                        for c in range(2 * width):
                            grad_time_rows[thread, t - n_times, c] += run[c]
                    for c in range(2 * width):
                        run[c] = 0
