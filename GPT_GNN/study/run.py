"""What a run left in its folder."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


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


def read_run(kind: str, folder: Path) -> dict[str, Any]:
    """Settings, steps and result of a finished run: of pre-training its best validation.

    Raises:
        ValueError: a result is NaN or infinite, which would pass for any p-value.
    """
    lines = read_metrics(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
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
