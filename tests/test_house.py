"""How the package is divided: no circles, no long files, no full folders, nothing heavy at once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.imports import ROOT, circles, import_graph, module_of

FILES = sorted((ROOT / "GPT_GNN").rglob("*.py"))
OLD_COMMANDS = {"GPT_GNN.datasets.legacy", "GPT_GNN.datasets.legacy_export"}
OLD_COMMANDS |= {"GPT_GNN.train.published"}
LITERAL = re.compile(r"``(tests/oracle/\w+\.py)``")
PUBLISHED_WORDS = ("published", "legacy", "pickle", "word2vec")


def test_no_circle_among_files():
    assert circles(import_graph()) == []


def test_no_long_file():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {module_of(path): n for path, n in lines.items() if n >= 350} == {}


def test_the_literal_versions_that_docstrings_name_are_there():
    named = {module_of(p): LITERAL.findall(p.read_text(encoding="utf-8")) for p in FILES}
    assert [name for names in named.values() for name in names if not (ROOT / name).exists()] == []
    method = ("conv.hgt", "conv.attention", "objectives.links", "sampler.hgsampling", "batch.mask")
    assert all(named[f"GPT_GNN.{part}"] for part in method)


def test_no_full_folder():
    files = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert {str(folder): n for folder, n in files.items() if n > 20} == {}


def test_what_is_the_published_codes_has_its_own_folder():
    outside = {module_of(path) for path in FILES if "published" not in path.relative_to(ROOT).parts}
    named = {name for name in outside if any(word in name for word in PUBLISHED_WORDS)}
    assert named == OLD_COMMANDS


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("GPT_GNN", ("torch", "torch_geometric", "numba", "numpy")), ("GPT_GNN.__main__", ("torch",))],
)
def test_what_is_imported_at_once(module, heavy):
    code = f"import sys, {module}; print(sorted({{*{heavy}}} & {{*sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a": "from GPT_GNN import b", "b": "import os"}, []),
        ({"a": "from GPT_GNN import b", "b": "from GPT_GNN.a import x"}, [["a", "b"]]),
        ({"a": "from .b import x", "b": "def f():\n    from . import a"}, [["a", "b"]]),
        ({"a": "import GPT_GNN.b", "b": "if TYPE_CHECKING:\n    from .a import x"}, [["a", "b"]]),
        ({"a": "from . import b", "b": "from . import c", "c": "from . import a"}, [[*"abc"]]),
        ({"a": "from .b.c import x", "b/__init__": "", "b/c": "from ..a import x"}, [["a", "b.c"]]),
        ({"a": "from .b import x", "b": "from .a import x", "c": "from .a import x"}, [["a", "b"]]),
    ],
)  # fmt: skip
def test_circles_are_found(tmp_path, files, found):
    for name, text in files.items():
        path = tmp_path / "GPT_GNN" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    circle = [[f"GPT_GNN.{name}" for name in names] for names in found]
    assert circles(import_graph(tmp_path)) == circle
