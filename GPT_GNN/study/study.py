"""What a study compares, declared: methods, tasks, sizes and tables of one or more data sets."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any

from GPT_GNN.settings import Checked, setting

Value = str | tuple[str, ...]  # of a flag that says which data


@dataclass(frozen=True)
class Method:
    """How an encoder gets its weights before fine-tuning.

    Attributes:
        pretrain: flags of pre-training; None for a fresh encoder.
        family: its pre-training has the flags that a preset has for this family.
        encoder: flags of the encoder and sampler, in place of the preset's ``conv_flags``; those
            that the layer does not have are left out.
        finetune: flags of fine-tuning that it changes.
        like: the method whose pre-trained model it takes; empty: its own.
        cost: declared time of its pre-training, in pre-trainings of the preset.
        against: the method that it is compared with; empty: the study's baseline.
        for_scale: a simple model that shows the scale: figures leave it out, and its tables have a
            row of the most frequent answers, too.
    """

    pretrain: str | None = None
    family: str = ""
    encoder: str = ""
    finetune: str = ""
    like: str = ""
    cost: float = 1.0
    against: str = ""
    for_scale: bool = False


@dataclass(frozen=True)
class Setting:
    """The graphs of pre-training and fine-tuning.

    Attributes:
        preprocess: flags, as :class:`Study` has them.
        pretrain, finetune: their stores within the folder that preprocessing writes; empty: that
            folder is the store of both.
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

    @property
    def values(self) -> dict[str, tuple[Any, ...]]:
        """The labels of a cell, see :func:`labels_of`, with all values of each."""
        of_model = {"setting": self.settings, "method": self.methods, "conv": self.convs}
        return {**of_model, "task": self.tasks, "fraction": self.fractions}


@dataclass(frozen=True)
class Preset:
    """Sizes and lengths of all runs.

    Attributes:
        seeds: number of seeds, from 0.
        encoder: flags of every encoder, less those that its layer does not have; conv_flags:
            encoder -> further ones.
        sampler: flags of every run.
        pretrain: flags of every pre-training; families: family -> further ones.
        epochs: setting -> flags that say how long it pre-trains.
        finetune: (share of the labels, flags, declared seconds of a run): the first whose share
            is not exceeded.
        seconds: declared for preprocessing and a pre-training.
        conv_costs: encoder -> factors of the declared time of its pre-training and fine-tuning.
        only: task -> the methods that it is fine-tuned from, if not all.
        jobs: default of runs at a time; 0: one per processor.
        without: tables that it does not have, since their methods change nothing in it.
        note: a line of output about it.
    """

    seeds: int
    encoder: str
    sampler: str
    pretrain: str
    finetune: Sequence[tuple[float, str, float]]
    seconds: Mapping[str, float]
    epochs: Mapping[str, str] = field(default_factory=dict)
    conv_flags: Mapping[str, str] = field(default_factory=dict)
    conv_costs: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    jobs: int = 0
    without: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class DataFlags(Checked):
    """Which data; default: those of the last call with this --out."""

    input_dir: str = setting("", "folder of the raw data; empty: the built-in graph's")


def data_flags(names: Sequence[str], *settings: type[Checked]) -> type[Checked]:
    """``--input_dir`` with some flags of preprocessing.

    Args:
        settings: the dataclasses that declare them.
    """
    known = {f.name: f for declared in settings for f in fields(declared)}
    chosen = [
        (name, known[name].type, field(default=known[name].default, metadata=known[name].metadata))
        for name in names
    ]
    doc = {"__doc__": DataFlags.__doc__}
    return make_dataclass("Flags", chosen, bases=(DataFlags,), namespace=doc, frozen=True)


@dataclass(frozen=True)
class Study:
    """A grid of runs.

    Attributes:
        name: for the report and the default folder.
        preprocess, pretrain: a script, or a command of ``python -m GPT_GNN``, with flags. In the
            former ``{flag}`` stands for one of ``data``, and what is in brackets is left out where
            its flag has its default.
        settings, methods, tasks, tables, presets: by name.
        metrics: those that are shown; the first is tested.
        scripts: folder of the scripts.
        data: dataclass of the flags that say which data; ``input_dir`` is one.
        raw_files: checks the flags of ``data`` by the raw data, before the first job; gives names
            and checksums of the files that preprocessing reads.
        built_in: flags of ``data`` for the built-in graph, used without ``input_dir``.
        places: flags of preprocessing for the raw data and the store, as in ``Job.places``.
        baseline: the method that others are compared with.
        proposed: the method that is shown beside it where there is room for two.
        paper: (setting, method, conv, task as the paper calls it, share of the labels) -> the
            paper's number; paper_note: a sentence about these numbers.
    """

    name: str
    preprocess: str
    pretrain: str
    settings: Mapping[str, Setting]
    methods: Mapping[str, Method]
    tasks: Mapping[str, Task]
    tables: Mapping[str, Cells]
    presets: Mapping[str, Preset]
    metrics: tuple[str, ...]
    scripts: str = ""
    data: type[Checked] = DataFlags
    raw_files: Callable[[Mapping[str, Value]], Mapping[str, str]] = lambda data: {}
    built_in: Mapping[str, Value] = field(default_factory=dict)
    places: tuple[str, str] = ("--input_dir", "--output_dir")
    baseline: str = "no pre-train"
    proposed: str = "GPT-GNN"
    paper: Mapping[tuple[str, str, str, str, float], float] = field(default_factory=dict)
    paper_note: str = ""

    def __post_init__(self) -> None:
        """Check the names that the declaration uses. Raises ValueError: where, got, available."""
        known = {"setting": self.settings, "method": self.methods, "task": self.tasks}
        used = [("the study", "method", self.baseline), ("the study", "method", self.proposed)]
        for name, method in self.methods.items():
            others = filter(None, (method.like, method.against))
            used += [(f"method {name}", "method", other) for other in others]
        for name, spec in self.tables.items():
            used += [(f"table {name}", kind, x) for kind in known for x in spec.values[kind]]
        for name, preset in self.presets.items():
            used += [(f"preset {name}", "setting", setting) for setting in preset.epochs]
        for where, kind, x in used:
            if x not in known[kind]:
                raise ValueError(f"{where}: unknown {kind} {x!r}; available: {list(known[kind])}")

    @property
    def data_defaults(self) -> dict[str, Value]:
        """The flags that say which data, where none is given."""
        return {f.name: as_value(f.default) for f in fields(self.data)}

    def against(self, method: str) -> str:
        """The method that another is compared with; the baseline with itself."""
        return self.methods[method].against or self.baseline


def as_value(setting: object) -> Value:
    """The value of a flag as text, or as a list of texts."""
    return tuple(map(str, setting)) if isinstance(setting, tuple | list) else str(setting)


def placeholders(text: str) -> list[str]:
    """What stands in braces in a text."""
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def labels_of(setting: str, method: str, conv: str, task: str, fraction: float) -> dict[str, Any]:
    """What a fine-tuning run is."""
    return {
        **{"setting": setting, "method": method, "conv": conv},
        **{"task": task, "fraction": fraction},
    }
