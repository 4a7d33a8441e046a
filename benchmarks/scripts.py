"""Which runs are done, and their results over seeds."""

from __future__ import annotations

from pathlib import Path

from GPT_GNN.report.text import mean_std
from GPT_GNN.study.run import test_result


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
