"""Files and folders: whole or not there, through links, and never in place of what others wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from GPT_GNN import files
from GPT_GNN.files import OtherFilesError, atomic_file, atomic_folder, checked_folder

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


def killed_at(monkeypatch, number: int) -> None:
    """From some rename on, this process does nothing more."""
    done = []

    def rename(source, target, real=os.rename):
        done.append(source)
        if len(done) >= number:
            raise SystemExit("killed")
        real(source, target)

    monkeypatch.setattr(files.os, "rename", rename)


@pytest.mark.parametrize("number", range(1, 7))
def test_a_kill_loses_nothing(used, monkeypatch, number):
    with monkeypatch.context() as patched:
        killed_at(patched, number)
        with pytest.raises(SystemExit):
            build(used, keep=True)
            raise SystemExit("as late as can be")
    everything = [text for place in used.parent.iterdir() for text in contents(place).values()]
    assert {text for text in everything if text not in ("old", "new")} == set(OTHERS.values())
    assert contents(used) or number == 2  # between the two renames there is none
    checked_folder(used, written, keep_other_files=True)  # puts back what it left
    kept = {name: text for name, text in contents(used).items() if name not in OURS}
    assert kept == OTHERS
    with pytest.raises(OtherFilesError, match="3 other files"):
        build(used)
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
    checked_folder(tmp_path / "a[1]*", written)
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
