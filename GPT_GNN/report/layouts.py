"""What is in the rows and columns of a study's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from GPT_GNN.report.results import Labels, Results
from GPT_GNN.report.tables import (
    MOST_FREQUENT,
    Table,
    gains_table,
    results_table,
    validation_table,
)
from GPT_GNN.report.text import MISSING, mean_std, metric_name, percent
from GPT_GNN.study.records import Record
from GPT_GNN.study.study import Cells, Study, placeholders

_LOSSES = {"edge_loss": "edge loss", "attr_loss": "attribute loss"}  # GPT-GNN's parts
Named = Mapping[str, Labels]  # rows or columns


@dataclass(frozen=True)
class Layout:
    """Where the values of a comparison go: a text with braces stands for one text for each value.

    Attributes:
        tables: titles of the tables of scores; rows, columns: theirs.
        more: title of the tables of gains and of validation; more_rows, more_columns: theirs, which
            name all that several values of are compared.
        turned: of these two the shorter goes across, since pages are narrow.
        by_share: shares of the labels are compared: few labels with all of them in place of
            validation, and without the paper's numbers.
        note: below the tables of scores.
    """

    tables: str
    rows: str
    columns: str
    more: str
    more_rows: str
    more_columns: str
    turned: bool = False
    by_share: bool = False
    note: str = ""


LAYOUTS = {
    "methods": Layout(
        *("setting {setting}, {fraction} of the labels", "{method}", "{task}"),
        *("{fraction} of the labels", "{method}", "{setting}: {task}"),
        turned=True,
    ),
    "encoders": Layout(
        *("setting {setting}, {fraction} of the labels", "{conv}", "{task}, {method}"),
        *("{fraction} of the labels", "{conv}", "{setting}: {task}, {method}"),
        note="p: against {baseline} of the same encoder.",
    ),
    "labels": Layout(
        *("{task}, setting {setting}", "{method}", "{fraction}"),
        *("setting {setting}", "{task}, {method}", "{fraction}"),
        by_share=True,
    ),
}


def check_layout(name: str, spec: Cells) -> None:
    """Check that a table has a layout, with a place for all that it compares.

    Raises:
        ValueError: there is no such layout, or it shows one value of what has several.
    """
    if spec.layout not in LAYOUTS:
        raise ValueError(f"table {name}: no layout {spec.layout!r}; available: {list(LAYOUTS)}")
    layout = LAYOUTS[spec.layout]
    places = placeholders(layout.more_rows + layout.more_columns)
    for kind, values in spec.values.items():
        if len(values) > 1 and kind not in places:
            got = ", ".join(map(str, values))
            raise ValueError(f"table {name}: layout {spec.layout} shows one {kind}, got {got}")


class Comparison:
    """The tables of one comparison."""

    def __init__(self, study: Study, name: str, spec: Cells, results: Results) -> None:
        self._study, self._name, self._spec, self._results = study, name, spec, results
        self._layout = LAYOUTS[spec.layout]
        first: Labels = {kind: values[0] for kind, values in spec.values.items()}
        self._first = {**first, "method": study.baseline}

    def tables(self) -> list[Table]:
        """Scores, gains, and validation or few labels against all."""
        base, metric = self._study.baseline, metric_name(self._results.metrics[0])
        (what,) = self._named(self._layout.more)
        title = self._title(f"{what}: test {metric} above {base} of the same seed")
        gains = gains_table(title, *self._more(without=base), self._results, self._against)
        if self._layout.by_share:
            return [*self._scores(), gains, self._few_labels(what)]
        title = self._title(f"{what}: validation {metric} of the chosen models")
        return [*self._scores(), gains, validation_table(title, *self._more(), self._results)]

    def _scores(self) -> list[Table]:
        study, layout = self._study, self._layout
        rows = self._named(layout.rows)
        if any(study.methods[row["method"]].for_scale for row in rows.values() if "method" in row):
            rows = {"most frequent": MOST_FREQUENT, **rows}
        notes = [layout.note.format(baseline=study.baseline), self._others()]
        columns = self._named(layout.columns)
        return [
            results_table(
                self._title(title),
                rows,
                {name: {**self._first, **table, **labels} for name, labels in columns.items()},
                self._results,
                self._against,
                self._paper,
                " ".join(filter(None, notes)),
            )
            for title, table in self._named(layout.tables).items()
        ]

    def _few_labels(self, what: str) -> Table:
        base, proposed, fractions = self._study.baseline, self._study.proposed, self._spec.fractions
        most, share = {"method": base, "fraction": max(fractions)}, percent(max(fractions))
        few = [f for f in fractions if f <= 0.2]
        rows = {f"{proposed}, {percent(f)}": {"method": proposed, "fraction": f} for f in few}
        return results_table(
            self._title(f"{what}: few labels against {share}"),
            {**rows, f"{base}, {share}": most},
            {task: {**self._first, **labels} for task, labels in self._named("{task}").items()},
            self._results,
            lambda cell: {**cell, **most},
            note=f"p: against {base} with {share} of the labels.",
        )

    def _more(self, without: str = "") -> tuple[Named, Named]:
        """Rows and columns of gains or validation, without a method."""
        rows, columns = (
            {name: x for name, x in self._named(texts).items() if x.get("method") != without}
            for texts in (self._layout.more_rows, self._layout.more_columns)
        )
        if self._layout.turned:
            rows, columns = sorted((rows, columns), key=len, reverse=True)
        return rows, {name: {**self._first, **labels} for name, labels in columns.items()}

    def _named(self, texts: str) -> Named:
        """Texts for all values of what is in braces, and the labels that each stands for."""
        kinds, named = placeholders(texts), {}
        for values in product(*(self._spec.values[kind] for kind in kinds)):
            labels = dict(zip(kinds, values, strict=True))
            shown = {"fraction": percent(labels.get("fraction", 1))}
            named[texts.format(**{**labels, **shown})] = labels
        return named

    def _title(self, what: str) -> str:
        return f"{self._study.name}, {self._name}, {what}"

    def _others(self) -> str:
        """What methods are compared with that are not compared with the baseline."""
        others = [(method, self._study.against(method)) for method in self._spec.methods]
        pairs = [f"{method} against {o}" for method, o in others if o != self._study.baseline]
        return f"Up, p and gains: {', '.join(pairs)}." if pairs else ""

    def _against(self, cell: Labels) -> Labels:
        return {**cell, "method": self._study.against(cell["method"])}

    def _paper(self, cell: Labels) -> float | None:
        task = self._study.tasks[cell["task"]].paper
        known = (cell["setting"], cell["method"], cell["conv"], task, cell["fraction"])
        return None if self._layout.by_share else self._study.paper.get(known)


def pretraining(study: Study, name: str, spec: Cells, results: Results) -> list[Table]:
    """How the models of a table were pre-trained: losses at the best validation, and which it was.

    Empty where none is finished.
    """
    rows = []
    for setting, conv, method in product(spec.settings, spec.convs, spec.methods):
        runs = results.runs({"setting": setting, "method": method, "conv": conv})
        if runs:
            rows.append((f"{setting}, {method}, {conv}", *_pretraining_cells([*runs.values()])))
    header = ("", "loss", *_LOSSES.values(), "best step of all", "seconds", "seeds")
    title = f"{study.name}, {name}: pre-training, validation losses"
    return [Table(title, header, tuple(rows))] if rows else []


def _pretraining_cells(runs: Sequence[Record]) -> list[str]:
    metrics = [run["metrics"] for run in runs]
    losses = [
        mean_std([values[name] for values in metrics])
        if all(name in values for values in metrics)
        else MISSING
        for name in ("loss", *_LOSSES)
    ]
    best = dict.fromkeys(f"{run['metrics']['step']:,} of {run['steps']:,}" for run in runs)
    seconds = mean_std([run["seconds"] for run in runs], digits=0)
    return [*losses, ", ".join(best), seconds, str(len(runs))]
