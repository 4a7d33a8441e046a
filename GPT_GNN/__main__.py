"""``python -m GPT_GNN COMMAND``, installed as ``gpt-gnn`` too: every command of the package."""

from __future__ import annotations

import ast
import os
import sys
from importlib import import_module
from importlib.util import find_spec

from GPT_GNN.commands import COMMANDS, DATA, TRAIN
from GPT_GNN.system.parser import did_you_mean
from GPT_GNN.system.runner import run_command

GROUPS = {"Train models and use them": TRAIN, "Build, show and convert": DATA}


def main() -> int:
    """Run the command that the command line names and give its exit status."""
    program = "gpt-gnn" if "gpt-gnn" in os.path.basename(sys.argv[0]) else "python -m GPT_GNN"
    words = sys.argv[1:]
    name = next((name for name in (" ".join(words[:2]), *words[:1]) if name in COMMANDS), "")
    if not name:
        return _without_command(program, words)
    sys.argv = [f"{program} {name}", *words[len(name.split()) :]]
    return run_command(lambda: import_module(COMMANDS[name]).main(), trains=name in TRAIN)


def _without_command(program: str, words: list[str]) -> int:
    """List the commands, all or those that begin with the given word; or say what is wrong."""
    given = [word for word in words if not word.startswith("-")]
    listed = [name for name in COMMANDS if name.split()[0] in (given[:1] or [name.split()[0]])]
    if listed and len(given) < 2 and set(words) - set(given) <= {"-h", "--help"}:
        print(f"usage: {program} COMMAND [flags]; COMMAND --help explains a command")
        for title, group in GROUPS.items():
            rows = [f"  {name:14} {_what_it_does(name)}" for name in group if name in listed]
            if rows:
                print(f"\n{title}:", *rows, sep="\n")
        return 0
    wrong = " ".join(words[:2] if listed else words[:1])
    print(f"error: unknown command {wrong!r}{did_you_mean(wrong, COMMANDS)}", file=sys.stderr)
    print(f"{program} --help lists all commands", file=sys.stderr)
    return 2


def _what_it_does(name: str) -> str:
    """First line of a command's docstring, read without importing what the command needs."""
    spec = find_spec(COMMANDS[name])
    assert spec is not None and spec.origin is not None
    with open(spec.origin, encoding="utf-8") as file:
        return (ast.get_docstring(ast.parse(file.read())) or "").partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
