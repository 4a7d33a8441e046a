"""What is in the rows and columns of a study's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from GPT_GNN.report.tables import (
    FLOOR,
    MISSING,
    Against,
    Labels,
    Results,
    Table,
    gains_table,
    results_table,
    validation_table,
)
from GPT_GNN.study.records import Record
from GPT_GNN.study.results import mean_std, metric_name
from GPT_GNN.study.study import FULL, MLP, SCRATCH, Cells, Study, labels_of

_LOSSES = {"edge_loss": "edge loss", "attr_loss": "attribute loss"}  # GPT-GNN's parts


def methods(study: Study, name: str, spec: Cells, results: Results) -> list[Table]:
    """A table a setting: methods by tasks; then, of all settings, gains and validation."""
    (conv,), (fraction,) = spec.convs, spec.fractions
    rows: dict[str, Labels] = {"most frequent": FLOOR} if MLP in spec.methods else {}
    rows |= {method: {"method": method} for method in spec.methods}
    against, note = _others(study, spec)
    tables = [
        results_table(
            f"{study.name}, {name}, setting {setting}, {_percent(fraction)} of the labels",
            rows,
            {t: labels_of(setting, SCRATCH, conv, t, fraction) for t in spec.tasks},
            results,
            against,
            _paper(study),
            note,
        )
        for setting in spec.settings
    ]
    cells: Mapping[str, Labels] = {
        f"{setting}: {task}": {"setting": setting, "task": task}
        for setting in spec.settings
        for task in spec.tasks
    }
    what = f"{study.name}, {name}, {_percent(fraction)} of the labels"
    first = labels_of(spec.settings[0], SCRATCH, conv, spec.tasks[0], fraction)

    def turned(names: Sequence[str]) -> tuple[Mapping[str, Labels], Mapping[str, Labels]]:
        """Rows and columns: pages are narrow, so the fewer go across."""
        shown: Mapping[str, Labels] = {method: {"method": method} for method in names}
        down, across = sorted((shown, cells), key=len, reverse=True)
        return down, {column: {**first, **labels} for column, labels in across.items()}

    compared = [method for method in spec.methods if method != SCRATCH]
    gains = gains_table(_gain_title(what, results), *turned(compared), results, against)
    chosen = validation_table(_chosen_title(what, results), *turned(spec.methods), results)
    return [*tables, gains, chosen]


def encoders(study: Study, name: str, spec: Cells, results: Results) -> list[Table]:
    """A table a setting: encoders by tasks and methods; then, of all, gains and validation."""
    (fraction,) = spec.fractions
    against, note = _others(study, spec)
    rows = {conv: {"conv": conv} for conv in spec.convs}

    def columns(setting: str, prefix: str = "") -> dict[str, Labels]:
        return {
            f"{prefix}{task}, {method}": labels_of(setting, method, spec.convs[0], task, fraction)
            for task in spec.tasks
            for method in spec.methods
        }

    tables = [
        results_table(
            f"{study.name}, {name}, setting {setting}, {_percent(fraction)} of the labels",
            rows,
            columns(setting),
            results,
            against,
            _paper(study),
            f"p: against {SCRATCH} of the same encoder. {note}".rstrip(),
        )
        for setting in spec.settings
    ]
    what = f"{study.name}, {name}, {_percent(fraction)} of the labels"
    everywhere = {
        column: labels
        for setting in spec.settings
        for column, labels in columns(setting, f"{setting}: ").items()
    }
    compared = {c: labels for c, labels in everywhere.items() if labels["method"] != SCRATCH}
    gains = gains_table(_gain_title(what, results), rows, compared, results, against)
    return [
        *tables,
        gains,
        validation_table(_chosen_title(what, results), rows, everywhere, results),
    ]


def labels(study: Study, name: str, spec: Cells, results: Results) -> list[Table]:
    """A table a task: methods by shares of the labels; the gains; few labels against all."""
    (setting,), (conv,) = spec.settings, spec.convs
    tables = [
        results_table(
            f"{study.name}, {name}, {task}, setting {setting}",
            {method: {"method": method} for method in spec.methods},
            {_percent(f): labels_of(setting, SCRATCH, conv, task, f) for f in spec.fractions},
            results,
            _scratch,
        )
        for task in spec.tasks
    ]
    gains = gains_table(
        _gain_title(f"{study.name}, {name}, setting {setting}", results),
        {
            f"{task}, {method}": {"task": task, "method": method}
            for task in spec.tasks
            for method in spec.methods
            if method != SCRATCH
        },
        {_percent(f): labels_of(setting, SCRATCH, conv, spec.tasks[0], f) for f in spec.fractions},
        results,
        _scratch,
    )
    few, all_labels = [f for f in spec.fractions if f <= 0.2], max(spec.fractions)
    claim = results_table(
        f"{study.name}, {name}, setting {setting}: few labels against {_percent(all_labels)}",
        {f"{FULL}, {_percent(f)}": {"method": FULL, "fraction": f} for f in few}
        | {f"{SCRATCH}, {_percent(all_labels)}": {"method": SCRATCH, "fraction": all_labels}},
        {task: labels_of(setting, SCRATCH, conv, task, all_labels) for task in spec.tasks},
        results,
        lambda cell: {**cell, "method": SCRATCH, "fraction": all_labels},
        note=f"p: against {SCRATCH} with {_percent(all_labels)} of the labels.",
    )
    return [*tables, gains, claim]


def pretraining(
    study: Study, name: str, spec: Cells, records: Mapping[str, Record]
) -> Table | None:
    """How the models of a table were pre-trained: losses at the best validation, and which it was.

    None where none is finished.
    """
    rows = []
    for setting in spec.settings:
        for conv in spec.convs:
            for method in spec.methods:
                labels = {"setting": setting, "method": method, "conv": conv}
                runs = [r for r in records.values() if _is_pretraining(r, labels)]
                if runs:
                    rows.append((", ".join(labels.values()), *_pretraining_cells(runs)))
    header = ("", "loss", *_LOSSES.values(), "best step of all", "seconds", "seeds")
    title = f"{study.name}, {name}: pre-training, validation losses"
    return Table(title, header, tuple(rows)) if rows else None


def _is_pretraining(record: Record, labels: Labels) -> bool:
    return record["kind"] == "pretrain" and record["labels"] == labels


def _pretraining_cells(runs: Sequence[Record]) -> list[str]:
    metrics = [run["metrics"] for run in runs]
    losses = [
        mean_std([values[name] for values in metrics])
        if all(name in values for values in metrics)
        else MISSING
        for name in ("loss", *_LOSSES)
    ]
    best = ", ".join(
        dict.fromkeys(f"{run['metrics']['step']:,} of {run['steps']:,}" for run in runs)
    )
    seconds = mean_std([run["seconds"] for run in runs], digits=0)
    return [*losses, best, seconds, str(len(runs))]


LAYOUTS: Mapping[str, Callable[[Study, str, Cells, Results], list[Table]]] = {
    "methods": methods,
    "encoders": encoders,
    "labels": labels,
}


def _others(study: Study, spec: Cells) -> tuple[Against, str]:
    """What each method is compared with, and what is said of it where that is not usual."""
    others = {method: study.methods[method].against for method in spec.methods}
    told = [f"{method} against {other}" for method, other in others.items() if other != SCRATCH]
    note = f"Up, p and gains: {', '.join(told)}." if told else ""
    return lambda cell: {**cell, "method": others[cell["method"]]}, note


def _scratch(cell: Labels) -> Labels:
    return {**cell, "method": SCRATCH}


def _paper(study: Study) -> Callable[[Labels], float | None]:
    def number(cell: Mapping[str, Any]) -> float | None:
        if cell["fraction"] != 0.1:
            return None
        task = study.tasks[cell["task"]].paper
        return study.paper(cell["setting"], cell["method"], cell["conv"], task)

    return number


def _gain_title(what: str, results: Results) -> str:
    metric = metric_name(results.metrics[0])
    return f"{what}: test {metric} above {SCRATCH} of the same seed"


def _chosen_title(what: str, results: Results) -> str:
    return f"{what}: validation {metric_name(results.metrics[0])} of the chosen models"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"
