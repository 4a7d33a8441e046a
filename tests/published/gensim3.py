"""Word2vec models as gensim before version 4 saved them, which no current Python can run.

Source: the attributes and ``utils.SaveLoad`` of gensim 3.8.3; of 0.13 that the model itself has the
words and the vectors, the latter as ``syn0``.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest


def classes(monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    """Empty classes that pickle writes under gensim's names."""
    out: dict[str, type] = {}
    for module, names in {
        "gensim.models.word2vec": ("Word2Vec", "Word2VecVocab", "Word2VecTrainables"),
        "gensim.models.keyedvectors": ("Word2VecKeyedVectors", "Vocab"),
    }.items():
        stand_in = ModuleType(module)
        for name in names:
            out[name] = type(name, (), {"__module__": module})
            setattr(stand_in, name, out[name])
        monkeypatch.setitem(sys.modules, module, stand_in)
    return out


def made(kind: type, **attributes: Any) -> Any:
    """An instance with attributes."""
    out = kind()
    out.__dict__.update(attributes)
    return out


def saveload(aside: tuple[str, ...] = (), ignored: tuple[str, ...] = (), **below: Any) -> dict:
    """What SaveLoad notes in an object: which arrays lie aside, and which objects have such."""
    return {
        "__numpys": list(aside),
        "__scipys": [],
        "__ignoreds": list(ignored),
        "__recursive_saveloads": list(below),
        **below,
    }


def vocabulary(kinds: dict[str, type], words: list[str]) -> dict[str, Any]:
    """The words' counts and rows; not in the order of the rows."""
    rows = {
        word: made(kinds["Vocab"], count=9 - row, index=row, sample_int=2**32)
        for row, word in enumerate(words)
    }
    return dict(sorted(rows.items()))


def save_3_8(
    path: Path,
    words: list[str],
    vectors: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    aside: bool = False,
    protocol: int = 2,
) -> None:
    """A Word2Vec of gensim 3.8.3, its vectors in the pickle or in a side file."""
    with monkeypatch.context() as context:
        kinds = classes(context)
        wv = made(
            kinds["Word2VecKeyedVectors"],
            **({} if aside else {"vectors": vectors}),
            vocab=vocabulary(kinds, words),
            vector_size=vectors.shape[-1],
            index2word=words,
            **saveload(("vectors",) if aside else (), ("vectors_norm",)),
        )
        trained = np.ones_like(vectors)
        model = made(
            kinds["Word2Vec"],
            sg=0,
            alpha=0.025,
            random=np.random.RandomState(1),
            callbacks=(),
            corpus_count=3,
            **saveload(
                wv=wv,
                vocabulary=made(kinds["Word2VecVocab"], raw_vocab=None, **saveload()),
                trainables=made(
                    kinds["Word2VecTrainables"], hashfxn=hash, syn1neg=trained, **saveload()
                ),
            ),
        )
        path.write_bytes(pickle.dumps(model, protocol))
    if aside:
        np.save(f"{path}.wv.vectors.npy", vectors)


def save_0_13(
    path: Path, words: list[str], vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch, aside: bool
) -> None:
    """A Word2Vec of gensim 0.13."""
    with monkeypatch.context() as context:
        kinds = classes(context)
        model = made(
            kinds["Word2Vec"],
            vocab=vocabulary(kinds, words),
            index2word=words,
            **({} if aside else {"syn0": vectors}),
            **saveload(("syn0",) if aside else (), ("syn0norm",)),
        )
        path.write_bytes(pickle.dumps(model, 2))
    if aside:
        np.save(f"{path}.syn0.npy", vectors)
