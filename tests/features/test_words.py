"""Words of texts, and their vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from GPT_GNN.features import words

TITLES = ["graph neural networks", "the graph of graphs", "machine translation of speech"] * 3


def test_tokenise_keeps_readable_words() -> None:
    found = words.tokenise("The Parsing, of trees: Task 3 (bos/eos)")
    assert found == ["the", "parsing", "of", "trees", "task", "3"]


def test_word_vectors_are_a_function_of_the_seed(tmp_path: Path) -> None:
    corpus = words.Corpus(tmp_path / "corpus")
    corpus.add(map(words.tokenise, TITLES), marked=True)
    corpus.add(map(words.tokenise, ["the graph", "", "?!"]), marked=False)
    assert corpus.sentences == 10
    assert corpus.path.read_text().splitlines()[0] == "bos graph neural networks eos"
    first, again, other = (
        words.train_word_vectors(corpus, dim=5, min_count=4, epochs=2, seed=s) for s in (1, 1, 2)
    )
    assert set(first.words) == {"bos", "eos", "graph", "the", "of"}
    assert first.vectors.shape == (5, 5) and first.vectors.dtype == np.float32
    assert np.array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


def test_ends_are_kept_however_rare(tmp_path: Path) -> None:
    corpus = words.Corpus(tmp_path / "corpus")
    corpus.add(map(words.tokenise, ["a a a a a a"]), marked=True)
    found, _ = words.train_word_vectors(corpus, dim=2, min_count=5, epochs=1, seed=0)
    assert sorted(found) == ["a", "bos", "eos"]


def test_title_ids() -> None:
    rows = list(words.title_ids(["graph of unknown graph", "?"], ["bos", "graph", "of", "eos"]))
    assert [row.tolist() for row in rows] == [[1, 2, 1], []]
    assert rows[1].dtype == np.int32
