"""Attention of queries over keys with tensor operations and [E, D] temporaries, on any device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.kernels.rows import Rows, wide


def forward(
    queries: Rows, keys: Rows, times: Rows, graph: BatchGraph, n_heads: int
) -> tuple[Rows, Tensor]:
    """Sums of values, as rows like the queries', and weights [E, H]."""
    k, v = _keys(keys, times, graph, n_heads)
    q = _heads(torch.cat(queries)[graph.edge_query], n_heads)
    score = (q * k).sum(-1)
    index = graph.dst[:, None].expand_as(score)
    top = score.new_full((graph.num_nodes, n_heads), -math.inf)
    top = top.scatter_reduce(0, index, score, "amax", include_self=True)
    weight = (score - top[graph.dst]).exp()
    total = weight.new_zeros(graph.num_nodes, n_heads).index_add(0, graph.dst, weight)
    weight = weight / total[graph.dst]
    return _summed((weight[..., None] * v).flatten(1), graph.edge_query, queries), weight


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
    n_heads = weight.shape[1]
    k, v = _keys(keys, times, graph, n_heads)
    q = _heads(torch.cat(queries)[graph.edge_query], n_heads)
    g = _heads(torch.cat(grad)[graph.edge_query], n_heads)
    grad_score = weight * ((g * v).sum(-1) - mean[graph.dst])
    by_query = (grad_score[..., None] * k).flatten(1)
    by_key = torch.cat([grad_score[..., None] * q, weight[..., None] * g], dim=1).flatten(1)
    grad_times = (torch.zeros_like(times[0]), torch.zeros_like(times[1]))
    if len(times[0]):
        grad_times = _summed(by_key, graph.edge_time_key, times)
    return (
        _summed(by_query, graph.edge_query, queries),
        _summed(by_key, graph.edge_key, keys),
        grad_times,
        _summed((weight[..., None] * v).flatten(1), graph.edge_query, queries)[1],
    )


def _keys(keys: Rows, times: Rows, graph: BatchGraph, n_heads: int) -> tuple[Tensor, Tensor]:
    """Keys and values of the edges, [E, H, d] each, time included."""
    kv = wide(torch.cat(keys)[graph.edge_key])
    if len(times[0]):
        kv = kv + torch.cat(times)[graph.edge_time_key]
    k, v = kv.chunk(2, dim=1)
    return _heads(k, n_heads), _heads(v, n_heads)


def _heads(x: Tensor, n_heads: int) -> Tensor:
    return wide(x).unflatten(1, (n_heads, -1))


def _summed(values: Tensor, index: Tensor, like: Rows) -> Rows:
    """Sum [E, w] values by row into the shapes and the dtype of two parts."""
    own, rows = (len(x) for x in like)
    total = values.new_zeros(own + rows, values.shape[1]).index_add_(0, index, values)
    total = total.to(like[0].dtype)
    return total[:own], total[own:]
