"""The demo's report finds the runs that its commands make."""

from __future__ import annotations

import json
from pathlib import Path

from GPT_GNN.report.demo_report import demo_figure, demo_table
from GPT_GNN.study.demo import SEEDS, commands_of


def test_the_report_reads_what_the_commands_write(tmp_path):
    """Every command leaves the lines of a run where its flags say."""
    score = {"scratch": 0.25, "pretrained": 0.5}
    for seed in SEEDS:
        for words in commands_of(tmp_path, seed):
            flags = dict(zip(words[:-1], words[1:], strict=True))
            if "--task_name" in flags:
                name = flags["--task_name"]
                folder = Path(flags["--model_dir"], name)
                value = score["pretrained" if "--use_pretrain" in words else "scratch"]
            else:
                folder, value = Path(flags["--pretrain_model_dir"] + ".run"), 1.0
            metrics = {"step": 1, "loss": value, "ndcg": value, "mrr": value / 2}
            splits = ("train", "valid", "test") if "--task_name" in flags else ("train", "valid")
            folder.mkdir()
            lines = [json.dumps({"split": split, **metrics}) + "\n" for split in splits]
            (folder / "metrics.jsonl").write_text("".join(lines))

    rows = [line.split("|")[1:-1] for line in demo_table(tmp_path).splitlines() if "±" in line]
    cells = {row[0].strip(): [cell.split("±")[0].strip() for cell in row[1:]] for row in rows[:2]}
    assert cells == {
        "from scratch": ["0.250", "0.125"] * 2,
        "GPT-GNN pre-trained": ["0.500", "0.250"] * 2,
    }
    demo_figure(tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
