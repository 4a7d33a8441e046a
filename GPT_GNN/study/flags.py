"""The flags that a folder of runs was started with, and what is kept of it by other flags."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from GPT_GNN.study.job import Job, finished
from GPT_GNN.study.records import RECORDS, only_process, read_records
from GPT_GNN.study.study import Study, Value, as_value
from GPT_GNN.system.files import atomic_file

_FILE = "data.json"


def remembered(out: Path, study: Study) -> dict[str, Any]:
    """Flag -> value of the last call that ran jobs in a folder: data and preset.

    They are the defaults of the next call. A folder in which nothing is finished has none.

    Raises:
        ValueError: a preset that the study does not have any more.
    """
    path = out / _FILE
    if not (out / RECORDS).is_file() or not path.is_file():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept.get("preset") not in (None, *study.presets):
        raise ValueError(
            f"{path}: expected one of the presets {list(study.presets)}, got {kept['preset']!r}"
        )
    defaults: dict[str, Any] = {f.name: f.default for f in fields(study.data)}
    data = {name: _like(value, kept.get(name, value)) for name, value in defaults.items()}
    return data | ({"preset": kept["preset"]} if "preset" in kept else {})


def _like(default: Any, value: Any) -> Any:
    """A value of the file in its setting's type; older versions wrote a list as one text."""
    if isinstance(default, tuple):
        return tuple(value) if isinstance(value, list | tuple) else (value,) if value else ()
    return type(default)(value)


def given(study: Study, flags: object, preset: str) -> dict[str, Value]:
    """The same flags of this call, as text; the folder of the raw data as an absolute path."""
    data = {f.name: as_value(getattr(flags, f.name)) for f in fields(study.data)}
    if data["input_dir"]:
        data["input_dir"] = str(Path(str(data["input_dir"])).resolve())
    return data | {"preset": preset}


def remember(out: Path, data: Mapping[str, Value]) -> None:
    """Keep the flags of a call that is about to run jobs.

    Raises:
        ValueError: another process is at work there; its jobs go by its own flags.
    """
    with only_process(out), atomic_file(out / _FILE) as temporary:
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def check_some_stay(
    out: Path, jobs: Sequence[Job], was: Mapping[str, Any], now: Mapping[str, Value]
) -> None:
    """Refuse other flags where no finished run would stay: another folder is as good.

    Args:
        jobs: all jobs that the flags allow.
        was, now: flag -> value.

    Raises:
        ValueError: there are finished runs, and flags by which none of them holds.
    """
    records = read_records(out)
    runs = [name for name, record in records.items() if record["kind"] != "preprocess"]
    changed = [name for name, value in was.items() if as_value(value) != now[name]]
    # An older version did not look at the raw files, so that another folder may hold others.
    unknown = "input_dir" in changed and any(
        record["kind"] == "preprocess" and record.get("inputs") is None
        for record in records.values()
    )
    stay = not unknown and not finished(jobs, records).keys().isdisjoint(runs)
    if changed and runs and not stay:
        flags = [f"--{name} {as_value(was[name])!r}, got {now[name]!r}" for name in changed]
        raise ValueError(
            f"{out} was started with {', '.join(flags)}: none of its {len(runs)} finished runs has "
            "these flags, and all would be replaced; give another --out"
        )
