"""From a study's tables to jobs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import PurePosixPath
from typing import Any

from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.study.job import Job
from GPT_GNN.study.study import Cells, Preset, Study, Value, labels_of, placeholders

_OPTIONAL = re.compile(r" *\[([^\]]*)\]")


def plan(
    study: Study,
    preset: Preset,
    tables: Sequence[str],
    seeds: int,
    data: Mapping[str, Value],
    inputs: Mapping[str, str] | None = None,
) -> list[Job]:
    """The jobs of some tables, each once, seed by seed; what a job needs comes before it.

    Args:
        seeds: their number.
        data: flags that say which data; one that is missing has its default.
        inputs: the raw files, see ``Study.raw_files``; None where they were not read.

    Raises:
        ValueError: a setting needs an empty flag of ``data``, or two jobs get one file name.
    """
    unset = unset_flags(study, tables, data)
    if unset:
        raise ValueError("; ".join(f"expected --{name}, which {why} needs" for name, why in unset))
    jobs: dict[str, Job] = {}
    planner = _Planner(study, preset, {**study.data_defaults, **data}, inputs)
    for seed, table in product(range(seeds), tables):
        for labels in _cells(study.tables[table], preset):
            for job in planner.chain(labels, seed):
                if jobs.setdefault(job.name, job) != job:
                    raise ValueError(
                        f"{job.labels} and {jobs[job.name].labels} would both be {job.name}: "
                        "expected names that differ in letters or digits"
                    )
    return list(jobs.values())


def unset_flags(
    study: Study, tables: Sequence[str], data: Mapping[str, Value]
) -> list[tuple[str, str]]:
    """Flags of ``data`` that some tables need and that are empty, and a setting that needs each."""
    found, data = {}, {**study.data_defaults, **data}
    for setting in dict.fromkeys(s for table in tables for s in study.tables[table].settings):
        flags = _words(study.preprocess, study.settings[setting].preprocess)
        for name in placeholders(_OPTIONAL.sub("", flags)):
            if not data[name]:
                found[name] = f"setting {setting}"
    return list(found.items())


def _cells(table: Cells, preset: Preset) -> Iterator[dict[str, Any]]:
    """Labels of every cell that is run, the tasks of one model together."""
    for setting, conv, method, fraction, task in product(
        table.settings, table.convs, table.methods, table.fractions, table.tasks
    ):
        if method in preset.only.get(task, table.methods):
            yield labels_of(setting, method, conv, task, fraction)


@dataclass(frozen=True)
class _Planner:
    """Makes the jobs of one fine-tuning run after another."""

    study: Study
    preset: Preset
    data: Mapping[str, Value]
    inputs: Mapping[str, str] | None

    def chain(self, labels: Mapping[str, Any], seed: int) -> list[Job]:
        """A fine-tuning run and what it needs, in the order in which they can run."""
        method = labels["method"]
        model = self.study.methods[method].like or method
        jobs = [self._preprocess(labels["setting"])]
        if self.study.methods[model].pretrain is not None:
            jobs.append(self._pretrain(labels["setting"], model, labels["conv"], seed))
        return [*jobs, self._finetune(labels, seed, tuple(job.name for job in jobs))]

    def _preprocess(self, setting: str) -> Job:
        defaults, data = self.study.data_defaults, self.data

        def given(found: re.Match[str]) -> str:
            known = all(data[name] == defaults[name] for name in placeholders(found[1]))
            return "" if known else f" {found[1]}"

        flags = _words(self.study.preprocess, self.study.settings[setting].preprocess)
        flags = _OPTIONAL.sub(given, flags)
        values = {name: _quoted(name, data[name]) for name in placeholders(flags)}
        raw, store = self.study.places
        input_dir = {raw: str(data["input_dir"])} if data["input_dir"] else {}
        return Job(
            f"store_{_slug(setting)}",
            "preprocess",
            flags.format(**values),
            {**input_dir, store: _folder(setting)},
            labels={"setting": setting},
            inputs=self.inputs,
            expected=self.preset.seconds["preprocess"],
        )

    def _pretrain(self, setting: str, name: str, conv: str, seed: int) -> Job:
        method, preset = self.study.methods[name], self.preset
        command = _words(
            self.study.pretrain,
            self._encoder(name, conv),
            preset.pretrain,
            preset.epochs.get(setting, ""),
            preset.families.get(method.family, ""),
            method.pretrain or "",
            f"--seed {seed}",
        )
        model = _slug("pretrain", setting, name, conv, seed)
        store = _folder(setting, self.study.settings[setting].pretrain)
        return Job(
            model,
            "pretrain",
            command,
            {"--data_dir": store, "--pretrain_model_dir": f"models/{model}.pt"},
            folder=f"models/{model}.pt.run",
            needs=(f"store_{_slug(setting)}",),
            labels={"setting": setting, "method": name, "conv": conv},
            seed=seed,
            expected=preset.seconds["pretrain"] * method.cost * self._costs(conv)[0],
        )

    def _finetune(self, labels: Mapping[str, Any], seed: int, needs: tuple[str, ...]) -> Job:
        setting, fraction, conv = (labels[name] for name in ("setting", "fraction", "conv"))
        name = _slug("finetune", *labels.values(), seed)
        length, seconds = next(
            (flags, seconds) for share, flags, seconds in self.preset.finetune if fraction <= share
        )
        places = {
            "--data_dir": _folder(setting, self.study.settings[setting].finetune),
            "--model_dir": "runs",
        }
        _, *pretrained = needs
        for model in pretrained:
            places["--pretrain_model_dir"] = f"models/{model}.pt"
        command = _words(
            self.study.tasks[labels["task"]].command,
            self._encoder(labels["method"], conv),
            length,
            self.study.methods[labels["method"]].finetune,
            f"--data_percentage {fraction}",
            "--use_pretrain" if pretrained else "",
            f"--seed {seed} --task_name {name}",
        )
        return Job(
            name,
            "finetune",
            command,
            places,
            folder=f"runs/{name}",
            needs=needs,
            labels=dict(labels),
            seed=seed,
            expected=seconds * self._costs(conv)[1],
        )

    def _encoder(self, method: str, conv: str) -> str:
        """Flags of the encoder and the sampler."""
        changed = self.study.methods[method].encoder
        more = "" if changed else self.preset.conv_flags.get(conv, "")
        common, changed = _read_by(conv, self.preset.encoder), _read_by(conv, changed)
        return _words(f"--conv_name {conv}", common, more, self.preset.sampler, changed)

    def _costs(self, conv: str) -> tuple[float, float]:
        return self.preset.conv_costs.get(conv, (1.0, 1.0))


def _read_by(conv: str, flags: str) -> str:
    """Some flags of encoders, less those of other layers than this one."""
    of_each = EncoderConfig.names_of_each()
    others = {name for names in of_each.values() for name in names} - {*of_each.get(conv, ())}
    each = re.split(r" +(?=--)", flags.strip())
    return _words(*(flag for flag in each if not _names(flag, others)))


def _names(flag: str, names: Collection[str]) -> bool:
    """Whether ``--name``, ``--no-name``, ``--name value`` or ``--name=value`` is of some names."""
    found = re.match(r"--(?:no-)?(\w+)", flag)
    return found is not None and found[1] in names


def _folder(setting: str, part: str = "") -> str:
    """Where a setting's store is, or one of two."""
    return str(PurePosixPath("stores", _slug(setting), part))


def _quoted(flag: str, value: Value) -> str:
    """The values of a flag in a command: of a list each but the first follows the flag again."""
    values = [value] if isinstance(value, str) else value
    return f" --{flag} ".join(map(shlex.quote, values))


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _slug(*words: Any) -> str:
    """Words as a file's name."""
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", "_".join(map(str, words)).replace(" ", "-")).strip("-")
