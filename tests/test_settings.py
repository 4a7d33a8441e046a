"""Flags: their names, types, defaults and errors are what users of the scripts rely on."""

from __future__ import annotations

import pickle
import re
import runpy
import sys
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.command_line import Some, parse_flags
from GPT_GNN.commands import COMMANDS
from GPT_GNN.conv import CONVS
from GPT_GNN.datasets.oag.flags import FieldTaskConfig, OAGDataConfig
from GPT_GNN.graph.resolve import FactsConfig
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.sampler import SAMPLERS, SamplerConfig
from GPT_GNN.settings import Checked, Choosing, setting
from GPT_GNN.system.parser import Parser
from GPT_GNN.tasks import TASKS, TaskConfig
from GPT_GNN.tasks.task import TaskFlags
from GPT_GNN.train import flags as training_flags
from GPT_GNN.train.optim import OptimConfig
from tests.call import call

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = {path.stem: path for path in ROOT.glob("example_*/*.py")}
TRAINING = (
    "pretrain_OAG",
    "finetune_OAG_PF",
    "finetune_OAG_PV",
    "finetune_OAG_AD",
    "pretrain_reddit",
    "finetune_reddit",
)

# Flags of the published scripts that are kept, and the type that their meaning asks for.
PUBLISHED = {
    "pretrain_OAG": {
        **{"attr_ratio": float, "attr_type": str, "neg_samp_num": int, "queue_size": int},
        **{"w2v_dir": str, "data_dir": str, "pretrain_model_dir": str, "cuda": int},
        **{"sample_depth": int, "sample_width": int, "conv_name": str, "n_hid": int},
        **{"n_heads": int, "n_layers": int, "prev_norm": bool, "last_norm": bool},
        **{"dropout": float, "max_lr": float, "scheduler": str, "n_epoch": int, "n_pool": int},
        **{"n_batch": int, "batch_size": int, "clip": float, "domain": str},
    },
    "finetune_OAG": {
        **{"data_dir": str, "pretrain_model_dir": str, "use_pretrain": bool, "model_dir": str},
        **{"task_name": str, "cuda": int, "domain": str, "sample_depth": int},
        **{"sample_width": int, "conv_name": str, "n_hid": int, "n_heads": int, "n_layers": int},
        **{"prev_norm": bool, "last_norm": bool, "dropout": float, "optimizer": str},
        **{"scheduler": str, "data_percentage": float, "n_epoch": int, "n_pool": int},
        **{"n_batch": int, "batch_size": int, "clip": float, "max_lr": float},
    },
    "preprocess_OAG": {"input_dir": str, "output_dir": str, "citation_bar": int, "domain": str},
    "preprocess_reddit": {},
    "build academic": {},
}
# The Reddit scripts have OAG's flags but for the domain.
for _script in ("pretrain", "finetune"):
    _oag = PUBLISHED[f"{_script}_OAG"]
    PUBLISHED[f"{_script}_reddit"] = {n: kind for n, kind in _oag.items() if n != "domain"}
    PUBLISHED[_script] = PUBLISHED[f"{_script}_reddit"]

GROUPS = {"data": OAGDataConfig}
TASK_GROUPS = {"data": OAGDataConfig, "labels": TaskFlags, "task": FieldTaskConfig}


def parse_pretrain_flags(argv, **defaults):
    return training_flags.parse_pretrain_flags("doc", argv, groups=GROUPS, **defaults)


def parse_finetune_flags(argv, **defaults):
    return training_flags.parse_finetune_flags("doc", argv, groups=TASK_GROUPS, **defaults)


SHARED = {
    "data_dir": "toy",
    "domain": "",
    "conv_name": "hgt",
    "n_hid": 400,
    "n_heads": 8,
    "n_layers": 3,
    "dropout": 0.2,
    "prev_norm": False,
    "last_norm": False,
    "train_time_table": False,
    "gradient_checkpointing": False,
    "sampler": "hgsampling",
    "sample_depth": 6,
    "sample_width": 128,
    "batch_size": 256,
    "n_pool": 2,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "amp": "off",
    "pretrain_model_dir": "runs/gpt_gnn.pt",
    "seed": 0,
    "cuda": -2,
    "resume": False,
    "overwrite": False,
}
PRETRAIN = {
    "objective": "gpt_gnn",
    "attr_type": "text",
    "attr_ratio": 0.5,
    "loss_sum": "ratio",
    "min_masked": 8,
    "neg_samp_num": 255,
    "queue_size": 256,
    "queue_gradient": "balanced",
    "mask_ratio": 0.5,
    "two_pass": False,
    "node_separation": True,
    "w2v_dir": "",
    "targets_in_means": False,
    "scheduler": "cycle",
    "max_lr": 0.001,
    "clip": 0.5,
    "n_epoch": 20,
    "n_batch": 32,
}
FINETUNE = {
    "data_percentage": 0.1,
    "train_view": "pretrain",
    "hide_train_labels": False,
    "original_protocol": False,
    "scheduler": "cosine",
    "max_lr": 0.0005,
    "clip": 0.25,
    "n_epoch": 50,
    "n_batch": 16,
    "use_pretrain": False,
    "other_features": False,
    "model_dir": "runs",
}
# Every flag and its default; a change here is a change of what a command means.
SNAPSHOT = {
    "pretrain_OAG": SHARED | PRETRAIN,
    "finetune_OAG_PF": SHARED | FINETUNE | {"task_name": "PF", "hide_all_fields": False},
    "finetune_OAG_PV": SHARED
    | FINETUNE
    | {"task_name": "PV", "hide_citations": False, "hide_fields": False},
    "finetune_OAG_AD": SHARED | FINETUNE | {"task_name": "AD", "n_epoch": 100},
    "preprocess_OAG": {
        "input_dir": "",
        "output_dir": "",
        "keep_other_files": False,
        "domain": "_CS",
        "citation_bar": 0,
        "language": "en",
        "text_encoder": "tfidf",
        "text_dim": 256,
        "word_dim": 100,
        "word_min_count": 5,
        "word_epochs": 5,
        "skip_bad_rows": False,
        "toy_papers": 4000,
        "seed": 0,
        "transfer": "time",
        "finetune_fields": (),
        "pretrain_fields": (),
    },
    "pretrain_reddit": SHARED
    | PRETRAIN
    | {"attr_type": "vec", "pretrain_model_dir": "runs/gpt_reddit.pt"},
    "finetune_reddit": SHARED
    | FINETUNE
    | {"task_name": "reddit", "n_epoch": 100, "pretrain_model_dir": "runs/gpt_reddit.pt"},
    "pretrain": SHARED
    | PRETRAIN
    | {
        "attr_type": "vec",
        "pretrain_model_dir": "runs/gpt_graph.pt",
        "target_type": "",
        "split": "",
        "rel_stop_list": (),
        "text_column": "",
        "attr_part": "",
        "hide_links": (),
        "hide_classes": (),
    },
    "finetune": SHARED
    | FINETUNE
    | {
        "task_name": "graph",
        "data_percentage": 1.0,
        "pretrain_model_dir": "runs/gpt_graph.pt",
        "target_type": "",
        "split": "",
        "task": "label",
        "label": "",
    },
    "preprocess_reddit": {
        "input_dir": "",
        "output_dir": "",
        "keep_other_files": False,
        "download": False,
        "toy_posts": 3000,
        "split": "random",
        "seed": 0,
    },
}
# OAG's reader has the same flags there; the built-in graph is the script's.
SNAPSHOT["build academic"] = SNAPSHOT["preprocess_OAG"] | {"source": "oag"}
for _script, _other in (
    ("build academic", ("toy_papers",)),
    ("pretrain_reddit", ("domain",)),
    ("finetune_reddit", ("domain", "train_view", "hide_train_labels")),
    ("pretrain", ("domain",)),
    ("finetune", ("domain", "original_protocol")),
):
    for _name in _other:
        del SNAPSHOT[_script][_name]


# The same of commands that train nothing; None is a word without a flag, which has no default.
DATA_COMMANDS = {
    "show": {"store": None, "verify": False},
    "build tables": {
        "description": None,
        "store": None,
        "append_to": "",
        "keep_other_files": False,
    },
    "build pyg": {"name": None, "store": None, "root": "", "seed": 0, "keep_other_files": False},
    "build scale": {
        **{"out": "", "nodes": 100_000, "seed": 0, "width": 128, "keep_other_files": False}
    },
    "convert graph": {"file": None, "store": None, "word_vectors": True, "keep_other_files": False},
    "convert model": {
        **{"file": None, "data_dir": "", "domain": "", "output": ""},
        **{"encoder_only": False, "scorers": (), "w2v_dir": ""},
    },
    "export graph": {"store": None, "file": None, "view": "original"},
    "demo": {"out": "demo_output"},
}


class Captured(Exception):
    pass


@cache
def parser_of(script: str) -> Parser:
    """The parser that a script builds, caught as it is about to read the command line."""

    def catch(self, *args, **kwargs):
        raise Captured(self)

    original, argv = Parser.parse_args, sys.argv
    Parser.parse_args = catch
    sys.argv = [script]
    try:
        if script in COMMANDS:
            call(script)
        else:
            runpy.run_path(str(EXAMPLES[script]), run_name="__main__")
    except Captured as caught:
        return caught.args[0]
    finally:
        Parser.parse_args, sys.argv = original, argv
    raise AssertionError(f"{script} read no flags")


def defaults(script: str) -> dict[str, object]:
    parser = parser_of(script)
    return {a.dest: a.default for a in parser._actions if a.dest != "help"}


def refused(capsys, script: str, *argv: str) -> str:
    """The message of an error; checks the exit status 2 of bad flags."""
    with pytest.raises(SystemExit) as exit_:
        parser_of(script).parse_args(argv)
    assert exit_.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("script", [*SNAPSHOT, *DATA_COMMANDS])
def test_snapshot(script):
    found, want = defaults(script), (SNAPSHOT | DATA_COMMANDS)[script]
    assert found == want
    assert {n: type(v) for n, v in found.items()} == {n: type(v) for n, v in want.items()}


@pytest.mark.parametrize("script", list(SNAPSHOT))
def test_published_flags_keep_their_names_and_take_their_type(script):
    published = PUBLISHED.get(script, PUBLISHED["finetune_OAG"])
    values = {"conv_name": "hgt", "attr_type": "vec", "optimizer": "adam", "scheduler": "cycle"}
    text = {int: "3", float: "0.25", str: "word"}
    for name, kind in published.items():
        argv = [f"--{name}"] if kind is bool else [f"--{name}", values.get(name, text[kind])]
        value = getattr(parser_of(script).parse_args(argv), name)
        assert type(value) is kind, name
        assert str(value) == (argv[1] if kind is not bool else "True")


@pytest.mark.parametrize(
    "script, needed",
    [
        *(("preprocess_OAG", ""), ("preprocess_reddit", "")),
        *(("build tables", "d.yaml store"), ("build pyg", "Cora store")),
        *(("build scale", "--out store"), ("convert graph", "graph.pk store")),
    ],
)
def test_files_of_others_are_kept_by_the_same_flag_everywhere(script, needed):
    for flag, value in (("--keep_other_files", True), ("--no-keep_other_files", False)):
        argv = [*needed.split(), flag]
        assert parser_of(script).parse_args(argv).keep_other_files is value


@pytest.mark.parametrize("script", TRAINING)
def test_unknown_and_shortened_flags(capsys, script):
    for wrong, right in (("n_hidden", "n_hid"), ("batch", "batch_size"), ("max-lr", "max_lr")):
        told = f"error: unknown flag --{wrong}; did you mean --{right}?\n"
        assert refused(capsys, script, f"--{wrong}", "3").startswith(told)
    assert "error: unexpected argument 'stray'\n" in refused(capsys, script, "stray")


BAD = [
    ("pretrain_OAG", "batch_size", "0", "[1, inf)"),
    ("pretrain_OAG", "queue_size", "-1", "[0, inf)"),
    ("pretrain_OAG", "attr_ratio", "1.5", "[0, 1]"),
    ("pretrain_OAG", "attr_ratio", "nan", "[0, 1]"),
    ("pretrain_OAG", "neg_samp_num", "0", "[1, inf)"),
    ("pretrain_OAG", "mask_ratio", "-0.1", "[0, 1]"),
    ("pretrain_OAG", "dropout", "1", "[0, 0.99]"),
    ("pretrain_OAG", "max_lr", "0", "(0, inf)"),
    ("pretrain_OAG", "clip", "-1", "(0, inf)"),
    ("pretrain_OAG", "n_epoch", "0", "[1, inf)"),
    ("pretrain_OAG", "n_pool", "-1", "[0, inf)"),
    ("pretrain_OAG", "cuda", "-3", "[-2, inf)"),
    ("pretrain_OAG", "seed", "-1", "[0, inf)"),
    ("pretrain_OAG", "n_hid", "4.5", "expected int"),
    ("pretrain_OAG", "n_hid", "many", "expected int"),
    ("pretrain_OAG", "dropout", "much", "expected float"),
    ("finetune_OAG_PF", "data_percentage", "0", "(0, 1]"),
    ("finetune_OAG_PF", "data_percentage", "1.1", "(0, 1]"),
    ("finetune_OAG_PV", "data_percentage", "-0.1", "(0, 1]"),
    ("finetune_OAG_AD", "data_percentage", "nan", "(0, 1]"),
    ("finetune_OAG_AD", "batch_size", "0", "[1, inf)"),
]


@pytest.mark.parametrize("script, flag, value, allowed", BAD)
def test_a_value_out_of_range_is_told_the_range(capsys, script, flag, value, allowed):
    message = refused(capsys, script, f"--{flag}", value)
    assert f"argument --{flag}: expected" in message
    assert allowed in message and f"got {value}" in message.replace("'", "")


@pytest.mark.parametrize(
    "flag, choices",
    [
        ("attr_type", ("vec", "text")),
        ("scheduler", ("cycle", "cosine", "none")),
        ("optimizer", ("adamw", "adam", "sgd", "adagrad")),
        ("loss_sum", ("ratio", "plain")),
        ("conv_name", tuple(CONVS)),
        ("objective", tuple(OBJECTIVES)),
    ],
)
def test_a_bad_choice_is_told_the_choices(capsys, flag, choices):
    message = refused(capsys, "pretrain_OAG", f"--{flag}", "other")
    assert f"argument --{flag}: expected one of {', '.join(choices)}, got 'other'" in message


REGISTRIES = {
    "conv_name": (CONVS, EncoderConfig),
    "objective": (OBJECTIVES, ObjectiveConfig),
    "sampler": (SAMPLERS, SamplerConfig),
    "task": (TASKS, TaskConfig),
}


@dataclass(frozen=True)
class Width(Checked):
    """A setting of one's own."""

    width: int = setting(3, "how wide", low=1)


@pytest.mark.parametrize("flag", REGISTRIES)
def test_a_line_in_the_dict_is_a_choice_with_flags_of_its_own(flag, monkeypatch, capsys):
    class Mine:
        Settings = Width

    registry, settings = REGISTRIES[flag]
    with pytest.raises(SystemExit):
        parse_flags({"group": settings}, "doc", [f"--{flag}", "mine"])
    monkeypatch.setitem(registry, "mine", Mine)
    args = parse_flags({"group": settings}, "doc", [f"--{flag}", "mine", "--width", "5"])
    assert (getattr(args.group, flag), args.group.width, args.group.own()) == ("mine", 5, Width(5))
    with pytest.raises(SystemExit):
        parse_flags({"group": settings}, "doc", ["--help"])
    out = capsys.readouterr().out
    assert ",mine}" in out and "mine: --width" in out
    with pytest.raises(SystemExit):
        parse_flags({"group": settings}, "doc", ["--width", "5"])
    assert f"--width: --{flag} {next(iter(registry))} does not read it" in capsys.readouterr().err


def test_two_choices_may_share_a_name_with_a_default_of_their_own(monkeypatch):
    class Mine:
        @dataclass(frozen=True)
        class Settings(Checked):
            mask_ratio: float = setting(0.75, "of nodes", low=0, high=1)

    monkeypatch.setitem(OBJECTIVES, "mine", Mine)
    for argv, want in (([], 0.5), (["--objective", "gae"], 0.5), (["--objective", "mine"], 0.75)):
        assert parse_pretrain_flags(argv).objective.mask_ratio == want


def test_settings_of_a_choice_are_those_of_the_chosen():
    assert ObjectiveConfig("gae", mask_ratio=0.1).own() == OBJECTIVES["gae"].Settings(0.1)
    with pytest.raises(ValueError, match=r"objective 'gae' has no settings \['queue_size'\]; ava"):
        ObjectiveConfig("gae", queue_size=3)
    with pytest.raises(ValueError, match="conv_name: these are settings of 'hgt', got 'gcn'"):
        replace(EncoderConfig(), conv_name="gcn")
    old = {"conv_name": "gcn", "n_hid": 8, "n_heads": 3}  # older files have those of all
    assert EncoderConfig.from_record(old, "m.pt") == EncoderConfig("gcn", n_hid=8)
    with pytest.raises(ValueError, match=r"m.pt: unknown settings \['n_hids'\]"):
        EncoderConfig.from_record({"conv_name": "gcn", "n_hids": 8}, "m.pt")
    with pytest.raises(ValueError, match="m.pt: conv_name: expected one of hgt"):
        EncoderConfig.from_record({"conv_name": "none"}, "m.pt")


def test_settings_of_a_choice_are_copied_and_sent_to_other_processes():
    settings = EncoderConfig("gat", n_hid=8, n_heads=2)
    for copied in (pickle.loads(pickle.dumps(settings)), deepcopy(settings)):
        assert copied == settings and type(copied) is type(settings)
    assert type(settings).from_record({"conv_name": "gcn"}, "m.pt") == EncoderConfig("gcn")


def test_two_groups_must_not_share_a_flag_even_of_other_choices(monkeypatch):
    class Mine:
        @dataclass(frozen=True)
        class Settings(Checked):
            queue_size: int = setting(3, "how long")

    monkeypatch.setitem(CONVS, "mine", Mine)
    with pytest.raises(TypeError, match="--queue_size is a flag of objective and of encoder"):
        parse_pretrain_flags(["--objective", "gae"])


def test_a_choice_must_not_have_a_setting_that_is_there_already(monkeypatch):
    class Mine:
        @dataclass(frozen=True)
        class Settings(Checked):
            n_hid: int = setting(3, "how wide")

    monkeypatch.setitem(CONVS, "mine", Mine)
    with pytest.raises(TypeError, match=r"\['n_hid'\] are settings of EncoderConfig already"):
        EncoderConfig("mine")
    with pytest.raises(TypeError, match="--conv_name is a flag of a and of b"):
        parse_flags({"a": EncoderConfig, "b": EncoderConfig}, "doc", [])


@pytest.mark.parametrize(
    "argv, told",
    [
        (["gae", "--queue_size", "7"], "--queue_size: --objective gae does not read it"),
        (["gae", "--n_walks", "7"], "--n_walks: --objective gae does not read it; it reads --mask"),
        (["gpt_gnn", "--n_walks", "7"], "--n_walks: --objective gpt_gnn does not read it"),
        (
            ["infomax", "--mask_ratio", "0.1"],
            "infomax does not read it; it reads no setting of its",
        ),
        (["none", "--no-node_separation"], "--node_separation: --objective none does not read it"),
    ],
)
def test_an_option_that_the_objective_does_not_read(argv, told, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse_pretrain_flags(["--objective", *argv], gpt_gnn={"attr_type": "text"})
    assert exit_.value.code == 2 and told in capsys.readouterr().err


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_scripts_own_defaults_go_with_every_objective(objective):
    own = {"gpt_gnn": {"queue_size": 8, "mask_ratio": 0.3}}
    args = parse_pretrain_flags(["--objective", objective], **own)
    assert args.objective.objective == objective
    if objective == "gpt_gnn":
        assert (args.objective.queue_size, args.origin["queue_size"]) == (8, "script")
    elif objective == "gae":
        assert args.objective.mask_ratio == 0.5  # another's default is none of its own


@pytest.mark.parametrize(
    "defaults, told",
    [
        (
            {"mask_ratio": 0.3},
            r"defaults of some choices alone: \['mask_ratio'\]; expected e.g.",
        ),
        ({"gpt_gnn": {"queue": 3}}, r"defaults that are no flags: \['queue of gpt_gnn'\]"),
        ({"gpt": {"queue_size": 3}}, r"defaults that are no flags: \['queue_size of gpt'\]"),
    ],
)
def test_defaults_of_a_choice_go_under_its_name(defaults, told):
    with pytest.raises(TypeError, match=told):
        parse_pretrain_flags([], **defaults)


@pytest.mark.parametrize(
    "script, flag, value",
    [("pretrain_OAG", "queue_size", "0")]
    + [("finetune_OAG_PF", "data_percentage", value) for value in ("1", "1.0", "0.001")],
)
def test_the_ends_of_a_range_are_allowed(script, flag, value):
    parsed = getattr(parser_of(script).parse_args([f"--{flag}", value]), flag)
    assert parsed == float(value)


@pytest.mark.parametrize("script", TRAINING)
def test_help_shows_groups_types_defaults_and_commands(script):
    text = parser_of(script).format_help()
    for group in ("data", "encoder", "sampler", "optim", "run"):
        assert f"\n{group}:\n" in text
    assert f"python {script}.py" in text
    explained = re.sub(r"(?m)^ +\w+: --.*$", "", text)  # less the flags of other choices
    shown = " ".join(explained[explained.index("\nusage:") :].split())
    for name, value in defaults(script).items():
        (entry,) = re.findall(rf" --{name}[ ,].*?\(default: .*?\)(?= --|$| \w+: )", shown)
        assert entry.endswith(f"(default: {value!r})")
        kind = type(value).__name__.upper()
        assert isinstance(value, bool) or entry.startswith((f" --{name} {kind} ", f" --{name} {{"))


@pytest.mark.parametrize(
    "script, groups",
    [
        ("pretrain", "objective data facts hidden encoder run sampler optim"),
        ("finetune", "task labels data facts encoder run sampler optim"),
        ("finetune_reddit", "labels data encoder run sampler optim"),
    ],
)
def test_help_begins_with_the_groups_that_matter_first(script, groups):
    text = parser_of(script).format_help()
    flags = text[text.index("\nusage:") :]
    assert re.findall(r"(?m)^(\w+):$", flags) == groups.split()


def test_help_names_all_other_choices():
    text = parser_of("pretrain").format_help()
    assert "\n    infomax, none: no flags of their own\n" in text
    assert "\n    gcn, rgcn: no flags of their own\n" in text


@dataclass(frozen=True)
class Copying(Checked):
    """What is copied, and where to."""

    source: str = setting("", "file to copy", positional=True)
    times: int = setting(0, "100 % of all copies", low=1, positional=True)
    out: str = setting("", "place of the copy", required=True)
    fast: bool = setting(False, "in no time")


def test_words_without_a_flag(capsys):
    groups = {"copying": Copying}
    for argv in (["a", "3", "--out", "b", "--fast"], ["--out", "b", "a", "--fast", "3"]):
        args = parse_flags(groups, "doc", argv)
        assert args.copying == Copying("a", 3, "b", True)
        assert args.given == {"source", "times", "out", "fast"}
    for argv, told in (
        (["a"], "the following arguments are required: TIMES, --out"),
        (["a", "0", "--out", "b"], "argument TIMES: expected a value in [1, inf), got 0"),
        (["a", "x", "--out", "b"], "argument TIMES: expected int, got 'x'"),
        (["", "1", "--out", "b"], "argument SOURCE: expected a value, got an empty one"),
        (["a", "1", "--out="], "argument --out: expected a value, got an empty one"),
    ):
        with pytest.raises(SystemExit) as exit_:
            parse_flags(groups, "doc", argv)
        assert exit_.value.code == 2 and told in capsys.readouterr().err
    with pytest.raises(ValueError, match="^source: expected a value, got an empty one$"):
        Copying(times=1, out="b")
    with pytest.raises(SystemExit):
        parse_flags(groups, "doc", ["--help"])
    text = capsys.readouterr().out
    assert " SOURCE TIMES --out STR [flags]\n" in text and "100 % of all copies\n" in text
    assert text.count("(default: ") == 1


def every_settings(cls=Checked):
    for sub in cls.__subclasses__():
        yield sub
        yield from every_settings(sub)


def test_a_setting_has_the_type_of_its_default_and_a_help():
    classes = [cls for cls in every_settings() if cls.__module__.startswith("GPT_GNN")]
    assert len(classes) > 15
    for cls in classes:
        for f in fields(cls) if cls is not Choosing else ():
            kind = f.type if isinstance(f.type, str) else f.type.__name__
            assert type(f.default).__name__ == kind.split("[")[0]
            assert f.metadata["help"]


def test_the_record_that_scripts_get():
    argv = ["--n_hid", "16", "--n_heads", "2", "--prev_norm", "--attr_ratio", "1"]
    args = parse_pretrain_flags(argv, gpt_gnn={"queue_size": 8})
    assert all(map(is_dataclass, args.groups.values()))
    assert (args.encoder.n_hid, args.encoder.prev_norm, args.encoder.last_norm) == (16, True, False)
    assert args.objective.queue_size == 8 and type(args.objective.attr_ratio) is float
    args = parse_finetune_flags([], task_name="X", n_epoch=3)
    assert (args.run.task_name, args.optim.n_epoch, args.task.hide_all_fields) == ("X", 3, False)
    with pytest.raises(AttributeError):
        args.encoder.n_hid = 3
    with pytest.raises(AttributeError):
        args.no_group  # noqa: B018
    # A script that writes its default as an int does not make the flag one.
    assert parse_pretrain_flags(["--clip", "0.5"], clip=1).optim.clip == 0.5


def test_a_group_of_some_of_the_settings():
    groups = {"labels": Some(TaskFlags, ("data_percentage",))}
    args = parse_flags(groups, "doc", ["--data_percentage", "0.5"])
    assert args.labels == TaskFlags(0.5)
    with pytest.raises(SystemExit):
        parse_flags(groups, "doc", ["--original_protocol"])


@pytest.mark.parametrize(
    "settings, name, value, told",
    [
        (GPTConfig, "mask_ratio", 7.0, "expected a value in [0, 1], got 7.0"),
        (GPTConfig, "loss_sum", "nonsense", "expected one of ratio, plain, got 'nonsense'"),
        (GPTConfig, "two_pass", 1, "expected bool, got 1"),
        (SamplerConfig, "batch_size", -3, "expected a value in [1, inf), got -3"),
        (SamplerConfig, "batch_size", 2.5, "expected int, got 2.5"),
        (SamplerConfig, "batch_size", True, "expected int, got True"),
        (OptimConfig, "max_lr", float("inf"), "expected a value in (0, inf), got inf"),
        (OptimConfig, "weight_decay", float("inf"), "expected a value in [0, inf), got inf"),
        (OptimConfig, "clip", float("nan"), "expected a value in (0, inf), got nan"),
        (OptimConfig, "scheduler", None, "expected str, got None"),
        (FactsConfig, "rel_stop_list", None, "expected names, got None"),
        (FactsConfig, "rel_stop_list", (1, 2), "expected names, got (1, 2)"),
    ],
)
def test_a_setting_is_checked_alike_wherever_it_comes_from(settings, name, value, told, capsys):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name}: {told}')}$"):
        settings(**{name: value})
    with pytest.raises(ValueError, match=f"^{re.escape(f'm.pt: {name}: {told}')}$"):
        settings.from_record({name: value}, "m.pt")
    if isinstance(value, str | float):
        with pytest.raises(SystemExit):
            parse_flags({"group": settings}, "doc", [f"--{name}", str(value)])
        shown = capsys.readouterr().err
        assert f"argument --{name}: {told}".replace("'", "") in shown.replace("'", "")


def test_a_file_with_a_setting_that_there_is_not():
    with pytest.raises(
        ValueError, match=r"m.pt: unknown settings \['n_pol'\]; available: .*n_pool"
    ):
        SamplerConfig.from_record({"n_pol": 1, "batch_size": 2}, "m.pt")


def test_values_of_numpy_and_paths_are_taken_as_plain_ones():
    sampler = SamplerConfig(batch_size=np.int64(5))
    assert type(sampler.batch_size) is int and sampler == SamplerConfig(batch_size=5)
    assert GPTConfig(w2v_dir=Path("words")).w2v_dir == "words"
    assert type(GPTConfig(attr_ratio=1).attr_ratio) is float


def test_a_flag_that_takes_a_list_may_be_repeated():
    def stop_list(*argv, **defaults):
        return parse_flags({"facts": FactsConfig}, "doc", argv, **defaults).facts.rel_stop_list

    twice = ("--rel_stop_list", "born, lives in", "--rel_stop_list", "a,b")
    assert stop_list(*twice) == ("born, lives in", "a,b")
    assert stop_list(rel_stop_list=("x",)) == ("x",)
    assert stop_list(*twice, rel_stop_list=("x",)) == ("born, lives in", "a,b")


def test_a_record_says_where_each_value_comes_from():
    argv = ["--n_hid", "400", "--no-prev_norm", "--clip", "1"]
    args = parse_pretrain_flags(argv, gpt_gnn={"queue_size": 8}, clip=2.0)
    assert args.given == {"n_hid", "prev_norm", "clip"}
    want = {"n_hid": "flag", "prev_norm": "flag", "clip": "flag", "queue_size": "script"}
    assert args.origin == args.record()["origin"] == want
    assert list(args.origin) == ["queue_size", "n_hid", "prev_norm", "clip"]
    assert parse_pretrain_flags([]).given == frozenset()


def test_a_default_that_is_no_flag():
    with pytest.raises(TypeError, match=r"defaults that are no flags: \['n_hiden'\]"):
        parse_pretrain_flags([], n_hiden=3)


def test_what_a_run_records_of_groups_that_the_graph_completes():
    args = parse_finetune_flags(["--seed", "3"])
    record = args.record(task={"column": "y"}, facts={"target": "film"})
    assert (record["task"], record["facts"]) == ({"column": "y"}, {"target": "film"})
    assert record["run"]["seed"] == 3


def test_what_a_resumed_run_may_change():
    places = ["--data_dir", "x", "--pretrain_model_dir", "y", "--cuda", "-1", "--n_pool", "7"]

    def numbers(argv):
        return {n: g for n, g in parse_pretrain_flags(argv).record().items() if n != "origin"}

    base = numbers([])
    assert numbers([*places, "--resume", "--overwrite"]) == base
    for argv in (["--seed", "1"], ["--batch_size", "7"], ["--n_hid", "8"], ["--max_lr", "1"]):
        assert numbers(argv) != base
