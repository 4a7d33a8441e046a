"""Gathering rows: exact conversion of every float16, columns left alone, ids checked."""

from __future__ import annotations

import numpy as np
import pytest

from GPT_GNN.graph.gather import gather_rows
from GPT_GNN.rng import derive


def test_every_half_is_converted_exactly():
    rows = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(-1, 64)
    rows.flags.writeable = False
    out = np.full((len(rows), 70), 7, dtype=np.float32)
    gather_rows(rows, np.arange(len(rows)), out, 3)
    want = rows.astype(np.float32)
    np.testing.assert_array_equal(out[:, 3:67], want)  # infinities, and nan where nan is
    numbers = ~np.isnan(want)
    assert (np.signbit(out[:, 3:67]) == np.signbit(want))[numbers].all()
    assert (out[:, :3] == 7).all() and (out[:, 67:] == 7).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
@pytest.mark.parametrize("width, n", [(1, 5), (33, 5), (128, 40), (0, 5), (4, 0)])
def test_rows_in_any_order(dtype, width, n):
    rng = derive(1, "gather")
    rows = (10 * rng.standard_normal((20, width))).astype(dtype)
    ids = rng.integers(0, 20, n)
    out = np.zeros((n, width + 2), dtype=np.float32)
    gather_rows(rows, ids, out, 2)
    np.testing.assert_array_equal(out[:, 2:], rows[ids].astype(np.float32))
    assert (out[:, :2] == 0).all()
