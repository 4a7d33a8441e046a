"""Titles, each tokenised once, and what is fitted on texts: a model, words, word vectors."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from GPT_GNN.datasets.academic.records import Records
from GPT_GNN.datasets.academic.selection import Selection
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.raw import NONE, RawDataError
from GPT_GNN.features.text import TextModel, sample_to_fit
from GPT_GNN.features.words import BOS, EOS, Corpus, tokenise, train_word_vectors
from GPT_GNN.graph.csr import Ragged


class Titles:
    """The titles of the papers of a mask [P], each tokenised once."""

    def __init__(self, titles: Ragged, kept: np.ndarray) -> None:
        self._titles = titles
        ids: dict[str, int] = {}
        tokens, ends = array("i"), np.zeros(len(titles) + 1, dtype=np.int64)
        for row in np.flatnonzero(kept).tolist():
            tokens.extend(ids.setdefault(word, len(ids)) for word in tokenise(titles.text(row)))
            ends[row + 1] = len(tokens)
        self._vocabulary = list(ids)
        self._tokens = Ragged(np.maximum.accumulate(ends), np.array(tokens, dtype=np.int32))

    def texts(self, rows: np.ndarray) -> Iterator[str]:
        """The titles of some papers."""
        return map(self._titles.text, rows.tolist())

    def words(self, rows: np.ndarray) -> Iterator[list[str]]:
        """Their words."""
        for row in rows.tolist():
            yield [self._vocabulary[token] for token in self._tokens[row].tolist()]

    def word_ids(self, rows: np.ndarray, words: Sequence[str]) -> Iterator[np.ndarray]:
        """Their words as positions in a vocabulary, int32; unknown words are dropped."""
        ids = {word: i for i, word in enumerate(words)}
        known = np.array([ids.get(word, NONE) for word in self._vocabulary], dtype=np.int32)
        for row in rows.tolist():
            found = known[self._tokens[row]]
            yield found[found != NONE]


class Texts(NamedTuple):
    """Titles of all stores' papers; what is fitted on those that pre-train; ``vectors`` [V, D]."""

    titles: Titles
    model: TextModel
    words: list[str]
    vectors: np.ndarray


def fit_texts(
    records: Records, papers: Selection, model: TextModel, settings: Settings, work: Path
) -> Texts:
    """Fit the model on titles, and word vectors on titles and abstracts, that pre-train.

    Raises RawDataError where they hold no word, or none that is frequent enough.
    """
    titles_where, where = records.texts_where
    titles = Titles(records.papers.titles, papers.kept)
    rows = np.flatnonzero(papers.fit_on)
    sample = sample_to_fit(rows)
    try:
        model.fit(list(titles.texts(sample)), list(titles.words(sample)))
    except ValueError as error:
        raise RawDataError(f"{titles_where}, papers that pre-train: {error}") from error
    corpus = Corpus(work / "corpus")
    corpus.add(titles.words(rows), marked=True)
    corpus.add(map(tokenise, _abstracts(records, papers)), marked=False)
    if not corpus.words:
        raise RawDataError(f"{where} that pre-train: expected words, found none")
    least = settings.word_min_count
    words, vectors = train_word_vectors(
        corpus, settings.word_dim, least, settings.word_epochs, settings.seed
    )
    if not set(words) - {BOS, EOS}:
        raise RawDataError(
            f"{where} that pre-train: expected a word that occurs {least} times, found none among "
            f"{corpus.words:,} words; --word_min_count takes rarer ones"
        )
    return Texts(titles, model, words, vectors)


def _abstracts(records: Records, papers: Selection) -> Iterator[str]:
    """Abstracts that pre-train, each paper's first one; the others are counted."""
    (paper, texts), counts = records.abstracts, records.counts["abstracts"]
    kept, first = papers.kept[paper], np.zeros(len(paper), dtype=bool)
    first[np.unique(paper, return_index=True)[1]] = True
    counts.leave_out("paper left out", int((~kept).sum()))
    counts.leave_out("duplicate", int((kept & ~first).sum()))
    for row, text, is_used in zip(paper, texts, kept & first, strict=True):
        if is_used and not text.strip():
            counts.leave_out("empty", 1)
        elif is_used and papers.fit_on[row]:
            yield text
