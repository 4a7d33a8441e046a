"""Small files that declare much: refused, or opened, within a small multiple of their size."""

from __future__ import annotations

import pickle
import struct
import time
import tracemalloc

import numpy as np
import pytest

from GPT_GNN.published.pickles import Node, PickleError, read_pickle
from GPT_GNN.published.pickles.arrays import NUMPY_GLOBALS, array
from GPT_GNN.published.pickles.cells import cells, numbers
from GPT_GNN.published.pickles.opcodes import ENTRIES, PARTS
from GPT_GNN.published.pickles.tensors import TORCH_GLOBALS, tensor
from tests.published.pickles.trees import plain

MEGABYTES = 2**20
HUGE = struct.pack("<Q", 2**60)


def read(data: bytes) -> Node:
    return read_pickle(data, (NUMPY_GLOBALS | TORCH_GLOBALS).__contains__)


@pytest.fixture(autouse=True)
def bounded():
    """No test here may take more than 64 MB at once (NumPy tells tracemalloc what it takes)."""
    read(pickle.dumps(1))  # compiled
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * MEGABYTES


def test_the_bound_sees_arrays():
    """Else it would bound nothing."""
    tracemalloc.reset_peak()
    np.empty(20 * MEGABYTES, dtype=np.uint8)
    assert tracemalloc.get_traced_memory()[1] >= 20 * MEGABYTES
    tracemalloc.reset_peak()


@pytest.mark.parametrize(
    "body",
    [
        b"\x8e" + HUGE,  # BINBYTES8
        b"\x8d" + HUGE,  # BINUNICODE8
        b"\x96" + HUGE,  # BYTEARRAY8
        b"\x8e" + b"\xff" * 8,
        b"B\xff\xff\xff\xff",  # BINBYTES
        b"X\xff\xff\xff\xff",  # BINUNICODE
        b"\x8b\xff\xff\xff\x7f",  # LONG4
        b"\x8b\xff\xff\xff\xff",
        b"\x8a\xff",  # LONG1
        b"Nr\xff\xff\xff\x7f",  # LONG_BINPUT
        b"Nr\xff\xff\xff\xff",
        b"j\xff\xff\xff\xff",  # LONG_BINGET
        b"\x95" + HUGE,  # FRAME
    ],
)
def test_declared_lengths_and_indices(body):
    with pytest.raises(PickleError, match="not a whole pickle"):
        read(b"\x80\x05" + body + b".")


def laughs(levels: int) -> bytes:
    """A list of ten times the list below it, and so on: ten to the number of levels values."""
    body = b"\x80\x02]q\x00K\x01a"
    for level in range(levels):
        body += b"]q" + bytes([level + 1]) + b"(" + (b"h" + bytes([level])) * 10 + b"e"
    return body + b"."


def test_a_billion_laughs():
    root = read(laughs(9))
    with pytest.raises(PickleError, match="more, or more deeply nested"):
        plain(root, most=10_000)
    with pytest.raises(PickleError):
        numbers(root)


def test_a_list_in_itself():
    root = read(b"\x80\x02]q\x00(h\x00h\x00h\x00e.")
    with pytest.raises(PickleError, match="more, or more deeply nested"):
        plain(root)
    assert len(list(root.values())) == 3


def test_a_long_text_that_stands_often():
    """Python holds it once as well."""
    data = b"\x80\x02(" + pickle.dumps("x" * MEGABYTES, 2)[2:-1] + b"h\x00" * 90_000 + b"l."
    values = plain(read(data))
    assert len(values) == 90_001 and values[0] is values[-1]


def test_a_long_text_among_numbers():
    """A column of both is written out as text, each of its rows."""
    column = cells(read(pickle.dumps([1] + ["x" * 20_000] * 5_000, 4)))
    with pytest.raises(PickleError, match="far more in it"):
        column.texts()


def test_one_row_for_all_cells():
    """A store would hold it once for each."""
    column = cells(read(pickle.dumps([[0.5] * 1000] * 50_000, 4)))
    with pytest.raises(PickleError, match="far more in it"):
        column.width()
    assert cells(read(pickle.dumps([[0.5] * 10] * 500, 4))).width() == 10


def test_one_dict_of_many_parts_for_all_cells():
    """Each of its entries is a segment of its own: to walk them for each cell takes minutes."""
    many = 100_000
    table = b"ccollections\nOrderedDict\n)R" + b"K\x01K\x02s" * many + b"q\x00"
    column = cells(read(b"\x80\x02(" + table + b"h\x00" * many + b"l."))
    begin = time.monotonic()
    with pytest.raises(PickleError, match="far more in it"):
        column.tree.counts(column.values, ENTRIES)
    column = cells(read(b"\x80\x02(" + table + b"h\x00" * many + b"l."))
    assert len(column.tree.held(column.values, PARTS)) == 2 * (many + 1)
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"]", b"a"), (b"(", b"t"), (b"}K\x01", b"s"), (b"", b"\x85")]
)
def test_deep_nesting(opening, closing):
    depth = 200_000
    root = read(b"\x80\x02" + opening * depth + b"N" + closing * depth + b".")
    with pytest.raises(PickleError, match="more, or more deeply nested"):
        plain(root)


def test_every_byte_a_list():
    root = read(b"\x80\x02(" + b"]" * 300_000 + b"t.")
    assert len(root) == 300_000


def test_a_call_of_many_arguments():
    """A long tuple that many calls share would be listed once for each."""
    name = b"cnumpy\ndtype\nq\x00"
    root = read(b"\x80\x02(" + name + b"(" + b"N" * 1000 + b"tq\x01R" + b"h\x00h\x01R" * 9 + b"l.")
    for node in root.values():
        with pytest.raises(PickleError, match="at most 255 arguments"):
            _ = node.args


@pytest.mark.parametrize("shape", [b"J\xff\xff\xff\x7f\x85", b"\x8a\x05\0\0\0\0\x7f\x85"])
def test_a_shape_above_the_bytes(shape):
    make = b"cnumpy.core.multiarray\n_reconstruct\n)R"
    dtype = b"cnumpy\ndtype\nX\x02\0\0\0f8\x85R"
    root = read(b"\x80\x03" + make + b"(K\x01" + shape + dtype + b"\x89C\x08aaaaaaaatb.")
    for reader in (array, numbers):
        with pytest.raises(PickleError, match="an array of shape"):
            reader(root)


def test_bytes_within_other_bytes_are_not_multiplied():
    """A tensor's storage is a file; a thousand tensors that name the same are read one by one."""
    inner = b"\x80\x02" + b"N" * MEGABYTES + b"."
    load = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner
    rebuild = b"ctorch._utils\n_rebuild_tensor\nq\x01"
    call = b"h\x01(h\x00K\x00))tR"
    root = read(b"\x80\x03(" + load + b"\x85Rq\x00" + rebuild + call * 5 + b"l.")
    for node in list(root.values())[2:]:
        with pytest.raises(PickleError):
            tensor(node)


@pytest.mark.parametrize(
    "pattern",
    [
        b"(" * 7,
        b"]]a",
        b"N2222",
        b"(NNNNt",
        b"N\x94",
        b"Nq\x00",
        b"K\x01K\x02\x86",
        b"}K\x01K\x02s",
        b"cnumpy\ndtype\n)R",
    ],
)
@pytest.mark.parametrize("end", [b".", b""])
def test_memory_follows_the_size_of_the_file(pattern: bytes, end: bytes):
    """Whatever the opcodes, the machine takes some 100 bytes for each of the file's."""
    size = 200_000
    try:
        read(b"\x80\x02" + pattern * (size // len(pattern)) + b"N" + end)
    except PickleError:
        pass
