"""Arrays of .npz files in pieces: the same numbers as NumPy's, and what damage is called."""

from __future__ import annotations

import re

import numpy as np
import pytest
import scipy.sparse

from GPT_GNN.datasets.raw import RawDataError
from GPT_GNN.datasets.reddit.npz import Npz

ARRAYS = {
    "matrix": np.arange(35, dtype=np.float16).reshape(7, 5),
    "ids": np.arange(11),
    "word": np.array(b"coo"),
    "none": np.empty((0, 3), dtype=np.float32),
    "narrow": np.empty((4, 0)),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("rows", [1, 3, 7, 100])
def test_pieces_make_the_whole(tmp_path, save, rows):
    save(tmp_path / "a.npz", **ARRAYS)
    with Npz(tmp_path / "a.npz") as npz:
        assert npz.names == list(ARRAYS)
        for name, want in ARRAYS.items():
            assert npz.shape(name) == want.shape
            found = npz.read(name)
            assert found.shape == want.shape and np.array_equal(found, want)
            parts = list(npz.chunks(name, rows))
            assert all(len(part) <= rows for part in parts)
            assert [x for part in parts for x in part.tolist()] == np.atleast_1d(want).tolist()


def test_a_matrix_of_scipy(tmp_path):
    matrix = scipy.sparse.random(20, 20, 0.2, random_state=0).tocoo()
    scipy.sparse.save_npz(tmp_path / "a.npz", matrix)
    with Npz(tmp_path / "a.npz") as npz:
        assert npz.read("format").item() == b"coo"
        assert np.array_equal(npz.read("row"), matrix.row)


def message(path, name="ids"):
    with pytest.raises(RawDataError) as error, Npz(path) as npz:
        for _ in npz.chunks(name, 1000):
            pass
    assert str(path) in str(error.value)
    return str(error.value)


def test_what_is_missing_is_named(tmp_path):
    assert "no such file" in message(tmp_path / "b.npz")
    np.savez(tmp_path / "a.npz", **ARRAYS)
    assert "expected an array 'label', found ['matrix', 'ids'" in message(
        tmp_path / "a.npz", "label"
    )


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_short(tmp_path, share):
    file = tmp_path / "a.npz"
    np.savez(file, ids=np.random.default_rng(0).integers(0, 999, 9999))
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    assert "expected a whole .npz file" in message(file)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_changed_byte(tmp_path, save):
    file = tmp_path / "a.npz"
    save(file, ids=np.random.default_rng(0).integers(0, 999, 9999))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(data)
    assert re.search("'ids'.*(damaged|more bytes)", message(file))


def test_a_header_that_promises_more(tmp_path):
    import io
    import zipfile

    whole = io.BytesIO()
    np.save(whole, np.arange(100))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("ids.npy", whole.getvalue()[:-8])
    assert "expected 800 more bytes, found 792" in message(tmp_path / "a.npz")


def test_arrays_that_are_not_rows_of_numbers(tmp_path):
    columns = np.asfortranarray(np.ones((3, 4)))
    np.savez(tmp_path / "a.npz", objects=np.array([{}]), columns=columns)
    assert "found Python objects" in message(tmp_path / "a.npz", "objects")
    assert "found columns one after the other" in message(tmp_path / "a.npz", "columns")
