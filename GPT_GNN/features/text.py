"""Columns of texts as features, by TF-IDF and SVD or a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from GPT_GNN.features.cells import texts
from GPT_GNN.features.featurizer import Featurizer, State
from GPT_GNN.features.words import tokenise

TFIDF = "tfidf"
FIT_TITLES = 200_000  # most texts that TF-IDF and SVD are fitted on
CHUNK_TEXTS = 8_192
Words = Sequence[list[str]]  # the words of each text, where it is tokenised already


def _words(text: str | list[str]) -> list[str]:
    """The words of a text, or of one that is tokenised already."""
    return tokenise(text) if isinstance(text, str) else text


class TfidfSvd:
    """TF-IDF of words, reduced by a truncated SVD: offline, a function of its texts alone.

    Rows have length sqrt(dim), so that entries are of order one, as an input layer wants them; a
    text of unknown words is zero. With fewer words or texts than ``dim`` the last columns are zero.

    Args:
        dim: width of the vectors.
        seed: of the randomised SVD.

    Differs: the published features are XLNet states of titles; a name for ``--text_encoder`` gives
    a language model's.
    """

    def __init__(self, dim: int, seed: int) -> None:
        self.dim, self.seed = dim, seed
        self._tfidf: Any = None
        self._directions = np.empty((0, 0), dtype=np.float32)  # [words, k]

    def fit(self, texts: Sequence[str], words: Words | None = None) -> None:
        """Learn weights and directions. Raises ValueError when the texts hold no word."""
        from sklearn.utils.extmath import randomized_svd

        if not any(map(_words, words or texts)):
            example = f", such as {next(filter(None, texts), '')!r}" if len(texts) else ""
            raise ValueError(f"expected words, found none in {len(texts):,} texts{example}")
        self._tfidf = self._weights(max_features=50_000)
        matrix = self._tfidf.fit_transform(words or texts)  # [n, words] sparse, rows of length 1
        k = min(self.dim, *matrix.shape)
        _, _, directions = randomized_svd(matrix, k, n_iter=5, random_state=self.seed)
        self._directions = np.ascontiguousarray(directions.T, dtype=np.float32)

    def transform(self, texts: Sequence[str], words: Words | None = None) -> np.ndarray:
        """[n, dim] float32, each row a function of its own text alone."""
        vectors = self._tfidf.transform(words or texts) @ self._directions
        length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        scale = np.float32(np.sqrt(self.dim)) / np.where(length > 1e-6, length, np.inf)
        out[:, : vectors.shape[1]] = vectors * scale
        return out

    def state(self) -> dict[str, np.ndarray]:
        """What :meth:`fit` learned: the words (UTF-8, one per line), their weights, directions."""
        words = "\n".join(self._tfidf.get_feature_names_out())
        return {
            "words": np.frombuffer(words.encode("utf-8"), dtype=np.uint8),
            "idf": self._tfidf.idf_,
            "directions": self._directions,
        }

    @classmethod
    def from_state(cls, dim: int, seed: int, state: Mapping[str, np.ndarray]) -> TfidfSvd:
        """The model that had this state: its vectors are the same to the bit."""
        model = cls(dim, seed)
        words = state["words"].tobytes().decode("utf-8").split("\n")
        model._tfidf = cls._weights(vocabulary=words)
        model._tfidf.idf_ = np.asarray(state["idf"])
        model._directions = np.asarray(state["directions"])
        return model

    @staticmethod
    def _weights(**options: Any) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(analyzer=_words, sublinear_tf=True, dtype=np.float32, **options)


class SentenceTransformerModel:
    """A sentence-transformers model by name or path; nothing is fitted."""

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ValueError(
                f"language model {name!r} needs sentence-transformers: pip install gpt-gnn[text] "
                "(the default, tfidf, needs nothing)"
            ) from error
        self._model = SentenceTransformer(name)
        self.dim = int(self._model.get_sentence_embedding_dimension())

    def fit(self, texts: Sequence[str], words: Words | None = None) -> None:
        """Nothing: the model is fixed."""

    def transform(self, texts: Sequence[str], words: Words | None = None) -> np.ndarray:
        """[n, dim] float32."""
        vectors = self._model.encode(list(texts), show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


TextModel = TfidfSvd | SentenceTransformerModel


def text_model(name: str, dim: int, seed: int) -> TextModel:
    """``tfidf``, or else the name or path of a sentence-transformers model (whose width it has)."""
    return TfidfSvd(dim, seed) if name == TFIDF else SentenceTransformerModel(name)


def fitted_text(model: TextModel, name: str) -> dict[str, Any]:
    """What a model of :func:`text_model` has fitted, ready for JSON, to compare stores."""
    arrays = model.state() if isinstance(model, TfidfSvd) else {}
    return State({"encoder": "text", "model": name, "dim": model.dim}, arrays).summary()


def sample_to_fit(ids: np.ndarray) -> np.ndarray:
    """At most FIT_TITLES of the ids, evenly spaced, to bound the cost of fitting."""
    if len(ids) <= FIT_TITLES:
        return ids
    return ids[np.linspace(0, len(ids) - 1, FIT_TITLES).astype(np.int64)]


@dataclass
class Text(Featurizer):
    """Texts as vectors; an empty cell, or a text of unknown words, is zeros.

    Attributes:
        dim: width of the vectors of ``tfidf``; a language model has its own.
        model: ``tfidf``, see :class:`TfidfSvd`, or a sentence-transformers model by name or path.
        seed: of the randomised SVD.
    """

    common: ClassVar[Mapping[str, str]] = {"dim": "text_dim", "seed": "seed"}
    dim: int = 128
    model: str = TFIDF
    seed: int = 0
    has_words: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"dim: expected at least 1, got {self.dim}")
        self._model: TextModel | None = None  # a language model loads when it is first used

    def fit(self, values: Any) -> None:
        """Learn weights and directions of ``tfidf`` from at most ``FIT_TITLES`` texts."""
        found = texts(values)
        chosen = [found[i] for i in sample_to_fit(np.arange(len(found))).tolist()]
        self.has_words = any(tokenise(text) for text in chosen)
        self._model = text_model(self.model, self.dim, self.seed)
        self.dim = self._model.dim
        if self.has_words or any(chosen):
            self._model.fit(chosen)

    def transform(self, values: Any) -> np.ndarray:
        """[n, dim] float32."""
        found = texts(values)
        out = np.zeros((len(found), self.dim), dtype=np.float32)
        worded = [i for i, text in enumerate(found) if text]
        if not worded or (self.model == TFIDF and not self.has_words):
            return out
        self._model = self._model or text_model(self.model, self.dim, self.seed)
        for start in range(0, len(worded), CHUNK_TEXTS):
            chunk = worded[start : start + CHUNK_TEXTS]
            out[chunk] = self._model.transform([found[i] for i in chunk])
        return out

    def state(self) -> State:
        """Settings and, of ``tfidf``, words, weights and directions."""
        arrays = {}
        if self.has_words and isinstance(self._model, TfidfSvd):
            arrays = self._model.state()
        return State(asdict(self), arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The featurizer that had this state."""
        found = super().from_state(state)
        if state.arrays:
            found._model = TfidfSvd.from_state(found.dim, found.seed, state.arrays)
        return found
