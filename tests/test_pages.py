"""What the pages name exists: files, modules, classes, flags and links; their prose is readable."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from GPT_GNN.commands import COMMANDS
from tests import test_readme
from tests.test_readme import ROOT, accepted

CHANGELOG = ROOT / "CHANGELOG.md"
PAGES = [*test_readme.PAGES, ROOT / "benchmarks/README.md", ROOT / "data/README.md"]
PATH = re.compile(r"(?:(?:GPT_GNN|tests|benchmarks|example_\w+)/[\w/.-]*|[\w/]+/\w+\.py\b)")
NAME = re.compile(r"\bGPT_GNN(?:\.\w+)+")
FLAG = re.compile(r"(?<![\w-])--[A-Za-z][\w-]*")
OF_OTHERS = {
    "GPT_GNN.data",  # a module of the published code
    "GPT_GNN.data.Graph",
    "benchmarks/oag_results.py",  # of the commit whose results are shown
    "--scale",  # of the layer that docs/EXTENDING.md adds
}


def each(pages: list[Path]) -> pytest.MarkDecorator:
    """A test of each of these pages."""
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def unknown(text: str) -> list[str]:
    """The paths and dotted names of a text that do not exist; paths may lack ``GPT_GNN/``."""
    paths = {path.rstrip(".") for path in PATH.findall(text)} - OF_OTHERS
    found = [p for p in paths if not (ROOT / p).exists() and not (ROOT / "GPT_GNN" / p).exists()]
    names = {name for name in NAME.findall(text) if not name.endswith(".py")} - OF_OTHERS
    return sorted(found) + sorted(name for name in names if not exists(name))


def prose(text: str) -> list[str]:
    """The lines that are neither code nor rows of tables."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [line for line in text.splitlines() if not line.lstrip().startswith("|")]


@each(PAGES)
def test_files_modules_and_classes_exist(page):
    assert not unknown(page.read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore:GPT_GNN")  # an old name warns
def test_the_new_names_of_the_changelog_exist():
    rows = re.findall(r"^ *\|(.+)\|(.+)\|$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 10
    assert not unknown("\n".join(new for _, new in rows))


def test_flags_exist():
    programs = [("-m", "GPT_GNN", command) for command in COMMANDS]
    scripts = [*ROOT.glob("example_*/*.py"), *ROOT.glob("benchmarks/*.py")]
    scripts = [path for path in scripts if "__main__" in path.read_text(encoding="utf-8")]
    programs += [(str(path.relative_to(ROOT)),) for path in scripts]
    known = {flag for program in programs for flag in FLAG.findall(accepted(program)[1])}
    named = {flag for page in PAGES for flag in FLAG.findall(page.read_text(encoding="utf-8"))}
    assert not named - known - OF_OTHERS


@each([*PAGES, CHANGELOG])
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, heading = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if heading:
            assert heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """What links to a page's headings are called."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@each([*PAGES, CHANGELOG])
def test_lines_of_prose_are_short(page):
    lines = prose(page.read_text(encoding="utf-8"))
    assert not [line for line in lines if len(line) >= 120 and not line.startswith("    ")]


def test_the_changelog_says_nothing_twice():
    for release in CHANGELOG.read_text(encoding="utf-8").split("\n## "):
        lines = Counter(line for line in release.splitlines() if line.strip())
        assert not [line for line, n in lines.items() if n > 1]


def test_the_reading_itself():
    text = "`GPT_GNN/rng.py` `GPT_GNN.rng.derive` `conv/hgt.py`, `no/such.py` `GPT_GNN.rng.none`"
    assert unknown(text) == ["no/such.py", "GPT_GNN.rng.none"]
    assert prose("a\n```\nb\n```\n| c |\nd") == ["a", "", "d"]
