"""Scripts that a command runs: in their order, and stopped when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from GPT_GNN.system import children
from GPT_GNN.system.children import run_chains, stop_script

ROOT = Path(__file__).resolve().parents[2]

CHILDREN = """
import sys
from GPT_GNN.system.children import run_chains
from GPT_GNN.system.runner import run_command

code = '''
import sys, time
open(sys.argv[1], "w").close()
try:
    time.sleep(60)
finally:
    open(sys.argv[1] + ".saved", "w").close()
'''
chains = ([["-c", code, name]] for name in "abc")
sys.exit(run_command(lambda: run_chains(chains, 2)))
"""


@pytest.fixture
def parent(tmp_path):
    """A command whose two scripts have begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILDREN],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_stops_a_command_stops_the_scripts_that_it_runs(parent, tmp_path, name):
    parent.send_signal(getattr(signal, name))
    _, err = parent.communicate(timeout=30)
    assert parent.returncode == 130
    assert err == "interrupted: the scripts that it ran are stopped, too\n"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "a.saved", "b.saved"}


def script(code):
    return ["-c", code]


def test_a_chain_goes_on_once_its_script_has_ended(tmp_path, capsys):
    """Each script finds what the one before it wrote, and so does what stands between them."""
    seen = []

    def chain(name):
        path = tmp_path / name
        for letter in "xyz":
            yield script(f"open({str(path)!r}, 'a').write({letter!r})")
            seen.append(path.read_text())

    run_chains(map(chain, "ab"), 2)
    assert sorted(seen) == ["x", "x", "xy", "xy", "xyz", "xyz"]
    assert capsys.readouterr().out.count("$ python -c ") == 6


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_as_many_at_a_time_as_asked_for(monkeypatch, n_jobs):
    class Process:
        returncode = None

    def look(process):
        most.append(len(running))
        running.remove(process)
        process.returncode = 0

    def begin(words, output):
        running.append(Process())
        return running[-1]

    running, most = [], []
    monkeypatch.setattr(children, "_POLL", 0)
    monkeypatch.setattr(children, "start_script", begin)
    monkeypatch.setattr(children, "_look", look)
    run_chains([[["one"], ["two"]], [], [["three"]], [["four"]], [["five"]]], n_jobs)
    assert max(most) == n_jobs and len(most) == 5


def test_after_a_script_that_failed_the_others_are_left_out():
    begun = []

    def chain(name):
        begun.append(name)
        yield script("import sys; print('said'); sys.exit(3)")
        begun.append("more")

    with pytest.raises(ValueError, match=r"sys.exit\(3\)' failed:\nsaid\n"):
        run_chains(map(chain, range(20)), 1)
    assert begun == [0]


def test_windows_has_no_signal_to_hand_on(monkeypatch):
    class Process:
        def terminate(self):
            ended.append(self)

    ended = []
    monkeypatch.setattr(sys, "platform", "win32")
    stop_script(Process())
    assert len(ended) == 1
