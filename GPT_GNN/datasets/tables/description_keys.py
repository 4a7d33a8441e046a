"""Keys of a YAML file or dict, each read once with its type; errors name the file and the key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

_REQUIRED: Any = object()


def read_yaml(path: Path) -> Any:
    """What a YAML file says, as plain data.

    Raises:
        ValueError: no such file, no YAML, or a key that is there twice (YAML would drop one).
    """
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
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected YAML, got {' '.join(str(error).split())}") from error


class Keys:
    """One level of a description.

    Args:
        file: names the description.
        path: the key whose value this is, e.g. ``nodes.movie``; empty at the top.
        values: what should be a mapping from texts.
    """

    def __init__(self, file: str, path: str, values: Any) -> None:
        self.file, self.path = file, path
        if not isinstance(values, Mapping):
            raise ValueError(f"{self.where}: expected keys with values, got {values!r}")
        for key in values:
            if not isinstance(key, str):
                raise ValueError(f"{self.where}: expected texts as keys, got {key!r}: quote it")
        self._values = values

    @property
    def where(self) -> str:
        """File and key."""
        return f"{self.file}, {self.path}" if self.path else self.file

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def error(self, key: str, expected: str, got: Any) -> ValueError:
        """What to raise about a key of this level."""
        path = f"{self.path}.{key}" if self.path else key
        return ValueError(f"{self.file}, {path}: expected {expected}, got {got}")

    def only(self, *known: str) -> None:
        """Raises ValueError when there is a key that is not among ``known``."""
        for key in self._values:
            if key not in known:
                raise ValueError(f"{self.where}: unknown key {key!r}; available: {list(known)}")

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """A text that is not empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or (not value and default is _REQUIRED):
            raise self.error(key, "text", f"{value!r} ({type(value).__name__})")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, by default none."""
        values = self.entries(key, [])
        for value in values:
            if not isinstance(value, str):
                raise self.error(key, "texts", f"{value!r} ({type(value).__name__}): quote it")
        return tuple(values)

    def cells(self, key: str) -> tuple[str, ...]:
        """A list of cells of a table, texts or numbers, as texts; by default none."""
        values = self.entries(key, [])
        for value in values:
            if isinstance(value, bool) or not isinstance(value, str | int | float | date):
                found = f"{value!r} ({type(value).__name__})"
                raise self.error(key, "texts or numbers", f"{found}: quote it")
        return tuple(str(value) for value in values)

    def integer(self, key: str, default: int) -> int:
        """A whole number from 0."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.error(key, "a whole number from 0", repr(value))
        return value

    def boolean(self, key: str) -> bool:
        """True or false, by default false."""
        value = self._get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "true or false", repr(value))
        return value

    def entries(self, key: str, default: Any = _REQUIRED) -> list[Any]:
        """A list of anything."""
        value = self._get(key, default)
        if not isinstance(value, list | tuple):
            raise self.error(key, "a list", repr(value))
        return [*value]

    def like(self, key: str, default: Any) -> Any:
        """A value of the type of ``default``."""
        if isinstance(default, str):
            return self.text(key, default)
        return (
            self.entries(key, default) if isinstance(default, list) else self.integer(key, default)
        )

    def choice(self, key: str, known: tuple[str, ...], default: str | None = _REQUIRED) -> str:
        """One of some texts; ``default`` None: it has to be given."""
        value = self.text(key, _REQUIRED if default is None else default)
        if value not in known and value != default:
            raise self.error(key, f"one of {[*known]}", repr(value))
        return value

    def has_inner(self, key: str) -> bool:
        """Whether there is a level below a key."""
        return isinstance(self._values.get(key), Mapping)

    def inner(self, key: str, shorthand: str = "", list_allowed: bool = False) -> Keys:
        """The level below a key, without keys where it is not given.

        Args:
            shorthand: a text stands for a level with this key only.
            list_allowed: a list stands for keys without values.
        """
        value = self._get(key, {})
        if shorthand and isinstance(value, str):
            value = {shorthand: value}
        if list_allowed and isinstance(value, list) and all(isinstance(v, str) for v in value):
            value = dict.fromkeys(value)
        return Keys(self.file, f"{self.path}.{key}" if self.path else key, value)

    def list_of_keys(self, key: str) -> list[Keys]:
        """A list of levels."""
        entries = self.entries(key)
        return [Keys(self.file, f"{key}[{i}]", entry) for i, entry in enumerate(entries)]

    def record(self) -> dict[str, Any]:
        """A copy of everything, ready for JSON."""
        return {key: _plain(value) for key, value in self._values.items()}

    def _get(self, key: str, default: Any) -> Any:
        value = self._values.get(key)  # a key without a value is as if it were not there
        if value is None:
            if default is _REQUIRED:
                given = [name for name in self._values if name in self]
                raise ValueError(f"{self.where}: expected the key {key!r}, got {given or 'none'}")
            return default
        return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    # YAML reads 2020-01-31 as a date.
    return value if isinstance(value, str | int | float | None) else str(value)
