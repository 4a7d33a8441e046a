"""Dropout whose mask is a hash of the position."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from GPT_GNN.conv.kernels.cpu import num_threads
from GPT_GNN.system.compiler import parallel_kernel


class Dropout(nn.Module):
    """Zero each entry with probability ``p`` and scale the others by 1 / (1 - p), in training.

    On the CPU torch draws a mask with one serial generator, which takes longer than the matrix
    product before it. Here a step draws two numbers from torch's generator, and the mask is a hash
    of them and of the position: no mask is kept for backward, all cores compute it, and it does
    not depend on how many they are. On other devices this is ``torch.nn.functional.dropout``.

    Raises:
        ValueError: p outside [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"expected a dropout in [0, 1), got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, floating point; the same shape and dtype."""
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        return _HashedDropout.apply(x, self.p, _keys())

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"p={self.p}"


def _keys() -> np.ndarray:
    """Two numbers that name a mask, from torch's generator. [2] uint32."""
    return torch.randint(2**32, (2,), device="cpu").numpy().astype(np.uint32)


class _HashedDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float, keys: np.ndarray) -> Tensor:
        ctx.p, ctx.keys = p, keys
        return _dropped(x, p, keys)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return _dropped(grads[0], ctx.p, ctx.keys), None, None


def _dropped(x: Tensor, p: float, keys: np.ndarray) -> Tensor:
    # NumPy has no bfloat16; sums of halves would not profit from float64 either.
    wide = x.detach().to(torch.float64 if x.dtype == torch.float64 else torch.float32).contiguous()
    out = torch.empty_like(wide)
    num_threads()  # starts Numba's threads without a change to torch's
    threshold = np.uint32(min(round(p * 2**32), 2**32 - 1))
    scale = out.numpy().dtype.type(1 / (1 - p))
    _drop(wide.view(-1).numpy(), out.view(-1).numpy(), keys[0], keys[1], threshold, scale)
    return out.to(x.dtype)


@parallel_kernel
def _drop(x, out, first, second, threshold, scale):
    """out[i] = 0 where hash(i) < threshold, else x[i] * scale.

    The hash is "lowbias32" (Wellons, 2018) with a second key after its first round, so that masks
    of different steps are not shifted copies of each other.
    """
    for i in numba.prange(len(x)):
        z = np.uint32(np.uint32(i) + first)  # Numba adds in 64 bits
        z = np.uint32(z ^ (z >> np.uint32(16)))
        z = np.uint32(z * np.uint32(0x7FEB352D))
        z = np.uint32(z ^ (z >> np.uint32(15)) ^ second)
        z = np.uint32(z * np.uint32(0x846CA68B))
        z = np.uint32(z ^ (z >> np.uint32(16)))
        out[i] = x[i] * scale if z >= threshold else x.dtype.type(0)
