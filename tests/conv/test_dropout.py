"""Dropout by hashing: what torch's promises, and that a mask is a function of torch's generator."""

from __future__ import annotations

import subprocess
import sys

import numba
import numpy as np
import pytest
import torch

from GPT_GNN.conv import dropout
from GPT_GNN.conv.dropout import Dropout


def dropped(x, p=0.3, seed=0):
    torch.manual_seed(seed)
    return Dropout(p)(x)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_zeroes_the_share_asked_for_and_keeps_the_mean(p):
    x = torch.ones(1000, 300)
    out = dropped(x, p)
    share = (out == 0).float()
    assert abs(share.mean().item() - p) < 0.003
    assert out.unique().tolist() == [0.0, pytest.approx(1 / (1 - p))]
    for dim in (0, 1):  # no row, no column is favoured
        assert (share.mean(dim) - p).abs().max() < 0.12
    neighbours = (share[:, 1:] * share[:, :-1]).mean().item()
    assert abs(neighbours - p * p) < 0.005


@pytest.mark.parametrize("first", [5, 2**32 - 300])  # the second one wraps round within the tensor
def test_the_mask_is_the_hash_that_is_documented(monkeypatch, first):
    monkeypatch.setattr(dropout, "_keys", lambda: np.array([first, 77], dtype=np.uint32))
    z = np.arange(1000, dtype=np.uint32) + np.uint32(first)
    z = (z ^ (z >> np.uint32(16))) * np.uint32(0x7FEB352D)
    z = (z ^ (z >> np.uint32(15)) ^ np.uint32(77)) * np.uint32(0x846CA68B)
    z = z ^ (z >> np.uint32(16))
    zero = Dropout(0.25)(torch.ones(1000)) == 0
    assert zero.tolist() == (z < 2**30).tolist()


def test_masks_of_two_calls_are_independent_and_not_shifted_copies():
    torch.manual_seed(0)
    x, layer = torch.ones(100_000), Dropout(0.5)
    a, b = (layer(x) == 0).float(), (layer(x) == 0).float()
    for shift in range(-50, 51):
        agree = (a[50:-50] == b.roll(shift)[50:-50]).float().mean()
        assert abs(agree - 0.5) < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_the_gradient_has_the_mask_of_the_result(dtype):
    x = torch.randn(50, 7, dtype=dtype).T.requires_grad_()  # not contiguous
    out = dropped(x)
    assert out.shape == x.shape and out.dtype == dtype
    (grad,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(grad == 0, out == 0)
    torch.testing.assert_close(out, x * grad)


def test_the_seed_gives_the_mask_whatever_the_number_of_threads():
    x, threads = torch.ones(1000), numba.get_num_threads()
    want = dropped(x)
    assert torch.equal(want, dropped(x))
    assert not torch.equal(want, dropped(x, seed=1))
    numba.set_num_threads(1)
    try:
        assert torch.equal(want, dropped(x))
    finally:
        numba.set_num_threads(threads)


def test_numba_s_pool_does_not_change_torch_s_number_of_threads():
    script = (
        "import torch; torch.set_num_threads(1); from GPT_GNN.conv.dropout import Dropout; "
        "Dropout(0.5)(torch.ones(9)); print(torch.get_num_threads())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]


def test_evaluation_and_p_0_change_nothing_and_draw_nothing():
    x = torch.randn(5, 5)
    state = torch.get_rng_state()
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert torch.equal(torch.get_rng_state(), state)
    assert dropped(torch.empty(0, 4)).shape == (0, 4)


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(p):
    with pytest.raises(ValueError, match=r"expected a dropout in \[0, 1\), got"):
        Dropout(p)
