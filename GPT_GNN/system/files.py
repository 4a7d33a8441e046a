"""Files and folders that are either whole or not there, and never in place of what others wrote.

They are written under a temporary name, then renamed. A path that is a symbolic link stays one:
what it points to is written.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from GPT_GNN.system.lock import locked

KEEP_OTHER_FILES = "rebuild even if the folder holds files that are not the store's; they stay"
_SHOWN = 10  # files that an error names
# Ends of hidden names that nobody else gives: what is being built; what it replaces, with files of
# others; what is left of that, all of it ours.
_NEW, _OLD, _TRASH = ".gpt_gnn_new", ".gpt_gnn_old", ".gpt_gnn_trash"
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}  # of file systems that cannot

# Folder -> names of the files in it that an earlier output wrote, relative, with /.
Written = Callable[[Path], Collection[str]]


class OtherFilesError(ValueError):
    """Where something is to be written lies what we did not write; it is not replaced."""


def real_path(path: str | os.PathLike[str]) -> Path:
    """Where a path leads: through symbolic links, to what is there or to what would be created.

    Raises:
        OtherFilesError: a link that leads to itself.
    """
    real = Path(os.path.realpath(path))
    if real.is_symlink():
        raise OtherFilesError(f"{path} is a symbolic link that leads to itself")
    return real


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it and rename it to ``path``.

    When the block raises (a full disk, Ctrl-C), the temporary file is removed and whatever stood
    at ``path`` before is untouched. The new file gets the mode of the one that it replaces; while
    it is written, nobody else may read it.

    Raises:
        OtherFilesError: a folder or a device is there.
    """
    path = real_path(path)
    if path.exists() and not path.is_file():
        raise OtherFilesError(f"{path}: expected a file or nothing there, found a folder or device")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.exists():
            temporary.touch(0o600)
        yield temporary
        _sync(temporary)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str], written: Written, keep_other_files: bool = False
) -> Iterator[Path]:
    """The same for a folder: an older one is replaced only once the new one is whole, on the disk.

    Files of others in the older folder are then moved into the new one: nothing but what
    ``written`` names is ever deleted. A kill or a power cut in between leaves the older folder, or
    what is left in it, under a hidden name beside ``path``; the next call puts it back. A lock
    beside ``path`` keeps other processes out meanwhile.

    Args:
        written: what of the older folder may go.
        keep_other_files: go on where it holds other files.

    Raises:
        InUseError: another process writes this folder.
        OtherFilesError: see :func:`checked_folder`; also files that came there in the meantime, or
            that have the name of a new one.
    """
    path = checked_folder(path, written, keep_other_files)
    with alone_at(path):
        _put_back(path, written)
        checked_folder(path, written, keep_other_files)
        temporary = _beside(path, _NEW)
        temporary.mkdir(0o700 if path.exists() else 0o777)
        try:
            yield temporary
            checked_folder(path, written, keep_other_files)
            _sync_all(temporary)
            if path.exists():
                _replace(path, temporary, written)
            else:
                os.rename(temporary, path)
                _sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def alone_at(path: Path, end: str = ".gpt_gnn_lock") -> Iterator[None]:
    """Keep other processes from writing a folder, by a lock in a hidden one beside it.

    Raises InUseError where one does, see :func:`GPT_GNN.system.lock.locked`.

    Args:
        end: of the hidden folder's name; processes of another end do not count.
    """
    lock = path.with_name(f".{path.name}{end}")
    try:
        with locked(lock, "give another folder", path):
            yield
    finally:
        with suppress(OSError):  # the next process has it
            lock.rmdir()  # a kill may have left it


def checked_folder(
    path: str | os.PathLike[str], written: Written, keep_other_files: bool = False
) -> Path:
    """The real folder that :func:`atomic_folder` would write; to ask before long work.

    Raises:
        OtherFilesError: it holds files that ``written`` does not name; or it is a file, where a
            disk is mounted, or the working directory, which would not be there any more.
    """
    path = real_path(path)
    if not path.exists():
        return path
    if not path.is_dir():
        raise OtherFilesError(f"{path}: expected a folder or nothing there, found a file")
    if os.path.ismount(path) or Path.cwd().is_relative_to(path):
        raise OtherFilesError(
            f"{path}: expected a folder that can be replaced, found one that holds the working "
            "directory or is where a disk is mounted; give a folder inside it"
        )
    others = sorted(_files(path) - set(written(path)))
    if others and not keep_other_files:
        shown = ", ".join(others[:_SHOWN])
        more = f" and {len(others) - _SHOWN} more" * (len(others) > _SHOWN)
        raise OtherFilesError(
            f"{path}: expected nothing there but an older store, found {len(others)} other "
            f"file{'s' * (len(others) > 1)}: {shown}{more}. Nothing was replaced: give another "
            "folder, move them, or give --keep_other_files, which leaves them there"
        )
    return path


def _files(folder: Path) -> set[str]:
    """Names of all files and links below a folder, relative, with /."""
    found = set()
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found |= {Path(place, name).relative_to(folder).as_posix() for name in [*files, *links]}
    return found


def _replace(path: Path, temporary: Path, written: Written) -> None:
    """Put a new folder in an older one's place, and move files of others into it."""
    ours = set(written(path))
    taken = [name for name in sorted(_files(path) - ours) if os.path.lexists(temporary / name)]
    if taken:
        raise OtherFilesError(
            f"{path / taken[0]} is to be written, but what is there was written by others; nothing "
            "was replaced: give another folder, or move it"
        )
    shutil.copymode(path, temporary)  # other people's files stay as private as they are
    old = _beside(path, _OLD)
    os.rename(path, old)
    try:
        os.rename(temporary, path)
    except OSError:
        os.rename(old, path)
        raise
    _sync(path.parent)
    _empty_into(old, path, ours)


def _put_back(path: Path, written: Written) -> None:
    """Clean up what a kill left beside ``path``, and put an older folder back in its place."""
    for end in (_NEW, _TRASH):
        for left in _left(path, end):
            shutil.rmtree(left, ignore_errors=True)
    for old in _left(path, _OLD):
        if path.exists():
            _empty_into(old, path, written(old))
        else:
            os.rename(old, path)


def _beside(path: Path, end: str) -> Path:
    """A new hidden name, see :func:`_left`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{end}")


def _left(path: Path, end: str) -> list[Path]:
    """The hidden names with this end, of :func:`_beside`, that exist."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}{re.escape(end)}")
    return [entry for entry in path.parent.iterdir() if name.fullmatch(entry.name)]


def _empty_into(old: Path, path: Path, ours: Collection[str]) -> None:
    """Move what others wrote from a folder into another, and delete the rest: what is ours.

    The rest is renamed first: after a kill halfway nobody could tell it from other people's files.
    """
    for name in list(_others(old, ours)):
        _move(old / name, path / name)
    trash = _beside(path, _TRASH)
    os.rename(old, trash)
    _sync(path.parent)
    shutil.rmtree(trash, ignore_errors=True)


def _others(folder: Path, ours: Collection[str], within: str = "") -> Iterator[str]:
    """Names of the topmost entries with nothing of ours in them."""
    for entry in folder.iterdir():
        name = f"{within}{entry.name}"
        if entry.is_symlink() or not entry.is_dir():
            if name not in ours:
                yield name
        elif any(file.startswith(f"{name}/") for file in ours):
            yield from _others(entry, ours, f"{name}/")
        else:
            yield name


def _move(source: Path, target: Path) -> None:
    """Rename, into a folder of the same name if there is one; nothing is written over."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(target):
        os.rename(source, target)
    elif source.is_dir() and target.is_dir() and not (source.is_symlink() or target.is_symlink()):
        for entry in list(source.iterdir()):
            _move(entry, target / entry.name)
        source.rmdir()
    else:
        raise OtherFilesError(
            f"{source}: a build that was killed left it there, and {target} is there too; "
            "move one of the two"
        )


def _sync_all(folder: Path) -> None:
    """Flush a folder with all that is in it to the disk, so that a power cut cannot take it."""
    for place, _, files in os.walk(folder):
        for name in [*files, ""]:
            _sync(Path(place, name))


def _sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk, where the system can."""
    if sys.platform == "win32" and path.is_dir():
        return
    # Windows flushes only files that are open for writing.
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
