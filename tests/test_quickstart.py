"""The README's quick start with a graph of your own is run as it stands, block by block."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import SPLITS
from GPT_GNN.graph.store import HeteroGraph

ROOT = Path(__file__).resolve().parents[1]
TITLE = "Your own graph"


def section(page: str, title: str) -> str:
    """What stands between a heading and the next one of its level or a higher one."""
    found = re.search(rf"^(##+) {re.escape(title)}\n(.*?)(?=^##? |\Z)", page, re.DOTALL | re.M)
    assert found, f"no section {title!r}"
    return found[2]


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.M)


def run(language: str, content: str, folder: Path) -> None:
    """A block as a user would run it, in the checkout's place ``folder``."""
    if language == "bash":
        script = f'set -eu\npython() {{ "{sys.executable}" "$@"; }}\n'
        command = ["bash", "-c", script + content]
    else:
        command = [sys.executable, "-c", content]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{content}\n{done.stdout}\n{done.stderr}"


def test_the_quick_start_runs(tmp_path):
    text = section((ROOT / "README.md").read_text(encoding="utf-8"), TITLE)
    runnable = [(kind, content) for kind, content in blocks(text) if kind in ("bash", "python")]
    assert [kind for kind, _ in runnable][:1] == ["bash"]
    for kind, content in runnable:
        run(kind, content, tmp_path)
    graph = HeteroGraph.open(tmp_path / "data" / "films")
    assert graph.num_nodes("film") == 8 and graph.num_nodes("person") == 4
    task = GraphFacts.stored(graph)
    assert task is not None and (task.target, task.label) == ("film", "country")
    # Each part of the split can be pre-trained, trained, validated and tested.
    assert all(len(task.split.nodes(graph, "film", split)) for split in SPLITS)
    assert np.load(tmp_path / "films.npy").shape == (2, 64)
    assert HeteroGraph.open(tmp_path / "data" / "fake").num_nodes("v0")
    again = HeteroGraph.open(tmp_path / "data" / "films_again")
    assert again.meta["files"] == graph.meta["files"]


def test_a_block_that_fails_is_seen(tmp_path):
    for language, content in (("bash", "false\ntrue\n"), ("python", "1 / 0")):
        with pytest.raises(AssertionError):
            run(language, content, tmp_path)


def test_the_reading_itself():
    page = "## A\n```bash\nx\n```\n### B\n```python\ny\n```\n## C\n```bash\nz\n```\n"
    assert blocks(section(page, "A")) == [("bash", "x\n"), ("python", "y\n")]
