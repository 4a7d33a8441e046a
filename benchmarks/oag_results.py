"""Fill the table of docs/RESULTS.md: tasks x label fractions x starts x seeds on one OAG store.

    python benchmarks/oag_results.py --data_dir STORE --out runs/oag_results --jobs 2

Runs the scripts of example_OAG/ with the settings below, one thread each, ``--jobs`` at a time.
Finished runs are kept, so that an interrupted call goes on where it stopped. Prints a Markdown
table of test NDCG and MRR, mean and standard deviation over the seeds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.scripts import finished, over_seeds, run
from GPT_GNN.report.results import markdown_table, mean_std, read_metrics, test_result

SEEDS = (0, 1, 2)
ENCODER = "--n_hid 128 --n_heads 4 --n_layers 2 --prev_norm --last_norm"
SAMPLER = "--sample_depth 4 --sample_width 128 --batch_size 128 --n_pool 0 --cuda -1"
PRETRAIN = "--n_epoch 6 --n_batch 250"
FINETUNE = {
    0.1: "--max_lr 1e-3 --n_epoch 8 --n_batch 20",
    1.0: "--max_lr 1e-3 --n_epoch 6 --n_batch 50",
}
TASKS = {
    "PF": "finetune_OAG_PF.py",
    "PF, all fields hidden": "finetune_OAG_PF.py --hide_all_fields",
    "PV": "finetune_OAG_PV.py",
    "PV, fields hidden": "finetune_OAG_PV.py --hide_fields",
    "PV, fields and citations hidden": "finetune_OAG_PV.py --hide_fields --hide_citations",
    "AD": "finetune_OAG_AD.py",
}
COLUMNS = [(task, fraction) for fraction in (0.1, 1.0) for task in TASKS]
# The MLP is the encoder without convolutions on a sample without neighbours.
STARTS = {
    "MLP on own features": "--n_heads 4 --n_hid 128 --n_layers 0 --sample_depth 1 --sample_width 1",
    "from scratch": ENCODER,
    "pre-trained, vec": f"{ENCODER} --use_pretrain",
    "pre-trained, text": f"{ENCODER} --use_pretrain",
}


@dataclass(frozen=True)
class Cell:
    """One fine-tuning run."""

    task: str
    fraction: float
    start: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder."""
        words = f"{self.task} {self.fraction} {self.start} seed {self.seed}"
        return words.replace(",", "").replace(" ", "_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="a graph store")
    parser.add_argument("--out", type=Path, default=Path("runs/oag_results"), help="folder of runs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    args = parser.parse_args()
    started = time.monotonic()
    data, out = Path(args.data_dir).resolve(), args.out.resolve()
    cells = [
        Cell(task, fraction, start, seed)
        for seed in SEEDS
        for task, fraction in COLUMNS
        for start in STARTS
    ]
    with ThreadPoolExecutor(args.jobs) as pool:
        wanted = [(attr_type, seed) for seed in SEEDS for attr_type in ("vec", "text")]
        list(pool.map(lambda job: pretrain(data, out, *job), wanted))
        list(pool.map(lambda cell: finetune(data, out, cell), cells))
    for fraction in (0.1, 1.0):
        for group in ("PV",), ("PF", "AD"):
            shown = [c for c in cells if c.fraction == fraction and c.task[:2] in group]
            print(f"\n{table(out, shown)}\n")
    for task in (task for task in TASKS if task.startswith("PV")):
        print(f"{by_year(out, [c for c in cells if (c.task, c.fraction) == (task, 1.0)])}\n")
    print(f"{(time.monotonic() - started) / 60:.0f} minutes")


def pretrain(data: Path, out: Path, attr_type: str, seed: int) -> None:
    """Pre-train one model unless it is there."""
    model = out / f"{attr_type}_{seed}.pt"
    done = model.with_name(model.name + ".done")
    if not done.exists():
        flags = f"--attr_type {attr_type} --pretrain_model_dir {model} --seed {seed} --resume"
        run(
            "example_OAG",
            f"pretrain_OAG.py --data_dir {data} {ENCODER} {SAMPLER} {PRETRAIN} {flags}",
        )
        done.touch()


def finetune(data: Path, out: Path, cell: Cell) -> None:
    """Fine-tune one cell unless its test result is there."""
    if finished(out / cell.name):
        return
    model = out / f"{cell.start.split()[-1]}_{cell.seed}.pt"
    run(
        "example_OAG",
        f"{TASKS[cell.task]} --data_dir {data} {SAMPLER} {FINETUNE[cell.fraction]} "
        f"{STARTS[cell.start]} --data_percentage {cell.fraction} --seed {cell.seed} "
        f"--pretrain_model_dir {model} --model_dir {out} --task_name {cell.name}",
    )


def table(out: Path, cells: list[Cell]) -> str:
    """Test NDCG / MRR by task (columns) and start (rows)."""
    columns = list(dict.fromkeys((cell.task, cell.fraction) for cell in cells))
    rows: dict[str, list[str]] = {}
    for task, fraction in columns:
        results = {
            start: [
                test_result(out / cell.name)
                for cell in cells
                if (cell.task, cell.fraction, cell.start) == (task, fraction, start)
            ]
            for start in STARTS
        }
        floor = next(iter(results.values()))
        rows.setdefault("most frequent", []).append(over_seeds(floor, "floor_ndcg", "floor_mrr"))
        for start, values in results.items():
            rows.setdefault(start, []).append(over_seeds(values, "ndcg", "mrr"))
    header = ["test NDCG / MRR", *(f"{task}, {fraction:.0%}" for task, fraction in columns)]
    return markdown_table(header, rows)


def by_year(out: Path, cells: list[Cell]) -> str:
    """Test NDCG of one task and fraction by year (columns) and start (rows)."""
    years: list[str] = []
    rows = {}
    for start in STARTS:
        runs = [
            next(r for r in read_metrics(out / cell.name) if r["split"] == "test by time")["ndcg"]
            for cell in cells
            if cell.start == start
        ]
        years = sorted(runs[0])
        rows[start] = [mean_std([run[year] for run in runs]) for year in years]
    header = [f"{cells[0].task}, {cells[0].fraction:.0%}, test NDCG of papers of", *years]
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
