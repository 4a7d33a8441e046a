"""Run the demo: pre-train and fine-tune on the built-in graph, and compare.

Example:
    python -m GPT_GNN demo

Runs the scripts of example_OAG/ for 3 seeds and prints test NDCG and MRR, from scratch against
pre-trained. Writes a figure of the training curves, and shows titles that the model generates.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.summary import summary
from GPT_GNN.report.demo_report import demo_figure, demo_table
from GPT_GNN.settings import Checked, setting
from GPT_GNN.study.demo import SEEDS, commands_of, generated_titles
from GPT_GNN.system.children import run_chains
from GPT_GNN.system.files import atomic_file


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
    run_chains((commands_of(out, seed) for seed in SEEDS), os.cpu_count() or 1)
    report = "\n\n".join([demo_table(out), generated_titles(out)])
    with atomic_file(out / "report.md") as temporary:
        temporary.write_text(report + "\n", encoding="utf-8")
    demo_figure(out)
    print(f"\n{report}\n")
    print(f"figure: {out / 'curves.png'}   report: {out / 'report.md'}")
    print(f"{time.monotonic() - started:.0f} s on {os.cpu_count()} processors")
