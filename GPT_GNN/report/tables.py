"""From records of runs to tables, in Markdown and LaTeX from one structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.report.bootstrap import Scores, bootstrap, item_differences
from GPT_GNN.rng import derive
from GPT_GNN.study.records import Record
from GPT_GNN.study.results import markdown_table, mean_std, read_metrics
from GPT_GNN.train.place import SCORES

Labels = Mapping[str, Any]
Against = Callable[[Labels], Labels]
MISSING = "-"
FLOOR = {"floor": True}  # labels of a row: the test line's floor_* of its column's runs
_LATEX = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"±": r"$\pm$", "<": r"$<$", ">": r"$>$"},
}


@dataclass(frozen=True)
class Table:
    """Texts in rows, the first column naming them."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """With the title above and the note below."""
        table = markdown_table(self.header, {row[0]: row[1:] for row in self.rows})
        return "\n\n".join(part for part in (f"**{self.title}**", table, self.note) if part)

    def latex(self) -> str:
        """A table environment that asks for the packages booktabs and adjustbox (page width)."""
        lines = [" & ".join(map(escaped, line)) + r" \\" for line in (self.header, *self.rows)]
        return "\n".join(
            [
                r"\begin{table}[t]",
                r"\centering\small",
                rf"\caption{{{escaped(' '.join(filter(None, (f'{self.title}.', self.note))))}}}",
                r"\begin{adjustbox}{max width=\textwidth}",
                rf"\begin{{tabular}}{{l{'c' * (len(self.header) - 1)}}}",
                r"\toprule",
                lines[0],
                r"\midrule",
                *lines[1:],
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{adjustbox}",
                r"\end{table}",
            ]
        )


def escaped(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_LATEX.get(c, c) for c in text)


class Results:
    """Finished fine-tuning runs by what they are.

    Args:
        out: the folder that :func:`run_jobs` ran in.
        records: of the runs that count, by name.
        metrics: the two that are shown; the first is tested.
    """

    def __init__(self, out: Path, records: Mapping[str, Record], metrics: tuple[str, str]) -> None:
        self.metrics = metrics
        self._out = out
        self._by_labels: dict[frozenset[tuple[str, Any]], dict[int, Record]] = {}
        for record in records.values():
            if record["kind"] == "finetune":
                runs = self._by_labels.setdefault(frozenset(record["labels"].items()), {})
                runs[record["seed"]] = record

    def runs(self, labels: Labels) -> dict[int, Record]:
        """Records of one cell by seed."""
        return self._by_labels.get(frozenset(labels.items()), {})

    def differences(self, labels: Labels, against: Labels) -> np.ndarray | None:
        """Each test item's first metric less that of another cell, [n]; None if it is not known.

        Over the seeds that both have.

        Raises:
            ValueError: the two have other test items, or a seed has other ones than the first.
        """
        ours, theirs = self.runs(labels), self.runs(against)
        seeds = sorted(set(ours) & set(theirs))
        paths = [[self._scores_of(runs[s]) for s in seeds] for runs in (ours, theirs)]
        if not seeds or not all(path.is_file() for of_cell in paths for path in of_cell):
            return None
        a, b = (read_scores(of_cell, self.metrics[0]) for of_cell in paths)
        return item_differences(a, b)

    def gains(self, labels: Labels, against: Labels) -> list[float]:
        """The first metric less that of another cell, a number for each seed that both have."""
        ours, theirs = self.runs(labels), self.runs(against)
        metric = self.metrics[0]
        return [
            ours[seed]["metrics"][metric] - theirs[seed]["metrics"][metric]
            for seed in sorted(set(ours) & set(theirs))
        ]

    def validation(self, labels: Labels) -> list[float]:
        """The first metric in the validation that chose a run's model, a number for each seed.

        A run whose metrics.jsonl is gone has none.
        """
        metric, found = self.metrics[0], []
        for record in self.runs(labels).values():
            folder, step = self._out / record["folder"], record["metrics"]["best_step"]
            lines = read_metrics(folder) if (folder / "metrics.jsonl").is_file() else []
            found += [x[metric] for x in lines if (x["split"], x.get("step")) == ("valid", step)]
        return found

    def _scores_of(self, record: Record) -> Path:
        return self._out / record["folder"] / SCORES


def read_scores(paths: Sequence[Path], metric: str) -> Scores:
    """A metric of every test item, of one seed a file; of micro-F1 whether the answer is right.

    Raises:
        ValueError: a file has other items than the first.
    """
    values, items = [], None
    for path in paths:
        with np.load(path) as file:
            if items is None:
                items = file["items"]
            elif not np.array_equal(items, file["items"]):
                raise ValueError(f"{path}: expected the test items of {paths[0]}, found others")
            if metric == "micro_f1":
                values.append((file["true"] == file["predicted"]).astype(np.float64))
            else:
                values.append(file[metric])
    assert items is not None
    return Scores(items, np.stack(values))


def results_table(
    title: str,
    rows: Mapping[str, Labels],
    columns: Mapping[str, Labels],
    results: Results,
    against: Against,
    paper: Callable[[Labels], float | None] = lambda labels: None,
    note: str = "",
) -> Table:
    """Means and deviations over seeds by rows and columns, ``-`` where no run is finished.

    Args:
        rows, columns: name -> labels; together they are a cell's. A row of :data:`FLOOR` has the
            floors of its columns' labels.
        against: a cell's labels -> those of the cell that it is tested against; one that is its
            own has no p-value.
        paper: a cell's labels -> the paper's number; a column with any gets one beside it.
    """
    header, texts = [""], {name: [name] for name in rows}
    for column, labels in columns.items():
        cells = {name: {**labels, **row} for name, row in rows.items()}
        p_values = _p_values(cells, results, against)
        header.append(column)
        for name, cell in cells.items():
            texts[name].append(_text(cell, results, against, p_values.get(name)))
        known = {name: paper(cell) for name, cell in cells.items() if "floor" not in cell}
        if any(value is not None for value in known.values()):
            header.append("paper")
            for name in cells:
                value = known.get(name)
                texts[name].append(MISSING if value is None else f"{value:.3f}")
    return Table(title, tuple(header), tuple(tuple(row) for row in texts.values()), note)


def gains_table(
    title: str,
    rows: Mapping[str, Labels],
    columns: Mapping[str, Labels],
    results: Results,
    against: Against,
) -> Table:
    """How far the first metric is above that of another cell, run by run of the same seed.

    What a seed moves in both cells, such as which labels are kept, cancels in a difference; the
    deviations of :func:`results_table` hold it.

    Args:
        rows, columns: name -> labels; together they are a cell's.
        against: a cell's labels -> those of the cell that it is compared with.
    """
    texts = [
        (name, *(_gain({**labels, **row}, results, against) for labels in columns.values()))
        for name, row in rows.items()
    ]
    note = "Mean ± std of the differences (number of seeds that both have)."
    return Table(title, ("", *columns), tuple(texts), note)


def validation_table(
    title: str, rows: Mapping[str, Labels], columns: Mapping[str, Labels], results: Results
) -> Table:
    """The first metric in the validations that chose the models: what settings may be chosen by.

    Args:
        rows, columns: name -> labels; together they are a cell's.
    """
    texts = []
    for name, row in rows.items():
        values = [results.validation({**labels, **row}) for labels in columns.values()]
        texts.append((name, *(f"{mean_std(v)} ({len(v)})" if v else MISSING for v in values)))
    return Table(title, ("", *columns), tuple(texts), "Mean ± std (number of seeds).")


def _gain(cell: Labels, results: Results, against: Against) -> str:
    gains = results.gains(cell, against(cell))
    if not gains:
        return MISSING
    text = mean_std(gains)
    sign = "" if text.startswith("-") else "+"
    return f"{sign}{text} ({len(gains)})"


def _text(cell: Labels, results: Results, against: Against, p: float | None) -> str:
    """``mean ± std / mean ± std (seeds)``, or ``(seeds; 2 of 3 up; p 0.012)``.

    Up: in how many of the seeds that both have the cell is above the one it is tested against.
    """
    prefix = "floor_" if "floor" in cell else ""
    if prefix:
        cell = {name: value for name, value in cell.items() if name != "floor"}
    runs = results.runs(cell)
    if not runs:
        return MISSING
    names = [prefix + metric for metric in results.metrics]
    values = [mean_std([run["metrics"][name] for run in runs.values()]) for name in names]
    if p is None:
        return f"{' / '.join(values)} ({len(runs)})"
    gains = results.gains(cell, against(cell))
    up = sum(gain > 0 for gain in gains)
    chance = f"p {p:.3f}" if p >= 0.0005 else "p < 0.001"
    return f"{' / '.join(values)} ({len(runs)}; {up} of {len(gains)} up; {chance})"


def _p_values(cells: Mapping[str, Labels], results: Results, against: Against) -> dict[str, float]:
    """Of the cells of a column that can be tested, by name of the row."""
    tested = {}
    for name, cell in cells.items():
        other = against(cell) if "floor" not in cell else cell
        if dict(other) != dict(cell):
            differences = results.differences(cell, other)
            if differences is not None:
                tested[name] = differences
    if not tested:
        return {}
    found = bootstrap(np.stack(list(tested.values())), derive(0, "bootstrap"))
    return {name: difference.p for name, difference in zip(tested, found, strict=True)}
