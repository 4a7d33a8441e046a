"""Which module imports which, read from the files: nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("GPT_GNN", "benchmarks")


def module_of(path: Path, root: Path = ROOT) -> str:
    """Dotted name of a file's module; that of a folder's ``__init__.py`` is the folder's."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, root: Path = ROOT) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that a file imports, in functions and for types, too.

    ``from a.b import c`` gives a.b.c, which may be a module or a name in a.b.
    """
    folder = path.parent.relative_to(root).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            kept = folder[: len(folder) - node.level + 1] if node.level else ()
            base = ".".join([*kept, *filter(None, [node.module])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def import_graph(root: Path = ROOT) -> dict[str, set[str]]:
    """Module -> the modules of the repository that its file imports."""
    files = {module_of(p, root): p for top in SOURCES for p in sorted((root / top).rglob("*.py"))}

    def nearest(name: str) -> str:
        while name and name not in files:
            name = name.rpartition(".")[0]
        return name

    return {
        module: {nearest(name) for _, name in imports(path, root)} - {"", module}
        for module, path in files.items()
    }


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, directly or through others: a list per circle."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        found, todo = set(), [start]
        while todo:
            new = graph.get(todo.pop(), set()) - found
            found |= new
            todo += new
        reached[start] = found
    inside = {m: frozenset(n for n in reached[m] if m in reached[n]) for m in graph}
    return sorted(sorted(circle) for circle in set(inside.values()) if circle)
