"""The figures of a study, of what is finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from GPT_GNN.report.plots import plot_bars, plot_curves, plot_fractions
from GPT_GNN.report.results import Results
from GPT_GNN.report.text import metric_name, percent
from GPT_GNN.study.study import Cells, Study, labels_of

Panels = Mapping[str, Mapping[str, Any]]  # title of a panel -> label of a line or bar -> values


def draw_figures(study: Study, name: str, spec: Cells, results: Results, folder: Path) -> list[str]:
    """Draw a table's figures that have anything to show.

    Returns:
        What shows each in Markdown.
    """
    place = f"setting {spec.settings[0]}, {spec.convs[0]}"
    share = percent(spec.fractions[0])
    drawn: list[tuple[str, str, Panels, Callable[[Path, Any], None]]] = [
        (
            "curves",
            "Test scores by share of the labels; bands: one std over seeds",
            _by_fraction(spec, results) if spec.layout == "labels" else {},
            plot_fractions,
        ),
        (
            "bars",
            "Test scores, bars: one std over seeds; the axes do not begin at 0",
            _by_method(study, spec, results) if spec.layout == "methods" else {},
            lambda path, panels: plot_bars(path, panels, study.baseline),
        ),
        (
            "pretraining",
            f"Validation loss of pre-training, {place}",
            _pretraining(spec, results),
            lambda path, panels: plot_curves(path, panels, dpi=60),
        ),
        (
            "finetuning",
            f"Validation scores of fine-tuning, {place}, {share} of the labels",
            _finetuning(study, spec, results),
            lambda path, panels: plot_curves(path, panels, dpi=80),
        ),
    ]
    shown = []
    for kind, caption, panels, plot in drawn:
        if panels:
            file = f"{name}_{kind}.png"
            plot(folder / file, panels)
            shown.append(f"![{name}, {kind}]({file})\n\n*{caption}.*")
    return shown


def _by_fraction(spec: Cells, results: Results) -> Panels:
    """Test scores over the share of labels, a panel per task."""
    (setting,), (conv,) = spec.settings, spec.convs
    panels: dict[str, dict[str, Any]] = {}
    for task, method in product(spec.tasks, spec.methods):
        cells = {f: labels_of(setting, method, conv, task, f) for f in spec.fractions}
        line = {f: results.values(cell) for f, cell in cells.items() if results.runs(cell)}
        if line:
            panels.setdefault(_title(task, results), {})[method] = line
    return panels


def _by_method(study: Study, spec: Cells, results: Results) -> Panels:
    """Test scores by method as bars, a panel per setting and task."""
    (conv,), (fraction,) = spec.convs, spec.fractions
    compared = [method for method in spec.methods if not study.methods[method].for_scale]
    panels = {}
    for setting, task in product(spec.settings, spec.tasks):
        cells = {m: labels_of(setting, m, conv, task, fraction) for m in compared}
        bars = {m: results.values(cell) for m, cell in cells.items() if results.runs(cell)}
        if set(bars) - {study.baseline}:
            panels[f"{setting}: {_title(task, results)}"] = bars
    return panels


def _pretraining(spec: Cells, results: Results) -> Panels:
    """Validation losses of pre-training in a table's first setting.

    A panel per method, since losses of different objectives do not compare.
    """
    first = {"setting": spec.settings[0], "conv": spec.convs[0]}
    curves = {m: results.curves({**first, "method": m}, "loss") for m in spec.methods}
    return {method: {"loss": of_method} for method, of_method in curves.items() if of_method}


def _finetuning(study: Study, spec: Cells, results: Results) -> Panels:
    """Validation scores of fine-tuning, the baseline and the proposed method, a panel per task."""
    setting, conv, fraction = spec.settings[0], spec.convs[0], spec.fractions[0]
    metric = results.metrics[0]
    panels: dict[str, dict[str, Any]] = {}
    for task, method in product(spec.tasks, (study.baseline, study.proposed)):
        curves = results.curves(labels_of(setting, method, conv, task, fraction), metric)
        if curves:
            title = f"{task}: validation {metric_name(metric)}"
            panels.setdefault(title, {})[method] = curves
    return panels


def _title(task: str, results: Results) -> str:
    return f"{task}: test {metric_name(results.metrics[0])}"
