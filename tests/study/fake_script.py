"""Stands for every script of a grid: writes what a run leaves behind, at once.

``--fail``, ``--killed`` (at the first attempt), ``--nan`` and ``--sleep SECONDS`` do what they say.
Each call adds a line to calls.txt.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path


def main(words):
    flags = dict(zip(words, [*words[1:], ""], strict=True))
    if "--output_dir" in flags:
        folder = Path(flags["--output_dir"])
    elif "--model_dir" in flags:
        folder = Path(flags["--model_dir"]) / flags["--task_name"]
    else:
        folder = Path(flags["--pretrain_model_dir"] + ".run")
    if (folder / "config.json").exists() and "--overwrite" not in flags:
        sys.exit(f"{folder} holds another run")  # as the scripts do where settings differ
    folder.mkdir(parents=True, exist_ok=True)
    name = folder.name
    with open(folder.parent.parent / "calls.txt", "a") as file:
        file.write(f"{name}{' resumed' * ('--resume' in flags)}\n")
    if "--killed" in flags and "--resume" not in flags:
        os.kill(os.getpid(), signal.SIGKILL)
    if "--fail" in flags:
        sys.exit(f"{name} has failed, as asked")
    time.sleep(float(flags.get("--sleep", 0)))
    if "--output_dir" not in flags:
        (folder / "checkpoint.pt").touch()
        write_run(folder, flags)


def write_run(folder, flags):
    seed = int(flags.get("--seed", 0))
    config = {"run": {"seed": seed}, "places": {"data_dir": "here"}, "versions": {"numpy": "2"}}
    (folder / "config.json").write_text(json.dumps(config))
    lines = [{"split": "train", "step": 1, "loss": 2.0}, {"split": "train", "step": 2, "loss": 1.0}]
    if "--model_dir" not in flags:
        lines += [{"split": "valid", "step": 2, "loss": 0.5 + seed, "score": -0.5 - seed}]
    else:
        # Beside this file lie scores, so that no call has to import NumPy.
        name = f"scores_{seed}_{int('--use_pretrain' in flags)}"
        shutil.copy(Path(__file__).with_name(f"{name}.npz"), folder / "test_scores.npz")
        mean = float(Path(__file__).with_name(f"{name}.txt").read_text())
        mean = float("nan") if "--nan" in flags else mean
        valid = {"ndcg": 0.5, "mrr": 0.4}
        lines += [{"split": "valid", "step": 2, **valid, "score": 0.5}]
        test = {"ndcg": mean, "mrr": mean / 2}
        baseline = {"most_frequent_ndcg": 0.1, "most_frequent_mrr": 0.05}
        lines += [{"split": "test", "best_step": 2, **baseline, **test, "items": 50}]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main(sys.argv[1:])
