"""Word vectors of gensim and in word2vec's formats; what is wrong with others is said."""

from __future__ import annotations

import gzip
import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors, Word2Vec

from GPT_GNN.published.pickles import PickleError
from GPT_GNN.published.word_vectors import read_word2vec
from tests.published.gensim3 import save_0_13, save_3_8

WORDS = ["bos", "eos", "graph", "é", "neural"]
VECTORS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
SENTENCES = [["bos", "graph", "neural", "eos"]] * 3


def assert_read(path: Path, words: list[str] = WORDS, vectors: np.ndarray = VECTORS) -> None:
    found, rows = read_word2vec(path)
    assert found == words
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, vectors)


def keyed() -> KeyedVectors:
    out = KeyedVectors(4)
    out.add_vectors(WORDS, VECTORS)
    return out


@pytest.mark.parametrize("limit", [0, 10**8], ids=["side files", "one file"])
@pytest.mark.parametrize("protocol", (2, 4))
@pytest.mark.parametrize("options", [{}, {"hs": 1, "sg": 1}])
def test_a_model_of_gensim_4(options, protocol, limit, tmp_path: Path):
    model = Word2Vec(SENTENCES, vector_size=4, min_count=1, workers=1, **options)
    model.save(str(tmp_path / "w2v"), sep_limit=limit, pickle_protocol=protocol)
    assert (tmp_path / "w2v.wv.vectors.npy").exists() == (limit == 0)
    assert_read(tmp_path / "w2v", model.wv.index_to_key, model.wv.vectors)


@pytest.mark.parametrize("protocol", (2, 3, 4, 5))
@pytest.mark.parametrize("limit", [0, 10**8], ids=["side files", "one file"])
def test_vectors_of_gensim_4(limit, protocol, tmp_path: Path):
    keyed().save(str(tmp_path / "w2v.kv"), sep_limit=limit, pickle_protocol=protocol)
    assert (tmp_path / "w2v.kv.vectors.npy").exists() == (limit == 0)
    assert_read(tmp_path / "w2v.kv")


@pytest.mark.parametrize("protocol", (2, 4))
@pytest.mark.parametrize("aside", [True, False], ids=["side files", "one file"])
def test_a_model_of_gensim_3(aside, protocol, tmp_path: Path, monkeypatch):
    save_3_8(tmp_path / "w2v_all", WORDS, VECTORS, monkeypatch, aside, protocol)
    assert_read(tmp_path / "w2v_all")


@pytest.mark.parametrize("name", ["gensim3.8.model", "gensim3.8_aside.model"])
def test_a_file_that_gensim_3_wrote(name):
    folder = Path(__file__).parent / "gensim_files"
    words, vectors = read_word2vec(folder / "gensim3.8.txt")
    assert_read(folder / name, words, vectors)


@pytest.mark.parametrize("aside", [True, False], ids=["side files", "one file"])
def test_a_model_of_gensim_0(aside, tmp_path: Path, monkeypatch):
    save_0_13(tmp_path / "w2v", WORDS, VECTORS, monkeypatch, aside)
    assert_read(tmp_path / "w2v")


@pytest.mark.parametrize("name", ["a.txt", "a.bin", "a", "a.txt.gz"])
@pytest.mark.parametrize("binary", [True, False])
def test_the_formats_of_word2vec(binary, name, tmp_path: Path):
    """Whatever the file is called."""
    keyed().save_word2vec_format(str(tmp_path / name), binary=binary)
    assert_read(tmp_path / name)


def test_other_floats_become_float32(tmp_path: Path, monkeypatch):
    wide = VECTORS.astype(np.float64)
    save_3_8(tmp_path / "w2v", WORDS, wide, monkeypatch)
    assert_read(tmp_path / "w2v")


def test_a_missing_side_file_is_named(tmp_path: Path):
    keyed().save(str(tmp_path / "w2v"), sep_limit=0)
    os.remove(tmp_path / "w2v.vectors.npy")
    with pytest.raises(ValueError, match=r"w2v\.vectors\.npy: no such file; \S+w2v keeps"):
        read_word2vec(tmp_path / "w2v")


@pytest.mark.parametrize("vectors", [VECTORS[:3], VECTORS[0], VECTORS.astype(int), VECTORS[None]])
@pytest.mark.parametrize("aside", [True, False], ids=["side files", "one file"])
def test_vectors_of_another_shape(vectors, aside, tmp_path: Path, monkeypatch):
    save_3_8(tmp_path / "w2v", WORDS, vectors, monkeypatch, aside)
    with pytest.raises(ValueError, match="a row of numbers for each of 5 words"):
        read_word2vec(tmp_path / "w2v")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", pickle.dumps([1])])
def test_a_side_file_that_is_no_array(content, tmp_path: Path):
    keyed().save(str(tmp_path / "w2v"), sep_limit=0)
    (tmp_path / "w2v.vectors.npy").write_bytes(content)
    with pytest.raises(PickleError, match=r"w2v\.vectors\.npy"):
        read_word2vec(tmp_path / "w2v")


def test_a_side_file_of_objects_is_not_unpickled(tmp_path: Path):
    keyed().save(str(tmp_path / "w2v"), sep_limit=0)
    np.save(tmp_path / "w2v.vectors.npy", np.array([Payload(tmp_path)], dtype=object))
    with pytest.raises(PickleError, match=r"w2v\.vectors\.npy"):
        read_word2vec(tmp_path / "w2v")
    assert not (tmp_path / "executed").exists()


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.folder}/executed",)


@pytest.mark.parametrize("place", ["lifecycle_events", "vectors", "index_to_key"])
def test_a_payload_in_a_model_is_refused(place, tmp_path: Path):
    model = keyed()
    model.__dict__[place] = [Payload(tmp_path)]
    (tmp_path / "w2v").write_bytes(pickle.dumps(model))
    with pytest.raises(PickleError, match="asks for posix.system"):
        read_word2vec(tmp_path / "w2v")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("value", [[1], {"vectors": VECTORS}, VECTORS, None])
def test_another_pickle(value, tmp_path: Path):
    (tmp_path / "w2v").write_bytes(pickle.dumps(value))
    with pytest.raises(PickleError, match="expected a word2vec model of gensim"):
        read_word2vec(tmp_path / "w2v")


def test_a_model_cut_at_every_tenth_byte(tmp_path: Path):
    keyed().save(str(tmp_path / "w2v"))
    data = (tmp_path / "w2v").read_bytes()
    for end in range(1, len(data), 10):
        (tmp_path / "cut").write_bytes(data[:end])
        with pytest.raises(PickleError):
            read_word2vec(tmp_path / "cut")


@pytest.mark.parametrize("binary", [True, False])
def test_word2vec_formats_cut_short(binary, tmp_path: Path):
    keyed().save_word2vec_format(str(tmp_path / "a"), binary=binary)
    data = (tmp_path / "a").read_bytes()
    for end in range(data.rindex(b"neural") + 6):
        (tmp_path / "cut").write_bytes(data[:end])
        with pytest.raises(ValueError):
            read_word2vec(tmp_path / "cut")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("header", [b"5000000 100000\n", b"999999999999 999999\n", b"5 900000\n"])
def test_a_header_that_declares_more_than_there_is(header, packed, tmp_path: Path):
    data = header + b"word " + VECTORS.tobytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    (tmp_path / "a").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match="is not whole"):
        read_word2vec(tmp_path / ("a.gz" if packed else "a"))
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"word 1 2\n", b"two words\nmore\n", b"5 -3\n", b"\x1f\x8b"]
)
def test_what_has_no_word_vectors(content, tmp_path: Path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match="expected word vectors of gensim, or in word2vec's text"):
        read_word2vec(tmp_path / "a")


def test_one_long_word_again_and_again_is_refused(tmp_path: Path):
    model = KeyedVectors(1)
    model.index_to_key, model.vectors = ["x" * 100_000] * 5000, np.zeros((5000, 1), np.float32)
    (tmp_path / "model").write_bytes(pickle.dumps(model, 4))
    tracemalloc.start()
    with pytest.raises(PickleError, match="far more in it"):
        read_word2vec(tmp_path / "model")
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()
