"""The command line's parser: help that begins with what a command does, and errors in one form."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

_WIDTH = 76  # of a group's description, which is indented by two


class Parser(argparse.ArgumentParser):
    """argparse with exact flags only; the description is printed first and as it was written.

    Attributes:
        unread: why a flag that exists elsewhere is none here.
    """

    def __init__(self, description: str | None, add_help: bool = True) -> None:
        super().__init__(
            description=description,
            add_help=add_help,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.unread: dict[str, str] = {}
        self._positionals.title, self._optionals.title = "arguments", "flags"

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Read the flags. Raises SystemExit at an unknown one, after naming the nearest."""
        parsed, unknown = self.parse_known_args(args, namespace)
        flags = [word.partition("=")[0] for word in unknown if word.startswith("--")]
        for flag in flags:
            name = flag if flag in self.unread else flag.replace("--no-", "--", 1)
            if name in self.unread:
                self.error(f"argument {name}: {self.unread[name]}")
        if flags:
            meant = did_you_mean(flags[0], [*self._option_string_actions, *self.unread])
            self.error(f"unknown flag {flags[0]}{meant}")
        if unknown:
            self.error(f"unexpected argument {unknown[0]!r}")
        return parsed

    def format_usage(self) -> str:
        """One line without the flags, some sixty, which would hide what follows."""
        words = [self._command()]
        for action in filter(lambda action: action.required, self._actions):
            name = str(action.metavar or action.dest)
            words += [*action.option_strings, name.upper() if action.option_strings else name]
        return f"usage: {' '.join(words)} [flags]\n"

    def format_help(self) -> str:
        """What the command does, how it is called, and its flags group by group."""
        formatter = self._get_formatter()
        formatter.add_text(self.description)
        formatter.add_text(self.format_usage())
        for group in self._action_groups:
            # The flag --help alone needs no group: who reads this knows it.
            if any(action.dest != "help" for action in group._group_actions):
                formatter.start_section(group.title)
                lines = (group.description or "").splitlines()
                formatter.add_text("\n".join(textwrap.fill(line, _WIDTH) for line in lines))
                formatter.add_arguments(group._group_actions)
                formatter.end_section()
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """Print an error as the runner does and end with status 2."""
        print(f"error: {message}", file=sys.stderr)
        print(f"{self._command()} --help explains the flags", file=sys.stderr)
        sys.exit(2)

    def _command(self) -> str:
        return f"python {self.prog}" if self.prog.endswith(".py") else self.prog


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """A question that proposes the names nearest to a wrong one, or nothing where none is near.

    Nearest are those that begin with it, else the most similar one, else those that contain it.
    """
    bare = {name.lstrip("-"): name for name in names}
    word = wrong.lstrip("-")
    near = (
        [name for name in bare if name.startswith(word)]
        or get_close_matches(word, bare, n=1)
        or [name for name in bare if word in name.split("_")]
    )
    return f"; did you mean {' or '.join(bare[name] for name in near[:3])}?" if near else ""
