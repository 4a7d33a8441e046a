"""Files of ``torch.save``, and tensors inside of other pickles, read without torch's unpickler.

Source: the zip format of torch 1.6 and later, and the format before it: four pickles (magic number,
version, system, object), a list of storage keys, and each storage as its length and its bytes.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from GPT_GNN.published.pickles.arrays import bytes_of
from GPT_GNN.published.pickles.node import Node, nodes_of
from GPT_GNN.published.pickles.scan import file_bytes, read_pickle
from GPT_GNN.published.pickles.tree import PickleError, expected_layout

_ZIP_MAGIC = b"PK\x03\x04"
_ZIP_ERRORS = (zipfile.BadZipFile, struct.error, EOFError, OSError, RuntimeError, ValueError)
_MAGIC = 0x1950A86A20F9469CFC6C
_BFLOAT16 = np.dtype([("bfloat16", "<u2")])
_STORAGES = {
    f"torch.{name}Storage": np.dtype(code)
    for name, code in (
        *(("Double", "<f8"), ("Float", "<f4"), ("Half", "<f2"), ("BFloat16", _BFLOAT16)),
        *(("Long", "<i8"), ("Int", "<i4"), ("Short", "<i2"), ("Char", "i1"), ("Byte", "u1")),
        ("Bool", "?"),
    )
}
_REBUILD = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"}
_PARAMETER = {f"torch._utils._rebuild_parameter{ending}" for ending in ("", "_with_state")}
_FROM_BYTES = "torch.storage._load_from_bytes"
TORCH_GLOBALS = {
    *_STORAGES,
    *(name.replace("torch.", "torch.cuda.") for name in _STORAGES),
    *_REBUILD | _PARAMETER | {_FROM_BYTES, "collections.OrderedDict"},
}


def is_tensor(node: Node) -> bool:
    """Whether a node is a torch tensor or parameter."""
    return node.callee in _REBUILD | _PARAMETER


@dataclass(frozen=True)
class TorchFile:
    """What ``torch.save`` wrote: a tree, and the storages that its tensors refer to."""

    root: Node  # the object that was saved
    storages: Callable[[str], np.ndarray]  # the bytes of a key, [n] uint8
    name: str  # of the file, for errors

    def tensor(self, node: Node) -> np.ndarray:
        """A tensor or parameter as an array of its shape; bfloat16 becomes float32."""
        if node.callee in _PARAMETER:
            node = node.args[0]
        if node.callee not in _REBUILD:
            raise node.error("a tensor")
        stored, offset, size, stride = node.args[:4]
        shape, steps, begin = size.sizes(), stride.sizes(), offset.integer(0, 2**40)
        flat = self._storage(stored)
        if math.prod(shape) > len(flat):
            raise node.error(f"a tensor of shape {shape} in a storage of {len(flat)} values")
        if math.prod(shape) == 0:
            return np.empty(shape, dtype=flat.dtype)
        last = begin + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
        if last >= len(flat):
            raise node.error(f"a tensor within its storage of {len(flat)} values")
        byte_steps = tuple(step * flat.itemsize for step in steps)
        view = np.lib.stride_tricks.as_strided(flat[begin:], shape, byte_steps, writeable=False)
        return view.copy()

    def _storage(self, node: Node) -> np.ndarray:
        if node.callee == _FROM_BYTES:  # a tensor in a pickle that torch did not write
            inside = bytes_of(node.args[0]).tobytes()
            # Not the same once more within those bytes: that could go on without end.
            inner = read_torch(inside, (TORCH_GLOBALS - {_FROM_BYTES}).__contains__, self.name)
            return inner._storage(inner.root)
        key, dtype, count = _stored(node)
        data = self.storages(key)
        size = count * dtype.itemsize
        if len(data) < size:
            raise node.error(f"a storage of {size} bytes ({len(data)} are there)")
        flat = np.frombuffer(data[:size].tobytes(), dtype=dtype)
        if dtype != _BFLOAT16:
            return flat
        # NumPy has no bfloat16: its bits are the upper half of a float32's.
        return (flat["bfloat16"].astype(np.uint32) << 16).view(np.float32)


def tensor(node: Node) -> np.ndarray:
    """A tensor inside a pickle that torch did not write, as an array of its shape."""
    beside: dict[str, np.ndarray] = {}  # no storages: they are within the pickle
    return TorchFile(node, beside.__getitem__, node.tree.name).tensor(node)


def read_torch(
    source: str | os.PathLike[str] | bytes, allowed: Callable[[str], bool], name: str = ""
) -> TorchFile:
    """Open a file of ``torch.save`` of any age, or its bytes; see :func:`read_pickle`."""
    data, _, name = file_bytes(source, name)
    with expected_layout(name):
        if data[: len(_ZIP_MAGIC)].tobytes() != _ZIP_MAGIC:
            return _read_stream(data, allowed, name)
        return _read_zip(source, len(data), allowed, name)


def _read_zip(
    source: str | os.PathLike[str] | bytes, size: int, allowed: Callable[[str], bool], name: str
) -> TorchFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    except _ZIP_ERRORS as error:
        raise PickleError(f"{name} is not whole: {error}") from error
    infos = {info.filename.split("/", 1)[-1]: info for info in archive.infolist()}
    if "data.pkl" not in infos:
        raise PickleError(f"{name}: expected a file of torch, found a zip file without data.pkl")
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos.values()):
        raise PickleError(f"{name}: expected a file of torch, found a compressed zip file")

    def stored(key: str) -> bytes:
        if key not in infos:
            raise PickleError(f"{name} is not whole: it has no {key}")
        info = infos[key]
        # Python takes memory for what an entry declares before it looks what is there.
        if not info.file_size == info.compress_size <= size:
            raise PickleError(f"{name} is not whole: {key} declares {info.compress_size} bytes")
        try:
            return archive.read(info)
        except _ZIP_ERRORS as error:
            raise PickleError(f"{name} is not whole: {error}") from error

    if "byteorder" in infos and stored("byteorder") != b"little":
        raise PickleError(f"{name}: expected little-endian numbers, found big-endian ones")
    root = read_pickle(stored("data.pkl"), allowed, name=name)
    return TorchFile(root, lambda key: np.frombuffer(stored(f"data/{key}"), dtype=np.uint8), name)


def _read_stream(data: np.ndarray, allowed: Callable[[str], bool], name: str) -> TorchFile:
    at, roots = 0, []
    for _ in range(5):
        roots.append(read_pickle(data, allowed, name=name, start=at))
        at = roots[-1].tree.end
        if roots[0].kind != "int" or roots[0].scalar != _MAGIC:
            raise PickleError(f"{name}: expected a file of torch, found another pickle")
    system, root, keys = roots[2], roots[3], roots[4]
    if system.by_name()["little_endian"].scalar is not True:
        raise PickleError(f"{name}: expected little-endian numbers, found big-endian ones")
    sizes = {}
    for node in nodes_of(root.tree, "persistent"):
        if next(node.args[0].values(1)).scalar == "storage":  # "module": a class and its source
            key, dtype, count = _stored(node)
            sizes[key] = count * dtype.itemsize
    found: dict[str, np.ndarray] = {}
    for key in (str(node.scalar) for node in keys.values()):
        begin = at + 8  # the storage's length stands before it, and in the pickle too
        at = begin + sizes.get(key, len(data))
        if at > len(data):
            raise PickleError(f"{name} is not whole: it ends within storage {key}")
        found[key] = data[begin:at]
    return TorchFile(root, found.__getitem__, name)


def _stored(node: Node) -> tuple[str, np.dtype, int]:
    """Key, dtype and length of a tensor's storage; not (before torch 0.4) of a part of one."""
    if node.kind != "persistent" or node.args[0].kind != "tuple":
        raise node.error("a tensor's storage")
    what, kind, key, _, count, *view = node.args[0].values(6)
    if what.scalar != "storage" or any(part.kind != "none" for part in view):
        raise node.error("a tensor's storage")
    dtype = _STORAGES.get(kind.name.replace("torch.cuda.", "torch."))
    if dtype is None:
        raise kind.error(f"one of {', '.join(_STORAGES)}")
    return str(key.scalar), dtype, count.integer(0, 2**40)
