"""Names of commands and functions that answer until version 1.0, and say their new name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.store import HeteroGraph
from tests.call import call

ROOT = Path(__file__).resolve().parents[2]
OLD = {
    "GPT_GNN.pretrain": "pretrain",
    "GPT_GNN.finetune": "finetune",
    "GPT_GNN.embed": "embed",
    "GPT_GNN.graph.store": "show",
    "GPT_GNN.datasets.tables": "build tables",
    "GPT_GNN.datasets.pyg": "build pyg",
    "GPT_GNN.datasets.legacy": "convert graph",
    "GPT_GNN.datasets.legacy_export": "export graph",
    "GPT_GNN.train.published": "convert model",
    "GPT_GNN.report.demo": "demo",
}


def run(*words, cwd=ROOT):
    command = [sys.executable, *map(str, words)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


def note(old, command):
    return (
        f"note: python -m {old} is now python -m GPT_GNN {command}; "
        "the old name goes away in version 1.0\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("old", "command"), OLD.items())
def test_an_old_command_says_the_new_one_and_does_the_same(old, command, capsys):
    with pytest.raises(SystemExit):
        call(command, "--help")
    done = run("-m", old, "--help")
    assert (done.returncode, done.stdout) == (0, capsys.readouterr().out)
    assert done.stderr == note(old, command)


def test_a_job_by_its_old_name(tmp_path):
    nodes = {"a": NodeArrays(4, {"x": np.ones((4, 2))})}
    edges = EdgeArrays(np.array([0, 1]), np.array([1, 2]))
    write_graph(tmp_path / "g", nodes, {("a", "to", "a"): edges})
    done = run("-m", "GPT_GNN.graph.store", "g", "--verify", cwd=tmp_path)
    assert done.returncode == 0 and "every checksum matches" in done.stdout
    wrong = run("-m", "GPT_GNN.graph.store", "nowhere", cwd=tmp_path)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(note("GPT_GNN.graph.store", "show") + "error: nowhere is not")


@pytest.mark.parametrize("name", ["datasets.scale", "datasets.tables.build", "published.models"])
def test_no_other_module_is_a_command(name):
    assert run("-m", f"GPT_GNN.{name}", "--help").stdout == ""


def test_old_imports():
    with pytest.warns(FutureWarning, match=r"tables\.build\.build_from_tables; the old name goes"):
        from GPT_GNN.datasets.tables import build_from_tables
    from GPT_GNN.datasets.tables.build import build_from_tables as new

    assert build_from_tables is new and HeteroGraph.__module__ == "GPT_GNN.graph.store"
    with pytest.raises(ImportError, match="cannot import name 'append_tables'"):
        from GPT_GNN.datasets.tables import append_tables  # noqa: F401


def test_the_old_files_do_not_get_in_the_way_of_functions_of_these_names():
    code = (
        "import sys, GPT_GNN\n"
        "import GPT_GNN.commands.train.pretrain, GPT_GNN.commands.train.finetune\n"
        "import GPT_GNN.commands.train.embed, GPT_GNN.commands.train.demo\n"
        "names = {'pretrain', 'finetune', 'embed'}\n"
        "assert not names & set(vars(GPT_GNN)), vars(GPT_GNN)\n"
        "assert not {f'GPT_GNN.{name}' for name in names} & set(sys.modules)\n"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
