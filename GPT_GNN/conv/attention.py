"""Multi-head attention over the in-edges of every target, without [E, D] temporaries on the CPU.

``attend`` computes, for target i with in-edges e = (j -> i) lying in rows p (legend in
``batch/batch.py``),

    att[e, h]  = softmax over all in-edges of i of  q[p, h] . (k[j, h] + tk[e, h])
    out[p, h]  = sum over the row's edges of att[e, h] (v[j, h] + tv[e, h])

where tk, tv are rows of a small table of time encodings. On the CPU one Numba kernel walks each
target's edges once forward and once backward; elsewhere the same is written with tensor operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph

_MATH = {"reassoc", "contract", "nsz", "arcp"}  # lets the inner loops vectorise; keeps inf and nan


def _kernel(function: Callable[..., None]) -> Any:
    """Compile for both cores, kept on disk where there is a place for it."""
    options = {"parallel": True, "nogil": True, "fastmath": _MATH}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder is writable
        return numba.njit(**options)(function)


def attend(q: Tensor, kv: Tensor, time_kv: Tensor, graph: BatchGraph, n_heads: int) -> Tensor:
    """Attention of rows over their edges, normalised over all edges of a target.

    Args:
        q: [P, D] queries of the rows, already scaled.
        kv: [N, 2 D] keys and values of the source nodes.
        time_kv: [T U, 2 D] what the time difference adds to them, by ``graph.edge_time``; [0, 2 D]
            when the graph has no times.
        n_heads: H.

    Returns:
        [P, D]: each row's weighted sum of values.
    """
    if q.device.type == "cpu":
        return _FusedAttention.apply(q, kv, time_kv, graph, n_heads)  # type: ignore[no-any-return]
    return attend_by_tensor_ops(q, kv, time_kv, graph, n_heads)


def attend_by_tensor_ops(
    q: Tensor, kv: Tensor, time_kv: Tensor, graph: BatchGraph, n_heads: int
) -> Tensor:
    """The same as :func:`attend` with [E, D] temporaries, on any device."""
    k, v = kv[graph.src].chunk(2, dim=1)
    if len(time_kv):
        time_k, time_v = time_kv[graph.edge_time].chunk(2, dim=1)
        k, v = k + time_k, v + time_v
    heads = (len(graph.src), n_heads, -1)
    score = (q[graph.row_of_edge].view(heads) * k.view(heads)).sum(-1)  # [E, H]
    index = graph.dst[:, None].expand_as(score)
    top = score.new_full((graph.num_nodes, n_heads), -math.inf)
    top = top.scatter_reduce(0, index, score.detach(), "amax", include_self=True)
    weight = (score - top[graph.dst]).exp()
    total = weight.new_zeros(graph.num_nodes, n_heads).index_add(0, graph.dst, weight)
    weight = weight / total[graph.dst]
    message = (weight[:, :, None] * v.view(heads)).flatten(1)  # [E, D]
    return q.new_zeros(q.shape).index_add(0, graph.row_of_edge, message)


class _FusedAttention(torch.autograd.Function):
    """The Numba kernels as one differentiable function; keeps only [E, H] weights for backward."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, kv: Tensor, time_kv: Tensor, graph: BatchGraph, n_heads: int
    ) -> Tensor:
        q, kv, time_kv = q.contiguous(), kv.contiguous(), time_kv.contiguous()
        weight = q.new_empty(len(graph.src), n_heads)
        out = torch.empty_like(q)
        _forward(*_arrays(q, kv, time_kv, weight, out), *_index(graph), _chunks(graph))
        ctx.save_for_backward(q, kv, time_kv, weight, out)
        ctx.graph = graph
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        (grad,) = grads
        q, kv, time_kv, weight, out = ctx.saved_tensors
        chunks = _chunks(ctx.graph)
        grad_q = torch.empty_like(q)
        # One gradient buffer a thread: targets in different chunks share sources.
        grad_kv = kv.new_zeros(len(chunks) - 1, *kv.shape)
        grad_time = time_kv.new_zeros(len(chunks) - 1, *time_kv.shape)
        _backward(
            *_arrays(grad.contiguous(), q, kv, time_kv, weight, out, grad_q, grad_kv, grad_time),
            *_index(ctx.graph),
            chunks,
        )
        return grad_q, grad_kv.sum(0), grad_time.sum(0), None, None


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


def _index(graph: BatchGraph) -> list[np.ndarray]:
    return _arrays(graph.src, graph.edge_time, graph.row_ptr, graph.dst_ptr, graph.dst_rows)


def _chunks(graph: BatchGraph) -> np.ndarray:
    """Bounds of runs of targets, one a thread, with about as many rows each."""
    threads = numba.get_num_threads()
    wanted = np.linspace(0, len(graph.row_dst), threads + 1)[1:-1]
    inner = np.searchsorted(graph.dst_ptr.numpy(), wanted)
    return np.concatenate([[0], inner, [graph.num_nodes]]).astype(np.int64)


@_kernel
def _forward(  # type: ignore[no-untyped-def]
    q, kv, time_kv, weight, out, src, edge_time, row_ptr, dst_ptr, dst_rows, chunks
):
    width = q.shape[1]
    n_heads = weight.shape[1]
    d = width // n_heads
    timed = len(time_kv) > 0
    for chunk in numba.prange(len(chunks) - 1):
        top = np.empty(n_heads, dtype=q.dtype)
        total = np.empty(n_heads, dtype=q.dtype)
        for i in range(chunks[chunk], chunks[chunk + 1]):
            top[:] = -np.inf
            total[:] = 0
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    j, t = src[e], edge_time[e]
                    for h in range(n_heads):
                        score = q.dtype.type(0)
                        for c in range(h * d, (h + 1) * d):
                            score += q[p, c] * kv[j, c]
                        if timed:
                            for c in range(h * d, (h + 1) * d):
                                score += q[p, c] * time_kv[t, c]
                        weight[e, h] = score
                        top[h] = max(top[h], score)
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    for h in range(n_heads):
                        weight[e, h] = np.exp(weight[e, h] - top[h])
                        total[h] += weight[e, h]
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                for c in range(width):
                    out[p, c] = 0
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    j, t = src[e], edge_time[e]
                    for h in range(n_heads):
                        w = weight[e, h] / total[h]
                        weight[e, h] = w
                        for c in range(h * d, (h + 1) * d):
                            out[p, c] += w * kv[j, width + c]
                        if timed:
                            for c in range(h * d, (h + 1) * d):
                                out[p, c] += w * time_kv[t, width + c]


@_kernel
def _backward(  # type: ignore[no-untyped-def]
    grad,
    q,
    kv,
    time_kv,
    weight,
    out,
    grad_q,
    grad_kv,
    grad_time,
    src,
    edge_time,
    row_ptr,
    dst_ptr,
    dst_rows,
    chunks,
):
    width = q.shape[1]
    n_heads = weight.shape[1]
    d = width // n_heads
    timed = len(time_kv) > 0
    for chunk in numba.prange(len(chunks) - 1):
        mean = np.empty(n_heads, dtype=q.dtype)
        for i in range(chunks[chunk], chunks[chunk + 1]):
            mean[:] = 0
            # The softmax's mean gradient, sum over edges of weight * (grad . value), equals
            # grad . out summed over the target's rows: no extra pass over edges.
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                for h in range(n_heads):
                    for c in range(h * d, (h + 1) * d):
                        mean[h] += grad[p, c] * out[p, c]
            for position in range(dst_ptr[i], dst_ptr[i + 1]):
                p = dst_rows[position]
                for c in range(width):
                    grad_q[p, c] = 0
                for e in range(row_ptr[p], row_ptr[p + 1]):
                    j, t = src[e], edge_time[e]
                    for h in range(n_heads):
                        w = weight[e, h]
                        g = q.dtype.type(0)
                        for c in range(h * d, (h + 1) * d):
                            g += grad[p, c] * kv[j, width + c]
                        if timed:
                            for c in range(h * d, (h + 1) * d):
                                g += grad[p, c] * time_kv[t, width + c]
                        s = w * (g - mean[h])
                        for c in range(h * d, (h + 1) * d):
                            grad_q[p, c] += s * kv[j, c]
                            grad_kv[chunk, j, c] += s * q[p, c]
                            grad_kv[chunk, j, width + c] += w * grad[p, c]
                        if timed:
                            for c in range(h * d, (h + 1) * d):
                                grad_q[p, c] += s * time_kv[t, c]
                                grad_time[chunk, t, c] += s * q[p, c]
                                grad_time[chunk, t, width + c] += w * grad[p, c]
