"""One process at a time in a folder: a file that says who, locked by the system while they live."""

from __future__ import annotations

import io
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

NAME = "lock"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux only
_BEHIND_THE_TEXT = 2**30  # Windows keeps others from reading the bytes that it locks
_TRIES = 100  # to open a file in a folder that others remove and create


class InUseError(ValueError):
    """Another process is at work in the folder."""


@contextmanager
def locked(folder: Path, instead: str, name: Path | None = None) -> Iterator[int]:
    """Keep other processes out of a folder while the block runs; gives the lock's descriptor.

    The folder is created if needed, and removed again if nothing was put in. Its file ``lock`` says
    who is at work: process, host, since when, command. The system releases the lock when the
    process ends, even by ``kill -9``; the next process says so and takes the file over. Processes
    that inherit the descriptor hold the lock as well.

    On a file system without locks the file alone counts. It is stale if its process ran on this
    host and is gone, or is of an earlier boot. For another host the error says which file to
    delete once that process is gone.

    Args:
        instead: what the user can do, e.g. ``give another --task_name``.
        name: what messages say is in use, where that is not the folder of the lock.

    Raises:
        InUseError: another process is at work there; says which.
        ValueError: a link that leads nowhere is in the way.
        OSError: the folder cannot be written to.
    """
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    path = folder / NAME
    try:
        file = _acquire(path, instead, folder if name is None else name)
        try:
            yield file.fileno()
        finally:
            _release(file, path)
    finally:
        with suppress(OSError):  # something was put in
            for new in created:
                new.rmdir()


def _acquire(path: Path, instead: str, name: Path) -> io.FileIO:
    """The lock file, open, locked and with our line in it."""
    while True:
        file, free = _open(path), False
        try:
            holder = _holder(file)
            by_system = _system_lock(file)
            free = by_system if by_system is not None else holder is None or _is_gone(holder)
            if free and not _is_at(file, path):  # the process before has just removed it
                file.close()
                continue
            if free and holder is not None:
                tqdm.write(f"{name}: {_shown(holder)} is gone, its lock is taken over")
            if free and (by_system or holder is not None):
                file.truncate(0)
            if free:
                file.write(json.dumps(_ourselves()).encode() + b"\n")
                holder = _holder(file)  # without locks another may have been first
                free = holder is not None and holder["pid"] == os.getpid()
            if not free:
                last = f"; if it is gone, delete {path}" if by_system is None else ""
                left = holder is not None and _is_gone(holder)  # its jobs have inherited the lock
                gone = " (which is gone, but what it started still runs)" if left else ""
                raise InUseError(
                    f"{name} is in use by {_shown(holder)}{gone}. Wait for it, or {instead}{last}"
                )
            return file
        except BaseException:
            if free:  # a full disk
                _release(file, path)
            file.close()
            raise


def _release(file: io.FileIO, path: Path) -> None:
    if sys.platform == "win32":  # where no open file can be removed
        file.close()
        with suppress(OSError):  # the next process has opened it
            path.unlink()
    else:  # the other way round, or the next process's file would go
        with suppress(FileNotFoundError):
            path.unlink()
        file.close()


def _open(path: Path) -> io.FileIO:
    """The lock file, open; it and its folder are created where they are missing."""
    tries = 0
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return io.FileIO(path, "a+")
        except (FileNotFoundError, FileExistsError):  # the process before removes the folder
            tries += 1
            if tries < _TRIES:
                continue
            for place in (path, *path.parents):
                if place.is_symlink() and not place.exists():
                    kind = "file" if place == path else "folder"
                    raise ValueError(
                        f"{place}: expected a {kind} or nothing there, found a symbolic link that "
                        "leads nowhere; delete it"
                    ) from None
            raise


def _system_lock(file: io.FileIO) -> bool | None:
    """Lock a file if nobody else has; whether it is ours now, or None where there are no locks."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(_BEHIND_THE_TEXT)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(file: io.FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _ourselves() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "boot": _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "",
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": " ".join(shlex.join(sys.orig_argv).split()),  # on one line
    }


def _holder(file: io.FileIO) -> dict[str, Any] | None:
    """The record in the first line; None where nobody has written one."""
    file.seek(0)
    try:
        record = json.loads(file.readline())
    except ValueError:
        return None
    return record if isinstance(record, dict) and {*_ourselves()} <= {*record} else None


def _is_gone(holder: dict[str, Any]) -> bool:
    """Whether the process has ended, as far as this host can tell."""
    ours = _ourselves()
    if holder["host"] != ours["host"]:
        return False
    return holder["boot"] != ours["boot"] or not _is_running(holder["pid"])


def _is_running(pid: int) -> bool:
    if sys.platform == "win32":  # where signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _shown(holder: dict[str, Any] | None) -> str:
    if holder is None:
        return "another process"
    return "process {pid} on {host}, since {since}: {command}".format(**holder)
