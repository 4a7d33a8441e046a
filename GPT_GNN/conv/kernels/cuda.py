"""Attention of queries over keys in Triton: a program per target, and in backward also per key.

What a program sums it sums in float32, whatever the dtype of the rows. It reads a block of edges at
a time, one tile [edges, H, d] of keys and one of what time adds; H and d are padded to powers of
two. Only time differences are shared between programs: their gradients are added atomically, in no
fixed order, once for each block of a key's edges, all of which have the same one.

A program walks its edges one block after the other, so a hub, a node with thousands of in- or
out-edges, can be what a launch waits for. The size of a sample bounds the degrees; a
graph of hubs would want their edges split over programs.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.kernels.rows import Rows, by_target, empty_like

_TILE = 2048  # numbers in a tile: 16 of a thread's registers


def forward(
    queries: Rows, keys: Rows, times: Rows, graph: BatchGraph, n_heads: int
) -> tuple[Rows, Tensor]:
    """Sums of values, as rows like the queries', and weights [E, H] float32."""
    queries, keys, times = _contiguous(queries), _contiguous(keys), _contiguous(times)
    weight = queries[0].new_empty(len(graph.src), n_heads, dtype=torch.float32)
    out = empty_like(queries)
    scores = torch.empty_like(weight)  # in place, a thread could read what another has replaced
    arrays = (*queries, *keys, *times, scores, weight, *out, *by_target(graph))
    _launch(_forward, graph.num_nodes, *arrays, *_sizes(queries, times, n_heads))
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
    grad, queries = _contiguous(grad), _contiguous(queries)
    keys, times = _contiguous(keys), _contiguous(times)
    sizes = _sizes(queries, times, weight.shape[1])
    grad_queries, again = empty_like(queries), torch.empty_like(queries[1])
    grad_score = torch.empty_like(weight)
    given = (*grad, *queries, *keys, *times, weight, mean.contiguous())
    made = (grad_score, *grad_queries, again)
    _launch(_backward_queries, graph.num_nodes, *given, *made, *by_target(graph), *sizes)
    grad_keys = empty_like(keys)
    own, rows = (torch.zeros_like(x, dtype=torch.float32) for x in times)
    arrays = (*grad, *queries, weight, grad_score, *grad_keys, own, rows)
    by_key = (graph.edge_query, graph.edge_time_key, graph.key_ptr, graph.key_edges)
    _launch(_backward_keys, len(graph.key_ptr) - 1, *arrays, *by_key, *sizes)
    dtype = times[0].dtype
    return grad_queries, grad_keys, (own.to(dtype), rows.to(dtype)), again


def _contiguous(rows: Rows) -> Rows:
    return rows[0].contiguous(), rows[1].contiguous()


def _sizes(queries: Rows, times: Rows, n_heads: int) -> tuple[int, ...]:
    """The last arguments of every kernel: N, T U, H, d, both padded, edges in a block, timed."""
    d = queries[0].shape[1] // n_heads
    padded = triton.next_power_of_2(n_heads), triton.next_power_of_2(d)
    block = min(max(_TILE // (padded[0] * padded[1]), 1), 16)
    return len(queries[0]), len(times[0]), n_heads, d, *padded, block, len(times[0]) > 0


def _launch(kernel: Any, programs: int, *args: Tensor | int) -> None:
    if programs:
        with torch.cuda.device_of(args[0]):  # Triton launches on the current device
            kernel[(programs,)](*args)


@triton.jit
def _tile(heads: tl.constexpr, d: tl.constexpr, h_pad: tl.constexpr, d_pad: tl.constexpr):
    """Which number of a row each place of a padded [H, d] tile is, and whether there is one."""
    h, c = tl.arange(0, h_pad)[:, None], tl.arange(0, d_pad)[None, :]
    return h * d + c, (h < heads) & (c < d)


@triton.jit
def _places(edges, live, heads: tl.constexpr, h_pad: tl.constexpr):
    """Where a block of edges has its numbers in [E, H], and whether there is one: [edges, H]."""
    h = tl.arange(0, h_pad)[None, :]
    return edges[:, None] * heads + h, live[:, None] & (h < heads)


@triton.jit
def _begin(own, rows, number, n_own, width: tl.constexpr):
    """Where the row of a query, key or time begins, by its number; one or a block of them."""
    return tl.where(number < n_own, own + number * width, rows + (number - n_own) * width)


@triton.jit
def _load(begin, columns, mask):
    """The rows that begin at a block of places: [edges, H, d]."""
    return tl.load(begin[:, None, None] + columns[None, :, :], mask=mask, other=0).to(tl.float32)


@triton.jit
def _with_time(y, z, columns, mask, timed: tl.constexpr):
    """Keys, or values, of a block of edges, time included: [edges, H, d]."""
    x = _load(y, columns, mask)
    if timed:
        x += _load(z, columns, mask)
    return x


@triton.jit(do_not_specialize=["n", "n_times"])
def _forward(
    q,
    q_rows,
    kv,
    kv_rows,
    time_kv,
    time_rows,
    scores,
    weight,
    out,
    out_rows,
    query,
    key,
    time_key,
    row_ptr,
    dst_ptr,
    dst_rows,
    n,
    n_times,
    heads: tl.constexpr,
    d: tl.constexpr,
    h_pad: tl.constexpr,
    d_pad: tl.constexpr,
    block: tl.constexpr,
    timed: tl.constexpr,
):
    """One target: its scores with their maximum and total, then its weights and sums."""
    width: tl.constexpr = heads * d
    columns, inside = _tile(heads, d, h_pad, d_pad)
    i = tl.program_id(0).to(tl.int64)
    first_row, last_row = tl.load(dst_ptr + i), tl.load(dst_ptr + i + 1)
    # Scores, with their running maximum and total.
    top = tl.full([h_pad], float("-inf"), tl.float32)
    total = tl.zeros([h_pad], tl.float32)
    for position in range(first_row, last_row):
        p = tl.load(dst_rows + position)
        begin, end = tl.load(row_ptr + p), tl.load(row_ptr + p + 1)
        x = _begin(q, q_rows, tl.load(query + begin), n, width)
        x = tl.load(x + columns, mask=inside, other=0).to(tl.float32)
        for first in range(begin, end, block):
            edges = first + tl.arange(0, block)
            live = edges < end
            y = _begin(kv, kv_rows, tl.load(key + edges, mask=live, other=0), n, 2 * width)
            t = tl.load(time_key + edges, mask=live, other=0)
            z = _begin(time_kv, time_rows, t, n_times, 2 * width)
            mask = live[:, None, None] & inside[None, :, :]
            score = tl.sum(x[None, :, :] * _with_time(y, z, columns, mask, timed), 2)
            at, there = _places(edges, live, heads, h_pad)
            tl.store(scores + at, score, mask=there)
            score = tl.where(live[:, None], score, float("-inf"))
            higher = tl.maximum(top, tl.max(score, 0))
            total = total * tl.exp(top - higher) + tl.sum(tl.exp(score - higher[None, :]), 0)
            top = higher
    # Weights and sums.
    tl.debug_barrier()  # scores are read below, maybe not by the thread that stored them
    own = tl.zeros([h_pad, d_pad], tl.float32)
    for position in range(first_row, last_row):
        p = tl.load(dst_rows + position)
        begin, end = tl.load(row_ptr + p), tl.load(row_ptr + p + 1)
        summed = tl.zeros([h_pad, d_pad], tl.float32)
        for first in range(begin, end, block):
            edges = first + tl.arange(0, block)
            live = edges < end
            at, there = _places(edges, live, heads, h_pad)
            score = tl.load(scores + at, mask=there, other=float("-inf"))
            w = tl.exp(score - top[None, :]) / total[None, :]
            tl.store(weight + at, w, mask=there)
            y = _begin(kv, kv_rows, tl.load(key + edges, mask=live, other=0), n, 2 * width)
            t = tl.load(time_key + edges, mask=live, other=0)
            z = _begin(time_kv, time_rows, t, n_times, 2 * width)
            mask = live[:, None, None] & inside[None, :, :]
            summed += tl.sum(w[:, :, None] * _with_time(y, z, columns + width, mask, timed), 0)
        number = tl.load(query + begin)
        if number < n:
            own += summed
        else:
            tl.store(out_rows + (number - n) * width + columns, summed, mask=inside)
    tl.store(out + i * width + columns, own, mask=inside)


@triton.jit(do_not_specialize=["n", "n_times"])
def _backward_queries(
    grad,
    grad_rows,
    q,
    q_rows,
    kv,
    kv_rows,
    time_kv,
    time_rows,
    weight,
    mean,
    grad_score,
    grad_q,
    grad_q_rows,
    again,
    query,
    key,
    time_key,
    row_ptr,
    dst_ptr,
    dst_rows,
    n,
    n_times,
    heads: tl.constexpr,
    d: tl.constexpr,
    h_pad: tl.constexpr,
    d_pad: tl.constexpr,
    block: tl.constexpr,
    timed: tl.constexpr,
):
    """One target: gradients of its scores and queries, and its rows' sums again."""
    width: tl.constexpr = heads * d
    columns, inside = _tile(heads, d, h_pad, d_pad)
    i = tl.program_id(0).to(tl.int64)
    h = tl.arange(0, h_pad)
    average = tl.load(mean + i * heads + h, mask=h < heads, other=0).to(tl.float32)
    own = tl.zeros([h_pad, d_pad], tl.float32)
    for position in range(tl.load(dst_ptr + i), tl.load(dst_ptr + i + 1)):
        p = tl.load(dst_rows + position)
        begin, end = tl.load(row_ptr + p), tl.load(row_ptr + p + 1)
        number = tl.load(query + begin)
        g = _begin(grad, grad_rows, number, n, width)
        g = tl.load(g + columns, mask=inside, other=0).to(tl.float32)
        grad_row = tl.zeros([h_pad, d_pad], tl.float32)
        summed = tl.zeros([h_pad, d_pad], tl.float32)
        for first in range(begin, end, block):
            edges = first + tl.arange(0, block)
            live = edges < end
            y = _begin(kv, kv_rows, tl.load(key + edges, mask=live, other=0), n, 2 * width)
            t = tl.load(time_key + edges, mask=live, other=0)
            z = _begin(time_kv, time_rows, t, n_times, 2 * width)
            mask = live[:, None, None] & inside[None, :, :]
            v = _with_time(y, z, columns + width, mask, timed)
            at, there = _places(edges, live, heads, h_pad)
            w = tl.load(weight + at, mask=there, other=0)
            s = w * (tl.sum(g[None, :, :] * v, 2) - average[None, :])
            tl.store(grad_score + at, s, mask=there)
            summed += tl.sum(w[:, :, None] * v, 0)
            grad_row += tl.sum(s[:, :, None] * _with_time(y, z, columns, mask, timed), 0)
        if number < n:
            own += grad_row
        else:
            row = (number - n) * width + columns
            tl.store(grad_q_rows + row, grad_row, mask=inside)
            tl.store(again + row, summed, mask=inside)
    tl.store(grad_q + i * width + columns, own, mask=inside)


@triton.jit(do_not_specialize=["n", "n_times"])
def _backward_keys(
    grad,
    grad_rows,
    q,
    q_rows,
    weight,
    grad_score,
    grad_kv,
    grad_kv_rows,
    grad_time,
    grad_time_rows,
    query,
    time_key,
    key_ptr,
    key_edges,
    n,
    n_times,
    heads: tl.constexpr,
    d: tl.constexpr,
    h_pad: tl.constexpr,
    d_pad: tl.constexpr,
    block: tl.constexpr,
    timed: tl.constexpr,
):
    """One key: gradients of the key, of its value and of the times that its edges have.

    Its edges are in the order of their time keys: a block ends where the time key changes.
    """
    width: tl.constexpr = heads * d
    columns, inside = _tile(heads, d, h_pad, d_pad)
    number = tl.program_id(0).to(tl.int64)
    begin, end = tl.load(key_ptr + number), tl.load(key_ptr + number + 1)
    grad_k = tl.zeros([h_pad, d_pad], tl.float32)
    grad_v = tl.zeros([h_pad, d_pad], tl.float32)
    while begin < end:
        places = begin + tl.arange(0, block)
        live = places < end
        edges = tl.load(key_edges + places, mask=live, other=0)
        if timed:
            t = tl.load(time_key + tl.load(key_edges + begin))
            live = live & (tl.load(time_key + edges, mask=live, other=-1) == t)
        at, there = _places(edges, live, heads, h_pad)
        s = tl.load(grad_score + at, mask=there, other=0)
        w = tl.load(weight + at, mask=there, other=0)
        queries = tl.load(query + edges, mask=live, other=0)
        mask = live[:, None, None] & inside[None, :, :]
        x = _load(_begin(q, q_rows, queries, n, width), columns, mask)
        g = _load(_begin(grad, grad_rows, queries, n, width), columns, mask)
        run_k = tl.sum(s[:, :, None] * x, 0)
        run_v = tl.sum(w[:, :, None] * g, 0)
        grad_k += run_k
        grad_v += run_v
        if timed:
            z = _begin(grad_time, grad_time_rows, t, n_times, 2 * width) + columns
            tl.atomic_add(z, run_k, mask=inside, sem="relaxed")
            tl.atomic_add(z + width, run_v, mask=inside, sem="relaxed")
        begin += tl.sum(live.to(tl.int64), 0)
    y = _begin(grad_kv, grad_kv_rows, number, n, 2 * width) + columns
    tl.store(y, grad_k, mask=inside)
    tl.store(y + width, grad_v, mask=inside)
