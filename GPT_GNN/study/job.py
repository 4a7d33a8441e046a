"""One call of a script, and which finished ones still hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from GPT_GNN.study.records import Record


@dataclass(frozen=True)
class Job:
    """One call of a script.

    Attributes:
        name: distinct, fit for a file's name.
        kind: ``preprocess``, ``pretrain`` or ``finetune``.
        command: script (a ``.py`` file, or a command of the package) and flags: what its result
            depends on.
        places: flag (empty: a positional argument) -> path, absolute or in the folder of the jobs.
        folder: of its metrics.jsonl and config.json, relative; empty for none.
        needs: names of jobs that must be finished before.
        labels: what it is, for the tables.
        seed: of the run; None where it has none.
        expected: seconds that it is declared to take, for the time left.
        inputs: name -> checksum of the raw files that it reads; None where they were not read.
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

    def basis(self, done: Mapping[str, Record]) -> dict[str, Any]:
        """What a result rests on: command, inputs, and which runs of the jobs that it needs.

        Args:
            done: records by name; those of its needs are among them.
        """
        needs = {name: done[name]["finished"] for name in self.needs}
        inputs = None if self.inputs is None else dict(self.inputs)
        return {"command": self.command, "inputs": inputs, "needs": needs}

    def difference(self, record: Record) -> str:
        """How command and inputs differ from those of an earlier run; empty where they do not."""
        if record["command"] != self.command:
            was, now = _flags(record["command"]), _flags(self.command)
            old = [flag for flag in was if flag not in now] or ["without"]
            new = [flag for flag in now if flag not in was] or ["without"]
            return f"{' '.join(new)}, was {' '.join(old)}"
        # An older version did not look at the files.
        read, found = record.get("inputs"), self.inputs
        if read is not None and found is not None and read != found:
            names = sorted(name for name in {*read, *found} if read.get(name) != found.get(name))
            return f"other input files: {', '.join(names)}"
        return ""


def _flags(command: str) -> list[str]:
    """A command's script and flags, each with its values."""
    return [part.strip() for part in command.replace(" --", "\0--").split("\0")]


def finished(jobs: Sequence[Job], records: Mapping[str, Record]) -> dict[str, Record]:
    """The records that hold, by name: of the same command and inputs, and of the runs it needs now.

    Args:
        jobs: what a job needs comes before it.
    """
    holds: dict[str, Record] = {}
    for job in jobs:
        record = records.get(job.name)
        if record is None or job.difference(record) or not holds.keys() >= {*job.needs}:
            continue
        if record["needs"] == job.basis(holds)["needs"]:
            holds[job.name] = record
    return holds


def outdated(jobs: Sequence[Job], records: Mapping[str, Record]) -> dict[str, str]:
    """Jobs to run again -> why their record does not hold; empty: a run that one needs changed."""
    holds = finished(jobs, records)
    return {
        job.name: job.difference(records[job.name])
        for job in jobs
        if job.name in records and job.name not in holds
    }
