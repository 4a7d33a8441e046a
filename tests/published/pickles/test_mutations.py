"""Cut and damaged pickles: an error of ours, or a tree that can be looked at; never another end."""

from __future__ import annotations

import collections
import pickle

import dill
import numpy as np
import pandas as pd
import pytest
import torch

from GPT_GNN.published.pickles import PickleError, read_pickle
from tests.published.pickles.trees import look

VALUE = [
    {7: {2: None, 3: 2010}, "a": [0.5, 1.5], True: (1, "é", b"\n")},
    np.arange(6.0).reshape(2, 3),
    np.array(["a", "bc"]),
    np.array([None, "x", 2**70], dtype=object),
    np.float32(1.5),
    {1, 2**40, -5},
    torch.arange(4),
    collections.OrderedDict(a=[]),
    pd.DataFrame({"id": [1, 2], "name": ["a", None]}),
]
PICKLES = {
    **{f"protocol {protocol}": pickle.dumps(VALUE, protocol) for protocol in (2, 3, 4, 5)},
    "dill": dill.dumps(collections.defaultdict(lambda: VALUE[0]), 4, recurse=True),
}


def opened(data: bytes) -> bool:
    """Whether a pickle is read; what is read is looked at in full."""
    try:
        root = read_pickle(data, lambda _: True)
    except PickleError:
        return False
    look(root)
    return True


@pytest.mark.parametrize("name", PICKLES)
def test_whole_pickles_are_read(name):
    assert opened(PICKLES[name])


@pytest.mark.parametrize("name", PICKLES)
def test_cut_at_every_byte(name):
    data = PICKLES[name]
    assert not any(opened(data[:end]) for end in range(len(data)))


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A byte changed, a few bytes left out, doubled, or taken from elsewhere."""
    at, other = (int(i) for i in rng.integers(2, len(data), 2))
    n = int(rng.integers(1, 12))
    kind = rng.integers(5)
    if kind == 0:
        return data[:at] + rng.bytes(1) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + n :]
    if kind == 2:
        return data[:at] + data[at : at + n] * 2 + data[at + n :]
    if kind == 3:
        return data[:at] + data[other : other + n] + data[at + n :]
    return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]


@pytest.mark.parametrize("name", PICKLES)
def test_damaged_pickles(name):
    rng = np.random.default_rng(0)
    count = sum(opened(mutated(PICKLES[name], rng)) for _ in range(60))
    assert 0 < count < 60


def test_random_opcodes():
    """From the opcodes alone, so that more of them fit together."""
    rng = np.random.default_rng(0)
    codes = np.frombuffer(
        b"NK\x01]}()\x85\x86\x87eaustb\x94h\x000120R\x81\x93Ql\x8f\x90\x91.", "u1"
    )
    count = sum(
        opened(b"\x80\x04" + rng.choice(codes, size=rng.integers(1, 30)).tobytes() + b".")
        for _ in range(1500)
    )
    assert 20 < count < 1480
