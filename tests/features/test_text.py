"""Features of texts."""

from __future__ import annotations

import numpy as np
import pytest

from GPT_GNN.features import text

TITLES = ["graph neural networks", "the graph of graphs", "machine translation of speech"] * 3


def test_tfidf_rows_have_one_length_and_stand_alone() -> None:
    model = text.TfidfSvd(dim=4, seed=0)
    model.fit(TITLES)
    together = model.transform([*TITLES, "unheard"])
    assert together.dtype == np.float32 and together.shape == (10, 4)
    assert np.allclose(np.linalg.norm(together[:-1], axis=1), 2.0, atol=1e-5)
    assert not together[-1].any()
    alone = np.concatenate([model.transform([title]) for title in TITLES])
    assert np.array_equal(alone, together[:-1])


def test_more_dimensions_than_words_are_zero() -> None:
    model = text.TfidfSvd(dim=50, seed=0)
    model.fit(TITLES[:3])
    assert model.transform(TITLES).shape == (9, 50)
    assert not model.transform(TITLES)[:, 3:].any()


def test_fit_sample_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "FIT_TITLES", 10)
    chosen = text.sample_to_fit(np.arange(5, 1000))
    assert len(np.unique(chosen)) == 10 and chosen.min() == 5 and chosen.max() == 999
