"""Attention over the in-edges of every target, with a pair of linear maps for each relation.

Per head, for target i with in-edges e = (j -> i) of relation r and time difference t,

    score[e] = q[i] . ((k[j] + tk[t]) A_r)
    weight   = softmax of score over all in-edges of i
    out[i]   = sum over e of weight[e] (v[j] + tv[t]) M_r

A_r and M_r act once on each distinct target of the relation (q A_r^T; the weighted sum M_r) or once
on each distinct source and time difference (k A_r, v M_r), whichever are fewer (targets, when
equal): see *query* and *key* in :class:`GPT_GNN.batch.batch.BatchGraph`. What is left is attention
of queries over keys, which one kernel does without [E, D] temporaries: ``cpu.py`` in Numba,
``cuda.py`` in Triton, ``plain.py`` with tensor operations elsewhere. Kept for backward are the
arguments, the result and [E, H] weights; the transformed rows are made again, so that what a step
keeps does not grow with the number of relations. Literal version, edge by edge:
``tests/oracle/hgt.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.kernels import kernels_for
from GPT_GNN.conv.kernels.rows import Rows, wide


def relational_attention(
    q: Tensor,
    kv: Tensor,
    time_kv: Tensor,
    relation_att: Tensor,
    relation_msg: Tensor,
    graph: BatchGraph,
) -> Tensor:
    """What every target receives: [N, D].

    Args:
        q: [N, D] queries of the nodes.
        kv: [N, 2 D] keys and values of the nodes.
        time_kv: [T U, 2 D] what a time difference adds to them, by ``graph.edge_time``; [0, 2 D]
            when the graph has no times.
        relation_att, relation_msg: [R, H, d, d], A and M; A with the scale of the scores.

    The result has the dtype of ``q``. Sums over edges and over relations of bfloat16 and float16
    are taken in float32; on the CPU all of it is.
    """
    dtype = q.dtype
    if q.device.type == "cpu" and dtype in (torch.bfloat16, torch.float16):
        dtype = torch.float32
    given = [x.to(dtype).contiguous() for x in (q, kv, time_kv, relation_att, relation_msg)]
    with torch.autocast(q.device.type, enabled=False):  # what is float32 here stays so
        return _RelationalAttention.apply(graph, *given).to(q.dtype)


class _RelationalAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, graph: BatchGraph, *given: Tensor) -> Tensor:
        q, _, _, relation_att, relation_msg = given
        rows = _relation_rows(graph, *given)
        (out, summed), weight = kernels_for(q).forward(*rows, graph, relation_att.shape[1])
        out = wide(out)
        for part in _parts(graph.query_nodes, graph.query_offsets, len(q)):
            part.add_product(out, summed, relation_msg)
        out = out.to(q.dtype)
        ctx.save_for_backward(*given, weight, out)
        ctx.graph = graph
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        *given, weight, out = ctx.saved_tensors
        q, kv, time_kv, relation_att, relation_msg = given
        graph, grad = ctx.graph, grads[0].contiguous()
        n_heads, d = relation_att.shape[1:3]
        # The softmax's mean gradient: sum over e of weight[e] (grad . message of e) = grad . out.
        mean = (wide(grad) * out).view(len(q), n_heads, d).sum(-1)
        rows = _relation_rows(graph, *given)
        targets = _parts(graph.query_nodes, graph.query_offsets, len(q))
        grad_summed = torch.empty_like(rows[0][1])
        for part in targets:
            part.product(grad, relation_msg.mT, grad_summed)
        grad_queries, grad_keys, grad_times, summed = kernels_for(q).backward(
            (grad, grad_summed), *rows, weight, mean, graph
        )
        grad_att, grad_msg = (torch.zeros_like(wide(x)) for x in (relation_att, relation_msg))
        total_q, total_kv, total_time = (
            wide(own) for own, _ in (grad_queries, grad_keys, grad_times)
        )
        for part in targets:  # query = q A^T, message = summed M
            part.outer(grad_queries[1], q, grad_att, turned=True)
            part.outer(summed, grad, grad_msg, turned=True)
            part.add_product(total_q, grad_queries[1], relation_att)
        both = torch.cat([relation_att, relation_msg], dim=1)
        grad_both = torch.zeros_like(wide(both))
        for part in _parts(graph.key_nodes, graph.key_offsets):  # key = k A, value = v M
            part.outer(grad_keys[1], kv, grad_both)
            part.add_product(total_kv, grad_keys[1], both.mT)
        if len(time_kv):
            for part in _parts(graph.time_nodes, graph.time_offsets):
                part.outer(grad_times[1], time_kv, grad_both)
                part.add_product(total_time, grad_times[1], both.mT)
        grad_att += grad_both[:, :n_heads]
        grad_msg += grad_both[:, n_heads:]
        made = (total_q, total_kv, total_time, grad_att, grad_msg)
        return None, *(x.to(q.dtype) for x in made)


def _relation_rows(graph: BatchGraph, *given: Tensor) -> tuple[Rows, Rows, Rows]:
    """Queries, keys and times, each with the rows [M, D], [S, 2 D], [Y, 2 D] of the relations."""
    q, kv, time_kv, relation_att, relation_msg = given
    both = torch.cat([relation_att, relation_msg], dim=1)
    queries = q.new_empty(len(graph.query_nodes), q.shape[1])
    for part in _parts(graph.query_nodes, graph.query_offsets, len(q)):
        part.product(q, relation_att.mT, queries)
    keys = kv.new_empty(len(graph.key_nodes), kv.shape[1])
    for part in _parts(graph.key_nodes, graph.key_offsets):
        part.product(kv, both, keys)
    times = time_kv.new_empty(len(graph.time_nodes) if len(time_kv) else 0, kv.shape[1])
    if len(time_kv):
        for part in _parts(graph.time_nodes, graph.time_offsets):
            part.product(time_kv, both, times)
    return (q, queries), (kv, keys), (time_kv, times)


class _Part(NamedTuple):
    """The rows of one relation: ``rows[where]`` belong to ``x[nodes]``.

    Working relation by relation keeps what is gathered in the cache for its product.
    """

    relation: int
    where: slice
    nodes: Tensor
    whole: bool  # the rows are those of all nodes in their order: nothing to gather

    def product(self, x: Tensor, weight: Tensor, rows: Tensor) -> None:
        """rows = x[nodes] @ weight of the relation, head by head ([R, H, d, d])."""
        d = weight.shape[-1]
        matrix = weight[self.relation]
        torch.bmm(_heads(self._gathered(x), d), matrix, out=_heads(rows[self.where], d))

    def add_product(self, x: Tensor, rows: Tensor, weight: Tensor) -> None:
        """x[nodes] += rows @ weight of the relation; x may be wider than the rows."""
        d = weight.shape[-1]
        block, matrix = _heads(rows[self.where], d), weight[self.relation]
        if self.whole and x.dtype == rows.dtype:
            _heads(x, d).baddbmm_(block, matrix)
            return
        product = torch.bmm(block, matrix).transpose(0, 1).flatten(1).to(x.dtype)
        x.index_add_(0, self.nodes, product)

    def outer(self, rows: Tensor, x: Tensor, out: Tensor, turned: bool = False) -> None:
        """out[relation] += x[nodes]^T rows, or rows^T x[nodes]."""
        d = out.shape[-1]
        left, right = _heads(self._gathered(x), d), _heads(rows[self.where], d)
        if turned:
            left, right = right, left
        if out.dtype == rows.dtype:
            out[self.relation].baddbmm_(left.mT, right)
        else:
            out[self.relation] += torch.bmm(left.mT, right)

    def _gathered(self, x: Tensor) -> Tensor:
        return x if self.whole else x.index_select(0, self.nodes)


def _parts(nodes: Tensor, offsets: Sequence[int], num_nodes: int = -1) -> list[_Part]:
    """The relations that have rows; with ``num_nodes`` these rows ascend by node."""
    return [
        _Part(relation, slice(a, b), nodes[a:b], b - a == num_nodes)
        for relation, (a, b) in enumerate(zip(offsets, offsets[1:], strict=False))
        if a < b
    ]


def _heads(rows: Tensor, d: int) -> Tensor:
    """[n, H d] as H matrices in place: [H, n, d]."""
    return rows.unflatten(1, (-1, d)).transpose(0, 1)
