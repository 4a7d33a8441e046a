"""Objects that make a file when Python's unpickler meets them, and places to hide them in."""

from __future__ import annotations

import collections
import functools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd


class Call:
    """Pickled as a call of a function."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple:
        return self.function, self.args

    def __call__(self) -> None:
        """Never called; the pickler asks that what it writes as a function could be."""


class Build:
    """Pickled as an object with a state, so that what the state holds stands before a BUILD."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> tuple:
        return collections.OrderedDict, (), {"state": self.state}


def payloads(path: Path) -> dict[str, Call]:
    """Payloads that make a file at a path, by the name that must be refused."""
    shell, code = f"touch {path}", f"open({str(path)!r}, 'w')"
    return {
        "system": Call(os.system, shell),
        "eval": Call(eval, code),
        "exec": Call(exec, code),
        "getattr": Call(Call(getattr, Call(__import__, "os"), "system"), shell),
        "open": Call(open, str(path), "w"),
        "Popen": Call(subprocess.Popen, ["touch", str(path)]),
        "partial": Call(functools.partial(os.system, shell)),
    }


def _function() -> int:
    return 1


def constant(value: Any) -> FunctionType:
    """A function whose code has a value among its constants, which dill pickles one by one."""
    code = _function.__code__
    return FunctionType(code.replace(co_consts=(*code.co_consts, value)), {}, "constant")


def default(value: Any) -> FunctionType:
    """A function with a default argument."""
    code = (lambda argument: None).__code__
    return FunctionType(code, {}, "default", (value,))


# Where a value may stand: ``place(value)`` is pickled by pickle or, the functions, by dill.
PLACES: dict[str, Callable[[Any], Any]] = {
    "root": lambda value: value,
    "list": lambda value: [1, [value]],
    "dict value": lambda value: {"a": {1: value}},
    "tuple": lambda value: (1, (value, 2)),
    "state": Build,
    "argument": lambda value: Call(collections.OrderedDict, [("a", value)]),
    "defaultdict": lambda value: collections.defaultdict(list, a=value),
    "object array": lambda value: np.array([1, value, None], dtype=object),
    "DataFrame": lambda value: pd.DataFrame({0: [1, 2], 1: [None, value]}, dtype=object),
    "index": lambda value: pd.Series([1], index=pd.Index([value], dtype=object)),
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "constant": constant,
    "default": default,
    "defaultdict": lambda value: collections.defaultdict(default(value)),
}
