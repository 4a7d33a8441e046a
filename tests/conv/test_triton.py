"""The Triton kernels against tensor operations: interpreted anywhere, compiled where a GPU is.

Triton interprets what is decorated while TRITON_INTERPRET is set, so that needs a process of its
own, ``python -m tests.conv.test_triton FILE``, which computes every case once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import batch_edges, to_device
from GPT_GNN.conv import attention
from GPT_GNN.conv.attention import relational_attention
from GPT_GNN.conv.kernels import cpu, kernels_for, plain
from GPT_GNN.graph.store import NO_TIME
from tests.conv.test_attention import arguments, random_graph

ROOT = Path(__file__).resolve().parents[2]
CUDA = torch.device("cuda")

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="no triton, which pip install -e .[dev] brings on Linux"
)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class Case(NamedTuple):
    timed: bool = True
    heads: int = 2
    width: int = 6  # of each head
    dtype: torch.dtype = torch.float32


CASES = {
    "timed": Case(),
    "untimed": Case(timed=False),
    "one_head": Case(heads=1, width=3),
    "odd_sizes": Case(timed=False, heads=3, width=5),
    "bfloat16": Case(dtype=torch.bfloat16),
    "float16": Case(dtype=torch.float16),
}


def hub_graph(timed):
    """Few sources and few targets, each with times; hubs of more than a block; lone nodes."""
    rng = np.random.default_rng(0)
    few, many, times = np.arange(2), np.arange(2, 14), np.array([2000, 2001, NO_TIME])
    ends = [
        (np.repeat(few, [40, 10]), rng.choice(many, 50)),  # key 0 has runs of more than a block
        (rng.choice(many, 40), np.repeat(few, [37, 3])),  # target 0 has rows of more than a block
        (rng.choice(many, 25), rng.choice(many, 25)),
        (np.empty(0, np.int64), np.empty(0, np.int64)),
        (np.array([0, 5]), np.array([1, 1])),
        (rng.choice(few, 30), rng.choice(many, 30)),  # a second sum for a target's own query
        (np.arange(14), np.arange(14)),  # none of the lone nodes 14 and 15
    ]
    ends = [(s[np.argsort(d, kind="stable")], np.sort(d)) for s, d in ends]
    return batch_edges(
        (0, 2, 16),
        np.concatenate([s for s, _ in ends]),
        np.concatenate([d for _, d in ends]),
        np.cumsum([0, *(len(s) for s, _ in ends)]),
        rng.choice(times, 16) if timed else None,
    ).index()


def kernel_results(kernels, case, device, exact=False):
    """What the pair of kernels gives for random rows; ``exact``: in float32, inputs rounded."""
    graph = hub_graph(case.timed)
    generator = torch.Generator().manual_seed(0)
    width, n = case.heads * case.width, graph.num_nodes
    num_times = 2 * len(graph.time_index), len(graph.time_nodes)

    def rows(own, made, columns):
        given = torch.randn(own + made, columns, generator=generator).to(case.dtype)
        given = (given.float() if exact else given).to(device)
        return given[:own].clone(), given[own:].clone()

    queries, grad = (rows(n, len(graph.query_nodes), width) for _ in range(2))
    keys = rows(n, len(graph.key_nodes), 2 * width)
    times = rows(*(num_times if case.timed else (0, 0)), 2 * width)
    mean = rows(n, 0, case.heads)[0]
    graph = to_device(graph, device)
    out, weight = kernels.forward(queries, keys, times, graph, case.heads)
    grads = kernels.backward(grad, queries, keys, times, weight, mean, graph)
    names = ["out", "queries", "keys", "times"]
    found = {"weight": weight, "again": grads[3]}
    for name, pair in zip(names, (out, *grads[:3]), strict=True):
        found |= {name: pair[0], f"{name}_rows": pair[1]}
    return {name: x.cpu() for name, x in found.items()}


def attention_results(device):
    """What the layers' function gives as a whole, and its gradients."""
    graph = random_graph(0)
    given = [x.to(device) for x in arguments(graph, dtype=torch.float32, grad=False)]
    for x in given:
        x.requires_grad_()
    out = relational_attention(*given, to_device(graph, device))
    out.square().sum().backward()
    names = ("queries", "keys", "times", "relation_att", "relation_msg")
    grads = {name: x.grad.cpu() for name, x in zip(names, given, strict=True)}
    return {"out": out.detach().cpu(), **grads}


def compute(path):
    """Every case, interpreted, to a file."""
    from GPT_GNN.conv.kernels import cuda

    results = {name: kernel_results(cuda, case, "cpu") for name, case in CASES.items()}
    attention.kernels_for = lambda x: cuda
    torch.save(results | {"attention": attention_results("cpu")}, path)


def check(got, want, dtype=torch.float32):
    """Equal but for float32 sums, and for rounding once to ``dtype`` what has that dtype."""
    assert got.keys() == want.keys()
    for name, w in want.items():
        g, once = got[name], 0.0
        assert g.shape == w.shape, name
        assert g.dtype == (torch.float32 if name == "weight" else dtype), name
        if not w.numel():
            continue
        if g.dtype != torch.float32:
            once = torch.finfo(dtype).eps
        sums = 1e-5 if name in ("weight", "out", "out_rows") else 1e-4
        error = (g.float() - w).abs() - once * w.abs()
        assert error.max() <= sums * w.abs().max(), name


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    path = tmp_path_factory.mktemp("triton") / "results.pt"
    command = [sys.executable, "-m", "tests.conv.test_triton", str(path)]
    made = subprocess.run(
        command,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert made.returncode == 0, made.stdout
    return torch.load(path)


@pytest.mark.parametrize("timed", [True, False])
def test_the_sample_has_rows_on_both_sides(timed):
    graph = hub_graph(timed)
    queries, keys = np.diff(graph.query_offsets), np.diff(graph.key_offsets)
    assert keys[0] and not queries[0], "few sources: transform them"
    assert queries[1] and not keys[1], "few targets: transform them"
    assert not queries[3] and not keys[3], "no edges"
    assert np.diff(graph.time_offsets)[0]
    assert np.diff(graph.row_ptr).max() > 2 * 16 and np.diff(graph.key_ptr).max() > 2 * 16
    _, runs = torch.stack([graph.edge_key, graph.edge_time_key]).unique(dim=1, return_counts=True)
    assert runs.max() > 16, "a block is at most 16 edges"
    own = graph.edge_query[graph.row_ptr[:-1]]
    assert (np.bincount(own[own < graph.num_nodes]) > 1).any(), "two relations, one query"
    assert (np.diff(graph.dst_ptr)[14:] == 0).all() and (np.diff(graph.key_ptr)[14:16] == 0).all()


@needs_triton
@pytest.mark.parametrize("name", CASES)
def test_interpreted_kernels_equal_tensor_operations(interpreted, name):
    case = CASES[name]
    want = kernel_results(plain, case, "cpu", exact=True)
    check(interpreted[name], want, case.dtype)
    assert (interpreted[name]["out"][14:] == 0).all(), "lone nodes receive nothing"


@needs_triton
def test_interpreted_attention_equals_tensor_operations(monkeypatch, interpreted):
    monkeypatch.setattr(attention, "kernels_for", lambda x: plain)
    check(interpreted["attention"], attention_results("cpu"))


@needs_triton
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("kernel", ["_forward", "_backward_queries", "_backward_keys"])
def test_compiles_for_cuda(monkeypatch, tmp_path, kernel, dtype):
    """The interpreter takes what the compiler refuses, e.g. a variable that changes its type."""
    if os.environ.get("TRITON_INTERPRET", "0") != "0":
        pytest.skip("TRITON_INTERPRET is set")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")  # Triton 3.9 warns when this is not set
    from triton import compile
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from GPT_GNN.conv.kernels import cuda

    function = getattr(cuda, kernel)
    sizes = cuda._sizes((torch.empty(9, 400),), (torch.empty(5, 800),), 8)
    last = function.arg_names[-len(sizes) :]
    constants = dict(list(zip(last, sizes, strict=True))[2:])
    wide = {"scores", "weight", "grad_score", "grad_time", "grad_time_rows"}
    indices = "query key time_key row_ptr dst_ptr dst_rows key_ptr key_edges".split()
    types = dict.fromkeys(function.arg_names, f"*{dtype}")
    types |= {name: "*fp32" for name in wide & types.keys()}
    types |= {name: "*i64" for name in indices if name in types}
    types |= {"n": "i32", "n_times": "i32"} | dict.fromkeys(constants, "constexpr")
    source = ASTSource(fn=function, signature=types, constexprs=constants)
    compiled = compile(source, target=GPUTarget("cuda", 80, 32))
    assert compiled.asm["cubin"]
    if kernel == "_forward":
        assert "barrier" in compiled.asm["ttir"], "between storing scores and reading them"


@pytest.mark.parametrize("found", [True, False])
def test_kernels_by_device_and_dtype(monkeypatch, found):
    if found and find_spec("triton") is None:
        pytest.skip("no triton, which pip install -e .[dev] brings on Linux")
    if not found:
        monkeypatch.setattr("GPT_GNN.conv.kernels.find_spec", lambda name: None)
    chosen = {
        (device, dtype): kernels_for(SimpleNamespace(device=torch.device(device), dtype=dtype))
        for device in ("cpu", "cuda", "meta")
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    }
    for (device, dtype), kernels in chosen.items():
        if device == "cuda" and dtype != torch.float64 and found:
            assert kernels.__name__ == "GPT_GNN.conv.kernels.cuda"
        else:
            assert kernels is (cpu if device == "cpu" else plain)


@pytest.mark.gpu
@needs_gpu
@needs_triton
@pytest.mark.parametrize("name", CASES)
def test_kernels_on_a_gpu_equal_tensor_operations(name):
    from GPT_GNN.conv.kernels import cuda

    case = CASES[name]
    want = kernel_results(plain, case, "cpu", exact=True)
    check(kernel_results(cuda, case, CUDA), want, case.dtype)


@pytest.mark.gpu
@needs_gpu
@needs_triton
def test_attention_on_a_gpu_equals_tensor_operations(monkeypatch):
    got = attention_results(CUDA)
    monkeypatch.setattr(attention, "kernels_for", lambda x: plain)
    check(got, attention_results("cpu"))


if __name__ == "__main__":
    compute(sys.argv[1])
