"""What would run under Python's unpickler is refused by its name, wherever it stands."""

from __future__ import annotations

import collections
import pickle
import time
from pathlib import Path

import dill
import pytest
import torch

from GPT_GNN.published.pickles import PickleError, read_pickle
from GPT_GNN.published.pickles.arrays import NUMPY_GLOBALS
from GPT_GNN.published.pickles.tensors import TORCH_GLOBALS, read_torch, tensor
from tests.published.pickles.payloads import FUNCTIONS, PLACES, Call, payloads
from tests.published.pickles.test_tensors import saved

PROTOCOLS = (2, 3, 4, 5)
NAMES = list(payloads(Path("x")))
# Whatever stands around the payloads, so that nothing else can be what is refused.
AROUND = (
    NUMPY_GLOBALS | TORCH_GLOBALS | {"collections.defaultdict", "builtins.list", "builtins.slice"}
)
AROUND |= {"__builtin__.list", "__builtin__.slice", "__builtin__.unicode"}


def allowed(name: str) -> bool:
    return name in AROUND or name.startswith(("pandas.", "dill._dill.", "numpy._core.numeric."))


@pytest.fixture(params=NAMES)
def payload(request, tmp_path: Path):
    """(payload, what is refused); in the end it must not have run."""
    path = tmp_path / "executed"
    yield payloads(path)[request.param], rf"asks for \S+\.({request.param}|system), "
    assert not path.exists()


@pytest.mark.parametrize("name", NAMES)
def test_the_payloads_would_run(name, tmp_path: Path):
    path = tmp_path / "executed"
    pickle.loads(pickle.dumps(payloads(path)[name], 2))
    end = time.monotonic() + 10
    while not path.exists():  # a process of its own takes a while
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("place", PLACES)
def test_a_payload_among_data(place, protocol, payload):
    value, refused = payload
    assert read_pickle(pickle.dumps(PLACES[place](0), protocol), allowed).tree.end
    with pytest.raises(PickleError, match=refused):
        read_pickle(pickle.dumps(PLACES[place](value), protocol), allowed)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("place", FUNCTIONS)
def test_a_payload_in_a_function_of_dill(place, protocol, payload):
    value, refused = payload
    assert read_pickle(dill.dumps(FUNCTIONS[place](0), protocol), allowed).tree.end
    with pytest.raises(PickleError, match=refused):
        read_pickle(dill.dumps(FUNCTIONS[place](value), protocol), allowed)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_payload_in_a_file_of_torch(zipped, payload):
    value, refused = payload
    with pytest.raises(PickleError, match=refused):
        read_torch(saved({"weight": torch.ones(2), "a": value}, zipped), TORCH_GLOBALS.__contains__)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_payload_in_the_storage_of_a_tensor(zipped, payload):
    """The bytes of a storage are a file of torch of their own: read when the tensor is."""
    value, refused = payload
    storage = Call(torch.storage._load_from_bytes, saved(value, zipped))
    rebuild = Call(
        torch._utils._rebuild_tensor_v2,
        *(storage, 0, (1,), (1,), False, collections.OrderedDict()),
    )
    root = read_pickle(pickle.dumps(rebuild, 4), TORCH_GLOBALS.__contains__)
    with pytest.raises(PickleError, match=refused):
        tensor(root)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cos\nsystem\n0N.",  # imported and dropped
        b"\x80\x02N(cos\nsystem\n1.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x930N.",
        b"\x80\x02cos\nsystem\nX\x01\0\0\0a\x85\x81.",  # NEWOBJ
        b"\x80\x02cos\nsystem\nX\x01\0\0\0a\x85}\x92.",  # NEWOBJ_EX
        b"\x80\x02cos\nsystem\n",  # and the file ends
        b"\x80\x02cos\nsystem\n\xff",
    ],
)
def test_a_name_is_refused_before_anything_else(data):
    with pytest.raises(PickleError, match="asks for os.system"):
        read_pickle(data, allowed)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02c" + b"a" * 600 + b"\nb\n.",
        b"\x80\x04\x8e\x01\0\0\0\0\0\0\0aX\x01\0\0\0a\x93.",  # bytes and a string
        b"\x80\x04NN\x93.",
        b"\x80\x04X\x58\x02\0\0" + b"a" * 600 + b"X\x01\0\0\0a\x93.",
        b"\x80\x02c\xff\n\xff\n.",
    ],
)
def test_what_is_no_name(data):
    with pytest.raises(PickleError):
        read_pickle(data, lambda _: True)
