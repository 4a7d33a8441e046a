"""The verb of the scripts that fill the paper's tables: run a study's grid, then report it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from GPT_GNN.config import GridConfig, parse_flags
from GPT_GNN.files import atomic_file
from GPT_GNN.report.figures import (
    finetuning_figure,
    fraction_figure,
    method_figure,
    pretraining_figure,
)
from GPT_GNN.report.grid import Job, finished, run_jobs
from GPT_GNN.report.layouts import LAYOUTS, pretraining
from GPT_GNN.report.progress import duration
from GPT_GNN.report.records import RECORDS, Record, only_process, read_records
from GPT_GNN.report.results import metric_name
from GPT_GNN.report.study import SCRATCH, Cells, Method, Preset, Study, plan, unset_flags
from GPT_GNN.report.tables import Results, Table


def reproduce(study: Study, description: str | None, argv: Sequence[str] | None = None) -> None:
    """Run what is not finished of a study's tables and write ``<out>/report/``.

    Args:
        description: the script's docstring.
        argv: the flags, by default the command line's.

    Raises:
        SystemExit: a bad flag.
        ValueError: a table that the preset does not have, an unknown setting, a flag that a setting
            needs is empty, data other than those that ``--out`` was begun with, nothing to report,
            another process at work there, or jobs that failed.
    """
    choices = {"preset": study.presets, "table": {**study.tables, "all": None}}
    args = parse_flags({"grid": GridConfig, "data": study.data}, description, argv, choices=choices)
    flags, preset = args.grid, study.presets[args.grid.preset]
    if flags.table in preset.without:
        raise ValueError(f"--table {flags.table}: it is no table of --preset {flags.preset}")
    kept = {name: spec for name, spec in study.tables.items() if name not in preset.without}
    study = replace(study, tables=_of_settings(kept, flags.settings))
    if flags.table not in {**study.tables, "all": None}:
        raise ValueError(
            f"--table {flags.table} --settings {flags.settings}: it has the settings "
            f"{list(kept[flags.table].settings)} only"
        )
    tables = list(study.tables) if flags.table == "all" else [flags.table]
    seeds, n_jobs = flags.seeds or preset.seeds, flags.jobs or preset.jobs or os.cpu_count() or 1
    if flags.dry_run:
        print("\n".join([preset.told, *_declared(study, preset, tables, seeds)]))
        return
    out = Path(flags.out or f"runs/{study.name}_{flags.preset}").resolve()
    if flags.report_only and not (out / RECORDS).is_file():
        raise ValueError(f"{out}: expected {RECORDS} of earlier runs to report, found none")
    data = _remembered(out, study, args.data, flags.preset)
    if flags.report_only:  # what needs a flag that was never given has never run
        tables = [table for table in tables if not unset_flags(study, [table], data)]
    jobs = plan(study, preset, tables, seeds, data)
    print(preset.told)
    print(f"declared time of all {len(jobs)} jobs: {_one_at_a_time(jobs)}")
    failed = [] if flags.report_only else run_jobs(jobs, out, Path(study.scripts), n_jobs)
    asked = [] if flags.report_only and flags.table == "all" else tables
    plans = {
        table: plan(study, preset, [table], seeds, data)
        for table in study.tables
        if not unset_flags(study, [table], data)
    }
    shown = _shown(plans, asked, read_records(out)) or tables
    report = Report(study, preset, {table: plans[table] for table in shown}, out, data)
    print(report.write())
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(jobs)} jobs failed or need one that did: {', '.join(failed)}; "
            f"{out / 'logs'} has what they printed"
        )


def _declared(study: Study, preset: Preset, tables: Sequence[str], seeds: int) -> list[str]:
    """What each table is declared to take, and all of them, which share jobs."""
    data = dict.fromkeys(study.data_defaults, "any")  # the times know no data

    def line(what: str, names: Sequence[str]) -> str:
        jobs = plan(study, preset, names, seeds, data)
        return f"{what}: {len(jobs)} jobs, {_one_at_a_time(jobs)}"

    together = [line("together", tables)] if len(tables) > 1 else []
    return [*(line(name, [name]) for name in tables), *together]


def _one_at_a_time(jobs: Sequence[Job]) -> str:
    return f"{duration(sum(job.expected for job in jobs))}, one at a time"


def _of_settings(tables: Mapping[str, Cells], names: str) -> dict[str, Cells]:
    """The tables that have some of the settings that ``--settings`` names, with these alone."""
    known = list(dict.fromkeys(name for spec in tables.values() for name in spec.settings))
    wanted = known if names == "all" else names.split(",")
    if not set(wanted) <= set(known):
        raise ValueError(f"--settings: expected all, or some of {known} by commas, got {names!r}")
    kept = {
        name: replace(spec, settings=tuple(s for s in spec.settings if s in wanted))
        for name, spec in tables.items()
    }
    return {name: spec for name, spec in kept.items() if spec.settings}


def _remembered(out: Path, study: Study, given: object, preset: str) -> dict[str, str]:
    """The data's flags and the preset: what ``out`` was begun with, or else what is given.

    The folder keeps them.

    A folder in which nothing is finished, as of a call that failed, has not been begun.

    Raises:
        ValueError: ``out`` was begun with others, or another process is at work there.
    """
    if (out / RECORDS).is_file():
        return _agreed(out, study, given, preset, begun=True)
    with only_process(out):
        return _agreed(out, study, given, preset, begun=False)


def _agreed(out: Path, study: Study, given: object, preset: str, begun: bool) -> dict[str, str]:
    path, defaults = out / "data.json", {**study.data_defaults, "preset": ""}
    flags = {name: str(getattr(given, name)) for name in study.data_defaults}
    flags["preset"] = preset  # runs of two would overwrite each other
    if flags["input_dir"]:
        flags["input_dir"] = str(Path(flags["input_dir"]).resolve())
    if begun and path.exists():  # by an older version with fewer flags, it may be
        kept = defaults | json.loads(path.read_text(encoding="utf-8"))
    else:
        built_in = {} if flags["input_dir"] else study.built_in
        kept = flags | {name: flags[name] or value for name, value in built_in.items()}
    data = {
        name: kept[name] if value in ("", defaults[name]) else value
        for name, value in flags.items()
    }
    for name, value in data.items():
        # What was not needed so far may still be said; but not that there is a dump after all.
        if value != kept[name] and (kept[name] or name == "input_dir"):
            raise ValueError(
                f"{out} was begun with --{name} {kept[name]!r}, got {value!r}: give another --out"
            )
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return data


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
        data: Mapping[str, str],
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
            f"{name} {Path(value).name if name == 'input_dir' else value}"
            for name, value in self._data.items()
            if value
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
