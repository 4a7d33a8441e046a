"""The report of a study: tables and figures of what is finished, in one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from GPT_GNN.report.figures import draw_figures
from GPT_GNN.report.layouts import Comparison, pretraining
from GPT_GNN.report.results import Results
from GPT_GNN.report.tables import Table
from GPT_GNN.report.text import metric_name, percent
from GPT_GNN.study.job import Job, finished
from GPT_GNN.study.progress import duration
from GPT_GNN.study.records import Record, read_records
from GPT_GNN.study.study import Preset, Study, Value
from GPT_GNN.system.files import atomic_file


def write_report(
    study: Study,
    preset: Preset,
    plans: Mapping[str, Sequence[Job]],
    out: Path,
    data: Mapping[str, Value],
) -> str:
    """Write report.md, tables.tex and the figures of what is finished to ``<out>/report/``.

    Args:
        plans: name of a table that is shown -> its jobs.
        out: the folder that they ran in.
        data: flags that say which data.

    Returns:
        The tables, and where the files are.
    """
    jobs = {job.name: job for of_table in plans.values() for job in of_table}
    records = finished(list(jobs.values()), read_records(out))
    results, folder = Results(out, records, study.metrics), out / "report"
    sections: list[str] = []
    latex: list[str] = []
    for name, of_table in plans.items():
        comparison = study, name, study.tables[name], results
        tables = Comparison(*comparison).tables() + pretraining(*comparison)
        sections += [f"## {name}", *map(Table.markdown, tables)]
        sections += draw_figures(*comparison, folder)
        sections.append(_commits([records[job.name] for job in of_table if job.name in records]))
        latex += map(Table.latex, tables)
    facts = _facts(study, preset, len(jobs), list(records.values()), data)
    head = f"# {study.name}: the paper's comparison, on our data"
    for file, parts in (("report.md", [head, *facts, *sections]), ("tables.tex", latex)):
        with atomic_file(folder / file) as temporary:
            temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return "\n\n".join([*sections, *facts, f"report: {folder / 'report.md'}"])


def _facts(
    study: Study, preset: Preset, n_jobs: int, records: list[Record], data: Mapping[str, Value]
) -> list[str]:
    """What has to be known to read the tables."""
    names = list(map(metric_name, study.metrics))
    flags = ", ".join(f"{name} {_shown(name, value)}" for name, value in data.items() if value)
    return [
        f"{len(records)} of {n_jobs} jobs finished, which took "
        f"{duration(sum(record['seconds'] for record in records))} of one thread. {preset.note}",
        f"Cells: test {' / '.join(names)}, mean ± std over seeds (number of seeds; p: paired "
        f"bootstrap over test items on {names[0]}, two-sided, against {study.baseline} in the "
        "same column, predictions of all seeds that both have: the chance in the items alone. "
        "That in the seeds shows in the deviation and in how many are up). A run's best "
        f"model is chosen by validation alone. {study.paper_note}".strip(),
        f"Data: {flags or 'the built-in graph'}.",
        *_budgets(study, records),
    ]


def shown_tables(
    plans: Mapping[str, Sequence[Job]], asked: Sequence[str], records: Mapping[str, Record]
) -> list[str]:
    """The tables that are asked for, those that are complete, and those with a run of their own.

    Args:
        plans: name of a table -> its jobs.
    """

    def own(table: str) -> set[str]:
        """Its runs that no other table has."""
        others = {job.name for name, jobs in plans.items() if name != table for job in jobs}
        return {job.name for job in plans[table] if job.kind != "preprocess"} - others

    def has_runs(table: str) -> bool:
        holds = finished(plans[table], records)
        return len(holds) == len(plans[table]) or not own(table).isdisjoint(holds)

    return [table for table in plans if table in asked or has_runs(table)]


def _shown(flag: str, value: Value) -> str:
    if not isinstance(value, str):
        return ", ".join(value)
    return Path(value).name if flag == "input_dir" else value


def _commits(records: Sequence[Record]) -> str:
    """The commits that a table's jobs ran at; a finished one stays when the code changes."""
    jobs = Counter(str(record["commit"]) for record in records)
    counts = ", ".join(f"{commit} (of {n})" for commit, n in sorted(jobs.items())) or "none"
    if len(jobs) < 2:
        return f"Commit of the finished jobs: {counts}."
    return (
        f"Commits of the finished jobs, SEVERAL: {counts}. What differs between jobs of two of "
        "them may be the code; another --out runs them all again."
    )


def _budgets(study: Study, records: Sequence[Record]) -> list[str]:
    """Training steps of the runs that should have the same number, and whether they have."""
    steps: dict[str, set[int]] = {}
    for record in records:
        labels, what = record["labels"], ""
        if record["kind"] == "finetune":
            what = f"fine-tuning, {percent(labels['fraction'])}"
        elif record["kind"] == "pretrain":
            own_length = "--n_epoch" in (study.methods[labels["method"]].pretrain or "")
            what = "" if own_length else f"pre-training, {labels['setting']}"
        if what:
            steps.setdefault(what, set()).add(record["steps"])
    shown = "; ".join(
        f"{name}: {' and '.join(f'{n:,}' for n in sorted(numbers))}"
        + " (NOT EQUAL)" * (len(numbers) > 1)
        for name, numbers in steps.items()
    )
    return [f"Steps: {shown}."] if shown else []
