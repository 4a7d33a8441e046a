"""Settings as dataclasses, declared once.

A field is a flag of the scripts, a keyword of the package and an entry of the checkpoint. Wherever
its value comes from, it is checked when the dataclass is made, with the same message.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, asdict, dataclass, field, fields, make_dataclass
from numbers import Integral, Real
from typing import Any, Self, TypeVar

from GPT_GNN.system.files import KEEP_OTHER_FILES
from GPT_GNN.system.parser import Parser

T = TypeVar("T")
LIST = "comma-separated, or the flag again"  # how a flag takes several names


def setting(
    default: T,
    help: str,
    choices: Sequence[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
) -> T:
    """A dataclass field with what the flag needs to know.

    Args:
        default: its type is the flag's type: bool, int, float (finite), str, or tuple for a list of
            names, whose flag may be repeated.
        help: one line, with the unit.
        choices: the allowed values.
        low, high: bounds, both allowed unless ``low_open``.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "low_open": low_open}
    return field(default=default, metadata=metadata)  # type: ignore[no-any-return, call-overload]


@dataclass(frozen=True)
class Checked:
    """Base of all settings: their fields are checked at construction.

    Raises:
        ValueError: a value of another type, out of bounds or none of the choices; names the field.
    """

    def __post_init__(self) -> None:
        for f in fields(self):
            try:
                value = _value(f, getattr(self, f.name), f.metadata["choices"])
            except ValueError as error:
                raise ValueError(f"{f.name}: {error}") from None
            object.__setattr__(self, f.name, value)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], source: object) -> Self:
        """The settings that a file holds; those that it lacks are at their defaults.

        Args:
            source: the file, for the message.

        Raises:
            ValueError: a setting that there is not, or a value that does not fit; names the file.
        """
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(record) - set(known))
        if unknown:
            raise ValueError(f"{source}: unknown settings {unknown}; available: {known}")
        try:
            return cls(**record)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error


def _value(f: Field[Any], value: Any, choices: Collection[str] | None) -> Any:
    """A value in the type of its setting. Raises ValueError: expected, got."""
    kind, converted = type(f.default), value
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        converted = float(value)
    elif kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        converted = int(value)
    elif kind is str and isinstance(value, os.PathLike):
        converted = os.fspath(value)
    elif kind is tuple:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
            raise ValueError(f"expected names, got {value!r}")
        converted = tuple(filter(None, names))
    if not isinstance(converted, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"expected {kind.__name__}, got {value!r}")
    if choices is not None and converted not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}, got {value!r}")
    low, high, low_open = f.metadata["low"], f.metadata["high"], f.metadata["low_open"]
    if isinstance(converted, int | float) and not _within(converted, low, high, low_open):
        left = "(-inf" if low is None else f"{'(' if low_open else '['}{low}"
        right = "inf)" if high is None else f"{high}]"
        raise ValueError(f"expected a value in {left}, {right}, got {value}")
    return converted


def _within(value: float, low: float | None, high: float | None, low_open: bool) -> bool:
    if not math.isfinite(value) or abs(value) >= 2**63:  # what compiled code can hold
        return False
    above = low is None or value > low or (value == low and not low_open)
    return above and (high is None or value <= high)


@dataclass(frozen=True)
class DumpConfig(Checked):
    """What is preprocessed, and where to."""

    input_dir: str = setting("", "folder of the raw dump; empty: the built-in graph's")
    output_dir: str = setting(
        "", "store to write; empty: data/oag<domain> or data/toy_*, with the name of a transfer"
    )
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)
    toy_papers: int = setting(4000, "papers of the built-in graph", low=100)


@dataclass(frozen=True)
class GraphConfig(Checked):
    """Which graph."""

    data_dir: str = setting("toy", "folder of a graph store, or 'toy' for the built-in graph")


@dataclass(frozen=True)
class DataConfig(GraphConfig):
    """Which graph."""

    domain: str = setting(
        "", "open the store oag<domain> inside data_dir, e.g. _CS; empty: data_dir"
    )


@dataclass(frozen=True)
class LabelShareConfig(GraphConfig):
    """Which graph, and how much of its labels."""

    data_percentage: float = setting(
        0.1, "fraction of training and validation labels to use", low=0, high=1, low_open=True
    )


@dataclass(frozen=True)
class LabelledGraphConfig(LabelShareConfig):
    """Which graph, and how much of its labels."""

    original_protocol: bool = setting(
        False, "the published protocol, leaks included (docs/ORIGINAL.md lists what it restores)"
    )


@dataclass(frozen=True)
class TrainBatchConfig(Checked):
    """What training batches of a task see."""

    train_view: str = setting(
        "pretrain",
        "features of training batches: known before training's years, or before validation's",
        choices=("pretrain", "finetune"),
    )
    hide_train_labels: bool = setting(
        False, "training batches see no label of any training node, not of their own only"
    )


@dataclass(frozen=True)
class TaskDataConfig(TrainBatchConfig, LabelledGraphConfig, DataConfig):
    """Which graph, and how much of its labels."""


@dataclass(frozen=True)
class AnyTaskDataConfig(TrainBatchConfig, LabelShareConfig):
    """Which graph, and how much of its labels."""


@dataclass(frozen=True)
class TargetConfig(Checked):
    """Facts of the graph; what is empty is the store's own."""

    target_type: str = setting("", "node type that is pre-trained and predicted")
    split: str = setting(
        "",
        "time:A,B,C (last times of pre-training, training, validation) or time (at quantiles); "
        "random[:A,B,C,D] (shares of pre-training to test); column:NAME[,PRETRAIN_ON]",
    )


@dataclass(frozen=True)
class FactsConfig(TargetConfig):
    """Facts of the graph; what is empty is the store's own."""

    rel_stop_list: tuple[str, ...] = setting(
        (),
        "relations into the target that are never masked, as relation or source:relation:target, "
        f"{LIST}; none for none",
    )
    text_column: str = setting("", "column of the target that attr_type text generates")
    attr_part: str = setting("", "feature part of the target that attr_type vec generates")
    hide_links: tuple[str, ...] = setting(
        (),
        "relations of which pre-training does not see the links that --task link validates and "
        f"tests with, {LIST}",
    )
    hide_classes: tuple[str, ...] = setting(
        (),
        "relations into the target that pre-training does not see at validation and test nodes, "
        f"as --task class_node asks for them, {LIST}",
    )


@dataclass(frozen=True)
class AnyTaskConfig(Checked):
    """What is predicted."""

    task: str = setting(
        "label",
        "label: the classes that a column holds; class_node: the nodes of another type that a "
        "target is linked to; link: which source a target is linked to, among others",
        choices=("label", "class_node", "link"),
    )
    label: str = setting("", "column of label; empty: the store's own")
    relation: tuple[str, ...] = setting(
        (),
        "of class_node and link, as relation or source:relation:target: sources are ranked for "
        f"targets; class_node takes several, {LIST}",
    )
    num_candidates: int = setting(100, "sources that link ranks, the true one among them", low=2)


@dataclass(frozen=True)
class EncoderConfig(Checked):
    """The graph neural network; a pre-trained one has its file's settings, dropout apart."""

    conv_name: str = setting("hgt", "convolution")
    n_hid: int = setting(400, "hidden width", low=1)
    n_heads: int = setting(8, "attention heads of hgt, gat and han; divides n_hid", low=1)
    n_layers: int = setting(3, "convolutions; 0 leaves an MLP on own features", low=0)
    dropout: float = setting(0.2, "dropout of the encoder", low=0, high=0.99)
    prev_norm: bool = setting(False, "LayerNorm after all layers but the last; hgt only")
    last_norm: bool = setting(False, "LayerNorm after the last layer; hgt only")
    train_time_table: bool = setting(False, "train the table of the temporal encoding; hgt only")
    gradient_checkpointing: bool = setting(
        False, "keep no layer's activations, compute them again in backward: less memory, more time"
    )


@dataclass(frozen=True)
class SamplerConfig(Checked):
    """HGSampling and the threads that run it."""

    sample_depth: int = setting(6, "rounds of sampling", low=1)
    sample_width: int = setting(128, "nodes drawn per round and node type", low=1)
    batch_size: int = setting(256, "target nodes of a batch", low=1)
    n_pool: int = setting(2, "threads that sample ahead; 0 samples in the training thread", low=0)


@dataclass(frozen=True)
class ObjectiveConfig(Checked):
    """What is pre-trained."""

    objective: str = setting("gpt_gnn", "method; none writes a fresh encoder, untrained")
    walk_length: int = setting(5, "steps of a random walk of graphsage", low=1)
    n_walks: int = setting(50, "random walks of graphsage from each target", low=1)
    n_walk_negatives: int = setting(20, "negatives of a pair of graphsage", low=1)


@dataclass(frozen=True)
class GPTConfig(Checked):
    """Generation of attributes and links."""

    attr_type: str = setting("vec", "attribute decoder", choices=("vec", "text"))
    attr_ratio: float = setting(0.5, "weight of the attribute loss", low=0, high=1)
    loss_sum: str = setting(
        "ratio",
        "ratio: (1 - attr_ratio) edge + attr_ratio attr; plain: edge + attr_ratio attr",
        choices=("ratio", "plain"),
    )
    min_masked: int = setting(
        8,
        "relations with so many masked links in a batch, or fewer, have no edge loss; 0 trains all",
        low=0,
    )
    neg_samp_num: int = setting(255, "most negatives of a target from its own batch", low=1)
    queue_size: int = setting(256, "rows of the adaptive queue per relation; 0 for none", low=0)
    queue_gradient: str = setting(
        "balanced",
        "published: queued rows push nothing back, so that embeddings may collapse; balanced: "
        "a true source is pulled no more than the batch's negatives are pushed",
        choices=("balanced", "published"),
    )
    mask_ratio: float = setting(0.5, "probability that a link is masked", low=0, high=1)
    two_pass: bool = setting(
        False, "encode twice, so that no attribute reaches its own generation over two hops"
    )
    node_separation: bool = setting(
        True, "generate a target's attributes by a copy that lacks them, not by itself"
    )
    w2v_dir: str = setting(
        "", "word vectors: a model of gensim, or word2vec text or binary; default: the store's own"
    )


@dataclass(frozen=True)
class OptimConfig(Checked):
    """Optimiser, schedule and length of training."""

    optimizer: str = setting("adamw", "optimiser", choices=("adamw", "adam", "sgd", "adagrad"))
    scheduler: str = setting("cycle", "learning rate schedule", choices=("cycle", "cosine", "none"))
    max_lr: float = setting(1e-3, "highest learning rate", low=0, low_open=True)
    weight_decay: float = setting(1e-2, "weight decay", low=0)
    clip: float = setting(0.5, "largest norm of the gradient", low=0, low_open=True)
    amp: str = setting(
        "off",
        "mixed precision of encoder and text decoder: bf16, or fp16 on a GPU",
        choices=("off", "bf16", "fp16"),
    )
    n_epoch: int = setting(20, "epochs", low=1)
    n_batch: int = setting(32, "batches between two validations", low=1)


@dataclass(frozen=True)
class PretrainRunConfig(Checked):
    """Where a run writes, what it sees of its targets and how it is carried out."""

    pretrain_model_dir: str = setting("runs/gpt_gnn.pt", "file to write the pre-trained model to")
    targets_in_means: bool = setting(
        False, "as published, leave a batch's targets in the means that are features of others"
    )
    seed: int = setting(0, "seed of the run", low=0)
    cuda: int = setting(-2, "GPU number; -1 for the CPU; default: a GPU if there is one", low=-2)
    resume: bool = setting(False, "continue an interrupted run from its last checkpoint")
    overwrite: bool = setting(False, "replace a run of other settings that is in the way")


@dataclass(frozen=True)
class FinetuneRunConfig(Checked):
    """Where a run reads and writes and how it is carried out."""

    use_pretrain: bool = setting(False, "start from the pre-trained model")
    pretrain_model_dir: str = setting("runs/gpt_gnn.pt", "file of the pre-trained model")
    other_features: bool = setting(
        False, "continue although the pre-trained model read other features than the graph has"
    )
    model_dir: str = setting("runs", "folder for the results of tasks")
    task_name: str = setting("task", "name of this run: results go to <model_dir>/<task_name>")
    seed: int = setting(0, "seed of the run", low=0)
    cuda: int = setting(-2, "GPU number; -1 for the CPU; default: a GPU if there is one", low=-2)
    resume: bool = setting(False, "continue an interrupted run from its last checkpoint")
    overwrite: bool = setting(False, "replace a run of other settings that is in the way")


@dataclass(frozen=True)
class FieldTaskConfig(Checked):
    """What the paper-field task hides."""

    hide_all_fields: bool = setting(
        False, "hide a target's edges to fields of all levels, not of level 2 only"
    )


@dataclass(frozen=True)
class VenueTaskConfig(Checked):
    """What the paper-venue task hides."""

    hide_citations: bool = setting(
        False, "hide a target's citations, which the latest papers of a graph may not have yet"
    )
    hide_fields: bool = setting(
        False, "hide a target's fields, whose coverage may tell the venue in some years only"
    )


# Settings that say where a run happens, not what it computes: a resumed run may change them.
_PLACES = {
    "data_dir",
    "domain",
    "pretrain_model_dir",
    "model_dir",
    "task_name",
    "cuda",
    "n_pool",
    "gradient_checkpointing",
    "resume",
    "overwrite",
}

PRETRAIN_GROUPS: dict[str, type] = {
    "data": DataConfig,
    "objective": ObjectiveConfig,
    "gpt": GPTConfig,
    "encoder": EncoderConfig,
    "sampler": SamplerConfig,
    "optim": OptimConfig,
    "run": PretrainRunConfig,
}
FINETUNE_GROUPS: dict[str, type] = {
    "data": TaskDataConfig,
    "encoder": EncoderConfig,
    "sampler": SamplerConfig,
    "optim": OptimConfig,
    "run": FinetuneRunConfig,
}

# Where fine-tuning's usual settings are not those of pre-training, as published.
FINETUNE_DEFAULTS: dict[str, Any] = {
    "scheduler": "cosine",
    "max_lr": 5e-4,
    "clip": 0.25,
    "n_epoch": 50,
    "n_batch": 16,
}


def comparable(config: Any, **resolved: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings that a run's numbers depend on, group by group, as plain values.

    Args:
        config: what :func:`parse_flags` gives.
        **resolved: groups whose flags leave something to the graph, with what they come to.
    """
    settings = {
        group: {name: value for name, value in asdict(record).items() if name not in _PLACES}
        for group, record in vars(config).items()
        if isinstance(record, Checked)
    }
    return settings | resolved


def parse_flags(
    groups: dict[str, type[Checked]],
    description: str | None,
    argv: Sequence[str] | None = None,
    extra: type[Checked] | None = None,
    choices: Mapping[str, Mapping[str, Any]] | None = None,
    **defaults: Any,
) -> Any:
    """Read the flags of a script into one record with an entry per group.

    Args:
        groups: name of the group -> dataclass.
        description: the script's docstring.
        argv: the flags, by default the command line's.
        extra: a dataclass of flags that only this script has, as group ``task``.
        choices: flag -> what may be chosen, by name. Where the chosen has ``options``, the flags
            that it reads, those that only others read must stay at their defaults.
        **defaults: this script's own defaults, by field name.

    Returns:
        A record with an entry per group, and ``given``, a frozenset of the names of the flags that
        stood on the command line.

    Raises:
        SystemExit: an unknown flag or a value out of range, with the allowed ones in the message.
        TypeError: a default names no flag.
    """
    groups = {**groups, "task": extra} if extra else groups
    choices = choices or {}
    parser = Parser(description)
    owner: dict[str, str] = {}
    # Help begins with the groups that matter first; the others keep their order.
    for group_name, group in sorted(groups.items(), key=_rank):
        section = parser.add_argument_group(group_name, (group.__doc__ or "").strip())
        for f in fields(group):
            owner[f.name] = group_name
            allowed = choices.get(f.name, f.metadata["choices"])
            _add_flag(section, f, defaults.get(f.name, f.default), allowed)
    unknown = set(defaults) - set(owner)
    if unknown:
        raise TypeError(f"defaults that are no flags: {sorted(unknown)}")
    # argparse leaves alone what a namespace has: what is still unset was not given.
    parsed = vars(parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(owner, _UNSET))))
    given = frozenset(name for name in owner if parsed[name] is not _UNSET)
    values = {name: parsed[name] if name in given else parser.get_default(name) for name in owner}
    for flag, registry in choices.items():
        _refuse_unread(parser, values, flag, registry)
    entries = [*groups.items(), ("given", frozenset)]
    record = make_dataclass("Args", entries, frozen=True)
    return record(
        **{
            name: group(**{f.name: values[f.name] for f in fields(group)})
            for name, group in groups.items()
        },
        given=given,
    )


_FIRST = ("grid", "data", "facts", "task", "run")
_UNSET: Any = object()


def _rank(entry: tuple[str, Any]) -> int:
    return _FIRST.index(entry[0]) if entry[0] in _FIRST else len(_FIRST)


def _refuse_unread(
    parser: Parser, values: dict[str, Any], flag: str, registry: Mapping[str, Any]
) -> None:
    """An option that another choice reads and this one does not: an error, not without effect."""
    options = {name: getattr(entry, "options", ()) for name, entry in registry.items()}
    mine = options[values[flag]]
    for name in sorted({n for names in options.values() for n in names} - set(mine)):
        if values[name] != parser.get_default(name):
            parser.error(
                f"argument --{name}: --{flag} {values[flag]} does not read it; it reads "
                f"{', '.join(f'--{n}' for n in mine) or 'no option of its own'}"
            )


def _add_flag(section: Any, f: Field[Any], default: Any, choices: Collection[str] | None) -> None:
    kind = type(f.default)
    shown = " ".join(default) if kind is tuple else default
    help_text = f"{f.metadata['help']} (default: {shown!r})"
    if kind is bool:
        section.add_argument(
            f"--{f.name}", action=argparse.BooleanOptionalAction, default=default, help=help_text
        )
        return
    section.add_argument(
        f"--{f.name}",
        action=_Append if kind is tuple else "store",
        type=str if kind is tuple else _converter(f, kind, choices),
        default=default,
        metavar=f"{{{','.join(choices)}}}" if choices else _METAVARS[kind],
        help=help_text,
    )


_METAVARS = {int: "INT", float: "FLOAT", str: "STR", tuple: "NAMES"}


class _Append(argparse.Action):
    """A list of names: each use of the flag adds a value to those before; none to the default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        before = () if before is _UNSET or before is self.default else before
        setattr(namespace, self.dest, (*before, values))


def _converter(f: Field[Any], kind: type, choices: Collection[str] | None) -> Callable[[str], Any]:
    """From a flag's text to its value, with the message of :class:`Checked`."""

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected {kind.__name__}, got {text!r}") from None
        try:
            return _value(f, value, choices)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
