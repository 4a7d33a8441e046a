"""Jobs that need each other: run as processes, many at a time, each once."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from GPT_GNN.study.progress import Progress
from GPT_GNN.study.records import Record, append_record, commit_of, only_process, read_records
from GPT_GNN.study.results import read_metrics, test_result
from GPT_GNN.system.children import ROOT, start_script, stop_script
from GPT_GNN.system.runner import INTERRUPTED, Interrupted, StopSignal
from GPT_GNN.system.runtime import versions

_POLL = 0.1  # seconds between two looks at the running jobs


@dataclass(frozen=True)
class Job:
    """One call of a script.

    Attributes:
        name: distinct, fit for a file's name.
        kind: ``preprocess``, ``pretrain`` or ``finetune``.
        command: script and flags: what its result depends on.
        places: flag -> path, relative to the folder of the jobs, or absolute.
        folder: of its metrics.jsonl and config.json, relative; empty for none.
        needs: names of jobs that must be finished before.
        labels: what it is, for the tables.
        seed: of the run; None where it has none.
        expected: seconds that it is declared to take, for the time left.
        inputs: name -> checksum of the raw files that it reads; None where nobody looked.
    """

    name: str
    kind: str
    command: str
    places: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    needs: tuple[str, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    expected: float = 1.0
    inputs: Mapping[str, str] | None = None

    @property
    def resumable(self) -> bool:
        """Whether its script has ``--resume``."""
        return self.kind != "preprocess"

    @property
    def anew(self) -> list[str]:
        """Flags of a start over what an earlier run of the job left in its place."""
        return ["--keep_other_files" if self.kind == "preprocess" else "--overwrite"]


def finished(jobs: Sequence[Job], records: Mapping[str, Record]) -> dict[str, Record]:
    """The records that hold, by name: of the same command and inputs, and of the runs it needs now.

    Args:
        jobs: what a job needs comes before it.
    """
    holds: dict[str, Record] = {}
    for job in jobs:
        if job.name in records and not _outdated(job, records[job.name], holds):
            holds[job.name] = records[job.name]
    return holds


def outdated(jobs: Sequence[Job], records: Mapping[str, Record]) -> dict[str, str]:
    """The finished jobs whose record does not hold any more, and why: they are run again.

    Returns:
        Name -> the reason; empty where a run that it needs is the reason.
    """
    holds = finished(jobs, records)
    return {
        job.name: _difference(job, records[job.name])
        for job in jobs
        if job.name in records and job.name not in holds
    }


def _outdated(job: Job, record: Record, holds: Mapping[str, Record]) -> bool:
    if _difference(job, record) or any(name not in holds for name in job.needs):
        return True
    return bool(record["needs"] != _basis(job, holds)["needs"])


def _difference(job: Job, record: Record) -> str:
    """In what command and inputs of a finished job are others than those of a job."""
    was, now = _flags(record["command"]), _flags(job.command)
    if record["command"] != job.command:
        old = [flag for flag in was if flag not in now] or ["without"]
        new = [flag for flag in now if flag not in was] or ["without"]
        return f"{' '.join(new)}, was {' '.join(old)}"
    # An older version did not look at the files.
    read, found = record.get("inputs"), job.inputs
    if read is not None and found is not None and read != found:
        names = sorted(name for name in {*read, *found} if read.get(name) != found.get(name))
        return f"other input files: {', '.join(names)}"
    return ""


def _flags(command: str) -> list[str]:
    """A command's script and flags, each with its values."""
    return [part.strip() for part in command.replace(" --", "\0--").split("\0")]


def _basis(job: Job, done: Mapping[str, Record]) -> dict[str, Any]:
    """What a result rests on: its command, its inputs, which runs of the jobs that it needs."""
    needs = {name: done[name]["finished"] for name in job.needs}
    inputs = None if job.inputs is None else dict(job.inputs)
    return {"command": job.command, "inputs": inputs, "needs": needs}


def run_jobs(jobs: Sequence[Job], out: Path, scripts: Path, n_jobs: int) -> list[str]:
    """Run what is not finished, in order, each job as soon as what it needs is there; POSIX only.

    A finished job has a line in ``<out>/results.jsonl`` and is skipped, unless its command or its
    inputs are others now or what it needs was run anew. An interrupted one goes on from its
    checkpoint if command, needs and code are the same, or else starts anew. What a job prints is
    kept in ``<out>/logs/``, and shown if it fails; then those that need it are left out.

    Args:
        jobs: what a job needs comes before it.
        scripts: folder of the scripts.
        n_jobs: jobs at a time, one thread each.

    Returns:
        Names of the jobs that failed or were left out.

    Raises:
        ValueError: a need that is no job before it; or another process runs jobs in ``out``.
        Interrupted: after Ctrl-C, SIGTERM or SIGHUP, once the running jobs have stopped.
    """
    for number, job in enumerate(jobs):
        unknown = set(job.needs) - {before.name for before in jobs[:number]}
        if unknown:
            raise ValueError(f"{job.name} needs {sorted(unknown)}, expected jobs before it")
    running: list[_Running] = []
    failed: list[str] = []
    with only_process(out) as lock, StopSignal() as stop:
        records = read_records(out)
        done = finished(jobs, records)
        progress = Progress(jobs, done, failed, n_jobs)
        try:
            while not stop.raised:
                taken = {*done, *failed, *(one.job.name for one in running)}
                for job in _ready(jobs, taken, done)[: n_jobs - len(running)]:
                    basis = _basis(job, done) | {"commit": commit_of(ROOT)}
                    if job.name in records:  # the run that it is of is about to be written over
                        append_record(out, {"name": job.name, "begun_anew": _now()})
                    running.append(_Running(job, basis, out, scripts, lock))
                if not running:
                    break
                time.sleep(_POLL)
                for one in [one for one in running if one.ended()]:
                    running.remove(one)
                    record = one.record()
                    times = {other.job.name: other.seconds for other in running}
                    if record is None:
                        lost = _lost(jobs, one.job.name)
                        failed += [name for name in lost if name not in failed]
                    else:
                        append_record(out, record)
                        one.tidy()
                        done[one.job.name] = record
                        progress.say(one.job.name, times)
                progress.show({one.job.name: one.seconds for one in running})
        finally:
            for one in running:
                stop_script(one.process)
            for one in running:
                one.process.wait()
            progress.close()
    if stop.raised:
        raise Interrupted("the same command goes on from here")
    return failed


def _ready(jobs: Sequence[Job], taken: Collection[str], done: Mapping[str, Record]) -> list[Job]:
    return [j for j in jobs if j.name not in taken and all(name in done for name in j.needs)]


def _lost(jobs: Sequence[Job], name: str) -> list[str]:
    """A job that failed and those that need it, directly or not."""
    lost = [name]
    for job in jobs:
        lost += [job.name] * any(need in lost for need in job.needs)
    return lost


class _Running:
    """A job's process.

    Args:
        basis: what its result will rest on; a marker of it tells the next process whether what it
            finds half done is of the same run.
        lock: descriptor that the process inherits, see :func:`only_process`.
    """

    def __init__(
        self, job: Job, basis: dict[str, Any], out: Path, scripts: Path, lock: int
    ) -> None:
        self.job, self._basis, self._out = job, basis, out
        logs = out / "logs"
        logs.mkdir(exist_ok=True)
        self._marker, self._log = logs / f"{job.name}.json", logs / f"{job.name}.log"
        self._resumed = job.resumable and _read(self._marker) == basis
        self._marker.write_text(json.dumps(basis), encoding="utf-8")
        script, *flags = shlex.split(job.command)
        for flag, path in job.places.items():
            flags += [flag, str(out / path)]
        flags += job.anew + ["--resume"] * self._resumed
        self._started = time.monotonic()
        self._peak_mb: float | None = None
        with open(self._log, "a" if self._resumed else "w", encoding="utf-8") as log:
            self.process = start_script([str(scripts / script), *flags], log, [lock])

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self._started

    @property
    def _was_stopped(self) -> bool:
        """Whether it ended by a signal, for want of memory or as the system went down."""
        return self.process.returncode < 0 or self.process.returncode == INTERRUPTED

    def ended(self) -> bool:
        """Whether it has; notes the memory that it took."""
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if not pid:
            return False
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self._peak_mb = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        return True

    def record(self) -> Record | None:
        """What results.jsonl keeps of it; None, with its output on the screen, if it failed."""
        reason = f"status {self.process.returncode}"
        if self.process.returncode == 0:
            try:
                return self._record()
            except (ValueError, OSError, LookupError) as error:
                reason = f"no result ({error})"
        if not self._was_stopped:
            self._marker.unlink()  # what it left is not to be resumed
        log = self._log.read_text(encoding="utf-8", errors="replace")
        tqdm.write(f"failed: {self.job.name}: {self.job.command}\n{log}{reason}")
        return None

    def tidy(self) -> None:
        """Remove the last state of training, most of what a run leaves: it is for resuming only."""
        if self.job.folder:
            (self._out / self.job.folder / "checkpoint.pt").unlink(missing_ok=True)

    def _record(self) -> Record:
        seconds, folder = self.seconds, self._out / self.job.folder
        result = _read_run(self.job.kind, folder) if self.job.folder else {"versions": versions()}
        return {
            "name": self.job.name,
            "kind": self.job.kind,
            "labels": dict(self.job.labels),
            "seed": self.job.seed,
            "folder": self.job.folder,
            **self._basis,
            "seconds": round(seconds, 1),
            "resumed": self._resumed,
            "peak_mb": self._peak_mb and round(self._peak_mb),
            **result,
            "finished": _now(),
        }


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # never started, or killed while it was written
        return None


def _read_run(kind: str, folder: Path) -> dict[str, Any]:
    """Settings, steps and result of a finished run: of pre-training its best validation.

    Raises:
        ValueError: a result is NaN or infinite, which would pass for any p-value.
    """
    config = _read(folder / "config.json")
    lines = read_metrics(folder)
    if kind == "finetune":
        metrics = test_result(folder)
    else:
        valid = [x for x in lines if x["split"] == "valid"]
        scored = all("score" in x for x in valid)
        metrics = max(valid, key=lambda x: x["score"]) if scored else valid[-1]
    for name, value in metrics.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
    return {
        "metrics": {name: value for name, value in metrics.items() if name != "split"},
        "steps": max(x["step"] for x in lines if x["split"] == "train"),
        "versions": config.pop("versions"),
        "config": {name: value for name, value in config.items() if name != "places"},
    }
