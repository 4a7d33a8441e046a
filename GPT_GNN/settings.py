"""Settings as dataclasses, each declared once beside the code that reads it.

A field is a flag of the scripts, a keyword of the package and an entry of the checkpoint. Wherever
its value comes from, it is checked when the dataclass is made, with the same message.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import Field, asdict, dataclass, field, fields, make_dataclass
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeVar

T = TypeVar("T")
LIST = "comma-separated, or the flag again"  # how a flag takes several names


def setting(
    default: T,
    help: str,
    choices: Sequence[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    place: bool = False,
    free: bool = False,
    registry: Mapping[str, Any] | None = None,
    required: bool = False,
    positional: bool = False,
) -> T:
    """A dataclass field with what its flag needs to know.

    Args:
        default: its type is the flag's type: bool, int, float (finite), str, or tuple for a list of
            names, whose flag may be repeated.
        help: one line, with the unit.
        choices: the allowed values.
        low, high: bounds, both allowed unless ``low_open``.
        place: it says where or how a run happens, not what it computes: no result depends on it,
            and a resumed run may change it.
        free: no weight of a trained model depends on it: fine-tuning may change it.
        registry: what the value chooses from, by name; see :class:`Choosing`.
        required: it has to be given, so that the default only says the type; an empty string is
            refused.
        positional: required, and a word of the command line without a flag's name.
    """
    metadata = {
        "help": help,
        "choices": choices if registry is None else registry,
        "low": low,
        "high": high,
        "low_open": low_open,
        "place": place,
        "free": free,
        "registry": registry,
        "required": required or positional,
        "positional": positional,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Checked:
    """Base of all settings: their fields are checked at construction.

    Raises:
        ValueError: a value of another type, out of bounds or none of the choices; names the field.
    """

    def __post_init__(self) -> None:
        for f in fields(self):
            try:
                value = checked_value(f, getattr(self, f.name))
            except ValueError as error:
                raise ValueError(f"{f.name}: {error}") from None
            object.__setattr__(self, f.name, value)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], source: object) -> Self:
        """The settings that a file holds; those that it lacks are at their defaults.

        Args:
            source: the file, for the message.

        Raises:
            ValueError: a setting that does not exist, or a value that does not fit; names the file.
        """
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(record) - set(known))
        if unknown:
            raise ValueError(f"{source}: unknown settings {unknown}; available: {known}")
        try:
            return cls(**record)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error


@dataclass(frozen=True)
class NoSettings(Checked):
    """Nothing to set."""


class Choosing(Checked):
    """Settings of which one chooses by name, and what it chooses has settings of its own.

    A subclass has one field with a ``registry``, whose entries have ``Settings``, a dataclass. An
    instance has the fields of both: ``EncoderConfig(conv_name="hgt", n_hid=64, n_heads=4)`` those
    of ``EncoderConfig`` and of ``HGTConv.Settings``. So two choices may use one name, each with a
    meaning and a default of its own.

    Raises:
        ValueError: an unknown name, or a setting that the choice does not have.
    """

    # Of a class that :meth:`joined` makes: what was chosen, and the class that it was made of.
    chosen: ClassVar[str] = ""
    base: ClassVar[Any] = None

    def __new__(cls, *args: Any, **values: Any) -> Self:
        if cls.chosen:
            return super().__new__(cls)
        flag = cls.choice()
        joined = cls.joined(args[0] if args else values.get(flag.name, flag.default))
        known = [f.name for f in fields(joined)]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise ValueError(
                f"{flag.name} {joined.chosen!r} has no settings {unknown}; available: {known}"
            )
        return super().__new__(joined)

    def __post_init__(self) -> None:
        super().__post_init__()
        name = self.choice().name
        if getattr(self, name) != self.chosen:
            raise ValueError(
                f"{name}: these are settings of {self.chosen!r}, got {getattr(self, name)!r}"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.base, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def choice(cls) -> Field[Any]:
        """The field that chooses."""
        return next(f for f in fields(cls) if f.metadata["registry"] is not None)

    def own(self) -> Checked:
        """The settings that the choice has of its own."""
        settings: type[Checked] = self.choice().metadata["registry"][self.chosen].Settings
        return settings(**{f.name: getattr(self, f.name) for f in fields(settings)})

    @classmethod
    def joined(cls, name: str) -> type[Self]:
        """The class of the settings with those of a choice."""
        flag = cls.choice()
        try:
            checked_value(flag, name)
        except ValueError as error:
            raise ValueError(f"{flag.name}: {error}") from None
        make: Any = _joined  # a cached function takes no type of its own class
        joined: type[Self] = make(cls.base or cls, name, flag.metadata["registry"][name].Settings)
        return joined

    @classmethod
    def names_of_each(cls) -> dict[str, list[str]]:
        """Each choice, and the names of the settings that it has of its own."""
        registry = cls.choice().metadata["registry"]
        return {name: [f.name for f in fields(entry.Settings)] for name, entry in registry.items()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any], source: object) -> Self:
        """The settings of a file, less those of other choices, which older files have too."""
        flag = cls.choice()
        try:
            joined = cls.joined(record.get(flag.name, flag.default))
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error
        others = {name for names in cls.names_of_each().values() for name in names}
        others -= {f.name for f in fields(joined)}
        kept = {name: value for name, value in record.items() if name not in others}
        return super(Choosing, joined).from_record(kept, source)


@cache
def _joined(cls: Any, name: str, own: type[Checked]) -> Any:
    shared = sorted({f.name for f in fields(cls)} & {f.name for f in fields(own)})
    if shared:
        raise TypeError(f"{own.__qualname__}: {shared} are settings of {cls.__name__} already")
    namespace = {"chosen": name, "base": cls, "__doc__": cls.__doc__, "__module__": cls.__module__}
    return make_dataclass(cls.__name__, [], bases=(own, cls), namespace=namespace, frozen=True)


def _made(cls: type[Choosing], values: dict[str, Any]) -> Choosing:
    """Settings of a pickle, whose own class has no name that could be imported."""
    return cls(**values)


def numbers_of(settings: Checked) -> dict[str, Any]:
    """Settings that numbers depend on, by name: those that are no place."""
    places = {f.name for f in fields(settings) if f.metadata["place"]}
    return {name: value for name, value in asdict(settings).items() if name not in places}


def checked_value(f: Field[Any], value: Any) -> Any:
    """A value in the type of its setting. Raises ValueError: expected, got."""
    kind, converted, choices = type(f.default), value, f.metadata["choices"]
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        converted = float(value)
    elif kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        converted = int(value)
    elif kind is str and isinstance(value, os.PathLike):
        converted = os.fspath(value)
    elif kind is tuple:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
            raise ValueError(f"expected names, got {value!r}")
        converted = tuple(filter(None, names))
    if not isinstance(converted, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"expected {kind.__name__}, got {value!r}")
    if f.metadata["required"] and converted == "":
        raise ValueError("expected a value, got an empty one")
    if choices is not None and converted not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}, got {value!r}")
    low, high, low_open = f.metadata["low"], f.metadata["high"], f.metadata["low_open"]
    if isinstance(converted, int | float) and not _within(converted, low, high, low_open):
        left = "(-inf" if low is None else f"{'(' if low_open else '['}{low}"
        right = "inf)" if high is None else f"{high}]"
        raise ValueError(f"expected a value in {left}, {right}, got {value}")
    return converted


def _within(value: float, low: float | None, high: float | None, low_open: bool) -> bool:
    if not math.isfinite(value) or abs(value) >= 2**63:  # what compiled code can hold
        return False
    above = low is None or value > low or (value == low and not low_open)
    return above and (high is None or value <= high)
