"""Text to numbers: words, features of texts, word vectors. Heavy libraries load where used."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from GPT_GNN.features.column_encoder import State

BOS, EOS = "bos", "eos"
FIT_TITLES = 200_000  # a sample of this many texts determines TF-IDF weights and directions
CHUNK_TEXTS = 8_192
MOST_EPOCHS = 200
MIN_TRAINED_WORDS = 5_000_000  # word2vec reads a small corpus again until it has seen so many


def tokenise(text: str) -> list[str]:
    """Lower-case words without ASCII punctuation, by gensim's preprocessing.

    ``bos`` and ``eos`` are dropped: they mark the ends of a sentence.

    Differs: no stemming, no stop-word removal, digits stay, so that a generated title can be read.
    """
    from gensim.parsing.preprocessing import preprocess_string, strip_punctuation

    words: list[str] = preprocess_string(text, filters=[str.lower, strip_punctuation])
    return [word for word in words if word not in (BOS, EOS)]


class TextEncoder(Protocol):
    """Turns texts into vectors of a fixed width."""

    dim: int

    def fit(self, texts: Sequence[str]) -> None:
        """See the texts that the encoder may learn from."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """[n, dim] float32."""


class TfidfSvd:
    """TF-IDF of words, reduced by a truncated SVD: works offline, is a function of its texts.

    Rows are scaled to length sqrt(dim), so that single entries are of order one, as an input layer
    wants them; a text of unknown words is zero. Directions that the fitted texts do not have
    (fewer words or texts than ``dim``) stay zero.

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

    def fit(self, texts: Sequence[str]) -> None:
        """Learn weights and directions. Raises ValueError when the texts hold no word."""
        from sklearn.utils.extmath import randomized_svd

        if not any(map(tokenise, texts)):
            example = f", such as {next(filter(None, texts), '')!r}" if len(texts) else ""
            raise ValueError(f"expected words, found none in {len(texts):,} texts{example}")
        self._tfidf = self._weights(max_features=50_000)
        matrix = self._tfidf.fit_transform(texts)  # [n, words] sparse, rows of length 1
        k = min(self.dim, *matrix.shape)
        _, _, directions = randomized_svd(matrix, k, n_iter=5, random_state=self.seed)
        self._directions = np.ascontiguousarray(directions.T, dtype=np.float32)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """[n, dim] float32, each row a function of its own text alone."""
        vectors = self._tfidf.transform(texts) @ self._directions
        length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        scale = np.float32(np.sqrt(self.dim)) / np.where(length > 1e-6, length, np.inf)
        out[:, : vectors.shape[1]] = vectors * scale
        return out

    def state(self) -> dict[str, np.ndarray]:
        """What :meth:`fit` learned: the words (UTF-8, one a line), their weights, directions."""
        words = "\n".join(self._tfidf.get_feature_names_out())
        return {
            "words": np.frombuffer(words.encode("utf-8"), dtype=np.uint8),
            "idf": self._tfidf.idf_,
            "directions": self._directions,
        }

    @classmethod
    def from_state(cls, dim: int, seed: int, state: Mapping[str, np.ndarray]) -> TfidfSvd:
        """The encoder that had this state: its vectors are the same to the bit."""
        encoder = cls(dim, seed)
        words = state["words"].tobytes().decode("utf-8").split("\n")
        encoder._tfidf = cls._weights(vocabulary=words)
        encoder._tfidf.idf_ = np.asarray(state["idf"])
        encoder._directions = np.asarray(state["directions"])
        return encoder

    @staticmethod
    def _weights(**options: Any) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(analyzer=tokenise, sublinear_tf=True, dtype=np.float32, **options)


class SentenceTransformerEncoder:
    """A sentence-transformers model by name or path; nothing is fitted.

    Raises:
        ValueError: the package is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ValueError(
                f"text encoder {name!r} needs sentence-transformers: pip install gpt-gnn[text] "
                "(the default, tfidf, needs nothing)"
            ) from error
        self._model = SentenceTransformer(name)
        self.dim = int(self._model.get_sentence_embedding_dimension())

    def fit(self, texts: Sequence[str]) -> None:
        """Nothing: the model is fixed."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """[n, dim] float32."""
        vectors = self._model.encode(list(texts), show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


def text_encoder(name: str, dim: int, seed: int) -> TextEncoder:
    """``tfidf``, or else the name or path of a sentence-transformers model (whose width it has)."""
    return TfidfSvd(dim, seed) if name == "tfidf" else SentenceTransformerEncoder(name)


def fitted_text(encoder: TextEncoder, name: str) -> dict[str, Any]:
    """What a text encoder of :func:`text_encoder` has fitted, ready for JSON, to compare stores."""
    arrays = encoder.state() if isinstance(encoder, TfidfSvd) else {}
    return State({"encoder": "text", "model": name, "dim": encoder.dim}, arrays).summary()


def sample_to_fit(ids: np.ndarray) -> np.ndarray:
    """At most FIT_TITLES of the ids, evenly spaced, so that fitting has a bounded cost."""
    if len(ids) <= FIT_TITLES:
        return ids
    return ids[np.linspace(0, len(ids) - 1, FIT_TITLES).astype(np.int64)]


class WordVectors(NamedTuple):
    """A vocabulary, most frequent words first, and its vectors [V, D] float32."""

    words: list[str]
    vectors: np.ndarray


class Corpus:
    """Tokenised sentences in a file, one a line, so that memory does not grow with the text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sentences = 0
        self.words = 0

    def add(self, texts: Iterable[str], marked: bool) -> None:
        """Append texts, ``marked`` ones between ``bos`` and ``eos``; wordless ones are skipped."""
        with open(self.path, "a", encoding="utf-8") as file:
            for text in texts:
                words = tokenise(text)
                if words:
                    ends = ([BOS], [EOS]) if marked else ([], [])
                    file.write(" ".join([*ends[0], *words, *ends[1]]) + "\n")
                    self.sentences += 1
                    self.words += len(words)


def train_word_vectors(
    corpus: Corpus, dim: int, min_count: int, epochs: int, seed: int
) -> WordVectors:
    """Word2vec (CBOW, gensim) over a corpus; one thread, so that a seed gives one result.

    Args:
        dim: width of the vectors.
        min_count: rarer words are dropped; ``bos`` and ``eos`` are always kept.
        epochs: passes over the corpus; more over a small one, whose vectors would all point the
            same way after a few (and a decoder that is tied to them could tell no words apart).
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
