"""The command line's parser: what help begins with, and how errors are printed."""

from __future__ import annotations

import pytest

from GPT_GNN.system.parser import Parser, did_you_mean


def parser():
    made = Parser("Do a thing.\n\nExample:\n    python thing.py x\n")
    made.prog = "thing.py"
    made.add_argument("path", help="a file")
    made.add_argument("--out", required=True, help="a place")
    made.add_argument("--max_lr", type=float, help="a rate")
    return made


def test_help_begins_with_what_the_command_does():
    text = parser().format_help()
    usage = "\nusage: python thing.py path --out OUT [flags]\n"
    assert text.startswith("Do a thing.\n\nExample:\n    python thing.py x\n")
    assert text.index(usage) < text.index("--max_lr MAX_LR")


def test_long_lines_of_a_group_are_wrapped():
    made = parser()
    made.add_argument_group("more", "Other words, " * 20 + "\n  kept: apart").add_argument("--x")
    lines = made.format_help().splitlines()
    assert max(map(len, lines)) <= 80
    assert "    kept: apart" in lines


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--out", "y", "--max_rl", "3"], "unknown flag --max_rl; did you mean --max_lr?"),
        (["x", "--out", "y", "--max-lr=3"], "unknown flag --max-lr; did you mean --max_lr?"),
        (["x", "--out", "y", "--lr", "3"], "unknown flag --lr; did you mean --max_lr?"),
        (["x", "--out", "y", "--colour", "3"], "unknown flag --colour"),
        (["x", "--out", "y", "z"], "unexpected argument 'z'"),
        (["x"], "the following arguments are required: --out"),
        (["x", "--out", "y", "--max_lr", "z"], "argument --max_lr: invalid float value: 'z'"),
    ],
)
def test_errors(capsys, words, message):
    with pytest.raises(SystemExit) as exit_:
        parser().parse_args(words)
    assert exit_.value.code == 2
    hint = "python thing.py --help explains the flags"
    assert capsys.readouterr().err == f"error: {message}\n{hint}\n"


def test_the_nearest_name():
    names = ("build tables", "build pyg", "show")
    assert did_you_mean("build table", names) == "; did you mean build tables?"
    assert did_you_mean("size", ("--batch_size", "--queue_size")) == (
        "; did you mean --batch_size or --queue_size?"
    )
    assert did_you_mean("fly", names) == ""
