"""What a run leaves behind: JSON lines for a program, lines on the console for a person."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from GPT_GNN.system.files import atomic_file


class Logger:
    """Where a run writes its numbers. By default a method does nothing."""

    def record(self, **values: Any) -> None:
        """The numbers of a step, of a validation or of the end of a run: JSON-ready values."""

    def say(self, line: str) -> None:
        """One line for a person."""

    def flush(self) -> None:
        """Make what was written durable; called before a checkpoint that counts on it."""

    def close(self) -> None:
        """The end of the run."""


class Loggers(Logger):
    """Several loggers as one, e.g. :class:`JsonLines` and :class:`Console`."""

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self.loggers = loggers

    def record(self, **values: Any) -> None:
        for logger in self.loggers:
            logger.record(**values)

    def say(self, line: str) -> None:
        for logger in self.loggers:
            logger.say(line)

    def flush(self) -> None:
        for logger in self.loggers:
            logger.flush()

    def close(self) -> None:
        for logger in self.loggers:
            logger.close()


class Console(Logger):
    """Lines for a person, above the progress bar."""

    def say(self, line: str) -> None:
        tqdm.write(line)


class JsonLines(Logger):
    """``metrics.jsonl`` and ``config.json`` of a run's folder.

    Args:
        folder: created if needed.
        config: written to ``config.json``.
        resume_step: None for a new run (an older ``metrics.jsonl`` is replaced); else steps after
            it are dropped, since the resumed run writes them again.
    """

    def __init__(self, folder: Path, config: dict[str, Any], resume_step: int | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.jsonl"
        with atomic_file(folder / "config.json") as temporary:
            temporary.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        kept = []
        if resume_step is not None and self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step(line) <= resume_step]
        with atomic_file(self.path) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        self._file = open(self.path, "a", encoding="utf-8")

    def record(self, **values: Any) -> None:
        self._file.write(json.dumps(values) + "\n")

    def flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self.flush()
        self._file.close()


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # a line cut short by a kill is written again
        return float("inf")
