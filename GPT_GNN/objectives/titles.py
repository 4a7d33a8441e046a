"""Texts of the target type for the text decoder: words, their vectors, rows of word ids."""

from __future__ import annotations

import numpy as np
import torch

from GPT_GNN.datasets.word2vec import read_word2vec
from GPT_GNN.encoders.text import BOS, EOS, title_ids
from GPT_GNN.graph.store import HeteroGraph, Ragged
from GPT_GNN.objectives.gpt_gnn import Titles


def load_titles(
    graph: HeteroGraph, node_type: str, column: str = "title", w2v_dir: str = ""
) -> Titles:
    """Texts and word vectors of a store, or the store's texts under other word vectors.

    Args:
        node_type: has the ragged columns ``column`` and ``<column>_tokens``.
        column: holds the texts.
        w2v_dir: word vectors, see :func:`read_word2vec`; empty for those that preprocessing stored.

    Raises:
        ValueError: the store has no words, the file no word vectors, or they lack ``bos`` or
            ``eos``.
    """
    if w2v_dir:
        words, vectors = read_word2vec(w2v_dir)
        rows = _as_ids(graph.ragged(node_type, column), words)
    else:
        words, vectors = graph.words(), graph.table("word_vectors")
        rows = graph.ragged(node_type, f"{column}_tokens")
    for word in (BOS, EOS):
        if word not in words:
            raise ValueError(f"{w2v_dir or graph.path}: the vocabulary lacks the word {word!r}")
    return Titles(
        rows, torch.from_numpy(np.array(vectors)), bos=words.index(BOS), eos=words.index(EOS)
    )


def _as_ids(titles: Ragged, words: list[str]) -> Ragged:
    texts = (titles.text(i) for i in range(len(titles)))
    rows = list(title_ids(texts, words))
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Ragged(indptr, np.concatenate([*rows, np.empty(0, dtype=np.int32)]))
