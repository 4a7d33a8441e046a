"""NumPy's arrays and scalars in pickles of all protocols, of NumPy 1 and 2, and of dill."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import dill
import numpy as np
import pytest

from GPT_GNN.published.pickles import Node, read_pickle
from GPT_GNN.published.pickles.arrays import (
    NUMPY_GLOBALS,
    array,
    dtype_of,
    holds_objects,
    is_array,
    object_list,
    scalar,
    shape,
)
from GPT_GNN.published.pickles.cells import numbers
from tests.published.pickles.trees import plain, refused

PROTOCOLS = (2, 3, 4, 5)
GRID = np.arange(24).reshape(2, 3, 4)
ARRAYS = {
    **{code: GRID.astype(code) for code in "? b B h H i I q Q e f d D <i4 >i4 >f8 >u2".split()},
    "bytes": np.array([b"a", b"bcd", b""]),
    "text": np.array(["a", "\xe9\U0001f600", ""]),
    "big-endian text": np.array(["a", "\xe9"]).astype(">U2"),
    "fortran": np.asfortranarray(GRID.astype(float)),
    "transposed": GRID.T,
    "strided": GRID[:, ::2, 1:],
    "0-d": np.array(7.5),
    "empty": np.zeros((0, 3)),
    "empty at the end": np.zeros((3, 0), dtype=np.int8),
    "special": np.array([np.nan, np.inf, -0.0]),
    "all bytes": np.arange(256, dtype=np.uint8),
}


def read(data: bytes) -> Node:
    return read_pickle(data, NUMPY_GLOBALS.__contains__)


def of_numpy_1(data: bytes) -> bytes:
    """The same pickle as NumPy 1 writes it: other names of its modules."""
    short = data.replace(b"cnumpy._core.", b"cnumpy.core.")
    for module in (b"multiarray", b"numeric"):
        new, old = b"numpy._core." + module, b"numpy.core." + module
        short = short.replace(b"\x8c" + bytes([len(new)]) + new, b"\x8c" + bytes([len(old)]) + old)
    return short[:2] + short[11:] if short[2:3] == b"\x95" else short  # without the frame's length


@pytest.mark.parametrize("names", [bytes, of_numpy_1])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str, protocol: int, names: Callable[[bytes], bytes]):
    want = ARRAYS[name]
    root = read(names(pickle.dumps(want, protocol)))
    assert is_array(root)
    found = array(root)
    assert found.dtype.newbyteorder("=") == want.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, want)


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
def test_the_names_of_numpy_1_are_those_that_it_had():
    for protocol in PROTOCOLS:
        data = of_numpy_1(pickle.dumps(ARRAYS["d"], protocol))
        assert b"numpy.core." in data and b"_core" not in data
        np.testing.assert_array_equal(pickle.loads(data), ARRAYS["d"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ["d", "text", "fortran", "0-d"])
def test_arrays_of_dill(name, protocol):
    root = read(dill.dumps(ARRAYS[name], protocol=protocol))
    assert is_array(root)
    np.testing.assert_array_equal(array(root), ARRAYS[name])


def test_dill_wraps_arrays():
    """Else the test above would be one of plain arrays."""
    data = dill.dumps([ARRAYS["d"]], protocol=4)
    assert b"_create_array" in data and is_array(next(read(data).values()))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_object_arrays_are_nodes(protocol):
    want = np.array([["a", None], [2.5, (1,)]], dtype=object)
    for data in (pickle.dumps(want, protocol), dill.dumps(want, protocol=protocol)):
        root = read(data)
        assert holds_objects(root) and shape(root) == (2, 2)
        assert plain(object_list(root)) == want.ravel().tolist()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        np.float64(1.5),
        np.float32(-0.5),
        np.int64(-3),
        np.uint8(200),
        np.bool_(True),
        np.str_("\xe9"),
    ],
)
def test_scalars(value, protocol):
    found = scalar(read(pickle.dumps(value, protocol)))
    assert found == value.item() and type(found) is type(value.item())
    assert scalar(read(pickle.dumps(value.item(), protocol))) == value.item()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([0.5, 1.5, 2.5], "f8"),
        ((1, 2, 3), "i8"),
        ([], "f8"),
        ([1, 2.5, True], "f8"),
        ([np.float32(1), 2], "f8"),
        (np.arange(3, dtype="u1"), "u1"),
        (np.array([1, np.float32(2.5)], dtype=object), "f8"),
        (list(range(2500)), "i8"),
    ],
)
def test_rows_of_numbers(value, dtype, protocol):
    found = numbers(read(pickle.dumps(value, protocol)))
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, np.array(list(value), dtype=dtype))


@pytest.mark.parametrize(
    "value",
    [
        [1, None],
        [1, "2"],
        [1, 2**70],
        [2**70, 2**70],
        [[1]],
        "12",
        {1: 2},
        GRID,
        np.array(["a"]),
        np.array(["1"], dtype=object),
    ],
)
def test_what_is_no_row_of_numbers(value):
    with refused():
        numbers(read(pickle.dumps(value, 4)))


def test_a_long_text_in_a_list_of_numbers_is_not_copied_a_million_times():
    text = "x" * 1_000_000
    with refused(match="row of numbers"):
        numbers(read(pickle.dumps([1] + [text] * 100_000, 4)))


def altered(state: tuple, dtype: np.dtype | None = None) -> bytes:
    """An array's pickle with another state."""

    class Altered:
        def __reduce__(self) -> tuple:
            make, args, _ = np.zeros(2).__reduce__()
            return make, args, state

    return pickle.dumps(Altered(), 4)


F8, TWO = np.dtype("f8"), bytes(16)


@pytest.mark.parametrize(
    "state",
    [
        (1, (3,), F8, False, TWO),
        (1, (1,), F8, False, TWO),
        (1, (2**39, 2**39), F8, False, TWO),
        (1, (2**40, 2**40, 0), F8, False, b""),
        (1, (-2, -1), F8, False, TWO),
        (1, (2**200,), F8, False, TWO),
        (1, (1,) * 33 + (2,), F8, False, TWO),
        (1, (2.0,), F8, False, TWO),
        (1, 2, F8, False, TWO),
        (1, (2,), "f8", False, TWO),
        (1, (2,), F8, False, "text"),
        (1, (2,), F8, False, [TWO]),
        (1, (2,), F8, False),
        (1, (2,), F8, [], TWO),
        (),
        None,
        {"a": 1},
        (1, (4,), np.dtype("U1"), False, b"\xff" * 16),
        (1, (2**30,), np.dtype("U0"), False, b""),
        (1, (2,), np.dtype("M8[s]"), False, TWO),
        (1, (1,), np.dtype("g"), False, TWO),
        (1, (2,), np.dtype([("a", "f8")]), False, TWO),
        (1, (2**30,) * 31, np.dtype(object), False, [1, 2]),
        (1, (2,), np.dtype(object), False, TWO),
    ],
)
def test_arrays_whose_state_is_another(state):
    root = read(altered(state))
    with refused():
        array(root)
    with refused():
        numbers(root)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy\ndtype\n)R.",
        b"\x80\x02cnumpy\ndtype\nK\x01R.",
        b"\x80\x02cnumpy\ndtype\nK\x01\x85R.",
        b"\x80\x02cnumpy\ndtype\nX\x02\0\0\0f8\x85R)b.",
        b"\x80\x02cnumpy\ndtype\nX\x02\0\0\0f8\x85RK\x01b.",
        b"\x80\x02cnumpy\ndtype\nX\x02\0\0\0f7\x85R.",
        b"\x80\x02cnumpy\ndtype\nX\x03\0\0\0f\xd9\xa8\x85R.",  # a digit that is not 0 to 9
    ],
)
def test_what_is_no_dtype(data):
    with refused():
        dtype_of(read(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy.core.multiarray\nscalar\n)R.",
        b"\x80\x02cnumpy.core.multiarray\nscalar\nK\x01K\x02\x86R.",
        b"\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x01\0\0\0O\x85RC\x08aaaaaaaa\x86R.",
        b"\x80\x02cnumpy.core.numeric\n_frombuffer\nK\x01\x85R.",
        b"\x80\x02cdill._dill\n_create_array\nK\x01K\x02K\x03\x87R.",
        b"\x80\x02cdill._dill\n_create_array\ncnumpy.core.multiarray\n_reconstruct\n)K\x03\x87R.",
        b"\x80\x02c_codecs\nencode\nX\x02\0\0\0\xc4\x80X\x06\0\0\0latin1\x86R.",
        b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0rot13\x86R.",
    ],
)
def test_calls_of_other_arguments(data):
    root = read(data)
    for reader in (array, scalar, numbers):
        with refused():
            reader(root)
