"""Run a study's grid, then report it: what the scripts that fill the paper's tables call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from GPT_GNN.command_line import parse_flags
from GPT_GNN.report.layouts import check_layout
from GPT_GNN.report.report import shown_tables, write_report
from GPT_GNN.schema import split_names
from GPT_GNN.settings import LIST, Checked, setting
from GPT_GNN.study.flags import check_some_stay, given, remember, remembered
from GPT_GNN.study.grid import run_jobs
from GPT_GNN.study.job import Job
from GPT_GNN.study.plan import plan, unset_flags
from GPT_GNN.study.progress import duration, status
from GPT_GNN.study.records import RECORDS, read_records
from GPT_GNN.study.study import Preset, Study, Value


@dataclass(frozen=True)
class GridConfig(Checked):
    """Which runs, where to, how many at a time."""

    out: str = setting("", "folder of all runs and the report; empty: runs/<data>_<preset>")
    preset: str = setting("small", "sizes and lengths of all runs")
    table: str = setting("all", "the table to fill, or all")
    settings: tuple[str, ...] = setting(
        ("all",), f"run and report only these settings of the tables, {LIST}"
    )
    jobs: int = setting(
        0, "runs at a time, one thread each; 0: the preset's, or one per processor", low=0
    )
    seeds: int = setting(0, "number of seeds, from 0; 0: the preset's", low=0)
    report_only: bool = setting(False, "run nothing, report what is finished")
    dry_run: bool = setting(
        False, "run nothing, print how long each table takes, what is finished, what runs again"
    )


def reproduce(study: Study, description: str | None, argv: Sequence[str] | None = None) -> None:
    """Run what is not finished of a study's tables and write ``<out>/report/``.

    Data flags and the preset default to those of the last call with this ``--out``. Changed ones
    run again what depends on them.

    Args:
        description: the script's docstring.
        argv: the flags, by default the command line's.

    Raises:
        SystemExit: a bad flag.
        ValueError: flags that do not fit the study, the raw data or the finished runs of ``--out``;
            nothing to report; another process at work there; or jobs that failed.
    """
    # The flags, and the study that is left by them.
    for name, spec in study.tables.items():
        check_layout(name, spec)
    args, out, was = _parsed(study, description, argv)
    flags, preset = args.grid, study.presets[args.grid.preset]
    whole, study, tables = _chosen(study, preset, flags)
    seeds, n_jobs = flags.seeds or preset.seeds, flags.jobs or preset.jobs or os.cpu_count() or 1
    asked = given(study, args.data, flags.preset)
    data = _filled(study, asked)
    inputs = None if flags.report_only else study.raw_files(data)

    # Its jobs; whether finished ones stay.
    def jobs_of(names: Sequence[str], study: Study = study) -> list[Job]:
        return plan(study, preset, names, seeds, data, inputs)

    if not flags.report_only:
        every = _set_tables(whole, whole.tables, data)
        check_some_stay(out, jobs_of(every, whole), was, asked)
    if flags.dry_run:
        state = status(out, jobs_of(_set_tables(study, tables, data)))
        print("\n".join([preset.note, *_declared(study, preset, tables, seeds), *state]))
        return
    if flags.report_only and not (out / RECORDS).is_file():
        raise ValueError(f"{out}: expected {RECORDS} of earlier runs to report, found none")
    if flags.report_only:  # what needs a flag that was never given has never run
        tables = _set_tables(study, tables, data)
    # Run, then report what is finished.
    jobs, failed = jobs_of(tables), []
    print(f"{preset.note}\ndeclared time of all {len(jobs)} jobs: {_one_at_a_time(jobs)}")
    if not flags.report_only:
        remember(out, asked)
        for line in status(out, jobs):
            print(line)
        failed = run_jobs(jobs, out, Path(study.scripts), n_jobs)
    plans = {table: jobs_of([table]) for table in _set_tables(study, study.tables, data)}
    named = [] if flags.report_only and flags.table == "all" else tables
    shown = shown_tables(plans, named, read_records(out)) or tables
    print(write_report(study, preset, {table: plans[table] for table in shown}, out, data))
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(jobs)} jobs failed or need one that did: {', '.join(failed)}; "
            f"{out / 'logs'} has what they printed"
        )


def _parsed(
    study: Study, description: str | None, argv: Sequence[str] | None
) -> tuple[Any, Path, dict[str, Any]]:
    """The flags, the folder of the runs, and the flags of its last call, which are the defaults."""
    choices = {"preset": study.presets, "table": {**study.tables, "all": None}}
    groups: dict[str, type[Checked]] = {"grid": GridConfig, "data": study.data}
    args = parse_flags(groups, description, argv, choices=choices)
    out = Path(args.grid.out or f"runs/{study.name}_{args.grid.preset}").resolve()
    was = remembered(out, study)
    return parse_flags(groups, description, argv, choices=choices, **was), out, was


def _chosen(study: Study, preset: Preset, flags: GridConfig) -> tuple[Study, Study, list[str]]:
    """The study of the preset, the same of some settings alone, and the tables that are asked for.

    Raises:
        ValueError: an unknown setting, or a table that the preset or the settings leave nothing of.
    """
    if flags.table in preset.without:
        raise ValueError(f"--table {flags.table}: it is no table of --preset {flags.preset}")
    kept = {name: spec for name, spec in study.tables.items() if name not in preset.without}
    known = list(dict.fromkeys(name for spec in kept.values() for name in spec.settings))
    names = split_names(flags.settings, known)
    wanted = known if names == ["all"] else names
    if not set(wanted) <= set(known):
        raise ValueError(f"--settings: expected all, or some of {known}, got {names}")
    some = {
        name: replace(spec, settings=tuple(s for s in spec.settings if s in wanted))
        for name, spec in kept.items()
        if not set(spec.settings).isdisjoint(wanted)
    }
    if flags.table not in {**some, "all": None}:
        raise ValueError(
            f"--table {flags.table} --settings {','.join(flags.settings)}: it has the settings "
            f"{list(kept[flags.table].settings)} only"
        )
    tables = list(some) if flags.table == "all" else [flags.table]
    return replace(study, tables=kept), replace(study, tables=some), tables


def _filled(study: Study, data: Mapping[str, Value]) -> dict[str, Value]:
    """The data flags, with those of the built-in graph where it is used."""
    built_in = {} if data["input_dir"] else study.built_in
    return {name: value or built_in.get(name, value) for name, value in data.items()}


def _set_tables(study: Study, tables: Iterable[str], data: Mapping[str, Value]) -> list[str]:
    """The tables whose settings have all flags that they need."""
    return [table for table in tables if not unset_flags(study, [table], data)]


def _declared(study: Study, preset: Preset, tables: Sequence[str], seeds: int) -> list[str]:
    """The declared time of each table, and of all of them, which share jobs."""
    data: dict[str, Value] = dict.fromkeys(study.data_defaults, "any")  # the times know no data

    def line(what: str, names: Sequence[str]) -> str:
        jobs = plan(study, preset, names, seeds, data)
        return f"{what}: {len(jobs)} jobs, {_one_at_a_time(jobs)}"

    together = [line("together", tables)] if len(tables) > 1 else []
    return [*(line(name, [name]) for name in tables), *together]


def _one_at_a_time(jobs: Sequence[Job]) -> str:
    return f"{duration(sum(job.expected for job in jobs))}, one at a time"
