"""A script states facts and calls one verb; loops and branches live in the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(ROOT.glob("example_*/*.py"))
LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.comprehension)
BRANCHES = (ast.If, ast.IfExp, ast.Match, ast.Try, ast.TryStar)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def is_guard(node: ast.AST) -> bool:
    """Whether a node is ``if __name__ == "__main__":`` without an else."""
    return (
        isinstance(node, ast.If)
        and ast.unparse(node.test) == "__name__ == '__main__'"
        and not node.orelse
    )


def logic(source: str) -> list[str]:
    """The loops, branches and definitions of a script that do not belong in one."""
    tree = ast.parse(source)
    allowed = {id(node) for node in tree.body if is_guard(node)}
    allowed |= {id(n) for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main"}
    return [
        f"line {getattr(node, 'lineno', '?')}: {type(node).__name__}"
        for node in ast.walk(tree)
        if isinstance(node, LOOPS + BRANCHES + DEFINITIONS) and id(node) not in allowed
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_logic(path):
    assert logic(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_has_a_docstring_with_a_command_and_a_guard(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert f"python {path.name}" in (ast.get_docstring(tree) or "")
    assert is_guard(tree.body[-1])


def test_the_scripts_are_there():
    assert len([path for path in SCRIPTS if path.parent.name == "example_OAG"]) == 6
    assert len([path for path in SCRIPTS if path.parent.name == "example_reddit"]) == 4


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def main():\n    run()\n\nif __name__ == '__main__':\n    main()", 0),
        ("def main():\n    for i in range(3):\n        run()", 1),
        ("def main():\n    run() if x else stop()", 1),
        ("x = [i for i in range(3)]", 1),
        ("def helper():\n    pass", 1),
        ("if True:\n    run()", 1),
        ("f = lambda x: x", 1),
    ],
)
def test_the_check_itself(source, found):
    assert len(logic(source)) == found
