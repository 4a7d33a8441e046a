"""The verb of the scripts that fill the paper's tables: run a study's grid, then report it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from GPT_GNN.report.figures import (
    finetuning_figure,
    fraction_figure,
    method_figure,
    pretraining_figure,
)
from GPT_GNN.report.layouts import LAYOUTS, pretraining
from GPT_GNN.report.tables import Results, Table
from GPT_GNN.schema import split_names
from GPT_GNN.settings import GridConfig, parse_flags
from GPT_GNN.study.begun import check_some_stay, given, remember, remembered, status
from GPT_GNN.study.grid import Job, finished, run_jobs
from GPT_GNN.study.progress import duration
from GPT_GNN.study.records import RECORDS, Record, read_records
from GPT_GNN.study.results import metric_name
from GPT_GNN.study.study import (
    SCRATCH,
    Cells,
    Method,
    Preset,
    Study,
    Value,
    plan,
    unset_flags,
)
from GPT_GNN.system.files import atomic_file


def reproduce(study: Study, description: str | None, argv: Sequence[str] | None = None) -> None:
    """Run what is not finished of a study's tables and write ``<out>/report/``.

    Flags that say which data, and the preset, are those of the last call with this ``--out`` where
    none are given. Others run anew what depends on them.

    Args:
        description: the script's docstring.
        argv: the flags, by default the command line's.

    Raises:
        SystemExit: a bad flag.
        ValueError: a table that the preset does not have, an unknown setting, a flag that a setting
            needs is empty, raw data that are not there or do not have what flags name, flags by
            which no finished run of ``--out`` would stay, nothing to report, another process at
            work there, or jobs that failed.
    """
    args, out, was = _parsed(study, description, argv)
    flags, preset = args.grid, study.presets[args.grid.preset]
    if flags.table in preset.without:
        raise ValueError(f"--table {flags.table}: it is no table of --preset {flags.preset}")
    kept = {name: spec for name, spec in study.tables.items() if name not in preset.without}
    whole = replace(study, tables=kept)
    study = replace(study, tables=_of_settings(kept, flags.settings))
    if flags.table not in {**study.tables, "all": None}:
        raise ValueError(
            f"--table {flags.table} --settings {','.join(flags.settings)}: it has the settings "
            f"{list(kept[flags.table].settings)} only"
        )
    tables = list(study.tables) if flags.table == "all" else [flags.table]
    seeds, n_jobs = flags.seeds or preset.seeds, flags.jobs or preset.jobs or os.cpu_count() or 1
    asked = given(study, args.data, flags.preset)
    data = _filled(study, asked)
    inputs = None if flags.report_only else study.raw_files(data)
    if not flags.report_only:
        every = _set_tables(whole, whole.tables, data)
        check_some_stay(out, plan(whole, preset, every, seeds, data, inputs), was, asked)
    if flags.dry_run:
        jobs = plan(study, preset, _set_tables(study, tables, data), seeds, data, inputs)
        lines = [preset.told, *_declared(study, preset, tables, seeds), *status(out, jobs)]
        print("\n".join(lines))
        return
    if flags.report_only and not (out / RECORDS).is_file():
        raise ValueError(f"{out}: expected {RECORDS} of earlier runs to report, found none")
    if flags.report_only:  # what needs a flag that was never given has never run
        tables = _set_tables(study, tables, data)
    jobs = plan(study, preset, tables, seeds, data, inputs)
    print(preset.told)
    print(f"declared time of all {len(jobs)} jobs: {_one_at_a_time(jobs)}")
    failed = [] if flags.report_only else _run(study, jobs, out, asked, n_jobs)
    shown = [] if flags.report_only and flags.table == "all" else tables
    plans = {
        table: plan(study, preset, [table], seeds, data, inputs)
        for table in _set_tables(study, study.tables, data)
    }
    shown = _shown(plans, shown, read_records(out)) or tables
    report = Report(study, preset, {table: plans[table] for table in shown}, out, data)
    print(report.write())
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(jobs)} jobs failed or need one that did: {', '.join(failed)}; "
            f"{out / 'logs'} has what they printed"
        )


def _parsed(
    study: Study, description: str | None, argv: Sequence[str] | None
) -> tuple[Any, Path, dict[str, Any]]:
    """The flags, the folder of the runs, and what it was begun with: the defaults there."""
    choices = {"preset": study.presets, "table": {**study.tables, "all": None}}
    groups = {"grid": GridConfig, "data": study.data}
    args = parse_flags(groups, description, argv, choices=choices)
    out = Path(args.grid.out or f"runs/{study.name}_{args.grid.preset}").resolve()
    was = remembered(out, study)
    return parse_flags(groups, description, argv, choices=choices, **was), out, was


def _filled(study: Study, data: Mapping[str, Value]) -> dict[str, Value]:
    """The flags that say which data, with those of the built-in graph where it is taken."""
    built_in = {} if data["input_dir"] else study.built_in
    return {name: value or built_in.get(name, value) for name, value in data.items()}


def _set_tables(study: Study, tables: Iterable[str], data: Mapping[str, Value]) -> list[str]:
    """The tables of which no setting needs a flag that is empty."""
    return [table for table in tables if not unset_flags(study, [table], data)]


def _run(
    study: Study, jobs: Sequence[Job], out: Path, asked: Mapping[str, Value], n_jobs: int
) -> list[str]:
    """Run jobs; what failed."""
    remember(out, asked)
    for line in status(out, jobs):
        print(line)
    return run_jobs(jobs, out, Path(study.scripts), n_jobs)


def _declared(study: Study, preset: Preset, tables: Sequence[str], seeds: int) -> list[str]:
    """What each table is declared to take, and all of them, which share jobs."""
    data: dict[str, Value] = dict.fromkeys(study.data_defaults, "any")  # the times know no data

    def line(what: str, names: Sequence[str]) -> str:
        jobs = plan(study, preset, names, seeds, data)
        return f"{what}: {len(jobs)} jobs, {_one_at_a_time(jobs)}"

    together = [line("together", tables)] if len(tables) > 1 else []
    return [*(line(name, [name]) for name in tables), *together]


def _one_at_a_time(jobs: Sequence[Job]) -> str:
    return f"{duration(sum(job.expected for job in jobs))}, one at a time"


def _of_settings(tables: Mapping[str, Cells], values: Sequence[str]) -> dict[str, Cells]:
    """The tables that have some of the settings that ``--settings`` names, with these alone."""
    known = list(dict.fromkeys(name for spec in tables.values() for name in spec.settings))
    names = split_names(values, known)
    wanted = known if names == ["all"] else names
    if not set(wanted) <= set(known):
        raise ValueError(f"--settings: expected all, or some of {known}, got {names}")
    kept = {
        name: replace(spec, settings=tuple(s for s in spec.settings if s in wanted))
        for name, spec in tables.items()
    }
    return {name: spec for name, spec in kept.items() if spec.settings}


def _shown(
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

    def begun(table: str) -> bool:
        holds = finished(plans[table], records)
        return len(holds) == len(plans[table]) or not own(table).isdisjoint(holds)

    return [table for table in plans if table in asked or begun(table)]


class Report:
    """Tables and figures of what is finished.

    Args:
        plans: name of a table that is shown -> its jobs.
        out: the folder that they ran in.
        data: flags that say which data.
    """

    def __init__(
        self,
        study: Study,
        preset: Preset,
        plans: Mapping[str, Sequence[Job]],
        out: Path,
        data: Mapping[str, Value],
    ) -> None:
        self._study, self._preset, self._plans = study, preset, plans
        self._out, self._data = out, data
        self._jobs = list({job.name: job for jobs in plans.values() for job in jobs}.values())
        self._records = finished(self._jobs, read_records(out))
        self._results = Results(out, self._records, study.metrics)
        self._folder = out / "report"

    def write(self) -> str:
        """Write report.md, tables.tex and the figures; gives the tables and where the files are."""
        sections, latex = [], []
        for name, jobs in self._plans.items():
            spec = self._study.tables[name]
            tables = LAYOUTS[spec.layout](self._study, name, spec, self._results)
            trained = pretraining(self._study, name, spec, self._records)
            tables += [trained] if trained else []
            records = [self._records[job.name] for job in jobs if job.name in self._records]
            sections += [f"## {name}", *map(Table.markdown, tables), *self._figures(name)]
            sections += [_commits(records)]
            latex += [table.latex() for table in tables]
        head = [f"# {self._study.name}: the paper's comparison, on our data", *self._facts()]
        self._save("report.md", "\n\n".join([*head, *sections]))
        self._save("tables.tex", "\n\n".join(latex))
        return "\n\n".join([*sections, *self._facts(), f"report: {self._folder / 'report.md'}"])

    def _save(self, name: str, text: str) -> None:
        with atomic_file(self._folder / name) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def _figures(self, name: str) -> list[str]:
        """Draw a table's figures; what shows them in Markdown."""
        spec = self._study.tables[name]
        out, records, results = self._out, self._records, self._results
        path = {
            kind: self._folder / f"{name}_{kind}.png"
            for kind in ("curves", "bars", "pretraining", "finetuning")
        }
        drawn = {
            "curves": spec.layout == "labels" and fraction_figure(path["curves"], spec, results),
            "bars": spec.layout == "methods" and method_figure(path["bars"], spec, results),
            "pretraining": pretraining_figure(path["pretraining"], self._study, spec, out, records),
            "finetuning": finetuning_figure(path["finetuning"], spec, results, out, records),
        }
        told = {
            "curves": "Test scores by share of the labels; bands: one std over seeds",
            "bars": "Test scores, bars: one std over seeds; the axes do not begin at 0",
            "pretraining": f"Validation loss of pre-training, setting {spec.settings[0]}, "
            f"{spec.convs[0]}",
            "finetuning": f"Validation scores of fine-tuning, setting {spec.settings[0]}, "
            f"{spec.convs[0]}, {100 * spec.fractions[0]:.0f} % of the labels",
        }
        return [
            f"![{name}, {kind}]({path[kind].name})\n\n*{told[kind]}.*"
            for kind, there in drawn.items()
            if there
        ]

    def _facts(self) -> list[str]:
        """What has to be known to read the tables."""
        records = list(self._records.values())
        first, second = map(metric_name, self._study.metrics)
        data = ", ".join(
            f"{name} {_shown_value(name, value)}" for name, value in self._data.items() if value
        )
        return [
            f"{len(records)} of {len(self._jobs)} jobs finished, which took "
            f"{duration(sum(record['seconds'] for record in records))} of one thread. "
            f"{self._preset.told}",
            f"Cells: test {first} / {second}, mean ± std over seeds (number of seeds; p: paired "
            f"bootstrap over test items on {first}, two-sided, against {SCRATCH} in the same "
            "column, predictions of all seeds that both have: the chance in the items alone. "
            "That in the seeds shows in the deviation and in how many are up). A run's best "
            f"model is chosen by validation alone. {self._study.paper_told}".strip(),
            f"Data: {data or 'the built-in graph'}.",
            *_budgets([r for r in records if not self._has_own_length(r)]),
        ]

    def _has_own_length(self, record: Record) -> bool:
        method = self._study.methods.get(record["labels"].get("method", ""), Method())
        return record["kind"] == "pretrain" and "--n_epoch" in (method.pretrain or "")


def _shown_value(flag: str, value: Value) -> str:
    if not isinstance(value, str):
        return ", ".join(value)
    return Path(value).name if flag == "input_dir" else value


def _commits(records: Sequence[Record]) -> str:
    """Which code a table's jobs are of; a finished one stays when the code changes."""
    jobs = Counter(str(record["commit"]) for record in records)
    told = ", ".join(f"{commit} (of {n})" for commit, n in sorted(jobs.items())) or "none"
    if len(jobs) < 2:
        return f"Commit of the finished jobs: {told}."
    return (
        f"Commits of the finished jobs, SEVERAL: {told}. What differs between jobs of two of them "
        "may be the code; another --out makes them all anew."
    )


def _budgets(records: Sequence[Record]) -> list[str]:
    """Training steps by what should have the same number, and whether it has."""
    steps: dict[str, set[int]] = {}
    for record in records:
        labels = record["labels"]
        if record["kind"] == "pretrain":
            steps.setdefault(f"pre-training, {labels['setting']}", set()).add(record["steps"])
        elif record["kind"] == "finetune":
            steps.setdefault(f"fine-tuning, {100 * labels['fraction']:.0f} %", set()).add(
                record["steps"]
            )
    told = "; ".join(
        f"{name}: {' and '.join(f'{n:,}' for n in sorted(numbers))}"
        + " (NOT EQUAL)" * (len(numbers) > 1)
        for name, numbers in steps.items()
    )
    return [f"Steps: {told}."] if told else []
