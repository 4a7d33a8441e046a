"""Texts of the target type for the text decoder: words, their vectors, rows of word ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.features.words import BOS, EOS, title_ids
from GPT_GNN.graph.csr import Ragged, row_positions
from GPT_GNN.graph.store import HeteroGraph


@dataclass(frozen=True)
class TextBatch:
    """Words to predict, time first. L words, B targets.

    Attributes:
        tokens: [L, B] int64, ``bos`` and the words; targets: [L, B], the words and ``eos``.
        mask: [L, B] bool, false on padding.
    """

    tokens: Tensor
    targets: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Titles:
    """Texts of the target type as word ids, with the vocabulary's vectors.

    Attributes:
        rows: word ids of each node's text, without bos and eos.
        word_vectors: [V, W] float32.
        bos, eos: ids of the first and the last word.
    """

    rows: Ragged
    word_vectors: Tensor
    bos: int
    eos: int

    def batch(self, ids: np.ndarray) -> TextBatch:
        """Pad the texts of some nodes: ``bos title`` predicts ``title eos``."""
        column, position = row_positions(self.rows.indptr, ids)
        words = self.rows.values[position]
        lengths = np.bincount(column, minlength=len(ids))
        within = np.arange(len(words)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        tokens = np.full((int(lengths.max(initial=0)) + 1, len(ids)), self.eos, dtype=np.int64)
        targets = tokens.copy()
        tokens[:1] = self.bos
        tokens[within + 1, column] = words
        targets[within, column] = words
        mask = np.arange(len(tokens))[:, None] <= lengths
        return TextBatch(*(torch.from_numpy(a) for a in (tokens, targets, mask)))


def load_titles(
    graph: HeteroGraph, node_type: str, column: str = "title", w2v_dir: str = ""
) -> Titles:
    """Texts and word vectors of a store, or the store's texts under other word vectors.

    Args:
        node_type: has the ragged columns ``column`` and ``<column>_tokens``.
        column: holds the texts.
        w2v_dir: word vectors, see :func:`GPT_GNN.published.word_vectors.read_word2vec`; empty for
            those that preprocessing stored.

    Raises:
        ValueError: the store has no words, the file no word vectors, or they lack ``bos`` or
            ``eos``.
    """
    if w2v_dir:
        # Here, so that a run on a store loads nothing of the published code's files.
        from GPT_GNN.published.word_vectors import read_word2vec

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
