"""The demo's table and figure: from scratch against pre-trained."""

from __future__ import annotations

from pathlib import Path

from GPT_GNN.report.plots import Curve, plot_curves
from GPT_GNN.report.text import markdown_table, mean_std
from GPT_GNN.study.demo import SEEDS, STARTS, TASKS, model_of, run_of
from GPT_GNN.study.run import read_metrics, test_result

ROWS = {"scratch": "from scratch", "pretrained": "GPT-GNN pre-trained"}


def demo_table(out: Path) -> str:
    """Test scores of both tasks, in Markdown."""
    rows = {}
    for start in STARTS:
        cells = []
        for task in TASKS:
            results = [test_result(run_of(out, task, start, seed)) for seed in SEEDS]
            cells += [mean_std([r[name] for r in results]) for name in ("ndcg", "mrr")]
        rows[ROWS[start]] = cells
    header = [
        "test, 10 % labels",
        *(f"{task} {name}" for task in TASKS for name in ("NDCG", "MRR")),
    ]
    return markdown_table(header, rows) + f"\n\nmean ± std over {len(SEEDS)} seeds"


def demo_figure(out: Path) -> None:
    """Draw the loss of pre-training and the validation scores of both tasks."""

    def curve(folder: Path, split: str, name: str) -> Curve:
        return [(r["step"], r[name]) for r in read_metrics(folder) if r["split"] == split]

    runs = [model_of(out, seed).with_suffix(".pt.run") for seed in SEEDS]
    panels = {
        "pre-training loss": {
            split: [curve(run, split, "loss") for run in runs] for split in ("train", "valid")
        }
    }
    for task in TASKS:
        panels[f"{task}: validation NDCG"] = {
            start: [curve(run_of(out, task, start, seed), "valid", "ndcg") for seed in SEEDS]
            for start in STARTS
        }
    plot_curves(out / "curves.png", panels)
