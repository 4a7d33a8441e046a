"""How far the jobs of a grid are, and how long they will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tqdm import tqdm


class Timed(Protocol):
    """A job as far as its time goes."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def expected(self) -> float:
        """Seconds that it is declared to take."""


class Progress:
    """A bar over jobs of different lengths, and a line for each that ends.

    What is left is what was declared for it, times how the finished jobs of its kind compare with
    what was declared for them (or all jobs, while there is none of its kind).

    Args:
        jobs: all of them.
        done: records of the finished ones by name; the caller adds to it.
        lost: names of those that will not run; the caller adds to it.
        n_jobs: jobs at a time.
    """

    def __init__(
        self,
        jobs: Sequence[Timed],
        done: Mapping[str, dict[str, Any]],
        lost: Sequence[str],
        n_jobs: int,
    ) -> None:
        self._jobs, self._done, self._lost, self._n_jobs = jobs, done, lost, n_jobs
        left = f"about {duration(self.seconds_left({}))} left with {n_jobs} at a time"
        tqdm.write(f"{len(jobs)} jobs, {len(done)} of them finished before; {left}")
        self._bar = tqdm(
            total=len(jobs),
            initial=len(done),
            disable=None,
            bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} jobs{postfix}",
        )

    def seconds_left(self, running: Mapping[str, float]) -> float:
        """Until all are finished.

        Args:
            running: name -> seconds since its start.
        """
        scale = self._scales()
        left = {
            job.name: max(0.0, job.expected * scale[job.kind] - running.get(job.name, 0.0))
            for job in self._jobs
            if job.name not in self._done and job.name not in self._lost
        }
        longest = max((left[name] for name in running if name in left), default=0.0)
        return max(sum(left.values()) / self._n_jobs, longest)

    def _scales(self) -> dict[str, float]:
        """By kind: seconds taken per second declared."""
        # Of a resumed run only the last part was timed.
        whole = [
            job for job in self._jobs if job.name in self._done and not self._resumed(job.name)
        ]
        kinds = {job.kind for job in self._jobs}
        return {
            kind: self._ratio([job for job in whole if job.kind == kind] or whole) for kind in kinds
        }

    def _resumed(self, name: str) -> bool:
        return bool(self._done[name]["resumed"])

    def _ratio(self, jobs: Sequence[Timed]) -> float:
        declared = sum(job.expected for job in jobs)
        return sum(self._done[job.name]["seconds"] for job in jobs) / declared if declared else 1.0

    def say(self, name: str, running: Mapping[str, float]) -> None:
        """Print the line of a job that has ended."""
        tqdm.write(
            f"{len(self._done)}/{len(self._jobs)} {name}: "
            f"{duration(self._done[name]['seconds'])}; "
            f"about {duration(self.seconds_left(running))} left"
        )

    def show(self, running: Mapping[str, float]) -> None:
        """Bring the bar up to date."""
        self._bar.n = len(self._done)
        self._bar.set_postfix_str(f"about {duration(self.seconds_left(running))} left")

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


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
