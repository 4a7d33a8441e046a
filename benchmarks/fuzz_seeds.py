"""Small whole files of every kind that the package opens, and ways to damage them."""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dill
import numpy as np
import pandas as pd
import torch
from gensim.models import KeyedVectors, Word2Vec

_GRAPHS = Path(__file__).resolve().parents[1] / "tests" / "published" / "graphs" / "files"
WORDS = ["bos", "eos", "graph"]


@dataclass(frozen=True)
class Seed:
    """A whole file.

    Attributes:
        opener: what opens it, see ``OPENERS``.
        data: its bytes, or those of the part that is to be damaged.
        write: puts damaged bytes into a folder and returns the path to open.
        cuts: where opcodes begin, if the bytes are a pickle.
    """

    opener: str
    data: bytes
    write: Callable[[Path, bytes], Path]
    cuts: tuple[int, ...]


def seed(opener: str, data: bytes, write: Callable[[Path, bytes], Path] | None = None) -> Seed:
    """A seed; opcodes are looked for where there may be some."""
    try:
        cuts = tuple(position for _, _, position in pickletools.genops(data) if position)
    except ValueError:
        cuts = ()
    return Seed(opener, data, write or _whole, cuts)


def _whole(folder: Path, data: bytes) -> Path:
    path = folder / "case"
    path.write_bytes(data)
    return path


def given(path: Path) -> Seed:
    """A file of the user: of torch if it is called so, else a graph."""
    return seed("torch" if path.suffix == ".pt" else "graph", path.read_bytes())


def generated(folder: Path) -> list[Seed]:
    """Seeds of all kinds; written under a folder where only their own library can write them."""
    return [*_plain(), *_tensors(), *_models(), *_word2vec(folder), *_graphs()]


def _plain() -> list[Seed]:
    value = [
        {7: {2: None, 3: 2010}, "a": [0.5, 1.5], True: (1, "é", b"\n", bytearray(b"x"))},
        np.arange(6.0).reshape(2, 3),
        np.array([None, "x", 2**70], dtype=object),
        {np.float32(1.5), 2**40, -5},
        torch.arange(4),
        pd.DataFrame({"id": [1, 2], "name": ["a", None], "emb": [[0.5, 1.0], np.ones(2)]}),
    ]
    out = [seed("tree", pickle.dumps(value, protocol)) for protocol in (2, 3, 4, 5)]
    return [*out, seed("tree", dill.dumps(collections.defaultdict(lambda: value), 4))]


def _tensors() -> list[Seed]:
    base = torch.arange(12.0).reshape(3, 4)
    value = collections.OrderedDict(
        weight=torch.nn.Parameter(base), half=base.bfloat16(), view=base[1:, ::2], ids=base.long()
    )
    return _saved("torch", value)


def _models() -> list[Seed]:
    """A whole pickled model, as fine-tuning saved one: torch's own modules are enough."""
    return _saved("model", torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4)))


def _saved(opener: str, value: object) -> list[Seed]:
    """What ``torch.save`` makes of a value: both formats, and the pickle within the zip file."""
    files = []
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save(value, file, _use_new_zipfile_serialization=zipped)
        files.append(file.getvalue())

    def repacked(folder: Path, data: bytes) -> Path:
        """A zip file whose checksums are right, so that the pickle within is looked at."""
        with (
            zipfile.ZipFile(io.BytesIO(files[0])) as old,
            zipfile.ZipFile(folder / "case", "w") as new,
        ):
            for name in old.namelist():
                new.writestr(name, data if name.endswith("data.pkl") else old.read(name))
        return folder / "case"

    with zipfile.ZipFile(io.BytesIO(files[0])) as archive:
        inner = next(archive.read(n) for n in archive.namelist() if n.endswith("data.pkl"))
    return [*(seed(opener, file) for file in files), seed(opener, inner, repacked)]


def _word2vec(folder: Path) -> list[Seed]:
    vectors = KeyedVectors(4)
    vectors.add_vectors(WORDS, np.ones((3, 4), dtype=np.float32))
    path = folder / "w2v"
    out = []
    for binary in (True, False):
        vectors.save_word2vec_format(str(path), binary=binary)
        out.append(seed("word2vec", path.read_bytes()))
    for protocol in (2, 4):
        vectors.save(str(path), pickle_protocol=protocol)
        out.append(seed("word2vec", path.read_bytes()))
    Word2Vec([WORDS], vector_size=4, min_count=1, workers=1).save(str(path))
    out.append(seed("word2vec", path.read_bytes()))
    vectors.save(str(path), sep_limit=0)
    model, array = path.read_bytes(), Path(f"{path}.vectors.npy").read_bytes()

    def beside(case: Path, data: bytes) -> Path:
        (case / "case.vectors.npy").write_bytes(data)
        return _whole(case, model)

    return [*out, seed("word2vec", array, beside)]


def _graphs() -> list[Seed]:
    """Graphs as the published code wrote them, of several Pythons and pandas."""
    return [seed("graph", path.read_bytes()) for path in sorted(_GRAPHS.glob("*.pk"))]


def damaged(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    """Bytes with one to three damages."""
    for _ in range(int(rng.integers(1, 4))):
        if len(data) > 2:
            data = _DAMAGES[int(rng.integers(len(_DAMAGES)))](data, others, rng)
    return data


def with_payload(whole: Seed, rng: np.random.Generator, marker: Path) -> bytes:
    """A call between two opcodes that makes a file, and drops what it returns.

    Python's unpickler would run it and go on as if nothing had been.
    """
    at = whole.cuts[int(rng.integers(1, len(whole.cuts)))]
    shell, code = f"touch {marker}".encode(), f"open({str(marker)!r}, 'w')".encode()
    function, argument = (
        (b"cos\nsystem\n", shell),
        (b"cposix\nsystem\n", shell),
        (b"cbuiltins\neval\n", code),
        (b"c__builtin__\nexec\n", code),
        (b"csubprocess\ngetoutput\n", shell),
    )[int(rng.integers(5))]
    text = b"X" + len(argument).to_bytes(4, "little") + argument
    call = (function + text + b"\x85R0", function + text + b"\x85\x81" + b"0")[int(rng.integers(2))]
    return whole.data[:at] + call + whole.data[at:]


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    at = int(rng.integers(len(data)))
    return at, at + int(rng.integers(1, 20))


def _change(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    at, _ = _span(data, rng)
    return data[:at] + rng.bytes(1) + data[at + 1 :]


def _flip(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    at, _ = _span(data, rng)
    return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]


def _cut(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(1, len(data)))]


def _leave_out(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    at, end = _span(data, rng)
    return data[:at] + data[end:]


def _double(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    at, end = _span(data, rng)
    return data[:end] + data[at:end] * int(rng.integers(1, 50)) + data[end:]


def _splice(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    other = others[int(rng.integers(len(others)))].data
    start, end = _span(other, rng)
    at, _ = _span(data, rng)
    return data[:at] + other[start:end] + data[at:]


def _swap(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    """One opcode for another that does something similar."""
    at, _ = _span(data, rng)
    codes = b"N]})(tdluaesbR\x81\x85\x86\x87\x93\x8f\x91hq\x94KMJGXC.02"
    return data[:at] + bytes([codes[int(rng.integers(len(codes)))]]) + data[at + 1 :]


def _huge(data: bytes, others: list[Seed], rng: np.random.Generator) -> bytes:
    """Four or eight bytes that may be a length, made as large as they can be."""
    at, _ = _span(data, rng)
    size = int(rng.choice([1, 4, 8]))
    top = int(rng.choice([0xFF, 0x7F, 0x10]))
    return data[:at] + b"\xff" * (size - 1) + bytes([top]) + data[at + size :]


_DAMAGES = (_change, _flip, _cut, _leave_out, _double, _splice, _swap, _huge)
