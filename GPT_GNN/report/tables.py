"""From finished runs to tables, in Markdown and LaTeX from one structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from GPT_GNN.report.bootstrap import p_values
from GPT_GNN.report.results import Labels, Results
from GPT_GNN.report.text import MISSING, markdown_table, mean_std, over_seeds
from GPT_GNN.rng import derive

Against = Callable[[Labels], Labels]
# Labels of a row: in each column what always answering the most frequent labels scores.
MOST_FREQUENT = {"most_frequent": True}
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
        rows, columns: name -> labels; together a cell's. A row may be :data:`MOST_FREQUENT`.
        against: a cell's labels -> those of the cell that it is tested against, if another one.
        paper: a cell's labels -> the paper's number; a column with any gets one beside it.
    """
    header, texts = [""], {name: [name] for name in rows}
    for column, labels in columns.items():
        header.append(column)
        cells = {n: {**labels, **row} for n, row in rows.items() if row is not MOST_FREQUENT}
        p_values = _p_values(cells, results, against)
        known = {name: paper(cell) for name, cell in cells.items()}
        for name in rows:
            if name in cells:
                text = _text(cells[name], results, against, p_values.get(name))
            else:
                text = _seeds([results.most_frequent(labels, m) for m in results.metrics])
            texts[name].append(text)
        if any(value is not None for value in known.values()):
            header.append("paper")
            for name, line in texts.items():
                value = known.get(name)
                line.append(MISSING if value is None else f"{value:.3f}")
    return Table(title, tuple(header), tuple(tuple(row) for row in texts.values()), note)


def gains_table(
    title: str,
    rows: Mapping[str, Labels],
    columns: Mapping[str, Labels],
    results: Results,
    against: Against,
) -> Table:
    """How far the first metric is above that of another cell, run by run of the same seed.

    What a seed moves in both cells, such as which labels are kept, cancels in a difference.
    """

    def text(cell: Labels) -> str:
        gain = over_seeds(results.gains(cell, against(cell)))
        return gain if gain.startswith("-") else f"+{gain}"

    note = "Mean ± std of the differences (number of seeds that both have)."
    return _filled(title, rows, columns, text, note)


def validation_table(
    title: str, rows: Mapping[str, Labels], columns: Mapping[str, Labels], results: Results
) -> Table:
    """The first metric in the validations that chose the models: what settings may be chosen by."""
    note = "Mean ± std (number of seeds)."
    return _filled(title, rows, columns, lambda cell: over_seeds(results.chosen(cell)), note)


def _filled(
    title: str,
    rows: Mapping[str, Labels],
    columns: Mapping[str, Labels],
    text: Callable[[Labels], str],
    note: str,
) -> Table:
    """A table of the texts of its cells."""
    lines = [
        (name, *(text({**labels, **row}) for labels in columns.values()))
        for name, row in rows.items()
    ]
    return Table(title, ("", *columns), tuple(lines), note)


def _text(cell: Labels, results: Results, against: Against, p: float | None) -> str:
    """``mean ± std / mean ± std (seeds)``, or ``(seeds; 2 of 3 up; p 0.012)``.

    Up: in how many of the seeds that both have the cell is above the one it is tested against.
    """
    chance = ""
    if p is not None:
        gains = results.gains(cell, against(cell))
        chance = f"; {sum(gain > 0 for gain in gains)} of {len(gains)} up; "
        chance += f"p {p:.3f}" if p >= 0.0005 else "p < 0.001"
    return _seeds([results.values(cell, metric) for metric in results.metrics], chance)


def _seeds(metrics: list[list[float]], chance: str = "") -> str:
    """Metrics over seeds, with their number and what is said of chance."""
    if not metrics[0]:
        return MISSING
    return f"{' / '.join(map(mean_std, metrics))} ({len(metrics[0])}{chance})"


def _p_values(cells: Mapping[str, Labels], results: Results, against: Against) -> dict[str, float]:
    """Of the cells of a column that can be tested, by name of the row."""
    others = {name: against(cell) for name, cell in cells.items()}
    found = {
        name: results.differences(cell, others[name])
        for name, cell in cells.items()
        if dict(others[name]) != dict(cell)
    }
    tested = {name: differences for name, differences in found.items() if differences is not None}
    if not tested:
        return {}
    p = p_values(np.stack(list(tested.values())), derive(0, "bootstrap"))
    return dict(zip(tested, p, strict=True))
