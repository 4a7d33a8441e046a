"""Every command that the README shows names a script that exists and flags that it accepts."""

from __future__ import annotations

import ast
import io
import os
import re
import runpy
import shlex
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from GPT_GNN.commands import COMMANDS
from tests.call import call

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: str) -> list[list[str]]:
    """Lines of each fenced code block of a page; a line that ends in a backslash goes on."""
    found = re.findall(r"^```[^\n]*\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    lines = [re.sub(r"\\\n\s*", " ", block).splitlines() for block in found]
    return [[line.strip().removeprefix("$ ") for line in block] for block in lines]


def commands(page: str) -> list[tuple[str, str]]:
    """(folder, command) of every ``python ...`` line; ``cd FOLDER`` holds to the block's end."""
    found = []
    for block in blocks(page):
        folder = "."
        for part in (part.strip() for line in block for part in line.split("&&")):
            if part.startswith("cd "):
                folder = part[3:].strip()
            elif part.startswith("python "):
                found.append((folder, part))
    return found


def target(folder: str, command: str) -> tuple[tuple[str, ...], list[str]]:
    """What python runs (``-m MODULE`` or a file, from the root) and the arguments after it.

    Of ``-m GPT_GNN`` the command is the third word: ("-m", "GPT_GNN", "build tables").
    """
    words = shlex.split(command, comments=True)[1:]
    if words[:2] == ["-m", "GPT_GNN"]:
        n = 2 if " ".join(words[2:4]) in COMMANDS else 1
        return (*words[:2], " ".join(words[2 : 2 + n])), words[2 + n :]
    if words[0] == "-m":
        return (*words[:2],), words[2:]
    return (str((ROOT / folder / words[0]).resolve().relative_to(ROOT)),), words[1:]


@cache
def accepted(program: tuple[str, ...]) -> tuple[frozenset[str], str]:
    """The flags that ``--help`` shows, in this process, which need not import PyTorch anew."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.chdir(ROOT)
        patch.setattr(sys, "argv", [program[0], "--help"])
        patch.setattr(sys, "path", [*sys.path])  # a script adds to it
        with pytest.raises(SystemExit) as exit_:
            if program[0] == "-m":
                call(program[2], "--help")
            else:
                runpy.run_path(program[0], run_name="__main__")
    text = printed.getvalue()
    assert not exit_.value.code, text
    return frozenset(re.findall(r"--[A-Za-z][\w-]*", text)), text


SHOWN = [
    pytest.param(folder, command, id=f"{page.name}: {command}")
    for page in PAGES
    if page.exists()
    for folder, command in commands(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("folder", "command"), SHOWN)
def test_command(folder, command):
    program, arguments = target(folder, command)
    if program[0] == "-m":
        if program[1].split(".")[0] != "GPT_GNN":
            return  # pip, venv: not ours
        assert program[1] == "GPT_GNN", f"an old name: {command}"
        assert program[2] in COMMANDS
    else:
        assert (ROOT / program[0]).is_file(), f"{program[0]} does not exist"
    flags = [word.split("=")[0] for word in arguments if word.startswith("--")]
    if flags:
        known, text = accepted(program)
        assert set(flags) <= known, f"{set(flags) - known} not in\n{text}"


def training_commands() -> list[tuple[str, str]]:
    """(folder, command) of all that train, of the pages and of the scripts' own docstrings."""
    found = [c for page in PAGES for c in commands(page.read_text(encoding="utf-8"))]
    for script in [*ROOT.glob("example_*/*.py"), *ROOT.glob("GPT_GNN/commands/*/*.py")]:
        folder = str(script.parent.relative_to(ROOT)) if "example" in script.parent.name else "."
        text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
        found += commands(f"```\ncd {folder}\n{text}\n```\n")
    trains = re.compile(r"python (-m GPT_GNN )?(pretrain|finetune)(_\w+\.py)?( |$)")
    return [(where, command) for where, command in found if trains.match(command)]


def run_folder(folder: str, command: str) -> str:
    """Where a training command writes, by its flags or else its defaults."""
    program, words = target(folder, command)
    _, text = accepted(program)

    def value(flag: str) -> str:
        default = re.search(rf" --{flag} STR .*?\(default: '(.*?)'\)", " ".join(text.split()))
        assert default
        return words[words.index(f"--{flag}") + 1] if f"--{flag}" in words else default[1]

    if " --task_name " in text:
        return os.path.normpath(f"{folder}/{value('model_dir')}/{value('task_name')}")
    return os.path.normpath(f"{folder}/{value('pretrain_model_dir')}")


def test_each_command_can_be_typed_after_the_others():
    """No two of them are other runs in one folder, which is refused; the same run is made anew."""
    runs: dict[str, dict[tuple[str, ...], str]] = {}
    for folder, command in training_commands():
        _, words = target(folder, command)
        settings = tuple(sorted(word for word in words if word != "--resume"))
        runs.setdefault(run_folder(folder, command), {})[settings] = command
    assert len(runs) > 10
    wrong = {where: list(found.values()) for where, found in runs.items() if len(found) > 1}
    assert not wrong


def test_the_readme_shows_its_commands():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = {line.split("#")[0].strip() for block in blocks(page) for line in block}
    assert {"make demo", "make test"} <= lines
    assert commands(page)


def test_the_reading_itself():
    page = (
        "text\n```bash\ncd example_OAG\npython a.py --x 1 \\\n    --y 2  # why\n```\npython b.py\n"
    )
    ((folder, command),) = commands(page)
    assert folder == "example_OAG"
    assert target(folder, command) == (("example_OAG/a.py",), ["--x", "1", "--y", "2"])
