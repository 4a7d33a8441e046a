"""Runs of a script that are stopped from outside and resumed end as if nothing had happened."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numba
import pytest
import torch

from GPT_GNN.train.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--n_hid 8 --n_heads 2 --n_layers 1 --sample_depth 2 --sample_width 8 --batch_size 32 "
    "--n_epoch 6 --n_batch 4 --queue_size 16 --attr_type vec --cuda -1"
).split()
SCRIPT = str(ROOT / "example_OAG" / "pretrain_OAG.py")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]


def command(toy, file, *more):
    return [SCRIPT, f"--data_dir={toy.path}", f"--pretrain_model_dir={file}", *FLAGS, *more]


def start(toy, file):
    return subprocess.Popen(
        [sys.executable, *command(toy, file)],
        env=os.environ | ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def complete(toy, file, *more):
    """A run to its end with one thread, in this process, which need not import PyTorch anew."""
    threads = torch.get_num_threads(), numba.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command(toy, file, *more))
        patch.setattr(sys, "path", [*sys.path])  # the script adds to it
        torch.set_num_threads(1)
        try:
            with pytest.raises(SystemExit) as exit_:
                runpy.run_path(SCRIPT, run_name="__main__")
        finally:
            numba.set_num_threads(threads[1])
            torch.set_num_threads(threads[0])
    assert not exit_.value.code


@pytest.fixture(scope="module")
def whole(toy, tmp_path_factory):
    """The files of a run that nobody disturbed."""
    file = tmp_path_factory.mktemp("whole") / "gpt.pt"
    complete(toy, file)
    return file


def run_folder(file):
    return file.with_name(file.name + ".run")


def stop(toy, file, number):
    """Start a run, wait until it has saved a checkpoint, send it a signal; (status, errors)."""
    process = start(toy, file)
    checkpoint = run_folder(file) / "checkpoint.pt"
    deadline = time.time() + 60
    while not checkpoint.exists() and process.poll() is None and time.time() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    status, _, err = finish(process)
    return status, err, load_checkpoint(checkpoint, "pretrain")["step"]


def equal(a, b):
    """Whether two nested records hold the same, tensors to the bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def assert_same_end(a, b):
    assert (run_folder(a) / "metrics.jsonl").read_text() == (
        run_folder(b) / "metrics.jsonl"
    ).read_text()
    assert equal(load_checkpoint(a, "pretrain"), load_checkpoint(b, "pretrain"))
    ends = [load_checkpoint(run_folder(file) / "checkpoint.pt", "pretrain") for file in (a, b)]
    assert equal(*ends)
    assert not list(run_folder(b).glob(".*"))  # no temporary file is left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_and_resumed(toy, whole, tmp_path, number):
    file = tmp_path / "gpt.pt"
    status, err, done = stop(toy, file, number)
    total = load_checkpoint(run_folder(whole) / "checkpoint.pt", "pretrain")["step"]
    assert 0 < done < total, "the run was over before the signal came"
    if number == signal.SIGKILL:
        assert status == -signal.SIGKILL
    else:
        assert status == 130
        assert err.strip().endswith(f"stopped after step {done}; --resume continues from there")
        assert "Traceback" not in err
    complete(toy, file, "--resume")
    assert_same_end(whole, file)
