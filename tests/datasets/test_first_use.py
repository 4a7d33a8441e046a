"""What is built at first use is built once: whoever comes in the meantime waits for it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from GPT_GNN.builder import builder as build
from GPT_GNN.datasets import first_use
from GPT_GNN.datasets.oag.preprocess import toy_store as oag_toy
from GPT_GNN.datasets.reddit.preprocess import toy_store as reddit_toy
from GPT_GNN.published.graphs.convert import source_of
from GPT_GNN.published.graphs.door import open_published

ROOT = Path(__file__).resolve().parents[2]
OPENED = {
    "oag": lambda folder: oag_toy(100, folder=folder),
    "reddit": lambda folder: reddit_toy(100, folder=folder),
    "legacy": lambda folder: open_published(folder / "graph_CS.pk"),
}
OTHER = """
import sys
from pathlib import Path
from GPT_GNN.builder import builder as build
from tests.datasets.test_first_use import OPENED

real = build.GraphBuilder.finish

def finish(builder):
    print("building", flush=True)
    sys.stdin.readline()
    real(builder)

build.GraphBuilder.finish = finish
print(OPENED[sys.argv[1]](Path(sys.argv[2])).path, flush=True)
"""


@pytest.fixture(params=OPENED)
def other(request, tmp_path):
    """(what is opened, a process that has begun to build it and goes on at a line of input)."""
    shutil.copy(ROOT / "tests/published/graphs/files/graph_main.pk", tmp_path / "graph_CS.pk")
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, request.param, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    while (line := process.stdout.readline()) != "building\n":
        assert line
    yield request.param, process
    process.kill()
    process.wait()


def test_another_process_is_waited_for(other, tmp_path, monkeypatch, capsys):
    name, process = other
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 2:
            print("goes on", file=process.stdin, flush=True)
            process.communicate(timeout=60)

    monkeypatch.setattr(first_use, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(build.GraphBuilder, "finish", lambda self: pytest.fail("built twice"))
    graph = OPENED[name](tmp_path)
    assert process.returncode == 0 and len(slept) == 2
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "waiting" in line]
    assert line.startswith(f"waiting: {graph.path} is in use by process {process.pid} on ")
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_one_that_was_killed_is_not(other, tmp_path):
    name, process = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert OPENED[name](tmp_path).path.parent == tmp_path
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_command_that_builds_it_is_waited_for(tmp_path, monkeypatch):
    """It has no lock of the first use, but the builder's."""
    shutil.copy(ROOT / "tests/published/graphs/files/graph_main.pk", tmp_path / "graph_CS.pk")
    store, slept = tmp_path / "graph_CS_store", []
    command = build.build_graph(store)
    builder = command.__enter__()
    builder.facts = {"source": source_of(tmp_path / "graph_CS.pk")}

    def sleep(seconds):
        slept.append(seconds)
        command.__exit__(None, None, None)

    monkeypatch.setattr(first_use, "time", SimpleNamespace(sleep=sleep))
    assert open_published(tmp_path / "graph_CS.pk").path == store
    assert len(slept) == 1
