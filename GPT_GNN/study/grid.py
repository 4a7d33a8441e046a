"""Jobs that need each other: run as processes, many at a time, each once."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from GPT_GNN.study.job import Job, finished
from GPT_GNN.study.progress import Progress
from GPT_GNN.study.records import Record, append_record, commit_of, only_process, read_records
from GPT_GNN.study.run import read_run
from GPT_GNN.system.children import ROOT, Process, run_scripts, start_script
from GPT_GNN.system.runner import INTERRUPTED
from GPT_GNN.system.runtime import versions


def run_jobs(jobs: Sequence[Job], out: Path, scripts: Path, n_jobs: int) -> list[str]:
    """Run what is not finished, in order, each job as soon as what it needs is there; POSIX only.

    A finished job has a line in ``<out>/results.jsonl`` and is skipped, unless its command or its
    inputs changed, or what it needs was run again. An interrupted one goes on from its checkpoint
    if command, needs and code are the same, else it starts again. What a job prints is kept in
    ``<out>/logs/``, and shown if it fails; then those that need it are left out.

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
    # Needs come first.
    for number, job in enumerate(jobs):
        unknown = set(job.needs) - {before.name for before in jobs[:number]}
        if unknown:
            raise ValueError(f"{job.name} needs {sorted(unknown)}, expected jobs before it")
    # What has ended before, what runs, what failed: begin and ended move jobs from one to the next.
    running: dict[Process, _Attempt] = {}
    failed: list[str] = []
    with only_process(out) as lock:
        records = read_records(out)
        done = finished(jobs, records)
        progress = Progress(jobs, done, failed, n_jobs)

        def seconds() -> dict[str, float]:
            return {attempt.job.name: attempt.seconds for attempt in running.values()}

        def begin() -> Iterator[Process]:
            progress.show(seconds())
            taken = {*done, *failed, *seconds()}
            ready = [j for j in jobs if j.name not in taken and done.keys() >= {*j.needs}]
            for job in ready[: n_jobs - len(running)]:
                basis = job.basis(done) | {"commit": commit_of(ROOT)}
                if job.name in records:  # the run that it is of is about to be written over
                    append_record(out, {"name": job.name, "begun_anew": _now()})
                attempt = _Attempt(job, basis, out, scripts, lock)
                running[attempt.process] = attempt
                yield attempt.process

        def ended(process: Process, peak_mb: float | None) -> None:
            attempt = running.pop(process)
            name, record = attempt.job.name, attempt.record(peak_mb)
            if record is None:
                failed.extend(lost for lost in _lost(jobs, name) if lost not in failed)
                return
            append_record(out, record)
            if attempt.job.folder:  # most of what a run leaves, and for resuming only
                (out / attempt.job.folder / "checkpoint.pt").unlink(missing_ok=True)
            done[name] = record
            progress.say(name, seconds())

        try:
            run_scripts(begin, ended, "the same command goes on from here")
        finally:
            progress.close()
    return failed


def _lost(jobs: Sequence[Job], name: str) -> list[str]:
    """A job that failed and those that need it, directly or not."""
    lost = [name]
    for job in jobs:
        lost += [job.name] * any(need in lost for need in job.needs)
    return lost


class _Attempt:
    """A job that runs.

    Args:
        basis: what its result will rest on. It is kept, so that the next process can tell whether
            what it finds half done is of the same run.
        lock: descriptor that the script inherits, see :func:`only_process`.
    """

    def __init__(
        self, job: Job, basis: dict[str, Any], out: Path, scripts: Path, lock: int
    ) -> None:
        self.job, self._basis, self._folder = job, basis, out / job.folder
        logs = out / "logs"
        logs.mkdir(exist_ok=True)
        self._marker, self._log = logs / f"{job.name}.json", logs / f"{job.name}.log"
        is_run = job.kind != "preprocess"
        self._resumed = is_run and _read(self._marker) == basis
        self._marker.write_text(json.dumps(basis), encoding="utf-8")
        script, *words = shlex.split(job.command)
        words[:0] = [str(scripts / script)] if script.endswith(".py") else ["-m", "GPT_GNN", script]
        for flag, path in job.places.items():
            words += filter(None, [flag, str(out / path)])
        # What an earlier run of the job left in its place is written over.
        words += ["--overwrite" if is_run else "--keep_other_files"] + ["--resume"] * self._resumed
        with open(self._log, "a" if self._resumed else "w", encoding="utf-8") as log:
            self.process = start_script(words, log, [lock])
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self._started

    def record(self, peak_mb: float | None) -> Record | None:
        """What results.jsonl keeps of it; None, with its output on the screen, if it failed."""
        job, seconds, status = self.job, round(self.seconds, 1), self.process.returncode
        found, reason = None, f"status {status}"
        if status == 0:
            try:
                found = read_run(job.kind, self._folder) if job.folder else {"versions": versions()}
            except (ValueError, OSError, LookupError) as error:
                reason = f"no result ({error})"
        if found is not None:
            return {
                **{"name": job.name, "kind": job.kind, "labels": dict(job.labels)},
                **{"seed": job.seed, "folder": job.folder},
                **self._basis,
                "seconds": seconds,
                "resumed": self._resumed,
                "peak_mb": peak_mb and round(peak_mb),
                **found,
                "finished": _now(),
            }
        # After a signal (memory ran out, the system went down) the next call resumes; not after
        # another failure.
        if 0 <= status != INTERRUPTED:
            self._marker.unlink()
        log = self._log.read_text(encoding="utf-8", errors="replace")
        tqdm.write(f"failed: {job.name}: {job.command}\n{log}{reason}")
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # never started, or killed while it was written
        return None
