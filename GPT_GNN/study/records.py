"""results.jsonl: one JSON line per finished job, readable after any kill; and who may write it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from GPT_GNN.system.lock import locked

RECORDS = "results.jsonl"
Record = dict[str, Any]


def read_records(out: Path) -> dict[str, Record]:
    """The last record of each job, by its name; none where there is no file.

    A job that was started again after its last record has none: its files are of another run.
    A last line without its end was cut short by a kill: it is left out, with a warning.

    Raises:
        ValueError: another line is no record.
    """
    path = out / RECORDS
    if not path.exists():
        return {}
    lines = path.read_bytes().split(b"\n")
    if lines.pop():
        tqdm.write(f"warning: {path}: the last line was cut short and is left out")
    records = {}
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            records[record["name"]] = record
            if "begun_anew" in record:
                del records[record["name"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number}: expected a JSON record with a name") from error
    return records


def append_record(out: Path, record: Record) -> None:
    """Add a line in one write; a last line that was cut short is cut off before."""
    path = out / RECORDS
    with open(path, "ab+") as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def only_process(out: Path) -> Iterator[int]:
    """Keep other processes from running jobs in a folder; POSIX only.

    Yields the descriptor of the lock (:func:`GPT_GNN.system.lock.locked`). The jobs inherit it, so
    that those which a kill of their parent left behind keep the next one from writing to the same
    files.

    Raises:
        ValueError: another process runs jobs there.
        OSError: the system is none of POSIX.
    """
    if sys.platform == "win32":
        raise OSError("grids of runs need Linux or macOS; --report_only works anywhere")
    with locked(out, "give another --out") as descriptor:
        yield descriptor


def commit_of(root: Path) -> str | None:
    """The commit of a checkout, with ``+`` if its files differ from it; None where there is none.

    Args:
        root: the checkout's topmost folder; another repository around it does not count.
    """

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        top = git("rev-parse", "--show-toplevel")
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except FileNotFoundError:  # no git
        return None
    if not commit or Path(top).resolve() != root.resolve():
        return None
    return commit + "+" * bool(changed)
