"""What the benchmarks share: runs in turn, medians, memory, the JSON line."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from GPT_GNN.system.runtime import versions


def interleaved(
    functions: dict[str, Callable[[], object]], runs: int, warm_up: int
) -> dict[str, float]:
    """Median seconds of each function; they run in turn, so that all meet the same machine.

    Args:
        runs: rounds that count, >= 1.
        warm_up: rounds before them that do not (compilation, page cache).
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for step in range(warm_up + runs):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if step >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def line(
    benchmark: str,
    reference: str | None,
    reference_s: float | None,
    ours_s: float | None,
    runs: int,
    **extra: Any,
) -> dict[str, Any]:
    """The record of one comparison; ``peak_mb`` is :func:`anonymous_mb` unless given in extra."""
    ratio = reference_s / ours_s if reference_s and ours_s else None
    return {
        "benchmark": benchmark,
        "reference": reference,
        "reference_s": _digits(reference_s),
        "ours_s": _digits(ours_s),
        "ratio": _digits(ratio),
        "peak_mb": round(anonymous_mb()),
        "runs": runs,
        **extra,
        "machine": machine(),
        "versions": versions(),
    }


def show(record: dict[str, Any]) -> None:
    """Print a record as one JSON line, at once."""
    print(json.dumps(record), flush=True)


def anonymous_mb() -> float:
    """``RssAnon`` of this process in MB: mapped files do not count. 0 where Linux is not there."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(x.split()[1]) / 1024 for x in lines if x.startswith("RssAnon")), 0.0)


class PeakMemory:
    """The largest :func:`anonymous_mb` while a ``with`` block runs, seen every few milliseconds.

    Attributes:
        mb: the peak so far.
    """

    def __init__(self, every: float = 0.01) -> None:
        self.every = every
        self.mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            self._look()

    def _look(self) -> None:
        self.mb = max(self.mb, anonymous_mb())


def machine() -> str:
    """Processor and number of processors this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name or platform.machine()}, {usable} processors"


def _digits(value: float | None) -> float | None:
    """Four significant digits."""
    return None if value is None else float(f"{value:.4g}")
