"""Ranking metrics against their literal version and the published code's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from GPT_GNN import metrics
from tests.oracle import metrics as oracle


def expected(scores, relevance):
    rows = [oracle.row_metrics(s, r) for s, r in zip(scores, relevance, strict=True)]
    return np.array(rows).reshape(-1, 2).T


def pairs(relevance):
    """A 0/1 matrix as (indptr, columns)."""
    row, column = relevance.nonzero()
    return np.searchsorted(row, np.arange(len(relevance) + 1)), column


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("levels", [2, 3, 1000])
def test_equals_the_literal_version(seed, levels):
    rng = np.random.default_rng([seed, levels])
    n, c = rng.integers(1, 20, size=2)
    scores = rng.integers(0, levels, size=(n, c)).astype(np.float32)  # few levels: many ties
    relevance = rng.random((n, c)) * (rng.random((n, c)) < 0.3)
    ndcg, mrr = metrics.ranking_metrics(scores, relevance)
    np.testing.assert_allclose([ndcg, mrr], expected(scores, relevance), rtol=1e-12)

    binary = (relevance > 0).astype(float)
    soft = binary / np.maximum(binary.sum(axis=1, keepdims=True), 1)  # the published labels
    for form in (binary, soft, pairs(binary)):
        out = metrics.ranking_metrics(scores, form)
        np.testing.assert_allclose(out, expected(scores, binary), rtol=1e-12)


def of_ranked(relevance):
    """NDCG and reciprocal rank where the candidates lie best first."""
    return metrics.ranking_metrics(
        np.tile(-np.arange(relevance.shape[1]), (len(relevance), 1)), relevance
    )


@pytest.mark.parametrize("seed", range(5))
def test_ranked_form_equals_the_literal_version(seed):
    rng = np.random.default_rng(seed)
    relevance = rng.random((7, 9)) * (rng.random((7, 9)) < 0.3)
    want = [(oracle.ndcg(row), oracle.reciprocal_rank(row)) for row in relevance]
    np.testing.assert_allclose(np.stack(of_ranked(relevance), axis=1), want)


def test_equals_the_published_numbers(shared_data):
    golden = np.load(shared_data / "legacy/oag/golden_metrics.npz")
    relevance = golden["relevance"]
    np.testing.assert_allclose(of_ranked(relevance), [golden["ndcg"], golden["mrr"]], atol=1e-12)


def test_ranks_one_and_two_weigh_the_same():
    ndcg, mrr = metrics.ranking_metrics(np.array([[3, 2, 1], [3, 2, 1]]), np.eye(3)[:2])
    assert ndcg.tolist() == [1, 1]
    assert mrr.tolist() == [1, 0.5]


def drawn_ties(seed, n=6, c=8):
    """Rows with ties of up to four candidates and several relevant ones."""
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.repeat(np.arange(4), (1, 4, 2, 1))[None].repeat(n, 0), axis=1)
    return scores.astype(np.float32), rng.random((n, c)) * (rng.random((n, c)) < 0.4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 3, 5, 20])
def test_a_tie_counts_as_the_mean_over_all_its_orders(seed, k):
    scores, relevance = drawn_ties(seed)
    want = [oracle.over_all_orders(s, r, k) for s, r in zip(scores, relevance, strict=True)]
    rows, sizes = len(scores), np.full(len(scores), scores.shape[1])
    for ranking in (
        metrics.rank(scores, relevance),
        metrics.rank_groups(scores.ravel(), relevance.ravel(), sizes),
    ):
        got = (ranking.ndcg(), ranking.reciprocal_rank(), ranking.hits(k))
        np.testing.assert_allclose(np.stack(got, axis=1), want, rtol=1e-12)
    counted = [
        (*oracle.row_metrics(scores[i], relevance[i]), oracle.row_hits(scores[i], relevance[i], k))
        for i in range(rows)
    ]
    np.testing.assert_allclose(counted, want, rtol=1e-12)


def test_a_tie_counts_as_the_mean_over_many_random_orders():
    rng = np.random.default_rng(0)
    scores, relevance = np.repeat([3.0, 2.0, 1.0], (2, 30, 8)), np.zeros(40)
    relevance[[5, 9, 20, 36]] = 1, 2, 1, 4
    order = np.argsort(-(scores + rng.random((20_000, 40)) / 2), axis=1)
    ndcg, mrr = of_ranked(relevance[order])
    ranking = metrics.rank(scores[None], relevance[None])
    for got, drawn in (
        (ranking.ndcg(), ndcg),
        (ranking.reciprocal_rank(), mrr),
        (ranking.hits(7), mrr >= 1 / 7),
    ):
        assert abs(got[0] - drawn.mean()) < 4 * drawn.std() / len(drawn) ** 0.5


@pytest.mark.parametrize("listed", [0, 3, 7])
def test_a_constant_score_is_at_chance_wherever_the_relevant_one_is_listed(listed):
    ranking = metrics.rank(np.zeros((1, 8)), np.eye(8)[listed : listed + 1])
    chances = np.arange(1, 9)
    assert ranking.reciprocal_rank()[0] == pytest.approx((1 / chances).mean())
    assert ranking.ndcg()[0] == pytest.approx(metrics.discount(chances).mean())
    assert [ranking.hits(k)[0] for k in (1, 2, 8, 9)] == pytest.approx([1 / 8, 2 / 8, 1, 1])


@pytest.mark.parametrize("relevant", [1, 2, 1000, 99_999, 100_000])
def test_a_large_tie_is_exact(relevant):
    """Against logarithms of binomials: a product of up to 100,000 factors keeps its digits."""
    m, above = 100_000, 3
    scores, relevance = np.zeros(m + above), np.zeros(m + above)
    scores[:above], relevance[-relevant:] = 1, 1
    ranking = metrics.rank_groups(scores, relevance, np.array([len(scores)]))
    places = np.arange(1, m - relevant + 2)
    log = np.vectorize(math.lgamma)
    log_p = log(m - places + 1) - log(m - places - relevant + 2) - math.lgamma(relevant)
    log_p -= math.lgamma(m + 1) - math.lgamma(relevant + 1) - math.lgamma(m - relevant + 1)
    want = (np.exp(log_p) / (above + places)).sum()
    assert ranking.reciprocal_rank()[0] == pytest.approx(want, rel=1e-8)
    weights = metrics.discount(np.arange(above + 1, above + m + 1))
    ideal = metrics.discount(np.arange(1, relevant + 1)).sum()
    assert ranking.ndcg()[0] == pytest.approx(weights.mean() * relevant / ideal, rel=1e-10)


def test_groups_of_any_size_rank_as_rows_do():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 12, 40)
    scores = rng.integers(0, 5, sizes.sum()).astype(np.float32)
    relevance = rng.random(sizes.sum()) * (rng.random(sizes.sum()) < 0.3)
    ranking = metrics.rank_groups(scores, relevance, sizes)
    ends = np.cumsum(sizes)[:-1]
    for i, (s, r) in enumerate(zip(np.split(scores, ends), np.split(relevance, ends), strict=True)):
        row = metrics.rank(s[None], r[None])
        assert ranking.ndcg()[i] == row.ndcg()[0] and ranking.hits(3)[i] == row.hits(3)[0]
        assert ranking.reciprocal_rank()[i] == row.reciprocal_rank()[0]
    empty = metrics.rank_groups(np.zeros(0), np.zeros(0), np.zeros(0, dtype=int))
    assert len(empty.ndcg()) == len(empty.reciprocal_rank()) == len(empty.hits(1)) == 0


def test_without_ties_hits_and_ranks_are_whole():
    rng = np.random.default_rng(0)
    scores, relevance = rng.permuted(np.tile(np.arange(40.0), (40, 1)), axis=1), np.eye(40)
    ranking = metrics.rank(scores, relevance)
    place = 1 + (scores > np.diag(scores)[:, None]).sum(1)
    assert ranking.reciprocal_rank().tolist() == (1 / place).tolist()
    for k in (1, 3, 10, 49):
        assert ranking.hits(k).tolist() == (place <= k).astype(float).tolist()


def test_rows_without_a_relevant_candidate_are_zero():
    ndcg, mrr = metrics.ranking_metrics(
        np.zeros((3, 4)), (np.zeros(4, dtype=int), np.zeros(0, int))
    )
    assert ndcg.tolist() == mrr.tolist() == [0, 0, 0]
    assert metrics.rank(np.zeros((2, 4)), np.zeros((2, 4))).hits(10).tolist() == [0, 0]
    for columns in (4, 0):
        assert [x.tolist() for x in of_ranked(np.zeros((2, columns)))] == [[0, 0], [0, 0]]


def test_no_rows():
    ndcg, mrr = metrics.ranking_metrics(np.zeros((0, 4)), np.zeros((0, 4)))
    assert len(ndcg) == len(mrr) == 0


def test_filling_up_with_minus_infinity_changes_nothing():
    rng = np.random.default_rng(0)
    scores, relevance = rng.random((6, 5)), np.eye(6)[:, :5]
    filled = np.pad(scores, ((0, 0), (0, 3)), constant_values=-np.inf)
    more = np.pad(relevance, ((0, 0), (0, 3)))
    np.testing.assert_array_equal(
        metrics.ranking_metrics(filled, more), metrics.ranking_metrics(scores, relevance)
    )


def test_slices_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    scores, relevance = rng.random((30, 7)), rng.random((30, 7)) < 0.4
    whole = metrics.ranking_metrics(scores, relevance)
    monkeypatch.setattr(metrics, "CELLS", 20)
    np.testing.assert_array_equal(metrics.ranking_metrics(scores, relevance), whole)


@pytest.mark.parametrize(
    ("scores", "relevance", "message"),
    [
        (np.zeros(3), np.zeros(3), r"scores of shape \[n, C\]"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "relevance of shape"),
        (np.full((1, 2), np.nan), np.eye(2)[:1], "NaN"),
        (np.zeros((1, 2)), np.array([[-1.0, 0.0]]), "negative"),
        (np.zeros((1, 2)), (np.array([0, 1]), np.array([2])), r"columns in \[0, 2\)"),
        (np.zeros((1, 2)), (np.array([0, 1, 1]), np.array([0])), "row starts"),
    ],
)
def test_refuses(scores, relevance, message):
    with pytest.raises(ValueError, match=message):
        metrics.ranking_metrics(scores, relevance)


@pytest.mark.parametrize(
    ("scores", "relevance", "sizes", "message"),
    [
        (
            [1.0, 2.0],
            [1.0, 0.0],
            [3],
            "as many scores as relevances and candidates, got 2, 2 and 3",
        ),
        ([np.nan, 1.0], [1.0, 0.0], [2], "NaN"),
        ([2.0, 1.0], [-1.0, 0.0], [2], "negative"),
    ],
)
def test_refuses_groups(scores, relevance, sizes, message):
    with pytest.raises(ValueError, match=message):
        metrics.rank_groups(np.array(scores), np.array(relevance), np.array(sizes))


@pytest.mark.parametrize("seed", range(5))
def test_f1_is_scikit_learns(seed):
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, 7, 40), rng.integers(2, 9, 40)  # some in one of them only
    micro, macro = metrics.f1_scores(true, predicted)
    assert micro == pytest.approx(f1_score(true, predicted, average="micro"))
    assert macro == pytest.approx(f1_score(true, predicted, average="macro"))


@pytest.mark.parametrize("seed", range(5))
def test_f1_of_several_classes_is_scikit_learns_and_the_literal_count(seed):
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(seed)
    true, predicted = rng.random((2, 30, 6)) < rng.random((2, 1, 6))
    true[:, 2] = predicted[:, 2] = False  # a class that occurs in neither
    true[:, 3] = False  # and one that is predicted only
    got = metrics.f1_scores(true, predicted)
    for value, average in zip(got, ("micro", "macro"), strict=True):
        want = f1_score(true, predicted, average=average, zero_division=0)
        assert value == pytest.approx(want)
    sets = [[set(np.flatnonzero(row)) for row in part] for part in (true, predicted)]
    assert got == pytest.approx(oracle.f1(*sets, classes=6))
    assert metrics.f1_scores(true, np.zeros_like(true)) == (0, 0)


def test_f1_needs_pairs():
    for true, predicted in (
        (np.arange(3), np.arange(2)),
        (np.arange(0), np.arange(0)),
        (np.ones((2, 3), dtype=bool), np.ones((2, 2), dtype=bool)),
    ):
        with pytest.raises(ValueError, match="expected as many true as predicted"):
            metrics.f1_scores(true, predicted)
