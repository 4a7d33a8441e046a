"""Columns of texts as features, by TF-IDF and SVD or a language model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from GPT_GNN.features.cells import texts
from GPT_GNN.features.column_encoder import ColumnEncoder, State
from GPT_GNN.features.text import (
    CHUNK_TEXTS,
    TextEncoder,
    TfidfSvd,
    sample_to_fit,
    text_encoder,
    tokenise,
)

_TFIDF = "tfidf"


@dataclass
class Text(ColumnEncoder):
    """Texts as vectors; an empty cell, and one without a word that fitting saw, is zeros.

    Attributes:
        dim: width of the vectors of ``tfidf``; a language model has its own.
        model: ``tfidf``, see :class:`TfidfSvd`, or a sentence-transformers model by name or path.
        seed: of the randomised SVD.
    """

    dim: int = 128
    model: str = _TFIDF
    seed: int = 0
    has_words: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"dim: expected at least 1, got {self.dim}")
        self._encoder: TextEncoder | None = None  # a language model loads when it is first used

    def fit(self, values: Any) -> None:
        """Learn weights and directions of ``tfidf`` from at most ``FIT_TITLES`` texts.

        Raises:
            ValueError: texts without a word, of which ``tfidf`` would make zeros.
        """
        found = texts(values)
        chosen = [found[i] for i in sample_to_fit(np.arange(len(found))).tolist()]
        self.has_words = any(tokenise(text) for text in chosen)
        self._encoder = text_encoder(self.model, self.dim, self.seed)
        self.dim = self._encoder.dim
        if self.has_words or any(chosen):
            self._encoder.fit(chosen)

    def encode(self, values: Any) -> np.ndarray:
        """[n, dim] float32."""
        found = texts(values)
        out = np.zeros((len(found), self.dim), dtype=np.float32)
        worded = [i for i, text in enumerate(found) if text] if self._can_encode() else []
        for start in range(0, len(worded), CHUNK_TEXTS):
            chunk = worded[start : start + CHUNK_TEXTS]
            out[chunk] = self._loaded().encode([found[i] for i in chunk])
        return out

    def state(self) -> State:
        """Settings and, of ``tfidf``, words, weights and directions."""
        arrays = {}
        if self.has_words and isinstance(self._encoder, TfidfSvd):
            arrays = self._encoder.state()
        return State(asdict(self), arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The encoder that had this state."""
        encoder = super().from_state(state)
        if state.arrays:
            encoder._encoder = TfidfSvd.from_state(encoder.dim, encoder.seed, state.arrays)
        return encoder

    def _can_encode(self) -> bool:
        return self.has_words or self.model != _TFIDF

    def _loaded(self) -> TextEncoder:
        if self._encoder is None:
            self._encoder = text_encoder(self.model, self.dim, self.seed)
        return self._encoder
