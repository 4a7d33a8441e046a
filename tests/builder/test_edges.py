"""Sorting by packed keys equals np.lexsort, whatever the values."""

import numpy as np
import pytest

from GPT_GNN.builder.edges import sort_rows
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.rng import derive

MAX = np.iinfo(np.int32).max


@pytest.mark.parametrize(
    "ranges",
    [
        [(0, 5), (0, 7), (2000, 2003)],
        [(0, 1), (0, 1), (NO_TIME, NO_TIME + 1)],  # one value a column: no bits at all
        [(-3, 4), (NO_TIME, MAX), (-1, 2)],
        [(0, MAX), (0, MAX), (0, 2)],  # 63 bits: the last that fit
        [(0, MAX), (0, MAX), (0, 3)],
        [(NO_TIME, MAX), (NO_TIME, MAX), (NO_TIME, MAX)],  # 96 bits
    ],
)
def test_equals_lexsort(ranges):
    rng = derive(0, "sort")
    columns = [rng.integers(a, b, 500, dtype=np.int32) for a, b in ranges]
    for column, (low, high) in zip(columns, ranges, strict=True):
        column[:2] = low, high - 1
    before = [column.copy() for column in columns]
    order = np.lexsort(columns[::-1])
    for found, column, old in zip(sort_rows(*columns), columns, before, strict=True):
        assert np.array_equal(found, column[order]) and found.dtype == np.int32
        assert np.array_equal(column, old)


def test_no_rows():
    assert [len(c) for c in sort_rows(np.empty(0, np.int32), np.empty(0, np.int32))] == [0, 0]
