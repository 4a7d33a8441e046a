"""Each cell of a table is of the run that its row and column name."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from GPT_GNN.report.layouts import Comparison
from GPT_GNN.report.results import Results
from GPT_GNN.study.study import Cells, labels_of

TWO = ("no pre-train", "GPT-GNN")
THREE = ("no pre-train", "GAE", "GPT-GNN")
SPECS = {
    "settings down": Cells("methods", ("time", "field"), TWO, ("PF", "AD")),
    "methods down": Cells("methods", ("time",), THREE, ("PF",)),
    "rows with others": Cells(
        *("methods", ("time",)),
        ("no pre-train", "no pre-train, rate 5e-4", "GPT-GNN", "GPT-GNN, rate 5e-4"),
        ("PF",),
    ),
    "encoders": Cells("encoders", ("time", "field"), TWO, ("PF", "AD"), ("hgt", "gcn")),
    "labels": Cells("labels", ("field",), TWO, ("PF", "AD"), fractions=(0.1, 0.5, 1.0)),
}
SEEDS = (0, 1)


@pytest.fixture
def oag(study):
    return study("example_OAG")


def every_cell(spec):
    return [
        labels_of(setting, method, conv, task, fraction)
        for setting in spec.settings
        for method in spec.methods
        for conv in spec.convs
        for task in spec.tasks
        for fraction in spec.fractions
    ]


def scored(spec):
    """A score for each run that no other run has, and no two of their differences are equal."""
    numbers = count()
    records = {}
    for labels in every_cell(spec):
        for seed in SEEDS:
            number = next(numbers)
            metrics = {"ndcg": number**2 / 1000, "mrr": number**2 / 2000, "best_step": 20}
            records[str(number)] = {
                **{"kind": "finetune", "labels": labels, "seed": seed},
                **{"metrics": metrics, "folder": str(number)},
            }
    return records


def score_of(records, labels, seed):
    (found,) = [r for r in records.values() if r["labels"] == labels and r["seed"] == seed]
    return found["metrics"]["ndcg"]


OTHERS = {"GPT-GNN, rate 5e-4": "no pre-train, rate 5e-4"}


def gain(records, labels):
    """The mean over seeds of what a cell has more than what it is compared with."""
    other = {**labels, "method": OTHERS.get(labels["method"], "no pre-train")}
    pairs = [(score_of(records, labels, s), score_of(records, other, s)) for s in SEEDS]
    return sum(a - b for a, b in pairs) / len(pairs)


def cell_of(table, row, column):
    (line,) = [line for line in table.rows if line[0] == row]
    return line[table.header.index(column)]


@pytest.mark.parametrize("layout", SPECS)
def test_gains(oag, tmp_path, layout):
    spec = SPECS[layout]
    records = scored(spec)
    results = Results(tmp_path, records, ("ndcg", "mrr"))
    tables = Comparison(oag, "t", spec, results).tables()
    (table,) = [table for table in tables if "above no pre-train" in table.title]
    compared = [labels for labels in every_cell(spec) if labels["method"] != "no pre-train"]
    assert len(compared) == len(table.rows) * (len(table.header) - 1)
    for labels in compared:
        setting, method, task = (labels[name] for name in ("setting", "method", "task"))
        row, column = {
            "settings down": (f"{setting}: {task}", method),
            "methods down": (method, f"{setting}: {task}"),
            "rows with others": (method, f"{setting}: {task}"),
            "encoders": (labels["conv"], f"{setting}: {task}, {method}"),
            "labels": (f"{task}, {method}", f"{100 * labels['fraction']:.0f} %"),
        }[layout]
        text = cell_of(table, row, column)
        assert text.startswith(f"{gain(records, labels):+.3f} ± ") and text.endswith(" (2)")


@pytest.mark.parametrize("layout", ["settings down", "methods down", "encoders"])
def test_validation_is_that_which_chose_the_model(oag, tmp_path, layout):
    spec = SPECS[layout]
    records = scored(spec)
    for number, folder in enumerate(records):
        (tmp_path / folder).mkdir()
        lines = [
            {"split": "valid", "step": 10, "ndcg": 0.9},
            {"split": "valid", "step": 20, "ndcg": number / 100, "mrr": 0.8},
            {"split": "train", "step": 20, "loss": 1.0},
            {"split": "test by time", "ndcg": {"2018": 0.7}},
            {"split": "test", "best_step": 20, "ndcg": 0.6},
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / folder / "metrics.jsonl").write_text(text)
    numbers = {folder: number for number, folder in enumerate(records)}
    results = Results(tmp_path, records, ("ndcg", "mrr"))
    tables = Comparison(oag, "t", spec, results).tables()
    (table,) = [table for table in tables if "validation NDCG" in table.title]
    assert len(every_cell(spec)) == len(table.rows) * (len(table.header) - 1)
    for labels in every_cell(spec):
        place, method = f"{labels['setting']}: {labels['task']}", labels["method"]
        row, column = {
            "settings down": (place, method),
            "methods down": (method, place),
            "encoders": (labels["conv"], f"{place}, {method}"),
        }[layout]
        found = [numbers[name] for name, r in records.items() if r["labels"] == labels]
        text = cell_of(table, row, column)
        assert text.startswith(f"{np.mean(found) / 100:.3f} ± ") and text.endswith(" (2)")
    # A run of which only the record is left counts in the tables of test scores alone.
    (tmp_path / next(iter(records)) / "metrics.jsonl").unlink()
    assert results.chosen(next(iter(records.values()))["labels"]) == [0.01]


def test_what_a_row_is_compared_with_is_told(oag, tmp_path):
    results = Results(tmp_path, {}, ("ndcg", "mrr"))
    spec = SPECS["rows with others"]
    (table, *_) = Comparison(oag, "t", spec, results).tables()
    assert table.note == "Up, p and gains: GPT-GNN, rate 5e-4 against no pre-train, rate 5e-4."
    (table, *_) = Comparison(oag, "t", SPECS["methods down"], results).tables()
    assert table.note == ""


@pytest.mark.parametrize("layout", ["methods", "encoders"])
def test_a_row_is_tested_against_its_own_other(oag, tmp_path, layout):
    """What is tuned alike is above its other, and below plain no pre-training."""
    means = {"no pre-train": 0.5, "no pre-train, rate 5e-4": 0.1, "GPT-GNN, rate 5e-4": 0.3}
    spec = Cells(layout, ("time",), tuple(means), ("PF",))
    items, records = np.arange(30), {}
    for name, mean in means.items():
        ndcg = np.linspace(mean, mean + 0.1, len(items))
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "test_scores.npz", items=items, ndcg=ndcg, mrr=ndcg)
        metrics = {"ndcg": ndcg.mean(), "mrr": ndcg.mean(), "best_step": 20}
        labels = labels_of("time", name, "hgt", "PF", 0.1)
        common = {"kind": "finetune", "seed": 0, "folder": name}
        records[name] = {**common, "labels": labels, "metrics": metrics}
    results = Results(tmp_path, records, ("ndcg", "mrr"))
    (table, *_) = Comparison(oag, "t", spec, results).tables()
    name = "GPT-GNN, rate 5e-4"
    row, column = (name, "PF") if layout == "methods" else ("hgt", f"PF, {name}")
    assert cell_of(table, row, column).endswith("(1; 1 of 1 up; p < 0.001)")


def test_two_tables_of_shares_are_told_apart(oag, tmp_path):
    results = Results(tmp_path, {}, ("ndcg", "mrr"))
    spec = SPECS["labels"]
    titles = [
        table.title
        for name, setting in (("labels", "time"), ("labels_field", "field"))
        for table in Comparison(oag, name, replace(spec, settings=(setting,)), results).tables()
    ]
    assert len(set(titles)) == len(titles)
