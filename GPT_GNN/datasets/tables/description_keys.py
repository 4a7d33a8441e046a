"""Read the keys of a YAML file or dict by their types; errors name the file and the key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from datetime import date
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

_EXPECTED = {str: "text", int: "a whole number from 0", bool: "true or false", list: "a list"}


def read_yaml(path: Path) -> Any:
    """Read a YAML file as plain data. A repeated key is an error too: YAML would drop one."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            found = [self.construct_object(key, deep=True) for key, _ in node.value]
            for i, key in enumerate(found):
                if key in found[:i]:
                    line = node.value[i][0].start_mark.line + 1
                    raise ValueError(f"{path}, line {line}: expected each key once, got {key!r}")
            return super().construct_mapping(node, deep)

    try:
        # A SafeLoader: it makes plain data only.
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ValueError(f"{path}: expected a file, found a folder") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected YAML, got {' '.join(str(error).split())}") from error


class Keys:
    """One level of a description. A key without a value counts as not given.

    Args:
        file: name of the description.
        path: the key whose value this is, e.g. ``nodes.movie``; empty at the top.
        values: a mapping from texts, or an error is raised.
    """

    def __init__(self, file: str, path: str, values: Any) -> None:
        self.file, self._path = file, path
        if not isinstance(values, Mapping):
            raise ValueError(f"{self._where()}: expected keys with values, got {values!r}")
        for key in values:
            if not isinstance(key, str):
                raise ValueError(f"{self._where()}: expected texts as keys, got {key!r}: quote it")
        self._values = values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def error(self, key: str, expected: str, got: Any) -> ValueError:
        """An error about a key of this level."""
        return ValueError(f"{self._where(key)}: expected {expected}, got {got}")

    @contextmanager
    def named_errors(self, key: str = "") -> Iterator[None]:
        """Name this level, or one of its keys, in the errors of a block."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self._where(key)}: {error}") from error

    def only(self, *known: str) -> None:
        """Raise ValueError for a key that is not among ``known``."""
        for key in self._values:
            if key not in known:
                raise ValueError(f"{self._where()}: unknown key {key!r}; available: {list(known)}")

    def fields(self, cls: Any, *others: str, **defaults: Any) -> dict[str, Any]:
        """Values for the fields of a dataclass that are texts, whole numbers or booleans.

        Args:
            *others: further keys that this level may have.
            **defaults: in place of the dataclass's own.
        """
        settings, kinds = [f for f in fields(cls) if f.init], get_type_hints(cls)
        self.only(*others, *(f.name for f in settings))
        return {
            f.name: self.value(f.name, kinds[f.name], defaults.get(f.name, f.default))
            for f in settings
            if kinds[f.name] in _EXPECTED
        }

    def value(self, key: str, kind: type, default: Any = MISSING) -> Any:
        """A text, whole number from 0, boolean or list; MISSING: required, and no empty text."""
        value: Any = self._values.get(key)
        if value is None:
            value = default
        if value is MISSING:
            given = [name for name in self._values if name in self]
            raise ValueError(f"{self._where()}: expected the key {key!r}, got {given or 'none'}")
        if kind is list and isinstance(value, tuple):
            value = list(value)
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not fits or (kind is int and value < 0) or (value == "" and default is MISSING):
            raise self.error(key, _EXPECTED[kind], f"{value!r} ({type(value).__name__})")
        return value

    def texts(self, key: str, or_numbers: bool = False) -> tuple[str, ...]:
        """A list of texts, or also of numbers and dates, as texts; by default empty."""
        values = self.value(key, list, [])
        kinds = (str, int, float, date) if or_numbers else str
        for value in values:
            if isinstance(value, bool) or not isinstance(value, kinds):
                expected = "texts or numbers" if or_numbers else "texts"
                found = f"{value!r} ({type(value).__name__}): quote it"
                raise self.error(key, expected, found)
        return tuple(map(str, values))

    def choice(self, key: str, known: tuple[str, ...], default: Any = MISSING) -> str:
        """One of some texts, or the default."""
        value: str = self.value(key, str, default)
        if value not in known and value != default:
            raise self.error(key, f"one of {[*known]}", repr(value))
        return value

    def has_inner(self, key: str) -> bool:
        """Whether the value of a key has keys of its own."""
        return isinstance(self._values.get(key), Mapping)

    def inner(self, key: str, shorthand: str = "", list_allowed: bool = False) -> Keys:
        """The level below a key; empty if the key is not given.

        A text may stand for a level with the key ``shorthand`` only; a list of texts, if allowed,
        for keys without values.
        """
        value = self._values[key] if key in self else {}
        if shorthand and isinstance(value, str):
            value = {shorthand: value}
        if list_allowed and isinstance(value, list) and all(isinstance(v, str) for v in value):
            value = dict.fromkeys(value)
        return Keys(self.file, self._at(key), value)

    def record(self) -> dict[str, Any]:
        """A copy of everything, ready for JSON."""
        copy: dict[str, Any] = json.loads(json.dumps(dict(self._values), default=_plain))
        return copy

    def _at(self, key: str) -> str:
        return ".".join(filter(None, [self._path, key]))

    def _where(self, key: str = "") -> str:
        return ", ".join(filter(None, [self.file, self._at(key)]))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    # YAML reads 2020-01-31 as a date.
    return value.item() if isinstance(value, np.generic) else str(value)
