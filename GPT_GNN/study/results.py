"""Read what runs left behind and put it in tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_NAMES = {"ndcg": "NDCG", "mrr": "MRR", "micro_f1": "micro-F1", "macro_f1": "macro-F1"}


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """All lines of a run's metrics.jsonl."""
    with open(folder / "metrics.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_result(folder: Path) -> dict[str, float]:
    """The test metrics of a finished fine-tuning run.

    Raises:
        ValueError: the run has no test line, so it did not finish.
    """
    last = read_metrics(folder)[-1]
    if last.get("split") != "test":
        raise ValueError(f"{folder / 'metrics.jsonl'}: expected a last line of split 'test'")
    return last


def metric_name(metric: str) -> str:
    """A metric's name in titles; KeyError of one that the tables do not know."""
    return _NAMES[metric]


def mean_std(values: Sequence[float], digits: int = 3) -> str:
    """``mean ± std`` over seeds (sample standard deviation), or the value alone for one seed."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def markdown_table(header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """A Markdown table with aligned columns; the first column holds the rows' names."""
    lines = [list(header), *([name, *cells] for name, cells in rows.items())]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(text)
