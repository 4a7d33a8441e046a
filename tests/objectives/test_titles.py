"""Titles under the word vectors of a file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors

from GPT_GNN.graph.csr import Ragged
from GPT_GNN.objectives.titles import Titles, load_titles

TITLES = ["Graph neural graph", "unknown", "neural"]


def graph() -> SimpleNamespace:
    """As much of a store as titles need."""
    texts = [title.encode() for title in TITLES]
    indptr = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    rows = Ragged(indptr, np.frombuffer(b"".join(texts), dtype=np.uint8))
    return SimpleNamespace(ragged=lambda node_type, name: {"title": rows}[name], path="store")


def saved(path: Path, words: list[str]) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(len(words), 4)).astype(np.float32)
    keyed = KeyedVectors(4)
    keyed.add_vectors(words, vectors)
    keyed.save(str(path))
    return vectors


def test_a_model_of_gensim(tmp_path: Path):
    words = ["eos", "neural", "bos", "graph"]
    vectors = saved(tmp_path / "w2v", words)
    titles = load_titles(graph(), "paper", w2v_dir=str(tmp_path / "w2v"))
    np.testing.assert_array_equal(titles.word_vectors.numpy(), vectors)
    assert (titles.bos, titles.eos) == (2, 0)
    assert [titles.rows[i].tolist() for i in range(3)] == [[3, 1, 3], [], [1]]


def test_vectors_without_an_end_of_title(tmp_path: Path):
    saved(tmp_path / "w2v", ["bos", "graph"])
    with pytest.raises(ValueError, match=r"w2v: the vocabulary lacks the word 'eos'"):
        load_titles(graph(), "paper", w2v_dir=str(tmp_path / "w2v"))


def test_words_and_the_end_of_each_title_are_predicted():
    """By hand: the titles [8], [5, 6, 7] and [] with bos 0 and eos 1, time first."""
    rows = Ragged(np.array([0, 3, 3, 4]), np.array([5, 6, 7, 8]))
    batch = Titles(rows, torch.zeros(9, 2), bos=0, eos=1).batch(np.array([2, 0, 1]))
    assert batch.tokens.tolist() == [[0, 0, 0], [8, 5, 1], [1, 6, 1], [1, 7, 1]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 1, 0], [0, 1, 0], [0, 1, 0]]
    asked = [batch.targets[:, i][batch.mask[:, i]].tolist() for i in range(3)]
    assert asked == [[8, 1], [5, 6, 7, 1], [1]]
