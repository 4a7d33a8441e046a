"""The finished runs of a study by what they are, and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.study.records import Record
from GPT_GNN.study.run import read_metrics
from GPT_GNN.train.place import SCORES

Labels = Mapping[str, Any]


class Results:
    """Finished runs by their labels: those of a pre-training, or of a cell of a table.

    Args:
        out: the folder that :func:`run_jobs` ran in.
        records: of the runs that count, by name.
        metrics: those that are shown; the first is tested.
    """

    def __init__(self, out: Path, records: Mapping[str, Record], metrics: Sequence[str]) -> None:
        self.metrics = metrics
        self._out = out
        self._by_labels: dict[frozenset[tuple[str, Any]], dict[int, Record]] = {}
        for record in records.values():
            runs = self._by_labels.setdefault(frozenset(record["labels"].items()), {})
            runs[record["seed"]] = record

    def runs(self, labels: Labels) -> dict[int, Record]:
        """Records by seed."""
        return self._by_labels.get(frozenset(labels.items()), {})

    def values(self, labels: Labels, metric: str = "") -> list[float]:
        """A test metric, by default the first, a number for each seed."""
        metric = metric or self.metrics[0]
        return [run["metrics"][metric] for run in self.runs(labels).values()]

    def most_frequent(self, labels: Labels, metric: str) -> list[float]:
        """A test metric of always answering the most frequent labels, a number for each seed."""
        found = [run["metrics"] for run in self.runs(labels).values()]
        old = f"floor_{metric}"  # in older results
        return [m[old] if old in m else m[f"most_frequent_{metric}"] for m in found]

    def gains(self, labels: Labels, against: Labels) -> list[float]:
        """The first metric less that of another cell, a number for each seed that both have."""
        metric = self.metrics[0]
        pairs = self._pairs(labels, against)
        return [ours["metrics"][metric] - theirs["metrics"][metric] for ours, theirs in pairs]

    def differences(self, labels: Labels, against: Labels) -> np.ndarray | None:
        """Each test item's first metric less that of another cell, [n]; None if it is not known.

        Mean over the seeds that both have.

        Raises:
            ValueError: a run has other test items than the first.
        """
        pairs = self._pairs(labels, against)
        runs = [run for ours_and_theirs in zip(*pairs, strict=True) for run in ours_and_theirs]
        paths = [self._out / run["folder"] / SCORES for run in runs]
        if not paths or not all(path.is_file() for path in paths):
            return None
        ours, theirs = np.split(read_scores(paths, self.metrics[0]), 2)
        return (ours - theirs).mean(0)

    def _pairs(self, labels: Labels, against: Labels) -> list[tuple[Record, Record]]:
        """The runs of two cells, of each seed that both have."""
        ours, theirs = self.runs(labels), self.runs(against)
        return [(ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]

    def curves(self, labels: Labels, metric: str) -> list[list[tuple[float, float]]]:
        """(step, value) in the validations of each run whose metrics.jsonl is there."""
        return [curve for _, curve in self._curves(labels, metric)]

    def chosen(self, labels: Labels) -> list[float]:
        """The first metric in the validation that chose a run's model, a number for each seed.

        A run whose metrics.jsonl is gone has none.
        """
        curves = self._curves(labels, self.metrics[0])
        chosen = [(run["metrics"]["best_step"], curve) for run, curve in curves]
        return [value for best, curve in chosen for step, value in curve if step == best]

    def _curves(
        self, labels: Labels, metric: str
    ) -> list[tuple[Record, list[tuple[float, float]]]]:
        found = []
        for record in self.runs(labels).values():
            folder = self._out / record["folder"]
            if (folder / "metrics.jsonl").is_file():
                valid = [line for line in read_metrics(folder) if line["split"] == "valid"]
                found.append((record, [(line["step"], line[metric]) for line in valid]))
        return found


def read_scores(paths: Sequence[Path], metric: str) -> np.ndarray:
    """A metric of every test item, [files, n] float64; of micro-F1 whether the answer is right.

    Raises:
        ValueError: a file has other items than the first, or in another order.
    """
    values, items = [], None
    for path in paths:
        with np.load(path) as file:
            if items is None:
                items = file["items"]
            elif not np.array_equal(items, file["items"]):
                raise ValueError(f"{path}: expected the test items of {paths[0]}, found others")
            if metric == "micro_f1":
                values.append(file["true"] == file["predicted"])
            else:
                values.append(file[metric])
    return np.stack(values).astype(np.float64)
