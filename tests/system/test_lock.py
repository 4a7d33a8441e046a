"""One process at a time in a folder, whatever becomes of the one before."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from GPT_GNN.system import lock
from GPT_GNN.system.lock import InUseError, locked

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path
from GPT_GNN.system.lock import locked
with locked(Path(sys.argv[1]), "x"):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder):
    """Another process that holds the folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def write(folder, **changes):
    """A lock file that another process has left."""
    folder.mkdir(exist_ok=True)
    (folder / "lock").write_text(json.dumps(lock._ourselves() | changes) + "\n")


@pytest.fixture
def without_system(monkeypatch):
    """A file system that has no locks."""
    import fcntl

    def flock(file, how):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def refused(folder):
    with pytest.raises(InUseError, match="is in use by") as error:
        with locked(folder, "give another name"):
            pass
    return str(error.value)


def test_a_folder_in_use_says_by_whom(tmp_path):
    process = hold(tmp_path / "run")
    line = refused(tmp_path / "run")
    assert f"is in use by process {process.pid} on " in line and "since 20" in line
    assert "with locked(Path(sys.argv[1])" in line and line.endswith("or give another name")
    process.communicate()
    with locked(tmp_path / "run", ""):
        assert (tmp_path / "run" / "lock").exists()


def test_nothing_is_left_of_a_block_that_wrote_nothing(tmp_path):
    with locked(tmp_path / "a" / "b", ""):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old").mkdir()
    with locked(tmp_path / "old" / "new", ""):
        (tmp_path / "old" / "new" / "file").touch()
    assert [path.name for path in (tmp_path / "old" / "new").iterdir()] == ["file"]
    with pytest.raises(RuntimeError):
        with locked(tmp_path / "old", ""):
            raise RuntimeError
    with locked(tmp_path / "old", ""):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, capsys):
    process = hold(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "lock").exists()
    with locked(tmp_path, ""):
        record = json.loads((tmp_path / "lock").read_text())
        assert record["pid"] == os.getpid()
    assert f"process {process.pid} on" in (out := capsys.readouterr().out)
    assert "is gone, its lock is taken over" in out


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_what_a_killed_process_started_still_holds_it(tmp_path):
    with locked(tmp_path, "") as descriptor:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
        write(tmp_path, pid=dead_pid())
        # As if this process were killed: the child's descriptor alone is left.
        kept = (tmp_path / "lock").read_bytes()
        os.link(tmp_path / "lock", tmp_path / "kept")
    os.rename(tmp_path / "kept", tmp_path / "lock")
    assert (tmp_path / "lock").read_bytes() == kept
    assert "which is gone, but what it started still runs" in refused(tmp_path)
    child.kill()
    child.wait()
    with locked(tmp_path, ""):
        pass


def test_an_empty_or_foreign_lock_file_is_no_holder(tmp_path):
    for text in ("", "\n", "[1]\n", '{"pid": 1}\n', "\x00\xff"):
        (tmp_path / "lock").write_text(text)
        with locked(tmp_path, ""):
            pass


def test_without_system_locks_the_file_counts(tmp_path, without_system, capsys):
    with locked(tmp_path, ""):
        assert "if it is gone, delete" in refused(tmp_path)
    for gone in ({"pid": dead_pid()}, {"boot": "earlier"}):
        write(tmp_path, **gone)
        with locked(tmp_path, ""):
            pass
        assert "is gone, its lock is taken over" in capsys.readouterr().out
    write(tmp_path, host="another", pid=dead_pid())
    assert f"if it is gone, delete {tmp_path / 'lock'}" in refused(tmp_path)
    assert (tmp_path / "lock").exists()


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "run").mkdir()
    for link, kind in ((tmp_path / "run" / "lock", "file"), (tmp_path / "link", "folder")):
        link.symlink_to(tmp_path / "nowhere" / "at_all")
        with pytest.raises(ValueError, match=f"{link}: expected a {kind} or nothing there, found"):
            with locked(link if kind == "folder" else link.parent, ""):
                raise AssertionError("it has begun")
        assert link.is_symlink()
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        with locked(tmp_path / "file", ""):
            raise AssertionError("it has begun")


def test_folders_that_come_and_go(tmp_path, monkeypatch):
    """The process before removes the folder between our creating it and our opening the file."""
    real, tries = Path.mkdir, []

    def mkdir(self, *args, **kwargs):
        tries.append(self)
        if len(tries) > 3:
            real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with locked(tmp_path / "run", ""):
        assert (tmp_path / "run" / "lock").exists()


def test_messages_say_the_given_name(tmp_path):
    with locked(tmp_path / ".lock", "", tmp_path / "store"):
        with pytest.raises(InUseError, match=f"^{tmp_path / 'store'} is in use by process"):
            with locked(tmp_path / ".lock", "", tmp_path / "store"):
                raise AssertionError("it has begun")


def test_nothing_is_left_where_the_disk_is_full(tmp_path, monkeypatch):
    def full(record):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lock.json, "dumps", full)
    with pytest.raises(OSError, match="No space left"):
        with locked(tmp_path / "run", ""):
            raise AssertionError("it has begun")
    assert list(tmp_path.iterdir()) == []
