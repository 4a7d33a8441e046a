"""Every command ends with one line, whatever stops it and whatever the console can show."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.system.runner import Interrupted, StopSignal, run_command

ROOT = Path(__file__).resolve().parents[2]
TINY = "--n_hid 8 --n_heads 2 --n_layers 1 --sample_depth 2 --sample_width 8 --n_pool 0 --cuda -1"
SHORT = "--batch_size 16 --n_epoch 1 --n_batch 2"


def start(command, folder, **env):
    words = [sys.executable, "-m", *command.split()]
    return subprocess.Popen(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (None, 0, ""),
        (ValueError("expected 1, got 2"), 1, "error: expected 1, got 2\n"),
        (OSError(28, "No space left on device"), 1, "error: [Errno 28] No space left on device\n"),
        (
            OSError("8 requested and 0 written"),
            1,
            "error: 8 requested and 0 written (a full disk?)\n",
        ),
        (FloatingPointError("nan"), 1, "error: nan\n"),
        (ImportError("pip install x"), 1, "error: pip install x\n"),
        (KeyboardInterrupt(), 130, "interrupted: stopped by Ctrl-C\n"),
        (Interrupted("--resume goes on"), 130, "interrupted: --resume goes on\n"),
    ],
)
def test_how_a_command_ends(capsys, error, status, line):
    def main():
        if error is not None:
            raise error

    assert run_command(main) == status
    assert capsys.readouterr().err == line


def test_a_fault_of_the_code_keeps_its_traceback():
    with pytest.raises(AssertionError):
        run_command(lambda: (_ for _ in ()).throw(AssertionError()))


SCRIPTS = [p for folder in ("example_*", "benchmarks") for p in sorted(ROOT.glob(f"{folder}/*.py"))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_script_has_the_runner(path):
    last = ast.unparse(ast.parse(path.read_text(encoding="utf-8")).body[-1])
    assert "__main__" not in last or "sys.exit(run_command(main" in last


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store whose types have names that neither ASCII nor cp1252 has."""
    rng = np.random.default_rng(0)
    nodes = {
        "文献": NodeArrays(40, {"x": rng.normal(size=(40, 4))}, {"y": np.arange(40) % 2}),
        "作者": NodeArrays(15, {"x": rng.normal(size=(15, 3))}),
    }
    link = EdgeArrays(rng.integers(0, 15, 90), rng.integers(0, 40, 90))
    folder = tmp_path_factory.mktemp("console") / "store"
    write_graph(folder, nodes, {("作者", "写", "文献"): link})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_that_cannot_show_a_name(store, tmp_path, encoding):
    data = f"--data_dir {store}"
    for command in (
        f"GPT_GNN show {store}",
        f"GPT_GNN pretrain {data} --target_type 文献 --pretrain_model_dir m.pt {TINY} {SHORT}",
        f"GPT_GNN embed {data} --model m.pt --node_type 文献 --out e.npy --cuda -1",
        "GPT_GNN show 文献",
    ):
        process = start(command, tmp_path, PYTHONIOENCODING=encoding)
        out, err = process.communicate(timeout=100)
        found = (out + err).decode(encoding)
        assert "\\u6587\\u732e" in found and "Traceback" not in found
        assert process.returncode == int(command.endswith(" 文献")), found


BUILD = """
import sys, time
from GPT_GNN.__main__ import main
from GPT_GNN.builder import builder

def slow(self, *args, **kwargs):
    print("building", flush=True)
    time.sleep(60)

builder.GraphBuilder.add_edges = slow
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_a_build_with_one_line_and_nothing_half_written(tmp_path):
    (tmp_path / "a.csv").write_text("id,x\n1,2\n2,3\n3,4\n4,5\n")
    (tmp_path / "e.csv").write_text("a,b\n1,2\n2,3\n")
    (tmp_path / "d.yaml").write_text(
        "nodes: {a: {table: a.csv, id: id, features: {x: numeric}}}\n"
        "edges: [{type: [a, to, a], table: e.csv, source: a, target: b}]\n"
        "target: a\n"
    )
    before = sorted(tmp_path.iterdir())
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, "build", "tables", "d.yaml", "store"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted: stopped by Ctrl-C\n")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_who_ignores_the_end_of_the_terminal_goes_on():
    """As under nohup."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignal() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.raised and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with StopSignal() as stop:
            assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL  # which would end pytest
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.raised and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, previous)
