"""Data flows one way: a file of the package imports only from its own floor or a lower one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = [
    ("schema", "rng", "metrics"),
    ("system",),
    ("settings",),
    ("published.pickles",),
    ("features",),
    ("graph",),
    ("builder",),
    ("published.word_vectors",),
    ("datasets",),
    ("published.graphs",),
    ("sampler",),
    ("batch",),
    ("conv",),
    ("model",),
    ("tasks",),
    ("objectives",),
    ("train",),
    ("published.models",),
    ("study",),
    ("report",),
    ("commands",),
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
FILES = sorted((ROOT / "GPT_GNN").rglob("*.py"))


def imported(path: Path, package: tuple[str, ...]) -> list[tuple[int, str]]:
    """(line, part of GPT_GNN) of every import in a file, those inside functions included.

    Args:
        package: names of the package that holds the file, e.g. ("GPT_GNN", "graph").
    """
    out = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            kept = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*kept, *filter(None, [node.module])])
            # `from GPT_GNN import graph` names the part last.
            modules = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (module.split(".") for module in modules):
            if parts[0] == "GPT_GNN" and len(parts) > 1 and parts[1] != "__version__":
                out.append((node.lineno, parts[1]))
    return out


def violations(path: Path, root: Path = ROOT) -> list[str]:
    """What a file imports from a higher floor."""
    names = path.relative_to(root).with_suffix("").parts
    own = names[1]
    if own == "__init__":
        return [f"{path}:{line} imports {part}" for line, part in imported(path, names[:-1])]
    if own not in FLOOR:
        return [f"{own} is on no floor: add it to FLOORS"]
    return [
        f"{path.relative_to(root)}:{line} (floor {FLOOR[own]}, {own}) imports {part} "
        f"(floor {FLOOR.get(part, 'none')})"
        for line, part in imported(path, names[:-1])
        if FLOOR.get(part, len(FLOORS)) > FLOOR[own]
    ]


def test_the_package_is_found():
    assert len(FILES) > 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_lower_floors(path):
    assert violations(path) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("from GPT_GNN.graph.store import HeteroGraph", False),
        ("from GPT_GNN import __version__", False),
        ("from .other import x", False),
        ("from ..schema import Schema", False),
        ("import GPT_GNN.train.fit", True),
        ("from GPT_GNN import model", True),
        ("from ..model.gnn import GNN", True),
        ("def f():\n    from GPT_GNN.report import tables", True),
        ("from GPT_GNN.unheard_of import x", True),
    ],
)
def test_the_check_itself(tmp_path, line, wrong):
    path = tmp_path / "GPT_GNN" / "batch" / "batch.py"
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    assert bool(violations(path, tmp_path)) == wrong
