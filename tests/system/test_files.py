"""Files and folders: whole or not there, through links, and never in place of what others wrote."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from GPT_GNN.system import files
from GPT_GNN.system.files import OtherFilesError, atomic_file, atomic_folder, checked_folder
from GPT_GNN.system.lock import InUseError

ROOT = Path(__file__).resolve().parents[2]
OURS = {"meta", "parts/a", "parts/b"}


def written(folder: Path) -> set[str]:
    return OURS if (folder / "meta").exists() else set()


def build(path: Path, text: str = "new", keep: bool = False) -> None:
    with atomic_folder(path, written, keep) as folder:
        (folder / "empty").mkdir()  # as a store has one where it has no table
        fill(folder, {name: text for name in OURS})


def fill(folder: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def contents(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


NEW = dict.fromkeys(OURS, "new")
CHANGES = 23  # of folders, that a build makes
OTHERS = {"notes.txt": "mine", "runs/deep/m.pt": "weights", "parts/c": "mine, among theirs"}


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A folder that was built, and then used."""
    path = tmp_path / "store"
    build(path, "old")
    fill(path, OTHERS)
    return path


def test_other_files_are_named_before_any_work(used):
    with pytest.raises(OtherFilesError) as error:
        with atomic_folder(used, written):
            raise AssertionError("it has begun")
    assert "found 3 other files: notes.txt, parts/c, runs/deep/m.pt. " in str(error.value)
    assert "--keep_other_files" in str(error.value)
    assert contents(used) == dict.fromkeys(OURS, "old") | OTHERS
    assert list(used.parent.iterdir()) == [used]
    fill(used, {f"x{i:02}": "" for i in range(10)})
    with pytest.raises(OtherFilesError, match=r"found 13 other files: .*, x06 and 3 more\. No"):
        checked_folder(used, written)


def test_other_files_stay_where_they_are(used):
    (used / "link").symlink_to("/nowhere")
    (used / "mine").mkdir(mode=0o700)
    used.chmod(0o750)
    build(used, keep=True)
    assert contents(used) == NEW | OTHERS
    assert os.readlink(used / "link") == "/nowhere" and used.stat().st_mode & 0o777 == 0o750
    assert (used / "mine").stat().st_mode & 0o777 == 0o700  # an empty folder as well
    assert list(used.parent.iterdir()) == [used]


def test_empty_folders_are_no_reason_to_refuse_and_stay(tmp_path):
    build(tmp_path / "store")
    (tmp_path / "store" / "runs").mkdir()
    build(tmp_path / "store")
    assert (tmp_path / "store" / "runs").is_dir()


def test_what_came_during_the_work_is_kept(tmp_path):
    path = tmp_path / "store"
    build(path, "old")
    with pytest.raises(OtherFilesError, match="1 other file: late"):
        with atomic_folder(path, written) as folder:
            fill(folder, NEW)
            fill(path, {"late": "mine"})
    assert contents(path) == dict.fromkeys(OURS, "old") | {"late": "mine"}


def test_a_folder_of_others(tmp_path):
    path = tmp_path / "tables"
    fill(path, {"films.csv": "id", "parts/films.yaml": "nodes:"})
    with pytest.raises(OtherFilesError, match="2 other files: films.csv, parts/films.yaml"):
        build(path)
    build(path, keep=True)
    assert contents(path) == NEW | {"films.csv": "id", "parts/films.yaml": "nodes:"}


@pytest.mark.parametrize("name", ["parts/a", "meta/x"])
def test_nothing_is_written_over(tmp_path, name):
    path = tmp_path / "tables"
    fill(path, {name: "mine"})
    with pytest.raises(OtherFilesError, match="what is there was written by others|is there too"):
        with atomic_folder(path, lambda folder: set(), keep_other_files=True) as folder:
            fill(folder, NEW)
    left = [contents(p) for p in tmp_path.iterdir()]
    assert any(found.get(name) == "mine" for found in left)


KILLED = """
import os, signal, sys
from pathlib import Path
from GPT_GNN.system.files import atomic_folder

ours, at, done = {"meta", "parts/a", "parts/b"}, int(sys.argv[2]), []

def dying(real):
    def call(*args, **kwargs):
        done.append(real)
        if len(done) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call

for name in ("mkdir", "rename", "unlink", "rmdir"):
    setattr(os, name, dying(getattr(os, name)))
written = lambda folder: ours if (folder / "meta").exists() else ()
with atomic_folder(sys.argv[1], written, keep_other_files=True) as folder:
    (folder / "empty").mkdir()
    (folder / "parts").mkdir()
    for name in ours:
        (folder / name).write_text("new")
print(len(done))
"""  # dies, as at ``kill -9``, before some change of the folders; the names are those of ``build``


def run_killed(path: Path, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(at)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("at", range(1, CHANGES + 1))
def test_a_kill_loses_nothing(used, at):
    killed = run_killed(used, at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    everything = [text for place in used.parent.iterdir() for text in contents(place).values()]
    assert set(OTHERS.values()) <= set(everything)
    with pytest.raises(OtherFilesError, match="other file"):
        build(used)
    build(used, keep=True)
    assert contents(used) == NEW | OTHERS
    assert list(used.parent.iterdir()) == [used]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_kills_are_tried_at_every_change(used):
    assert run_killed(used, 0).stdout == f"{CHANGES}\n"


def test_to_ask_changes_nothing(used):
    for end in (files._OLD, files._NEW, files._TRASH):
        build(used.with_name(f".{used.name}.0123abcd{end}"))
    used.rename(tmp := used.with_name("elsewhere"))
    before = sorted(used.parent.rglob("*"))
    assert checked_folder(used, written) == used
    assert sorted(used.parent.rglob("*")) == before
    build(used, keep=True)
    assert sorted(used.parent.iterdir()) == [tmp, used]


def test_one_build_at_a_time(tmp_path):
    path = tmp_path / "deep" / "store"
    with atomic_folder(path, written) as folder:
        for keep in (False, True):
            with pytest.raises(InUseError, match=f"^{path} is in use by process {os.getpid()} on"):
                build(path, keep=keep)
        fill(folder, NEW)
    assert contents(path) == NEW and list(path.parent.iterdir()) == [path]
    with pytest.raises(RuntimeError):
        with atomic_folder(tmp_path / "deeper" / "store", written):
            raise RuntimeError
    assert list(tmp_path.iterdir()) == [path.parent]


def test_the_new_one_is_on_the_disk_before_the_older_one_goes(used, monkeypatch):
    done: list[tuple[str, int]] = []

    def noting(name, real, inode):
        def call(what, *args, **kwargs):
            done.append((name, inode(what, kwargs)))
            return real(what, *args, **kwargs)

        return call

    def stat_of(path, options):
        return os.stat(path, dir_fd=options.get("dir_fd"), follow_symlinks=False).st_ino

    monkeypatch.setattr(os, "fsync", noting("sync", os.fsync, lambda fd, _: os.fstat(fd).st_ino))
    for name in ("rename", "unlink"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name), stat_of))
    older, parent = used.stat().st_ino, used.parent.stat().st_ino
    build(used, keep=True)
    swap = done.index(("rename", older))
    places = [used, used / "empty", used / "parts", *(used / name for name in OURS)]
    assert {("sync", place.stat().st_ino) for place in places} <= set(done[:swap])
    first_gone = [name for name, _ in done].index("unlink")
    assert ("sync", parent) in done[swap:first_gone]


def test_what_the_disk_says_to_it(used, monkeypatch):
    def fsync(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    number = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        build(used, keep=True)
    assert contents(used) == dict.fromkeys(OURS, "old") | OTHERS
    number = errno.EINVAL  # a file system that has no such thing
    build(used, keep=True)
    assert contents(used) == NEW | OTHERS
    assert list(used.parent.iterdir()) == [used]


def test_a_failed_rename_puts_the_older_one_back(used, monkeypatch):
    real = os.rename

    def rename(source, target):
        if Path(source).name.endswith(files._NEW):
            raise OSError("no")
        real(source, target)

    monkeypatch.setattr(files.os, "rename", rename)
    with pytest.raises(OSError, match="no"):
        build(used, keep=True)
    assert contents(used) == dict.fromkeys(OURS, "old") | OTHERS
    assert list(used.parent.iterdir()) == [used]


def test_what_a_kill_left_and_was_made_anew_since(used):
    """Both are kept: folders of one name become one, a file of one name is an error."""
    old = used.with_name(f".{used.name}.0123abcd{files._OLD}")
    used.rename(old)
    fill(used, NEW | {"runs/new.pt": "later", "notes.txt": "later"})
    with pytest.raises(OtherFilesError, match=r"killed left it there, and .*notes.txt is there to"):
        build(used, keep=True)
    (used / "notes.txt").unlink()
    build(used, keep=True)
    assert contents(used) == NEW | OTHERS | {"runs/new.pt": "later"}
    assert list(used.parent.iterdir()) == [used]


@pytest.mark.parametrize("name", [".store.old", ".store.20260101.old", ".store.12.tmp", ".store.x"])
def test_copies_of_others_beside_it_are_not_touched(tmp_path, name):
    build(tmp_path / "store", "old")
    build(tmp_path / name, "copy")
    build(tmp_path / "store")
    assert contents(tmp_path / name) == dict.fromkeys(OURS, "copy")


def test_a_name_with_signs_of_patterns(tmp_path):
    build(tmp_path / "a[1]*", "old")
    (tmp_path / "a[1]*").rename(tmp_path / f".a[1]*.0123abcd{files._OLD}")
    with pytest.raises(RuntimeError):
        with atomic_folder(tmp_path / "a[1]*", written):
            raise RuntimeError
    assert contents(tmp_path / "a[1]*") == dict.fromkeys(OURS, "old")


def test_what_can_be_no_folder(tmp_path, monkeypatch):
    fill(tmp_path, {"file": "mine"})
    for keep in (False, True):
        with pytest.raises(OtherFilesError, match="expected a folder or nothing there"):
            build(tmp_path / "file", keep=keep)
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "here" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "inside")
    for path in (Path(), Path("..")):
        with pytest.raises(OtherFilesError, match="holds the working directory"):
            build(path)
    with pytest.raises(OtherFilesError, match="a disk is mounted"):
        checked_folder("/", written, keep_other_files=True)


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_to_a_folder_is_kept(tmp_path, dangling):
    disk, link = tmp_path / "disk" / "big", tmp_path / "link"
    if not dangling:
        disk.mkdir(parents=True)
    link.symlink_to("disk/big")
    for text in ("old", "new"):
        build(link, text)
        assert os.readlink(link) == "disk/big"
        assert contents(disk) == dict.fromkeys(OURS, text)
    fill(disk, OTHERS)
    with pytest.raises(OtherFilesError, match="disk/big: .*3 other files"):
        build(link)
    build(link, keep=True)
    assert contents(disk) == NEW | OTHERS
    assert {p.name for p in tmp_path.rglob("*") if p.name.startswith(".")} == set()


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_to_a_file_is_kept(tmp_path, dangling):
    target, link = tmp_path / "disk" / "m.pt", tmp_path / "runs" / "m.pt"
    link.parent.mkdir()
    link.symlink_to("../disk/m.pt")
    if not dangling:
        fill(tmp_path, {"disk/m.pt": "old"})
    for text in ("first", "second"):
        with atomic_file(link) as temporary:
            assert temporary.parent == target.parent  # on the disk that it will be on
            temporary.write_text(text)
        assert os.readlink(link) == "../disk/m.pt" and target.read_text() == text
    assert contents(tmp_path) == {"disk/m.pt": "second", "runs/m.pt": "second"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_who_may_read_a_file_and_a_folder_stays(used):
    file = used / "notes.txt"
    for mode in (0o600, 0o640, 0o444):
        file.chmod(mode)
        with atomic_file(file) as temporary:
            temporary.write_text("new")
            assert temporary.stat().st_mode & 0o777 == 0o600
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", mode)
    used.chmod(0o750)
    with atomic_folder(used, written, keep_other_files=True) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        fill(folder, NEW)
    assert used.stat().st_mode & 0o777 == 0o750


def test_what_can_be_no_file(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    for name, told in (
        ("loop", "leads to itself"),
        ("pipe", "expected a file or nothing there"),
        ("folder", "expected a file or nothing there"),
    ):
        with pytest.raises(OtherFilesError, match=told):
            with atomic_file(tmp_path / name):
                raise AssertionError("it has begun")
    assert sorted(tmp_path.iterdir()) == before
