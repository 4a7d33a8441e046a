"""Fill Reddit's table of docs/RESULTS.md: label fractions x starts x seeds on one store.

    python benchmarks/reddit_results.py --data_dir STORE --out runs/reddit_results --jobs 2

Runs the scripts of example_reddit/ with the settings below, one thread each, ``--jobs`` at a time.
Finished runs are kept, so that an interrupted call goes on where it stopped. Prints a Markdown
table of test micro-F1 and macro-F1, mean and standard deviation over the seeds, once all
runs are finished.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.scripts import finished, over_seeds, run
from GPT_GNN.report.results import markdown_table, test_result

SEEDS = (0, 1, 2)
ENCODER = "--n_hid 128 --n_heads 4 --n_layers 2 --prev_norm --last_norm"
SAMPLER = "--sample_depth 3 --sample_width 96 --batch_size 128 --n_pool 0 --cuda -1"
PRETRAIN = "--n_epoch 10 --n_batch 100"
FINETUNE = {
    0.1: "--max_lr 1e-3 --n_epoch 8 --n_batch 20",
    1.0: "--max_lr 1e-3 --n_epoch 8 --n_batch 50",
}
# The MLP is the encoder without convolutions on a sample without neighbours.
STARTS = {
    "MLP on own features": "--n_heads 4 --n_hid 128 --n_layers 0 --sample_depth 1 --sample_width 1",
    "from scratch": ENCODER,
    "pre-trained, vec": f"{ENCODER} --use_pretrain",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="a graph store")
    parser.add_argument("--out", type=Path, default=Path("runs/reddit_results"), help="of the runs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    args = parser.parse_args()
    started = time.monotonic()
    data, out = Path(args.data_dir).resolve(), args.out.resolve()
    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(lambda seed: pretrain(data, out, seed), SEEDS))
        runs = list(product(SEEDS, FINETUNE, STARTS))
        list(pool.map(lambda one: finetune(data, out, *one), runs))
    print(f"\n{table(out)}\n")
    print(f"{(time.monotonic() - started) / 60:.0f} minutes")


def pretrain(data: Path, out: Path, seed: int) -> None:
    """Pre-train one model unless it is there."""
    model = out / f"gpt_{seed}.pt"
    done = model.with_name(model.name + ".done")
    if not done.exists():
        flags = f"--pretrain_model_dir {model} --seed {seed} --resume"
        command = f"pretrain_reddit.py --data_dir {data} {ENCODER} {SAMPLER} {PRETRAIN} {flags}"
        run("example_reddit", command)
        done.touch()


def finetune(data: Path, out: Path, seed: int, fraction: float, start: str) -> None:
    """Fine-tune one model unless its test result is there."""
    name = run_name(seed, fraction, start)
    if finished(out / name):
        return
    where = f"--pretrain_model_dir {out / f'gpt_{seed}.pt'} --model_dir {out} --task_name {name}"
    run(
        "example_reddit",
        f"finetune_reddit.py --data_dir {data} {SAMPLER} {FINETUNE[fraction]} {STARTS[start]} "
        f"--data_percentage {fraction} --seed {seed} {where}",
    )


def run_name(seed: int, fraction: float, start: str) -> str:
    """The folder of one run."""
    return f"{fraction} {start} seed {seed}".replace(",", "").replace(" ", "_")


def table(out: Path) -> str:
    """Test micro-F1 / macro-F1 by label fraction (columns) and start (rows)."""
    rows: dict[str, list[str]] = {}
    for fraction in FINETUNE:
        for start in STARTS:
            results = [test_result(out / run_name(seed, fraction, start)) for seed in SEEDS]
            floor = over_seeds(results, "floor_micro_f1", "floor_macro_f1")
            if start == next(iter(STARTS)):
                rows.setdefault("most frequent", []).append(floor)
            rows.setdefault(start, []).append(over_seeds(results, "micro_f1", "macro_f1"))
    header = ["test micro-F1 / macro-F1", *(f"{fraction:.0%} of labels" for fraction in FINETUNE)]
    return markdown_table(header, rows)


if __name__ == "__main__":
    main()
