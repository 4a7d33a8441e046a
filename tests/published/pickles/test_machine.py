"""The machine against Python's own unpickler, on plain data of all protocols."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import struct
from typing import Any

import numpy as np
import pytest

from GPT_GNN.published.pickles import PickleError, read_pickle
from GPT_GNN.published.pickles.scan import _SLICE
from tests.published.pickles.trees import load, plain

PROTOCOLS = (2, 3, 4, 5)
SHARED = ["shared", 1]
EDGES = [
    sign * 2**power + off for power in (7, 8, 15, 16, 31, 32, 63, 64) for sign in (1, -1)
    for off in (-1, 0, 1)
]  # fmt: skip
VALUES: dict[str, Any] = {
    "constants": [None, True, False, (), [], {}, set(), frozenset(), "", b""],
    "integers": [0, 1, -1, *EDGES, 2**2047, -(2**2047), 2**2100, -(10**700)],
    "floats": [0.0, -0.0, 1.5, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan],
    "text": ["a", "é" * 300, "\ud800", "a\udfffb", "\U0001f600", "\n\0", "x" * 70_000],
    "bytes": [b"\0\n.", bytes(range(256)), b"z" * 70_000],
    "tuples": [(), (1,), (1, "b"), (1, 2.0, None), (1, 2, 3, 4), ((((),),),)],
    "sets": [{1, 2, 3}, frozenset({"a"}), {(1, 2): {3}}],
    "complex": 1 - 2j,
    "batches": [list(range(2500)), {i: str(i) for i in range(2500)}],
    "edges": {2: {1: None, 3: 2010}, 2**31 - 1: {-(2**31) + 1: -5}, 5: {-(2**31): 1, 6: 2**31}},
    "bool keys": {True: 1, False: None, 2: True},
    "columns": [[0.5] * 3, [1, 2, 3], [1, 2.0], [1, None], [True, 1], [math.nan, -0.0]],
    "shared": [SHARED, SHARED, (SHARED,), {"s": SHARED}],
    "many notes": [[str(i)] for i in range(700)],
}


class PurePickler(pickle._Pickler):
    """Without what dill, once imported, teaches it: to write types in dill's manner."""

    dispatch = {k: v for k, v in pickle._Pickler.dispatch.items() if k is not type}


def refuse(name: str) -> bool:
    return False


def same(found: Any, data: bytes) -> bool:
    """Whether a value is what Python reads; repr tells -0.0, nan, True and loops apart."""
    return repr(found) == repr(pickle.loads(data))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", VALUES)
def test_plain_data_is_what_python_reads(name, protocol):
    data = pickle.dumps(VALUES[name], protocol)
    assert same(load(data), data)
    optimised = pickletools.optimize(data)
    assert same(load(optimised), data)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pickler_in_python_is_read_too(protocol):
    """dill is one: it writes other batches and notes than the one in C."""
    file = io.BytesIO()
    PurePickler(file, protocol).dump(list(VALUES.values()))
    assert same(load(file.getvalue()), file.getvalue())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bytearrays_and_large_sets(protocol):
    value = [bytearray(b"ab"), bytearray(70_000), set(range(2500)), frozenset("abc")]
    assert load(pickle.dumps(value, protocol)) == value


def random_value(rng: np.random.Generator, depth: int) -> Any:
    kind = int(rng.integers(9 if depth else 6))
    if kind < 6:
        size = int(rng.integers(0, 70))
        return (
            None,
            bool(size % 2),
            int(rng.integers(-(2**62), 2**62)) >> size,
            float(rng.normal()),
            "".join(map(chr, rng.integers(32, 0x2FF, size))),
            rng.bytes(size),
        )[kind]
    values = [random_value(rng, depth - 1) for _ in range(int(rng.integers(0, 8)))]
    if kind == 6:
        return values
    return tuple(values) if kind == 7 else {repr(value): value for value in values}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_random_data_is_what_python_reads(protocol):
    rng = np.random.default_rng(protocol)
    for _ in range(60):
        data = pickle.dumps(random_value(rng, 4), protocol)
        assert same(load(data), data)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_shared_stays_shared_and_loops_stay_loops(protocol):
    loop: list[Any] = [1]
    table = {"loop": loop}
    knot = (loop, table)
    loop += [loop, table, knot]
    found = load(pickle.dumps(knot, protocol))
    assert found[0][1] is found[0] and found[1]["loop"] is found[0] and found[0][2] is found[1]
    assert same(found, pickle.dumps(knot, protocol))


def test_bits_of_a_nan_are_kept():
    bits = struct.pack(">Q", 0x7FF8_0000_DEAD_BEEF)
    assert struct.pack(">d", load(b"\x80\x02G" + bits + b".")) == bits


def test_of_equal_keys_the_last_counts():
    data = b"\x80\x02}(K\x01K\x02K\x01K\x03X\x01\0\0\0aK\x04X\x01\0\0\0aK\x05u."
    assert load(data) == pickle.loads(data) == {1: 3, "a": 5}


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02(K\x01K\x02l.",  # LIST
        b"\x80\x02(K\x01K\x02d.",  # DICT
        b"\x80\x02K\x0120\x85.",  # DUP POP TUPLE1
        b"\x80\x02K\x01(K\x02K\x031.",  # POP_MARK
        b"\x80\x02K\x01(0.",  # POP of a mark
        b"\x80\x02]q\x03(K\x01h\x03e.",  # notes with gaps
        b"\x80\x02]r\x01\0\0\0j\x01\0\0\0a.",  # LONG_BINPUT LONG_BINGET
        b"\x80\x02\x8b\x03\0\0\0\x01\x02\xff.",  # LONG4
        b"\x80\x02\x8a\x00.",  # LONG1 of no bytes
        b"\x80\x04\x8d\x01\0\0\0\0\0\0\0a.",  # BINUNICODE8
        b"\x80\x04\x8e\x01\0\0\0\0\0\0\0a.",  # BINBYTES8
    ],
)
def test_opcodes_that_picklers_seldom_write(data):
    assert same(load(data), data)


def test_long_pickles_are_read_in_slices():
    """Longer than a slice, one value longer than a slice, with and without a bar."""
    data = pickle.dumps([b"a" * (_SLICE + 5), ["text"] * 3, "b" * _SLICE], 4)
    for progress in (False, True):
        root = read_pickle(data, refuse, progress=progress)
        assert [len(part) if part.kind == "list" else len(part.raw) for part in root.values()] == [
            _SLICE + 5,
            3,
            _SLICE,
        ]


def test_where_a_pickle_begins_and_ends(tmp_path):
    data = pickle.dumps([1, 2], 2) + pickle.dumps("next", 5)
    first = read_pickle(data, refuse)
    assert plain(first) == [1, 2]
    assert plain(read_pickle(data, refuse, start=first.tree.end)) == "next"
    (tmp_path / "a.pk").write_bytes(data)
    assert plain(read_pickle(tmp_path / "a.pk", refuse)) == [1, 2]


@pytest.mark.parametrize("name", VALUES)
def test_plain_of_a_node_is_what_python_reads(name):
    data = pickle.dumps(VALUES[name], 5)
    if name == "complex":
        with pytest.raises(PickleError, match="builtins.complex"):
            plain(read_pickle(data, lambda _: True))
        return
    assert same(plain(read_pickle(data, refuse)), data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "protocol 2 to 5"),
        (b"(lp0\n.", "protocol 2 to 5"),
        (b"\x80\x06N.", "protocol 2 to 5"),
        (b"\x80\x02N", "cut short"),
        (b"\x80\x02.", "more values than"),
        (b"\x80\x02N(.", "more values than"),
        (b"\x80\x02U\x01aN.", "opcode"),  # SHORT_BINSTRING: Python 2 wrote it
        (b"\x80\x05\x97.", "opcode"),  # NEXT_BUFFER
        (b"\x80\x02h\x00.", "has not noted"),
        (b"\x80\x02e.", "has not opened"),
        (b"\x80\x02](K\x01u.", "cannot hold it"),
        (b"\x80\x02}(K\x01u.", "cannot hold it"),
        (b"\x80\x02]Nb.", "cannot hold it"),
        (b"\x80\x02)Na.", "cannot hold it"),
    ],
)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(PickleError, match=message):
        read_pickle(data, refuse, name="file.pk")


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "empty").touch()
    for name in ("none", "empty"):
        with pytest.raises(PickleError, match=name):
            read_pickle(tmp_path / name, refuse)
