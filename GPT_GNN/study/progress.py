"""How far the jobs of a grid are, and how long they will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from GPT_GNN.study.job import Job, finished, outdated
from GPT_GNN.study.records import Record, read_records

_SHOWN = 10  # jobs whose reason is printed


class Progress:
    """A bar over jobs of different lengths, and a line for each that ends.

    What is left is what was declared for it, times how the finished jobs of its kind compare with
    what was declared for them (or all jobs, while there is none of its kind).

    Args:
        done: records of the finished jobs by name; the caller adds to it.
        lost: names of those that will not run; the caller adds to it.
        n_jobs: jobs at a time.
    """

    def __init__(
        self, jobs: Sequence[Job], done: Mapping[str, Record], lost: Sequence[str], n_jobs: int
    ) -> None:
        self._jobs, self._done, self._lost, self._n_jobs = jobs, done, lost, n_jobs
        before = f"{len(jobs)} jobs, {len(done)} of them finished before"
        tqdm.write(f"{before}; {self._left({})} with {n_jobs} at a time")
        self._bar = tqdm(
            total=len(jobs),
            initial=len(done),
            disable=None,
            bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} jobs{postfix}",
        )

    def seconds_left(self, running: Mapping[str, float]) -> float:
        """Until all are finished; ``running``: name -> seconds since its start."""
        scale = {kind: self._scale(kind) for kind in {job.kind for job in self._jobs}}
        left = {
            job.name: max(0.0, job.expected * scale[job.kind] - running.get(job.name, 0.0))
            for job in self._jobs
            if job.name not in self._done and job.name not in self._lost
        }
        longest = max((left[name] for name in running if name in left), default=0.0)
        return max(sum(left.values()) / self._n_jobs, longest)

    def _scale(self, kind: str) -> float:
        """Seconds taken per second declared."""
        done = [(job, self._done[job.name]) for job in self._jobs if job.name in self._done]
        # Of a resumed run only the last part was timed.
        times = [(job, record["seconds"]) for job, record in done if not record["resumed"]]
        times = [(job, seconds) for job, seconds in times if job.kind == kind] or times
        declared = sum(job.expected for job, _ in times)
        return sum(seconds for _, seconds in times) / declared if declared else 1.0

    def _left(self, running: Mapping[str, float]) -> str:
        return f"about {duration(self.seconds_left(running))} left"

    def say(self, name: str, running: Mapping[str, float]) -> None:
        """Print the line of a job that has ended."""
        took = duration(self._done[name]["seconds"])
        tqdm.write(f"{len(self._done)}/{len(self._jobs)} {name}: {took}; {self._left(running)}")

    def show(self, running: Mapping[str, float]) -> None:
        """Bring the bar up to date."""
        self._bar.n = len(self._done)
        self._bar.set_postfix_str(self._left(running))

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def status(out: Path, jobs: Sequence[Job]) -> list[str]:
    """Lines that say which finished jobs stay and which are run again, and why."""
    records = read_records(out)
    known, again = finished(jobs, records), outdated(jobs, records)
    if not known and not again:
        return []
    reasons = [f"  {name}: {why}" for name, why in again.items() if why]
    more = len(reasons) - _SHOWN
    reasons[_SHOWN:] = [f"  and {more} more"] if more > 0 else []
    dependent = sum(not why for why in again.values())
    reasons += [f"  {dependent} more that depend on these"] if dependent else []
    first = len(jobs) - len(known) - len(again)
    counts = f"finished: {len(known)} of {len(jobs)} jobs; to run: {first}; to run again: "
    return [f"{counts}{len(again)}{':' if again else ''}", *reasons]


def duration(seconds: float) -> str:
    """Seconds for a person: 43 s, 12 min, 2 h 5 min, 3 days 4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days {hours % 24} h"
