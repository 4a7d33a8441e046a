"""Files of torch.save in both formats against torch; tensors inside of other pickles."""

from __future__ import annotations

import collections
import io
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from GPT_GNN.published.pickles import PickleError, read_pickle
from GPT_GNN.published.pickles.tensors import TORCH_GLOBALS, is_tensor, read_torch, tensor
from tests.published.pickles.trees import refused

allowed = TORCH_GLOBALS.__contains__
BASE = torch.arange(24).reshape(2, 3, 4)
DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
TENSORS = {
    **{name: BASE.to(getattr(torch, name)) for name in DTYPES},
    "slice": BASE[:, 1:, ::2],
    "transposed": BASE.permute(2, 1, 0),
    "0-d": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(torch.ones(2, 2)),
}


def saved(value: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def changed(data: bytes, change: Callable[[str, bytes], bytes | None], packed: int = 0) -> bytes:
    """A zip file whose entries are ``change(name, content)``; without those that become None."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(file, "w", packed or zipfile.ZIP_STORED) as new,
    ):
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return file.getvalue()


def assert_same(found: np.ndarray, want: torch.Tensor) -> None:
    want = want.detach()
    want = want.float() if want.dtype == torch.bfloat16 else want
    assert found.dtype == want.numpy().dtype
    np.testing.assert_array_equal(found, want.numpy())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor(name, zipped, tmp_path: Path):
    data = saved(TENSORS[name], zipped)
    (tmp_path / "a.pt").write_bytes(data)
    for source in (data, tmp_path / "a.pt"):
        file = read_torch(source, allowed)
        assert is_tensor(file.root)
        assert_same(file.tensor(file.root), TENSORS[name])


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict(zipped):
    model = torch.nn.LSTM(3, 4, 2)
    shared = torch.arange(10.0)
    want = collections.OrderedDict(model.state_dict(), head=shared[:4], tail=shared[4:])
    file = read_torch(saved(want, zipped), allowed)
    entries = file.root.by_name()
    assert list(entries) == list(want)
    for key, node in entries.items():
        assert_same(file.tensor(node), want[key])


@pytest.mark.parametrize("protocol", (2, 3, 4, 5))
@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_in_another_pickle(name, protocol):
    node = next(read_pickle(pickle.dumps([TENSORS[name]], protocol), _and_bytes).values())
    assert is_tensor(node)
    assert_same(tensor(node), TENSORS[name])


def _and_bytes(name: str) -> bool:
    return name in TORCH_GLOBALS | {"_codecs.encode"}


def test_what_is_no_tensor():
    root = read_torch(saved([1, "a"]), allowed).root
    assert not is_tensor(root)
    for node in (root, *root.values()):
        with pytest.raises(PickleError):
            tensor(node)


@pytest.mark.parametrize("zipped", [True, False])
def test_cut_at_every_byte(zipped):
    data = saved({"a": torch.arange(3.0)}, zipped)
    for end in range(len(data)):
        with pytest.raises(PickleError):
            file = read_torch(data[:end], allowed)
            file.tensor(file.root.by_name()["a"])


@pytest.mark.parametrize("zipped", [True, False])
def test_random_mutations(zipped):
    data = np.frombuffer(saved({"a": torch.arange(3.0)}, zipped), dtype=np.uint8)
    rng = np.random.default_rng(0)
    opened = 0
    for _ in range(300):
        mutated = data.copy()
        mutated[rng.integers(len(data), size=rng.integers(1, 4))] = rng.integers(256)
        try:
            file = read_torch(mutated.tobytes(), allowed)
            file.tensor(next(iter(file.root.by_name().values())))
            opened += 1
        except (PickleError, StopIteration):
            pass
    assert 0 < opened < 300


def test_a_compressed_file():
    data = changed(saved(BASE), lambda _, content: content, zipfile.ZIP_DEFLATED)
    with pytest.raises(PickleError, match="compressed"):
        read_torch(data, allowed)


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        ("byteorder", b"big", "big-endian"),
        ("data.pkl", None, "data.pkl"),
        ("data/0", None, "data/0"),
        ("data/0", bytes(7), "7 are there"),
    ],
)
def test_parts_that_are_others(part, content, message):
    data = changed(saved(BASE), lambda name, old: content if name.endswith(part) else old)
    with pytest.raises(PickleError, match=message):
        file = read_torch(data, allowed)
        file.tensor(file.root)


def test_a_big_endian_stream():
    data, count = re.subn(rb"(little_endianq.)\x88", b"\\1\x89", saved(BASE, zipped=False))
    assert count == 1
    with pytest.raises(PickleError, match="big-endian"):
        read_torch(data, allowed)


@pytest.mark.parametrize("size", [2**31 - 2, 2**40])
def test_sizes_of_a_zip_entry_that_lie(size, tmp_path: Path):
    """Python's zipfile takes memory for what the directory declares."""
    data = bytearray(saved(BASE))
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"data/0"))  # in the directory at the end
    data[at + 20 : at + 28] = struct.pack("<II", *[min(size, 2**32 - 2)] * 2)
    (tmp_path / "a.pt").write_bytes(data)
    with pytest.raises(PickleError, match="declares"):
        file = read_torch(tmp_path / "a.pt", allowed)
        file.tensor(file.root)


def rebuilt(offset: Any, size: Any, stride: Any) -> bytes:
    """A tensor over six floats as a pickle may describe it."""

    class Rebuilt:
        def __reduce__(self) -> tuple:
            storage = torch.arange(6.0)._typed_storage()
            make = torch._utils._rebuild_tensor_v2
            return make, (storage, offset, size, stride, False, collections.OrderedDict())

    return pickle.dumps(Rebuilt(), 4)


def test_a_view_of_six_floats():
    """The control of the next test."""
    found = tensor(read_pickle(rebuilt(1, (2, 2), (2, 1)), allowed))
    np.testing.assert_array_equal(found, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (2**40,), (0,)),
        (0, (2**39, 2**39), (0, 0)),
        (0, (2**40, 2**40, 0), (0, 0, 0)),
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (6, (1,), (1,)),
        (2**70, (1,), (1,)),
        (-1, (1,), (1,)),
        (0, (2,), (-1,)),
        (0, (2,), (2**39,)),
        (0, (2,), (1, 1)),
        (0, (-1,), (1,)),
        (0, (1,) * 40, (1,) * 40),
        (0, 2, 1),
        (0, "ab", "cd"),
        (None, (2,), (1,)),
    ],
)
def test_views_beyond_their_storage(offset, size, stride):
    root = read_pickle(rebuilt(offset, size, stride), allowed)
    with refused():
        tensor(root)


def test_parameters_of_themselves_and_buffers_in_buffers():
    """Both would go on without end."""
    itself = b"\x80\x02ctorch._utils\n_rebuild_parameter\n]q\x00R" + b"q\x01h\x00h\x01a0h\x01."
    with pytest.raises(PickleError, match="expected a tensor"):
        tensor(read_pickle(itself, allowed))
    inside = b""
    for _ in range(3):
        load = b"ctorch.storage\n_load_from_bytes\n\x8e" + struct.pack("<Q", len(inside)) + inside
        magic, version = pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)
        system, keys = pickle.dumps({"little_endian": True}, 2), pickle.dumps([], 2)
        inside = magic + version + system + b"\x80\x04" + load + b"\x85R." + keys
    rebuild = b"\x80\x04(ctorch._utils\n_rebuild_tensor\n(" + load + b"\x85RK\x00))tR."
    with pytest.raises(PickleError, match="_load_from_bytes"):
        tensor(read_pickle(rebuild, allowed))


def test_a_part_of_another_storage_is_refused():
    """torch before 0.4 wrote such; read as a whole storage it would give other numbers."""
    data = saved(BASE, zipped=False)
    view = data.replace(b"K\x18Nt", b"K\x18K\x01t")  # count, view
    assert view != data
    with pytest.raises(PickleError, match="storage"):
        file = read_torch(view, allowed)
        file.tensor(file.root)
