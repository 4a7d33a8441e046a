"""The paired bootstrap against its literal twin, and p-values that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from GPT_GNN.report.bootstrap import TIMES, Scores, bootstrap, item_differences
from tests.oracle.bootstrap import paired_bootstrap as literal


def scores(values, items=None):
    values = np.asarray(values, dtype=np.float64)
    return Scores(np.arange(values.shape[1]) if items is None else np.asarray(items), values)


def paired_bootstrap(a, b, rng, times=TIMES):
    return bootstrap(item_differences(a, b)[None], rng, times)[0]


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("shift", [0.0, 0.1, -0.3])
def test_against_the_literal_twin(seeds, shift):
    rng = np.random.default_rng(seeds)
    a, b = rng.random((seeds, 23)) + shift, rng.random((seeds, 23))
    found = paired_bootstrap(scores(a), scores(b), np.random.default_rng(5), times=400)
    want = literal(a.tolist(), b.tolist(), np.random.default_rng(5), times=400)
    assert (found.mean, found.low, found.high, found.p) == pytest.approx(want)
    assert found.low < found.mean < found.high


def test_rows_share_the_resampled_items_and_do_not_depend_on_each_other():
    rows = np.random.default_rng(0).normal(0.1, 1, (3, 40))
    together = bootstrap(rows, np.random.default_rng(1), times=300)
    for row, found in zip(rows, together, strict=True):
        (alone,) = bootstrap(row[None], np.random.default_rng(1), times=300)
        assert vars(found) == pytest.approx(vars(alone))


def test_slices_do_not_change_the_result(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(1, 40))
    want = bootstrap(rows, np.random.default_rng(1), times=300)
    monkeypatch.setattr("GPT_GNN.report.bootstrap._CELLS", 100)
    (found,) = bootstrap(rows, np.random.default_rng(1), times=300)
    assert vars(found) == pytest.approx(vars(want[0]))


def test_p_values_are_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        a, b = rng.random((2, 60)), rng.random((2, 60))
        p.append(paired_bootstrap(scores(a), scores(b), rng, times=199).p)
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_it_is_paired():
    """Items differ far more than methods: seen item by item the difference is plain."""
    rng = np.random.default_rng(0)
    b = rng.normal(0, 10, (3, 200))
    a = b + rng.normal(0.1, 0.3, (3, 200))
    assert paired_bootstrap(scores(a), scores(b), rng, times=999).p == 1 / 1000
    shuffled = a[:, rng.permutation(200)]
    assert paired_bootstrap(scores(shuffled), scores(b), rng, times=999).p > 0.5


def test_seeds_that_disagree_count_alike():
    """Over both the difference of every item is 1 or -1, of either alone it is far from 0."""
    sign = np.resize([1.0, -1.0], 30)
    a = scores([100 + sign, -100 + sign])
    both = paired_bootstrap(a, scores(np.zeros((2, 30))), np.random.default_rng(0), times=400)
    assert (both.mean, both.p) == (0, 1) and -1 < both.low < 0 < both.high < 1


def test_the_same_scores_and_a_constant_difference():
    rng = np.random.default_rng(0)
    a = rng.random((2, 50))
    same = paired_bootstrap(scores(a), scores(a), rng, times=99)
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)
    more = paired_bootstrap(scores(a + 1), scores(a), rng, times=99)
    assert more.p == 1 / 100
    assert (more.low, more.mean, more.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (scores([[1, 2]], [7, 8]), scores([[1, 2]], [8, 7]), "the same test items"),
        (scores([[1, 2]]), scores([[1, 2, 3]]), "got 2 and 3"),
        (scores([[1, 2]]), scores([[1, 2], [1, 2]]), r"got \(1, 2\) and \(2, 2\)"),
        (Scores(np.arange(2), np.ones((1, 3))),) * 2 + (r"expected scores \[seeds, 2\]",),
        (scores(np.ones((1, 0))),) * 2 + ("at least one item",),
    ],
)
def test_what_does_not_go_together_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        item_differences(a, b)
