"""The flags of a command, from its settings (:mod:`GPT_GNN.settings`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import Field, dataclass, fields
from types import MappingProxyType
from typing import Any

from GPT_GNN.settings import Checked, Choosing, checked_value, numbers_of
from GPT_GNN.system.parser import Parser

ORIGIN = "origin"  # the group of a record that says where each value comes from


@dataclass(frozen=True)
class Some:
    """A group of flags that are some of a dataclass's fields; the others are at their defaults."""

    settings: type[Checked]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Flags:
    """What the flags of a command say: ``flags.<group>`` is the record of a group.

    Attributes:
        groups: name -> settings.
        origin: where the value of a setting comes from, if it is not the dataclass's default:
            ``flag``, ``model`` for a trained model's file, or ``script`` for a default of the
            command's own; in the order of the flags.
    """

    groups: dict[str, Checked]
    origin: dict[str, str]

    def __getattr__(self, group: str) -> Any:
        if group in self.__dict__.get("groups", ()):
            return self.groups[group]
        raise AttributeError(group)

    @property
    def given(self) -> frozenset[str]:
        """Names of the flags that the command line gave."""
        return frozenset(name for name, source in self.origin.items() if source == "flag")

    def record(
        self, origin: Mapping[str, str] | None = None, **resolved: dict[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """The settings that a run's numbers depend on, group by group, as plain values; and where
        each value comes from, as the group ``origin``.

        Args:
            origin: of the resolved values.
            **resolved: groups whose flags leave values to the graph, with the values found there.
        """
        groups = {name: numbers_of(settings) for name, settings in self.groups.items()}
        return groups | resolved | {ORIGIN: {**self.origin, **(origin or {})}}


Group = type[Checked] | Some


def parse_flags(
    groups: Mapping[str, Group],
    description: str | None,
    argv: Sequence[str] | None = None,
    choices: Mapping[str, Collection[str]] | None = None,
    of_model: Mapping[str, Any] | None = None,
    **defaults: Any,
) -> Flags:
    """Read the flags of a command into a record per group.

    Of settings that choose (:class:`Choosing`) the flags are those of the choice on the command
    line; ``--help`` names those of the other choices.

    Args:
        groups: name of the group -> dataclass.
        description: the command's docstring, the beginning of its help.
        argv: the flags, by default the command line's.
        choices: the allowed values of flags, where the command alone knows them.
        of_model: settings of a trained model's file, which come before the command's defaults.
        **defaults: this command's own defaults, by field name; those of a choice's own settings in
            a mapping under its name: ``gae={"mask_ratio": 0.3}``.

    Raises:
        SystemExit: an unknown flag or a value out of range, with the allowed ones in the message.
        TypeError: a default names no flag, or a choice's own without the choice; or two groups have
            a flag of one name, be it of choices that are not made.
    """
    parser = Parser(description)
    given = _Defaults(defaults, of_model or {})
    flags: list[str] = []
    group_of: dict[str, str] = {}  # also of the flags of other choices
    classes: dict[str, type[Checked]] = {}
    # Help begins with the groups that matter first; the others keep their order.
    for name, group in sorted(groups.items(), key=lambda entry: _rank(entry[0])):
        cls = group.settings if isinstance(group, Some) else group
        note = (cls.__doc__ or "").strip()
        names = group.names if isinstance(group, Some) else [f.name for f in fields(cls)]
        if issubclass(cls, Choosing):
            of_each = cls.names_of_each()
            names = [*names, *(option for own in of_each.values() for option in own)]
            cls, note = _chosen(cls, argv, given.values, parser, note)
            given.choose(cls.chosen, of_each)
        for flag in names:
            if group_of.setdefault(flag, name) != name:
                raise TypeError(f"--{flag} is a flag of {group_of[flag]} and of {name}")
        classes[name] = cls
        section = parser.add_argument_group(name, note)
        for f in fields(cls):
            if f.name not in names:
                continue
            flags.append(f.name)
            allowed = (choices or {}).get(f.name)
            f = f if allowed is None else _with_choices(f, allowed)
            _add_flag(section, f, given.values.get(f.name, f.default))
    unknown = sorted({*given.values} - {*group_of})
    unknown += [f"{name} of {choice}" for choice, name in given.of_choice]
    if unknown:
        raise TypeError(f"defaults that are no flags: {unknown}")
    # argparse leaves alone what a namespace has: what is still unset was not given.
    parsed = vars(parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(flags, _UNSET))))
    source = given.source | {name: "flag" for name in flags if parsed[name] is not _UNSET}
    origin = {name: source[name] for name in flags if name in source}
    records = {}
    for name, cls in classes.items():
        values = {f.name: parsed[f.name] for f in fields(cls) if f.name in origin}
        values |= {n: given.values[n] for n, value in values.items() if value is _UNSET}
        records[name] = cls(**values)
    return Flags(records, origin)


class _Defaults:
    """The defaults of a command's script, and before them those of a model's file.

    Attributes:
        values: by field name.
        source: ``script`` or ``model``, by field name.
        of_choice: those of choices, by the choice's name; what was looked at is taken out.
    """

    def __init__(self, script: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        self.values: dict[str, Any] = {}
        self.source: dict[str, str] = {}
        self.of_choice: dict[tuple[str, str], tuple[str, Any]] = {}
        for source, given in (("script", script), ("model", model)):
            for name, value in given.items():
                if isinstance(value, Mapping):
                    self.of_choice |= {(name, own): (source, value[own]) for own in value}
                else:
                    self.values[name], self.source[name] = value, source

    def choose(self, chosen: str, of_each: Mapping[str, Collection[str]]) -> None:
        """Take the defaults of what was chosen; nothing reads those of the others."""
        for choice, names in of_each.items():
            misplaced = sorted({*names} & {*self.values})
            if misplaced:
                raise TypeError(
                    f"defaults of some choices alone: {misplaced}; expected e.g. {choice}="
                    f"{{{misplaced[0]!r}: ...}}"
                )
        for choice, names in of_each.items():
            for name in names:
                source, value = self.of_choice.pop((choice, name), ("", None))
                if source and choice == chosen:
                    self.values[name], self.source[name] = value, source


def peek(
    cls: type[Checked],
    names: Sequence[str],
    argv: Sequence[str] | None,
    defaults: Mapping[str, Any],
) -> dict[str, Any]:
    """The values of some flags, before it is known which flags there are."""
    parser = Parser(None, add_help=False)
    for f in fields(cls):
        if f.name in names:
            _add_flag(parser, f, defaults.get(f.name, f.default))
    return vars(parser.parse_known_args(argv)[0])


_FIRST = (
    *("grid", "objective", "task", "labels"),  # which method, or what is predicted
    *("data", "facts", "hidden"),  # on which graph
    *("encoder", "run"),  # with which network, and where to
)
_UNSET: Any = object()


def _rank(group: str) -> int:
    return _FIRST.index(group) if group in _FIRST else len(_FIRST)


def _chosen(
    cls: type[Choosing],
    argv: Sequence[str] | None,
    defaults: Mapping[str, Any],
    parser: Parser,
    note: str,
) -> tuple[type[Choosing], str]:
    """The class of the choice that the flags make, and the note of its group in the help.

    The parser learns to say of a flag of another choice that this one does not read it.
    """
    flag = cls.choice()
    name = peek(cls, (flag.name,), argv, defaults)[flag.name]
    of_each = cls.names_of_each()
    own = of_each.pop(name)
    reads = ", ".join(f"--{option}" for option in own) or "no setting of its own"
    unread = f"--{flag.name} {name} does not read it; it reads {reads}"
    for names in of_each.values():
        parser.unread |= {f"--{option}": unread for option in names if option not in own}
    others = [
        f"{other}: {' '.join(f'--{option}' for option in names)}"
        for other, names in of_each.items()
        if names
    ]
    bare = [other for other, names in of_each.items() if not names]
    if bare:
        others.append(f"{', '.join(bare)}: no flags of their own")
    if others:
        note += f" Flags of the other choices; `--{flag.name} NAME --help` explains them:"
    return cls.joined(name), "\n  ".join([note, *others])


def _with_choices(f: Field[Any], choices: Collection[str]) -> Field[Any]:
    """A field whose value is one of some."""
    limited = copy(f)
    limited.metadata = MappingProxyType({**f.metadata, "choices": choices})
    return limited


def _add_flag(section: argparse._ActionsContainer, f: Field[Any], default: Any) -> None:
    kind, choices = type(f.default), f.metadata["choices"]
    shown = " ".join(default) if kind is tuple else default
    help_text = f.metadata["help"].replace("%", "%%")
    if not f.metadata["required"]:
        help_text += f" (default: {shown!r})".replace("%", "%%")
    if kind is bool:
        section.add_argument(
            f"--{f.name}", action=argparse.BooleanOptionalAction, default=default, help=help_text
        )
        return
    if f.metadata["positional"]:
        section.add_argument(
            f.name, type=_converter(f, kind), metavar=f.name.upper(), help=help_text
        )
        return
    section.add_argument(
        f"--{f.name}",
        required=f.metadata["required"],
        action=_Append if kind is tuple else "store",
        type=str if kind is tuple else _converter(f, kind),
        default=default,
        metavar=f"{{{','.join(choices)}}}" if choices else _METAVARS[kind],
        help=help_text,
    )


_METAVARS = {int: "INT", float: "FLOAT", str: "STR", tuple: "NAMES"}


class _Append(argparse.Action):
    """A list of names: each use of the flag adds a value to those before; none to the default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        before = () if before is _UNSET or before is self.default else before
        setattr(namespace, self.dest, (*before, values))


def _converter(f: Field[Any], kind: type) -> Callable[[str], Any]:
    """From a flag's text to its value, with the message of :class:`Checked`."""

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected {kind.__name__}, got {text!r}") from None
        try:
            return checked_value(f, value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
