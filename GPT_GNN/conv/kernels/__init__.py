"""Attention of queries over keys: a file per device, one signature.

``forward(queries, keys, times, graph, n_heads) -> (out, weight)`` and ``backward(grad, queries,
keys, times, weight, mean, graph) -> (grad_queries, grad_keys, grad_times, again)``. Queries, keys
and times are pairs: the rows of the nodes (or of the time table), and those that relations made of
them, numbered on; ``edge_query``, ``edge_key`` and ``edge_time_key`` of the graph are such numbers.

    queries: [N, D], [M, D]
    keys: [N, 2 D], [S, 2 D], keys and values; times: [T U, 2 D], [Y, 2 D], or [0, 2 D] twice
    weight: [E, H], softmax over the in-edges of an edge's target of query . (key + time key)
    out: [N, D], [M, D], for each query the sum over its edges of weight (value + time value)
    grad: like out; mean: [N, H], for each target the sum of weight times its gradient
    again: out[1], which backward needs and forward does not keep
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from GPT_GNN.conv.kernels import cpu, plain


def kernels_for(x: Tensor) -> Any:
    """The module that computes where ``x`` is: on CUDA Triton's, which torch brings on Linux.

    It has no float64: that, and a torch without Triton, takes tensor operations.
    """
    if x.device.type == "cpu":
        return cpu
    halves_or_single = x.dtype in (torch.float32, torch.bfloat16, torch.float16)
    if x.device.type == "cuda" and halves_or_single and find_spec("triton"):
        from GPT_GNN.conv.kernels import cuda  # triton is imported only where it computes

        return cuda
    return plain
