"""The texts that pre-training generates, as word ids, with word vectors trained on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.features.words import Corpus, title_ids, tokenise, train_word_vectors

_SETTINGS = 100, 5, 5  # width, least count and passes of word2vec


def add_words(
    builder: GraphBuilder,
    node_type: str,
    column: str,
    texts: Sequence[str],
    known: np.ndarray,
    seed: int = 0,
) -> None:
    """Add ``word_vectors``, the vocabulary and the column ``<column>_tokens``, if there is a word.

    Args:
        texts: one per node.
        known: ids of the nodes whose texts the word vectors may be trained on.
    """
    corpus = Corpus(builder.folder / "spool" / "corpus")
    corpus.add((tokenise(texts[node]) for node in known.tolist()), marked=True)
    if not corpus.words:
        return
    words, vectors = train_word_vectors(corpus, *_SETTINGS, seed)
    builder.add_words(words)
    builder.add_table("word_vectors", vectors)
    builder.add_ragged(node_type, f"{column}_tokens", title_ids(texts, words))
