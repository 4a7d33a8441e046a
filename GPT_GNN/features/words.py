"""Texts to words, and words to vectors. Heavy libraries are imported where they are used."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

BOS, EOS = "bos", "eos"
MOST_EPOCHS = 200
MIN_TRAINED_WORDS = 5_000_000  # a small corpus gets more epochs, up to this many words in all


def tokenise(text: str) -> list[str]:
    """Lower-case words without ASCII punctuation, by gensim's preprocessing.

    ``bos`` and ``eos`` are dropped: they mark the ends of a sentence.

    Differs: no stemming, no stop-word removal, digits stay, so that a generated title can be read.
    """
    from gensim.parsing.preprocessing import preprocess_string, strip_punctuation

    words: list[str] = preprocess_string(text, filters=[str.lower, strip_punctuation])
    return [word for word in words if word not in (BOS, EOS)]


class WordVectors(NamedTuple):
    """A vocabulary, most frequent words first, and its vectors [V, D] float32."""

    words: list[str]
    vectors: np.ndarray


class Corpus:
    """Tokenised sentences in a file, one per line, so that memory does not grow with the text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sentences = 0
        self.words = 0

    def add(self, sentences: Iterable[list[str]], marked: bool) -> None:
        """Append sentences, ``marked`` ones between ``bos`` and ``eos``; empty ones are skipped."""
        with open(self.path, "a", encoding="utf-8") as file:
            for words in sentences:
                if words:
                    ends = ([BOS], [EOS]) if marked else ([], [])
                    file.write(" ".join([*ends[0], *words, *ends[1]]) + "\n")
                    self.sentences += 1
                    self.words += len(words)


def train_word_vectors(
    corpus: Corpus, dim: int, min_count: int, epochs: int, seed: int
) -> WordVectors:
    """Word2vec (CBOW, gensim) over a corpus; one thread, so that a seed gives one result.

    Rarer words than ``min_count`` are dropped, but ``bos`` and ``eos``. A small corpus gets more
    epochs, or its vectors would all point the same way, and a decoder tied to them could not
    distinguish words.
    """
    from gensim.models import Word2Vec
    from gensim.utils import RULE_DEFAULT, RULE_KEEP

    def always_keep_ends(word: str, count: int, threshold: int) -> int:
        return int(RULE_KEEP if word in (BOS, EOS) else RULE_DEFAULT)

    enough = math.ceil(MIN_TRAINED_WORDS / max(corpus.words, 1))
    model = Word2Vec(
        corpus_file=os.fspath(corpus.path),
        vector_size=dim,
        min_count=min_count,
        epochs=max(epochs, min(enough, MOST_EPOCHS)),
        trim_rule=always_keep_ends,
        workers=1,
        seed=seed,
    )
    return WordVectors(list(model.wv.index_to_key), model.wv.vectors.astype(np.float32))


def title_ids(titles: Iterable[str], words: Sequence[str]) -> Iterator[np.ndarray]:
    """Vocabulary ids of each title's words, int32; unknown words are dropped."""
    ids = {word: i for i, word in enumerate(words)}
    for title in titles:
        known = [ids[word] for word in tokenise(title) if word in ids]
        yield np.array(known, dtype=np.int32)
