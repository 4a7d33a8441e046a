"""Texts of the target type for the text decoder: words, their vectors, rows of word ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from GPT_GNN.datasets.text import BOS, EOS, title_ids
from GPT_GNN.graph.store import HeteroGraph, Ragged
from GPT_GNN.objectives.gpt_gnn import Titles


def load_titles(graph: HeteroGraph, node_type: str, w2v_dir: str = "") -> Titles:
    """Texts and word vectors of a store, or the store's texts under other word vectors.

    Args:
        node_type: has the ragged columns ``title`` and ``title_tokens``.
        w2v_dir: word vectors in word2vec's text format, or its binary one when the name ends in
            ``.bin``; empty for those that preprocessing stored.

    Raises:
        ValueError: the store has no words, or the vectors lack ``bos`` or ``eos``.
    """
    if w2v_dir:
        words, vectors = _read_word2vec(w2v_dir)
        rows = _as_ids(graph.ragged(node_type, "title"), words)
    else:
        words, vectors = graph.words(), graph.table("word_vectors")
        rows = graph.ragged(node_type, "title_tokens")
    for word in (BOS, EOS):
        if word not in words:
            raise ValueError(f"{w2v_dir or graph.path}: the vocabulary lacks the word {word!r}")
    return Titles(
        rows, torch.from_numpy(np.array(vectors)), bos=words.index(BOS), eos=words.index(EOS)
    )


def _read_word2vec(path: str) -> tuple[list[str], np.ndarray]:
    from gensim.models import KeyedVectors

    if not Path(path).is_file():
        raise ValueError(f"--w2v_dir {path}: no such file")
    try:
        vectors = KeyedVectors.load_word2vec_format(path, binary=path.endswith(".bin"))
    except (ValueError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(
            f"--w2v_dir {path}: expected word vectors in word2vec's text format, or its binary one "
            f"in a file named *.bin, found something else ({error})"
        ) from error
    return list(vectors.index_to_key), vectors.vectors


def _as_ids(titles: Ragged, words: list[str]) -> Ragged:
    texts = (titles.text(i) for i in range(len(titles)))
    rows = list(title_ids(texts, words))
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Ragged(indptr, np.concatenate([*rows, np.empty(0, dtype=np.int32)]))
