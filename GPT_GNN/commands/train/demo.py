"""Run the demo: pre-train and fine-tune on the built-in graph, and compare.

Example:
    python -m GPT_GNN demo

Runs the scripts of example_OAG/ for 3 seeds and prints test NDCG and MRR, from scratch against
pre-trained. Writes a figure of the training curves, and shows titles that the model generates.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from GPT_GNN.batch.pipeline import Pipeline
from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.summary import summary
from GPT_GNN.model.heads import TextDecoder
from GPT_GNN.report.plots import Curve, plot_curves
from GPT_GNN.report.text import markdown_table, mean_std
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.settings import Checked, setting
from GPT_GNN.study.run import read_metrics, test_result
from GPT_GNN.system.children import run_chains
from GPT_GNN.system.files import atomic_file
from GPT_GNN.train.encoder import pretrained_gpt_gnn

ROOT = Path(__file__).resolve().parents[3]
SEEDS = (0, 1, 2)
TASKS = ("PF", "PV")
ENCODER = (
    "--n_hid 64 --n_heads 4 --n_layers 2 --sample_depth 3 --sample_width 64 --n_pool 0 --cuda -1"
)
PRETRAIN = (
    "--attr_type text --attr_ratio 0.9 --batch_size 128 --n_epoch 50 --n_batch 18 --max_lr 5e-3"
)
FINETUNE = "--data_percentage 0.1 --batch_size 64 --n_epoch 10 --n_batch 12 --max_lr 1e-3"


@dataclass(frozen=True)
class DemoConfig(Checked):
    """Where the demo writes."""

    out: str = setting("demo_output", "folder for runs and figure")


def main() -> None:
    """Run the scripts and print what they found."""
    out = Path(parse_flags({"run": DemoConfig}, __doc__).run.out).resolve()
    started = time.monotonic()
    graph = OAG.open("toy")
    print(summary(graph), end="\n\n")
    # Runs of different seeds are independent: as many at once as there are processors, one thread
    # each.
    run_chains((_chain(out, seed) for seed in SEEDS), os.cpu_count() or 1)
    report = "\n\n".join([_table(out), _titles(out)])
    with atomic_file(out / "report.md") as temporary:
        temporary.write_text(report + "\n", encoding="utf-8")
    _figure(out)
    print(f"\n{report}\n")
    print(f"figure: {out / 'curves.png'}   report: {out / 'report.md'}")
    print(f"{time.monotonic() - started:.0f} s on {os.cpu_count()} processors")


def _chain(out: Path, seed: int) -> Iterator[list[str]]:
    """One seed's scripts: pre-train, then each task from scratch and pre-trained."""
    scripts = ROOT / "example_OAG"
    common = f"{ENCODER} --seed {seed} --overwrite"
    model = ("--pretrain_model_dir", str(out / f"pretrained_{seed}.pt"))
    yield [str(scripts / "pretrain_OAG.py"), *f"{PRETRAIN} {common}".split(), *model]
    for task in TASKS:
        for start, flag in (("scratch", ""), ("pretrained", "--use_pretrain")):
            flags = f"{FINETUNE} {common} {flag} --task_name {task}_{start}_{seed}"
            script = str(scripts / f"finetune_OAG_{task}.py")
            yield [script, *flags.split(), *model, "--model_dir", str(out)]


def _table(out: Path) -> str:
    rows = {}
    for start in ("scratch", "pretrained"):
        cells = []
        for task in TASKS:
            results = [test_result(out / f"{task}_{start}_{seed}") for seed in SEEDS]
            cells += [mean_std([r[name] for r in results]) for name in ("ndcg", "mrr")]
        rows["from scratch" if start == "scratch" else "GPT-GNN pre-trained"] = cells
    header = ["test, 10 % labels"] + [
        f"{task} {name}" for task in TASKS for name in ("NDCG", "MRR")
    ]
    return markdown_table(header, rows) + f"\n\nmean ± std over {len(SEEDS)} seeds"


def _figure(out: Path) -> None:
    def curve(folder: Path, split: str, name: str) -> Curve:
        return [(r["step"], r[name]) for r in read_metrics(folder) if r["split"] == split]

    runs = [out / f"pretrained_{seed}.pt.run" for seed in SEEDS]
    panels = {
        "pre-training loss": {
            split: [curve(run, split, "loss") for run in runs] for split in ("train", "valid")
        }
    }
    for task in TASKS:
        panels[f"{task}: validation NDCG"] = {
            start: [curve(out / f"{task}_{start}_{seed}", "valid", "ndcg") for seed in SEEDS]
            for start in ("scratch", "pretrained")
        }
    plot_curves(out / "curves.png", panels)


def _titles(out: Path, count: int = 6) -> str:
    """Titles of unseen papers, generated from their neighbourhoods."""
    graph = OAG.open("toy")
    facts = OAG.facts(graph)
    objective = pretrained_gpt_gnn(graph, facts, out / f"pretrained_{SEEDS[0]}.pt")
    titles, decoder = objective.titles, objective.decoder
    assert titles is not None and isinstance(decoder, TextDecoder)
    rng = derive(0, "demo titles")
    ids = rng.choice(facts.split.nodes(graph, facts.target, "train"), count, replace=False)
    time = graph.node_time(facts.target)
    assert time is not None
    query = Query({facts.target: (ids, time[ids])}, facts.split.time_max("train"), "pretrain")
    pipeline = Pipeline(graph, HGSampler(graph, sample_depth=3, sample_width=64), None)
    data = pipeline.batch(query, rng, lambda sample: objective.transform(graph, sample, rng))
    with torch.no_grad():
        generated = decoder.generate(
            objective.embed(data, hide_targets=True)[data.attr_nodes], titles.bos, titles.eos
        )
    words = np.array(graph.words())
    text = graph.ragged(facts.target, "title")
    lines = ["Titles generated from the neighbourhood of papers the model has not seen:"]
    for i, row in zip(ids, generated, strict=True):
        lines.append(f"- true: {text.text(int(i))}\n  ours: {' '.join(words[row])}")
    return "\n".join(lines)
