"""Run modules of the package with one thread, and know which runs are done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from GPT_GNN.report.results import mean_std, test_result

ROOT = Path(__file__).resolve().parents[1]


def run_module(command: str) -> None:
    """Run a module of the package, ``GPT_GNN.pretrain --flag ...``, with one thread.

    Quietly, unless it fails.
    """
    print(f"$ python -m {command}", flush=True)
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-m", *command.split()],
        env={**os.environ, "PYTHONPATH": str(ROOT), **threads},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise RuntimeError(f"{command}\n{result.stdout}{result.stderr}")


def finished(folder: Path) -> bool:
    """Whether a run has its test result."""
    if not (folder / "metrics.jsonl").exists():
        return False
    try:
        test_result(folder)
    except (ValueError, IndexError):  # no test line, or one that a kill cut short
        return False
    return True


def over_seeds(results: list[dict[str, float]], *names: str) -> str:
    """Metrics over seeds, mean and standard deviation each."""
    return " / ".join(mean_std([result[name] for result in results]) for name in names)
