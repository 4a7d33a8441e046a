"""The figures of a study, of what is finished."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from GPT_GNN.report.plots import Curve, plot_bars, plot_curves, plot_fractions
from GPT_GNN.report.tables import Results
from GPT_GNN.study.records import Record
from GPT_GNN.study.results import metric_name, read_metrics
from GPT_GNN.study.study import FULL, MLP, SCRATCH, Cells, Study, labels_of


def fraction_figure(path: Path, spec: Cells, results: Results) -> bool:
    """Test scores over the share of labels, a panel a task; whether there was anything to draw."""
    (setting,), (conv,) = spec.settings, spec.convs
    panels: dict[str, dict[str, dict[float, list[float]]]] = {}
    for task in spec.tasks:
        for method in spec.methods:
            line = {
                f: _values(results, labels_of(setting, method, conv, task, f))
                for f in spec.fractions
            }
            line = {fraction: values for fraction, values in line.items() if values}
            if line:
                panels.setdefault(_title(task, results), {})[method] = line
    if panels:
        plot_fractions(path, panels)
    return bool(panels)


def method_figure(path: Path, spec: Cells, results: Results) -> bool:
    """Test scores by method as bars, a panel a task and setting."""
    (conv,), (fraction,) = spec.convs, spec.fractions
    panels: dict[str, dict[str, list[float]]] = {}
    for setting in spec.settings:
        for task in spec.tasks:
            bars = {
                method: _values(results, labels_of(setting, method, conv, task, fraction))
                for method in spec.methods
                if method != MLP
            }
            bars = {method: values for method, values in bars.items() if values}
            if set(bars) - {SCRATCH}:
                panels[f"{setting}: {_title(task, results)}"] = bars
    if panels:
        plot_bars(path, panels, SCRATCH)
    return bool(panels)


def pretraining_figure(
    path: Path, study: Study, spec: Cells, out: Path, records: Mapping[str, Record]
) -> bool:
    """Validation losses of pre-training in a table's first setting, a panel a method.

    A panel each, since losses of different objectives do not compare.
    """
    panels: dict[str, dict[str, list[Curve]]] = {}
    for method in spec.methods:
        wanted = {"setting": spec.settings[0], "method": method, "conv": spec.convs[0]}
        curves = _curves(out, records, "pretrain", wanted, "loss")
        if curves:
            panels[method] = {"loss": curves}
    if panels:
        plot_curves(path, panels, dpi=60)
    return bool(panels)


def finetuning_figure(
    path: Path, spec: Cells, results: Results, out: Path, records: Mapping[str, Record]
) -> bool:
    """Validation scores of fine-tuning from scratch and pre-trained, a panel a task."""
    panels: dict[str, dict[str, list[Curve]]] = {}
    for task in spec.tasks:
        for method in (SCRATCH, FULL):
            wanted = labels_of(spec.settings[0], method, spec.convs[0], task, spec.fractions[0])
            curves = _curves(out, records, "finetune", wanted, results.metrics[0])
            if curves:
                title = f"{task}: validation {metric_name(results.metrics[0])}"
                panels.setdefault(title, {})[method] = curves
    if panels:
        plot_curves(path, panels, dpi=80)
    return bool(panels)


def _curves(
    out: Path, records: Mapping[str, Record], kind: str, labels: Mapping[str, Any], metric: str
) -> list[Curve]:
    """Validation by step, a curve a seed."""
    runs = [r for r in records.values() if r["kind"] == kind and r["labels"] == labels]
    folders = [out / run["folder"] for run in runs]
    return [
        [(line["step"], line[metric]) for line in read_metrics(folder) if line["split"] == "valid"]
        for folder in folders
        if (folder / "metrics.jsonl").is_file()
    ]


def _values(results: Results, labels: Mapping[str, Any]) -> list[float]:
    metric = results.metrics[0]
    return [run["metrics"][metric] for run in results.runs(labels).values()]


def _title(task: str, results: Results) -> str:
    return f"{task}: test {metric_name(results.metrics[0])}"
