"""Word vectors: gensim's models with their side files, and word2vec's text and binary format.

A model is a pickle. It is read as data (:mod:`GPT_GNN.published.pickles`), without gensim's
classes.

Source: gensim's ``utils.SaveLoad``, ``models/word2vec.py`` and ``models/keyedvectors.py``, releases
3.8.3 and 4.4. An object's large arrays lie beside it, as ``FILE.attribute.npy``; ``__numpys`` names
the attributes. What an object holds that is saved so has ``FILE.attribute`` as its own FILE.
"""

from __future__ import annotations

import os
import re
import tokenize
from collections.abc import Collection
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from GPT_GNN.published.pickles import Node, PickleError, expected_layout, read_pickle
from GPT_GNN.published.pickles.arrays import NUMPY_GLOBALS, array

_KEYED, _WORD2VEC = "gensim.models.keyedvectors", "gensim.models.word2vec"
_MODELS = {f"{_WORD2VEC}.Word2Vec", f"{_KEYED}.KeyedVectors", f"{_KEYED}.Word2VecKeyedVectors"}
_ALLOWED = {
    *_MODELS | NUMPY_GLOBALS,
    *(f"{_WORD2VEC}.{name}" for name in ("Vocab", "Word2VecVocab", "Word2VecTrainables")),
    *(f"{_KEYED}.{name}" for name in ("Vocab", "CompatVocab")),
    # A generator's state, a hash function, word counts: of no interest, but every model has them.
    *("numpy.random.__RandomState_ctor", "numpy.random._pickle.__randomstate_ctor"),
    *("numpy.random._pickle.__bit_generator_ctor", "numpy.random._mt19937.MT19937"),
    "gensim.utils.call_on_class_only",  # what a model has for its class's ``load``
    *(f"builtins.{name}" for name in ("hash", "int", "frozenset")),
    *(f"__builtin__.{name}" for name in ("hash", "int", "long", "frozenset")),
    "collections.defaultdict",
}
_WORDS = ("index_to_key", "index2word")  # gensim 4, before
_VECTORS = ("vectors", "syn0")  # since gensim 3, before
_NO_ARRAY = (OSError, EOFError, SyntaxError, RecursionError, tokenize.TokenError, BadZipFile)
_PICKLE = b"\x80"
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_MOST_PACKED = 1100  # times that a compressed file may grow
_HEADER = re.compile(rb"(\d{1,12}) (\d{1,6})\s*\n")
_EXPECTED = "expected word vectors of gensim, or in word2vec's text or binary format"


def read_word2vec(path: str | os.PathLike[str]) -> tuple[list[str], np.ndarray]:
    """Words and their vectors; the content of the file tells its format.

    Args:
        path: what ``save`` of gensim wrote, with the files that it wrote beside it, or a file in
            word2vec's text or binary format.

    Returns:
        V words and [V, D] float32.

    Raises:
        ValueError: no such file, a side file is missing, or no word vectors; a PickleError if a
            model asks for what it has no use for, or is not whole.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with open(path, "rb") as file:
        start = file.read(8)
    if start.startswith(_PICKLE):
        words, vectors = _model(path)
    else:
        words, vectors = _plain(path, packed=start.startswith(_PACKED))
    if vectors.ndim != 2 or len(vectors) != len(words) or vectors.dtype.kind != "f":
        raise ValueError(
            f"{path}: expected a row of numbers for each of {len(words)} words, "
            f"found {vectors.dtype} of shape {vectors.shape}"
        )
    return words, np.array(vectors, dtype=np.float32)


def _model(path: Path) -> tuple[list[str], np.ndarray]:
    """A saved Word2Vec or KeyedVectors."""
    with expected_layout(str(path)):
        root = read_pickle(path, _ALLOWED.__contains__)
        keyed, file = _attributes(root), str(path)
        if "wv" in keyed:  # gensim 1 and later; before, the model itself had the words
            keyed, file = _attributes(keyed["wv"]), f"{path}.wv"
        words = _texts(keyed[_first(_WORDS, keyed, root)])
        aside = _texts(keyed["__numpys"]) if "__numpys" in keyed else []
        name = _first(_VECTORS, [*aside, *keyed], root)
        if name in aside:
            return words, _side_file(Path(f"{file}.{name}.npy"), path)
        return words, array(keyed[name])


def _texts(node: Node) -> list[str]:
    texts = []
    for value in node.values():
        texts.append(value.text)
        node.tree.take(len(texts[-1]))
    return texts


def _attributes(node: Node) -> dict[str, Node]:
    if node.callee not in _MODELS or node.state is None:
        raise node.error("a word2vec model of gensim")
    return node.state.by_name()


def _first(names: tuple[str, ...], available: Collection[str], root: Node) -> str:
    for name in names:
        if name in available:
            return name
    raise root.error(f"a model with {' or '.join(names)}")


def _side_file(path: Path, model: Path) -> np.ndarray:
    """An array beside a model."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; {model} keeps its vectors there")
    try:
        with expected_layout(str(path)):
            # Mapped: it is compared with the file's size before any memory is taken for it.
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except _NO_ARRAY as error:
        raise PickleError(f"{path}: expected an array of NumPy ({error})") from error
    if not isinstance(vectors, np.ndarray):
        raise PickleError(f"{path}: expected an array of NumPy, found several")
    return vectors


def _plain(path: Path, packed: bool) -> tuple[list[str], np.ndarray]:
    """word2vec's text or binary format, through gensim.

    gensim allocates what the header declares, which is compared with the file's size before.
    """
    from gensim.models import KeyedVectors
    from gensim.utils import open as smart_open

    try:
        with smart_open(str(path), "rb") as file:
            header = _HEADER.fullmatch(file.readline(64))
            count, width = (int(header[1]), int(header[2])) if header else (0, 0)
            binary = not _is_text(file.readline(1024 + 40 * width), width)
        least = count * (4 * width + 1 if binary else 2 * width + 1)
        if header and least <= path.stat().st_size * (_MOST_PACKED if packed else 1):
            vectors = KeyedVectors.load_word2vec_format(str(path), binary=binary)
            return list(vectors.index_to_key), vectors.vectors
    except (EOFError, LookupError, OSError, ValueError) as error:
        raise ValueError(f"{path}: {_EXPECTED}, found something else ({error})") from error
    if header:
        raise ValueError(f"{path} is not whole: it declares {count} vectors of width {width}")
    raise ValueError(f"{path}: {_EXPECTED}, found something else")


def _is_text(row: bytes, width: int) -> bool:
    """Whether the first row is a word and as many numbers as there should be."""
    parts = row.split()
    try:
        return len([float(part) for part in parts[1:]]) == width
    except ValueError:
        return False
