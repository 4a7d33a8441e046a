"""A study of another benchmark is a declaration: its jobs, its commands, its table."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from GPT_GNN.report import layouts
from GPT_GNN.report.layouts import Layout
from GPT_GNN.study import grid
from GPT_GNN.study.plan import plan
from GPT_GNN.study.reproduce import reproduce
from GPT_GNN.study.study import Cells, Method, Preset, Setting, Study, Task

STUDY = Study(
    name="Planetoid",
    preprocess="build pyg",
    places=("--root", ""),
    pretrain="pretrain",
    settings={"Cora": Setting("Cora"), "CiteSeer": Setting("CiteSeer")},
    methods={
        "random encoder": Method(),
        "GCN": Method(finetune="--n_layers 2"),
        "Infomax": Method("--objective infomax", family="contrast", cost=2.0),
        "GAE": Method("--objective gae"),
    },
    tasks={"classes": Task("finetune --task label", paper="accuracy")},
    tables={
        "nodes": Cells(
            *("datasets", ("Cora", "CiteSeer"), ("random encoder", "GCN", "Infomax", "GAE")),
            *(("classes",), ("gcn",), (1.0,)),
        )
    },
    presets={
        "small": Preset(
            seeds=2,
            encoder="--n_hid 32",
            sampler="--sample_depth 2",
            pretrain="",
            families={"contrast": "--n_batch 5"},
            epochs={"Cora": "--n_epoch 3"},
            finetune=((1.0, "--n_epoch 1", 5.0),),
            seconds={"preprocess": 1.0, "pretrain": 10.0},
        )
    },
    metrics=("micro_f1",),
    baseline="random encoder",
    proposed="Infomax",
    paper={("Cora", "Infomax", "gcn", "accuracy", 1.0): 0.823},
)
DATASETS = Layout(
    *("{task}", "{method}", "{setting}", "{task}", "{method}", "{setting}"),
)


def jobs_of(study, seeds=1):
    return {job.name: job for job in plan(study, study.presets["small"], ["nodes"], seeds, {})}


def test_jobs_of_the_package_s_own_commands():
    jobs = jobs_of(STUDY)
    assert len(jobs) == 2 + 2 * 2 + 2 * 4
    store = jobs["store_Cora"]
    assert store.command == "build pyg Cora" and store.places == {"": "stores/Cora"}
    infomax, gae = jobs["pretrain_Cora_Infomax_gcn_0"], jobs["pretrain_CiteSeer_GAE_gcn_0"]
    assert infomax.command == (
        "pretrain --conv_name gcn --n_hid 32 --sample_depth 2 --n_epoch 3 --n_batch 5 "
        "--objective infomax --seed 0"
    )
    assert gae.command.endswith("--sample_depth 2 --objective gae --seed 0")
    assert (infomax.expected, gae.expected) == (20.0, 10.0)
    run = jobs["finetune_Cora_GCN_gcn_classes_1.0_0"]
    assert run.command.startswith("finetune --task label --conv_name gcn ")
    assert run.needs == ("store_Cora",) and "--pretrain_model_dir" not in run.places


def test_a_command_of_the_package_is_called_with_its_places(tmp_path, monkeypatch):
    calls, start = [], grid.start_script

    def noted(words, log, descriptors):
        calls.append(words)
        return start(["-c", ""], log, descriptors)

    monkeypatch.setattr(grid, "start_script", noted)
    job = jobs_of(STUDY)["store_Cora"]
    assert grid.run_jobs([job], tmp_path, Path("/none"), 1) == []
    place = str(tmp_path / "stores" / "Cora")
    assert calls == [["-m", "GPT_GNN", "build", "pyg", "Cora", place, "--keep_other_files"]]
    help_text = subprocess.run(
        [sys.executable, "-m", "GPT_GNN", "build", "pyg", "--help"], capture_output=True, text=True
    )
    assert "--keep_other_files" in help_text.stdout and "--root" in help_text.stdout


def test_its_layout_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(layouts.LAYOUTS, "datasets", DATASETS)
    (tmp_path / "results.jsonl").write_text("")
    reproduce(STUDY, "", ["--out", str(tmp_path), "--report_only", "--table", "nodes"])
    shown = capsys.readouterr().out
    assert "| method" not in shown and "Cells: test micro-F1, mean" in shown
    assert "against random encoder in the same column" in shown
    (table,) = [part for part in shown.split("\n\n") if part.startswith("|   ") and "paper" in part]
    head, _, *rows = [[cell.strip() for cell in x.split("|")[1:-1]] for x in table.splitlines()]
    assert head == ["", "Cora", "paper", "CiteSeer"]
    assert rows[2] == ["Infomax", "-", "0.823", "-"] and len(rows) == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layout": "method"}, r"table nodes: no layout 'method'; available: \['methods', "),
        (
            {"layout": "methods", "convs": ("gcn", "gat")},
            "layout methods shows one conv, got gcn, gat",
        ),
    ],
)
def test_a_layout_that_cannot_be_filled_is_found_before_the_first_job(tmp_path, changed, message):
    wrong = replace(STUDY, tables={"nodes": replace(STUDY.tables["nodes"], **changed)})
    with pytest.raises(ValueError, match=message):
        reproduce(wrong, "", ["--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"baseline": "no pre-train"}, "the study: unknown method 'no pre-train'; available: "),
        ({"settings": {"Cora": Setting()}}, "table nodes: unknown setting 'CiteSeer'"),
        ({"tasks": {}}, r"table nodes: unknown task 'classes'; available: \[\]"),
        (
            {"methods": {**STUDY.methods, "GAE": Method(like="GAE, longer")}},
            "method GAE: unknown method 'GAE, longer'",
        ),
        (
            {"presets": {"small": replace(STUDY.presets["small"], epochs={"Coar": ""})}},
            "preset small: unknown setting 'Coar'",
        ),
    ],
)
def test_names_that_are_not_declared(changed, message):
    with pytest.raises(ValueError, match=message):
        replace(STUDY, **changed)
