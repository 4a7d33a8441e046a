"""The paired bootstrap against its literal twin, and p-values that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from GPT_GNN.report.bootstrap import TIMES, p_values
from tests.oracle.bootstrap import p_value as literal


def p_value(a, b, rng, times=TIMES):
    """Of one row; a and b: [seeds, items]."""
    (p,) = p_values((np.asarray(a, dtype=float) - b).mean(0)[None], rng, times)
    return p


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("shift", [0.0, 0.1, -0.3])
def test_against_the_literal_twin(seeds, shift):
    rng = np.random.default_rng(seeds)
    a, b = rng.random((seeds, 23)) + shift, rng.random((seeds, 23))
    found = p_value(a, b, np.random.default_rng(5), times=400)
    want = literal(a.tolist(), b.tolist(), np.random.default_rng(5), times=400)
    assert found == pytest.approx(want)


def test_rows_share_the_resampled_items_and_do_not_depend_on_each_other():
    rows = np.random.default_rng(0).normal(0.1, 1, (3, 40))
    together = p_values(rows, np.random.default_rng(1), times=300)
    assert together == [p_values(row[None], np.random.default_rng(1), 300)[0] for row in rows]


def test_slices_do_not_change_the_result(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(1, 40))
    want = p_values(rows, np.random.default_rng(1), times=300)
    monkeypatch.setattr("GPT_GNN.report.bootstrap._CELLS", 100)
    assert p_values(rows, np.random.default_rng(1), times=300) == want


def test_p_values_are_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        a, b = rng.random((2, 60)), rng.random((2, 60))
        p.append(p_value(a, b, rng, times=199))
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_it_is_paired():
    """Items differ far more than methods: seen item by item the difference is plain."""
    rng = np.random.default_rng(0)
    b = rng.normal(0, 10, (3, 200))
    a = b + rng.normal(0.1, 0.3, (3, 200))
    assert p_value(a, b, rng, times=999) == 1 / 1000
    shuffled = a[:, rng.permutation(200)]
    assert p_value(shuffled, b, rng, times=999) > 0.5


def test_seeds_that_disagree_count_alike():
    """Over both the difference of every item is 1 or -1, of either alone it is far from 0."""
    sign = np.resize([1.0, -1.0], 30)
    a = [100 + sign, -100 + sign]
    assert p_value(a, np.zeros((2, 30)), np.random.default_rng(0), times=400) == 1


def test_the_same_scores_and_a_constant_difference():
    rng = np.random.default_rng(0)
    a = rng.random((2, 50))
    assert p_value(a, a, rng, times=99) == 1
    assert p_value(a + 1, a, rng, times=99) == 1 / 100
