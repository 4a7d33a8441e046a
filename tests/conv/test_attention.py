"""Relational attention: its kernels against each other, its gradients against differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import batch_edges
from GPT_GNN.conv import attention
from GPT_GNN.conv.attention import relational_attention
from GPT_GNN.conv.kernels import cpu, plain
from GPT_GNN.graph.store import NO_TIME

HEADS, WIDTH = 2, 6  # of each head
KERNELS = {"cpu": cpu, "plain": plain}


def random_graph(seed, timed=True):
    """Relations that transform their targets, their sources, one edge, no edge; lone last node."""
    rng = np.random.default_rng(seed)
    offsets = (0, 9, 9, 24)
    few, many = np.arange(9), np.arange(9, 23)
    ends = [
        (rng.choice(few[:3], 60), rng.choice(many, 60)),  # few sources, few differences in time
        (rng.choice(many, 40), rng.choice(few, 40)),  # few targets
        (np.array([3]), np.array([11])),
        (np.empty(0, np.int64), np.empty(0, np.int64)),
        (np.arange(23), np.arange(23)),
    ]
    ends = [(s[np.argsort(d, kind="stable")], np.sort(d)) for s, d in ends]
    time = rng.integers(2000, 2002, 24).astype(np.int32)
    time[rng.random(24) < 0.3] = NO_TIME
    return batch_edges(
        offsets,
        np.concatenate([s for s, _ in ends]),
        np.concatenate([d for _, d in ends]),
        np.cumsum([0, *(len(s) for s, _ in ends)]),
        time if timed else None,
    ).index()


def arguments(graph, timed=True, dtype=torch.float64, grad=True):
    generator = torch.Generator().manual_seed(0)
    n, num_times = graph.num_nodes, 3 * len(graph.time_index) * timed
    shapes = [(n, HEADS * WIDTH), (n, 2 * HEADS * WIDTH), (num_times, 2 * HEADS * WIDTH)]
    shapes += [(5, HEADS, WIDTH, WIDTH)] * 2
    made = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [x.to(dtype).requires_grad_(grad) for x in made]


def edge_by_edge(q, kv, time_kv, relation_att, relation_msg, graph):
    """The formula at the head of attention.py, one edge and head at a time."""
    relation = np.repeat(np.arange(5), np.diff(graph.relation_rows))[graph.row_of_edge]
    k, v = kv.chunk(2, dim=1)
    out = []
    for i in range(graph.num_nodes):
        edges = np.flatnonzero(graph.dst == i)
        heads = []
        for h in range(HEADS):
            own = slice(h * WIDTH, (h + 1) * WIDTH)
            scores, messages = [], []
            for e in edges:
                j, r = graph.src[e], relation[e]
                key, value = k[j, own], v[j, own]
                if len(time_kv):
                    time_k, time_v = time_kv[graph.edge_time[e]].chunk(2)
                    key, value = key + time_k[own], value + time_v[own]
                scores.append(q[i, own] @ (key @ relation_att[r, h]))
                messages.append(value @ relation_msg[r, h])
            if len(edges):
                weight = torch.softmax(torch.stack(scores), 0)
                heads.append(weight @ torch.stack(messages))
            else:
                heads.append(q.new_zeros(WIDTH))
        out.append(torch.cat(heads))
    return torch.stack(out)


@pytest.mark.parametrize("timed", [True, False])
def test_the_sample_transforms_on_both_sides(timed):
    graph = random_graph(0, timed)
    queries, keys = np.diff(graph.query_offsets), np.diff(graph.key_offsets)
    assert keys[0] and not queries[0], "few sources: transform them"
    assert queries[1] and not keys[1], "few targets: transform them"
    assert not queries[3] and not keys[3]
    assert queries[4] == 23
    assert len(graph.time_nodes) == graph.time_offsets[1] > 0


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_formula_and_its_gradients(monkeypatch, kernel, seed, timed):
    monkeypatch.setattr(attention, "kernels_for", lambda x: KERNELS[kernel])
    graph = random_graph(seed, timed)
    given = arguments(graph, timed)
    weight = torch.randn(graph.num_nodes, HEADS * WIDTH, dtype=torch.float64)
    results = []
    for function in (edge_by_edge, relational_attention):
        out = function(*given, graph)
        grads = torch.autograd.grad((out * weight).sum(), given, allow_unused=True)
        results.append((out, grads))
    (want, want_grads), (got, got_grads) = results
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    for g, w, x in zip(got_grads, want_grads, given, strict=True):
        w = torch.zeros_like(x) if w is None else w
        torch.testing.assert_close(g, w, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_arguments_need_not_be_contiguous(monkeypatch, kernel):
    monkeypatch.setattr(attention, "kernels_for", lambda x: KERNELS[kernel])
    graph = random_graph(0)
    given = arguments(graph, grad=False)
    strided = [torch.stack([x, x], dim=-1)[..., 0] for x in given]
    assert not any(x.is_contiguous() for x in strided)
    want, got = (relational_attention(*x, graph) for x in (given, strided))
    assert torch.equal(got, want)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_equal_differences(monkeypatch, kernel):
    monkeypatch.setattr(attention, "kernels_for", lambda x: KERNELS[kernel])
    graph = random_graph(3)
    assert torch.autograd.gradcheck(
        lambda *x: relational_attention(*x, graph), arguments(graph), fast_mode=True
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_float32_is_near_float64(monkeypatch, kernel):
    monkeypatch.setattr(attention, "kernels_for", lambda x: KERNELS[kernel])
    graph = random_graph(4)
    want = arguments(graph)
    got = arguments(graph, dtype=torch.float32)
    outs = [relational_attention(*x, graph) for x in (want, got)]
    torch.testing.assert_close(outs[1].double(), outs[0], rtol=1e-5, atol=1e-5)
    for out in outs:
        out.square().sum().backward()
    for w, g in zip(want, got, strict=True):
        error = (g.grad.double() - w.grad).abs().max()
        assert error <= 1e-4 * w.grad.abs().max()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kernel", KERNELS)
def test_halves_are_summed_in_float32(monkeypatch, dtype, kernel):
    """4,096 equal values: a sum in bfloat16 would stop growing at 256, in float16 at 2,048."""
    monkeypatch.setattr(attention, "kernels_for", lambda x: KERNELS[kernel])
    n = 4096
    edges = np.arange(n)
    graph = batch_edges((0, n), edges, edges * 0, np.array([0, n]), None).index()
    q, kv = torch.zeros(n, 4, dtype=dtype), torch.ones(n, 8, dtype=dtype)
    eye = torch.eye(2, dtype=dtype).expand(1, 2, 2, 2).contiguous()
    kv.requires_grad_()
    q.requires_grad_()
    out = relational_attention(q, kv, kv.new_zeros(0, 8), eye, eye, graph)
    assert out.dtype == dtype
    torch.testing.assert_close(out[0], torch.ones(4, dtype=dtype), rtol=1e-2, atol=1e-2)
    out.sum().backward()
    assert kv.grad.dtype == dtype
    torch.testing.assert_close(kv.grad[:, 4:], torch.full((n, 4), 1 / n, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_are_rounded_once_and_not_a_relation_at_a_time(monkeypatch, dtype):
    """What a GPU computes: the arguments stay halves, the sums over 30 relations do not."""
    monkeypatch.setattr(attention, "kernels_for", lambda x: plain)
    rng = np.random.default_rng(0)
    n, each, num_relations = 60, 400, 30
    ends = [(rng.integers(0, n, each), np.sort(rng.integers(0, n, each))) for _ in range(30)]
    src, dst = (np.concatenate(side) for side in zip(*ends, strict=True))
    graph = batch_edges((0, n), src, dst, np.arange(num_relations + 1) * each, None).index()
    torch.manual_seed(0)
    shapes = [(n, 8), (n, 16), (0, 16), (num_relations, 2, 4, 4), (num_relations, 2, 4, 4)]
    half = [(torch.randn(shape) / 2).to(dtype).requires_grad_() for shape in shapes]
    whole = [x.detach().float().requires_grad_() for x in half]
    results = []
    for given in (half, whole):
        out = attention._RelationalAttention.apply(graph, *given)
        assert out.dtype == given[0].dtype
        grads = torch.autograd.grad((out * torch.linspace(-1, 1, 8).to(out.dtype)).sum(), given)
        results.append([out.detach(), *(g for g, x in zip(grads, given, strict=True) if len(x))])
    unit = torch.finfo(dtype).eps
    for got, want in zip(*results, strict=True):
        error = (got.float() - want).norm() / want.norm()
        assert error < 0.7 * unit


def test_what_is_kept_does_not_grow_with_the_relations():
    """The same edges as one relation or as fifty: the same tensors wait for backward."""
    rng = np.random.default_rng(0)
    n, n_edges, dtype = 200, 3000, torch.float32
    src, dst = rng.integers(0, n, n_edges), rng.integers(0, n, n_edges)
    kept = []
    for num_relations in (1, 50):
        relation = np.sort(rng.integers(0, num_relations, n_edges))
        order = np.lexsort((dst, relation))
        starts = np.searchsorted(relation, np.arange(num_relations + 1))
        graph = batch_edges((0, n), src[order], dst[order], starts, None).index()
        sizes = []

        def pack(x, sizes=sizes):
            sizes.append(x.numel() if x.dim() < 4 else 0)  # the matrices themselves aside
            return x

        q, kv = torch.randn(n, 8).requires_grad_(), torch.randn(n, 16)
        matrices = torch.randn(num_relations, 2, 4, 4)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            relational_attention(q, kv, torch.zeros(0, 16, dtype=dtype), matrices, matrices, graph)
        kept.append(sum(sizes))
    assert kept[0] == kept[1]
