"""What a study compares, declared, and the jobs that it comes to."""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePosixPath
from typing import Any

from GPT_GNN.study.grid import Job

SCRATCH = "no pre-train"
FULL = "GPT-GNN"
MLP = "MLP"
Value = str | tuple[str, ...]  # of a flag that says which data
_OPTIONAL = re.compile(r" *\[([^\]]*)\]")


@dataclass(frozen=True)
class Method:
    """How an encoder comes to its weights before fine-tuning.

    Attributes:
        pretrain: flags of pre-training; None for a fresh encoder.
        generates: it is a variant of GPT-GNN, which takes the preset's flags of generation.
        encoder: flags of the encoder and sampler that it changes, in place of LayerNorms.
        finetune: flags of fine-tuning that it changes.
        like: the method whose pre-trained model it takes; empty: its own.
        cost: how long it is declared to pre-train, in pre-trainings of the preset.
        against: the method that it is compared with.
    """

    pretrain: str | None = None
    generates: bool = False
    encoder: str = ""
    finetune: str = ""
    like: str = ""
    cost: float = 1.0
    against: str = SCRATCH


def two_pass(flags: str = "", cost: float = 1.8) -> Method:
    """GPT-GNN or a variant, its attributes in a pass of their own.

    In one pass they come back over two hops to what generates them. With edges alone, or without
    node separation, there is nothing for a second one.
    """
    return Method(f"--two_pass {flags}".rstrip(), generates=True, cost=cost)


def under_each(changes: Mapping[str, str]) -> dict[str, Method]:
    """No pre-training and GPT-GNN under each change of fine-tuning, the two against each other.

    Args:
        changes: what is changed -> flags of fine-tuning.
    """
    fresh = {f"{SCRATCH}, {what}": Method(finetune=flags) for what, flags in changes.items()}
    pretrained = {
        f"{FULL}, {what}": Method(like=FULL, finetune=flags, against=f"{SCRATCH}, {what}")
        for what, flags in changes.items()
    }
    return fresh | pretrained


@dataclass(frozen=True)
class Setting:
    """What pre-trains and what fine-tunes.

    Attributes:
        preprocess: flags, as :class:`Study` has them.
        pretrain, finetune: where in the folder that preprocessing writes their stores are; empty:
            it is the store of both.
    """

    preprocess: str = ""
    pretrain: str = ""
    finetune: str = ""


@dataclass(frozen=True)
class Task:
    """A column: the script that fine-tunes, its flags, and what the paper calls the task."""

    command: str
    paper: str = ""


@dataclass(frozen=True)
class Cells:
    """A table: every method in every setting, with every encoder, on every task and share.

    Attributes:
        layout: ``methods``, ``encoders`` or ``labels``: what is in rows and columns.
        fractions: shares of the training and validation labels.
    """

    layout: str
    settings: tuple[str, ...]
    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    convs: tuple[str, ...] = ("hgt",)
    fractions: tuple[float, ...] = (0.1,)


@dataclass(frozen=True)
class Preset:
    """Sizes and lengths of all runs.

    Attributes:
        seeds: number of seeds, from 0.
        encoder: flags of every encoder; norms: further ones, of hgt only.
        sampler: flags of every run.
        pretrain: flags of every pre-training; generation: of GPT-GNN and its variants.
        epochs: setting -> flags that say how long it pre-trains.
        finetune: (share of the labels, flags, seconds that a run is declared to take): the first
            whose share is not exceeded.
        seconds: what preprocessing and a pre-training are declared to take.
        conv_costs: encoder -> how many times as long its pre-training and its fine-tuning are
            declared to take; once where it is not named.
        only: task -> the methods that it is fine-tuned from, if not all.
        jobs: runs at a time if none are asked for; 0: one a processor.
        without: tables that it does not have, since their methods change nothing of it.
        told: what is printed of it.
    """

    seeds: int
    encoder: str
    sampler: str
    pretrain: str
    epochs: Mapping[str, str]
    finetune: Sequence[tuple[float, str, float]]
    seconds: Mapping[str, float]
    conv_costs: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    norms: str = ""
    generation: str = ""
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    jobs: int = 0
    without: tuple[str, ...] = ()
    told: str = ""


@dataclass(frozen=True)
class Study:
    """A grid over one data set.

    Attributes:
        name: for the report and the default folder.
        scripts: folder of the scripts.
        data: dataclass of the flags that say which data; ``input_dir`` is one.
        built_in: those flags for the built-in graph, which is taken without ``input_dir``.
        raw_files: checks the flags of ``data`` by the raw data, before the first job; gives the
            names and bytes of the files that preprocessing reads.
        preprocess, pretrain: scripts with flags; in the former ``{flag}`` stands for one of
            ``data``, and what is in brackets is left out where its flag has its default.
        settings: by name.
        metrics: the two that are shown; the first is tested.
        paper: (setting, method, conv, task as the paper calls it) -> its number.
        paper_told: what is printed of these numbers.
    """

    name: str
    scripts: str
    data: type
    raw_files: Callable[[Mapping[str, Value]], Mapping[str, str]]
    preprocess: str
    pretrain: str
    settings: Mapping[str, Setting]
    methods: Mapping[str, Method]
    tasks: Mapping[str, Task]
    tables: Mapping[str, Cells]
    presets: Mapping[str, Preset]
    metrics: tuple[str, str]
    built_in: Mapping[str, Value] = field(default_factory=dict)
    paper: Callable[[str, str, str, str], float | None] = lambda *cell: None
    paper_told: str = ""

    @property
    def data_defaults(self) -> dict[str, Value]:
        """The flags that say which data, where none is given."""
        return {f.name: as_value(f.default) for f in fields(self.data)}


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
        tables: names.
        seeds: their number.
        data: flags that say which data; one that is not there has its default.
        inputs: the raw files, see ``Study.raw_files``; None where nobody looked.

    Raises:
        ValueError: a setting needs a flag of ``data`` that is empty, or two jobs have one name
            as a file.
    """
    unset = unset_flags(study, tables, data)
    if unset:
        raise ValueError("; ".join(f"expected --{name}, which {why} needs" for name, why in unset))
    jobs: dict[str, Job] = {}
    for seed in range(seeds):
        for table in tables:
            for labels in cells(study.tables[table], preset):
                chain = _Chain(study, preset, data, inputs, labels, seed)
                for job in chain.jobs():
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
        for name in _placeholders(_OPTIONAL.sub("", flags)):
            if not data[name]:
                found[name] = f"setting {setting}"
    return list(found.items())


def as_value(setting: object) -> Value:
    """The value of a flag as text, or as a list of texts."""
    return tuple(map(str, setting)) if isinstance(setting, tuple | list) else str(setting)


def _quoted(flag: str, value: Value) -> str:
    """What stands behind a flag in a command: a list is the flag again for each value."""
    values = [value] if isinstance(value, str) else value
    return f" --{flag} ".join(map(shlex.quote, values))


def _placeholders(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def cells(table: Cells, preset: Preset) -> Iterator[dict[str, Any]]:
    """Labels of every cell that is run, the tasks of one model together."""
    for setting in table.settings:
        for conv in table.convs:
            for method in table.methods:
                for fraction in table.fractions:
                    for task in table.tasks:
                        if method in preset.only.get(task, table.methods):
                            yield labels_of(setting, method, conv, task, fraction)


def labels_of(setting: str, method: str, conv: str, task: str, fraction: float) -> dict[str, Any]:
    """What a fine-tuning run is."""
    return {
        **{"setting": setting, "method": method, "conv": conv},
        **{"task": task, "fraction": fraction},
    }


@dataclass(frozen=True)
class _Chain:
    """One fine-tuning run and what it needs."""

    study: Study
    preset: Preset
    data: Mapping[str, Value]
    inputs: Mapping[str, str] | None
    labels: Mapping[str, Any]
    seed: int

    def jobs(self) -> list[Job]:
        """In the order in which they can run."""
        if not self._is_pretrained:
            return [self._preprocess(), self._finetune()]
        model = {**self.labels, "method": self._method.like or self.labels["method"]}
        return [self._preprocess(), replace(self, labels=model)._pretrain(), self._finetune()]

    @property
    def _method(self) -> Method:
        return self.study.methods[self.labels["method"]]

    @property
    def _is_pretrained(self) -> bool:
        return self._method.pretrain is not None or bool(self._method.like)

    @property
    def _setting(self) -> Setting:
        return self.study.settings[self.labels["setting"]]

    @property
    def _store(self) -> str:
        return f"store_{_slug(self.labels['setting'])}"

    def _data_dir(self, part: str) -> str:
        return str(PurePosixPath("stores", _slug(self.labels["setting"]), part))

    @property
    def _model(self) -> str:
        """Name of its pre-training."""
        setting, method, conv = (self.labels[name] for name in ("setting", "method", "conv"))
        return _slug("pretrain", setting, self._method.like or method, conv, self.seed)

    @property
    def _encoder(self) -> str:
        """Flags of the encoder and the sampler."""
        conv, method = self.labels["conv"], self._method
        norms = "" if conv != "hgt" or method.encoder else self.preset.norms
        return _words(
            f"--conv_name {conv}", self.preset.encoder, norms, self.preset.sampler, method.encoder
        )

    @property
    def _costs(self) -> tuple[float, float]:
        return self.preset.conv_costs.get(self.labels["conv"], (1.0, 1.0))

    def _preprocess(self) -> Job:
        setting = self.labels["setting"]
        defaults = self.study.data_defaults
        data = {**defaults, **self.data}

        def given(found: re.Match[str]) -> str:
            known = all(data[name] == defaults[name] for name in _placeholders(found[1]))
            return "" if known else f" {found[1]}"

        flags = _words(self.study.preprocess, self._setting.preprocess)
        flags = _OPTIONAL.sub(given, flags)
        values = {name: _quoted(name, data[name]) for name in _placeholders(flags)}
        input_dir = {"--input_dir": str(data["input_dir"])} if data["input_dir"] else {}
        return Job(
            self._store,
            "preprocess",
            flags.format(**values),
            {**input_dir, "--output_dir": self._data_dir("")},
            labels={"setting": setting},
            inputs=self.inputs,
            expected=self.preset.seconds["preprocess"],
        )

    def _pretrain(self) -> Job:
        setting, method = self.labels["setting"], self._method
        command = _words(
            self.study.pretrain,
            *(self._encoder, self.preset.pretrain, self.preset.epochs[setting]),
            self.preset.generation if method.generates else "",
            method.pretrain or "",
            f"--seed {self.seed}",
        )
        model = f"models/{self._model}.pt"
        return Job(
            self._model,
            "pretrain",
            command,
            {"--data_dir": self._data_dir(self._setting.pretrain), "--pretrain_model_dir": model},
            folder=f"{model}.run",
            needs=(self._store,),
            labels={name: self.labels[name] for name in ("setting", "method", "conv")},
            seed=self.seed,
            expected=self.preset.seconds["pretrain"] * self._method.cost * self._costs[0],
        )

    def _finetune(self) -> Job:
        labels, pretrained = self.labels, self._is_pretrained
        name = _slug("finetune", *labels.values(), self.seed)
        length, seconds = next(
            (flags, seconds)
            for share, flags, seconds in self.preset.finetune
            if labels["fraction"] <= share
        )
        command = _words(
            self.study.tasks[labels["task"]].command,
            *(self._encoder, length, self._method.finetune),
            f"--data_percentage {labels['fraction']}",
            "--use_pretrain" if pretrained else "",
            f"--seed {self.seed}",
        )
        places = {"--data_dir": self._data_dir(self._setting.finetune), "--model_dir": "runs"}
        if pretrained:
            places["--pretrain_model_dir"] = f"models/{self._model}.pt"
        return Job(
            name,
            "finetune",
            f"{command} --task_name {name}",
            places,
            folder=f"runs/{name}",
            needs=(self._store, *([self._model] if pretrained else [])),
            labels=dict(labels),
            seed=self.seed,
            expected=seconds * self._costs[1],
        )


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _slug(*words: Any) -> str:
    """Words as a file's name."""
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", "_".join(map(str, words)).replace(" ", "-")).strip("-")
