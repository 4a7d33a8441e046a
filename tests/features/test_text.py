"""Words, text features and word vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.features import text

TITLES = ["graph neural networks", "the graph of graphs", "machine translation of speech"] * 3


def test_tokenise_keeps_readable_words() -> None:
    found = text.tokenise("The Parsing, of trees: Task 3 (bos/eos)")
    assert found == ["the", "parsing", "of", "trees", "task", "3"]


def test_tfidf_rows_have_one_length_and_stand_alone() -> None:
    encoder = text.TfidfSvd(dim=4, seed=0)
    encoder.fit(TITLES)
    together = encoder.encode([*TITLES, "unheard"])
    assert together.dtype == np.float32 and together.shape == (10, 4)
    assert np.allclose(np.linalg.norm(together[:-1], axis=1), 2.0, atol=1e-5)
    assert not together[-1].any()
    alone = np.concatenate([encoder.encode([title]) for title in TITLES])
    assert np.array_equal(alone, together[:-1])


def test_more_dimensions_than_words_are_zero() -> None:
    encoder = text.TfidfSvd(dim=50, seed=0)
    encoder.fit(TITLES[:3])
    assert encoder.encode(TITLES).shape == (9, 50)
    assert not encoder.encode(TITLES)[:, 3:].any()


def test_fit_sample_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "FIT_TITLES", 10)
    chosen = text.sample_to_fit(np.arange(5, 1000))
    assert len(np.unique(chosen)) == 10 and chosen.min() == 5 and chosen.max() == 999


def test_word_vectors_are_a_function_of_the_seed(tmp_path: Path) -> None:
    corpus = text.Corpus(tmp_path / "corpus")
    corpus.add(TITLES, marked=True)
    corpus.add(["the graph", "", "?!"], marked=False)
    assert corpus.sentences == 10
    assert corpus.path.read_text().splitlines()[0] == "bos graph neural networks eos"
    first, again, other = (
        text.train_word_vectors(corpus, dim=5, min_count=4, epochs=2, seed=s) for s in (1, 1, 2)
    )
    assert set(first.words) == {"bos", "eos", "graph", "the", "of"}
    assert first.vectors.shape == (5, 5) and first.vectors.dtype == np.float32
    assert np.array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


def test_ends_are_kept_however_rare(tmp_path: Path) -> None:
    corpus = text.Corpus(tmp_path / "corpus")
    corpus.add(["a a a a a a"], marked=True)
    words, _ = text.train_word_vectors(corpus, dim=2, min_count=5, epochs=1, seed=0)
    assert sorted(words) == ["a", "bos", "eos"]


def test_title_ids() -> None:
    rows = list(text.title_ids(["graph of unknown graph", "?"], ["bos", "graph", "of", "eos"]))
    assert [row.tolist() for row in rows] == [[1, 2, 1], []]
    assert rows[1].dtype == np.int32
