"""Compare the methods as the paper's tables do, on a graph of Reddit posts.

Examples:
    python reproduce_tables.py --table methods               # the built-in graph
    python reproduce_tables.py --input_dir ../data/reddit_raw --out runs/reddit --jobs 2
    python reproduce_tables.py --out runs/reddit --report_only

Finished runs are kept: the same command continues where it stopped. The tables, in Markdown and
LaTeX, and the figures are in <out>/report/, one line per run in <out>/results.jsonl.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.datasets.reddit.preprocess import raw_files
from GPT_GNN.study.gpt_gnn import FAMILY, one_pass, two_pass
from GPT_GNN.study.reproduce import reproduce
from GPT_GNN.study.study import Cells, Method, Preset, Setting, Study, Task
from GPT_GNN.system.runner import run_command

# A target's own attributes come back over two hops to what generates them: the way left open.
LEAKS = {
    "GPT-GNN (attr), one pass": one_pass("--attr_ratio 1"),
    "GPT-GNN, one pass": one_pass(),
}
COMPARED = {
    # The encoder without convolutions, on a sample without neighbours.
    "MLP": Method(encoder="--n_layers 0 --sample_depth 1 --sample_width 1", for_scale=True),
    "no pre-train": Method(),
    "GAE": Method("--objective gae"),
    "GraphSAGE": Method("--objective graphsage"),
    "Graph Infomax": Method("--objective infomax"),
    "GPT-GNN (attr)": two_pass("--attr_ratio 1", 1.0),
    "GPT-GNN (edge)": one_pass("--attr_ratio 0"),
    "w/o node separation": one_pass("--no-node_separation"),
    "w/o adaptive queue": two_pass("--queue_size 0"),
    "GPT-GNN": two_pass(),
}
METHODS = {**COMPARED, **LEAKS}
TASKS = {"communities": Task("finetune_reddit.py")}
TWO = ("no pre-train", "GPT-GNN")
ENCODERS = ("hgt", "gcn", "gat", "rgcn", "han", "hetgnn")
TABLES = {
    "methods": Cells("methods", ("random",), tuple(COMPARED), tuple(TASKS)),
    "encoders": Cells("encoders", ("random",), TWO, tuple(TASKS), ENCODERS),
    "labels": Cells("labels", ("random",), TWO, tuple(TASKS), fractions=(0.1, 0.2, 0.5, 1.0)),
    "leaks": Cells(
        *("methods", ("random",)),
        ("no pre-train", "GPT-GNN (attr)", "GPT-GNN", *LEAKS),
        tuple(TASKS),
    ),
}
PRESETS = {
    "small": Preset(
        note="Small: 2 layers of 128, made for two processor cores. It runs on the CPU, also where "
        "there is a GPU.",
        seeds=3,
        encoder="--n_hid 128 --n_heads 4 --n_layers 2",
        conv_flags={"hgt": "--prev_norm --last_norm"},
        sampler="--sample_depth 3 --sample_width 96 --batch_size 128 --n_pool 0 --cuda -1",
        pretrain="--dropout 0 --n_epoch 10 --n_batch 100",
        finetune=(
            (0.2, "--max_lr 1e-3 --n_epoch 8 --n_batch 20", 15.0),
            (1.0, "--max_lr 1e-3 --n_epoch 8 --n_batch 50", 25.0),
        ),
        seconds={"preprocess": 10.0, "pretrain": 75.0},
        conv_costs={
            **{"gcn": (0.4, 0.9), "gat": (0.5, 0.8), "rgcn": (0.5, 0.8)},
            **{"han": (0.8, 1.0), "hetgnn": (3.1, 1.8)},
        },
    ),
    "paper": Preset(
        note="The paper's sizes: 3 layers of 400, 8 heads, depth 6, width 128, batches and queue "
        "of 256, five seeds. The lengths are the published code's defaults: 20 epochs of "
        "pre-training, 100 of fine-tuning. The declared time is an estimate, not measured on a "
        "GPU: 0.3 s a step of hgt in one pass, 160,000 posts that pre-train, 23,000 that validate. "
        "One run at a time, for one GPU; --jobs for more.",
        seeds=5,
        encoder="--n_hid 400 --n_heads 8 --n_layers 3",
        sampler="--sample_depth 6 --sample_width 128 --batch_size 256",
        pretrain="--n_epoch 20",
        families={FAMILY: "--queue_size 256"},
        # 100 epochs of 16 batches, and after each a validation of 90, less with fewer labels.
        finetune=(
            *((0.1, "", 0.3 * 100 * (16 + 9)), (0.2, "", 0.3 * 100 * (16 + 18))),
            *((0.5, "", 0.3 * 100 * (16 + 45)), (1.0, "", 0.3 * 100 * (16 + 90))),
        ),
        jobs=1,
        seconds={"preprocess": 600.0, "pretrain": 0.3 * 20 * 160_000 / 256},
        conv_costs={  # of the encoder on an academic graph on the CPU, docs/PERFORMANCE.md
            **{"gcn": (0.2, 0.2), "gat": (0.3, 0.3), "rgcn": (3.6, 3.6)},
            **{"han": (0.9, 0.9), "hetgnn": (6.0, 6.0)},
        },
    ),
}


def main() -> None:
    study = Study(
        name="Reddit",
        scripts=os.path.dirname(os.path.abspath(__file__)),
        raw_files=raw_files,
        preprocess="preprocess_reddit.py",
        pretrain="pretrain_reddit.py",
        settings={"random": Setting("--split random")},
        methods=METHODS,
        tasks=TASKS,
        tables=TABLES,
        presets=PRESETS,
        metrics=("micro_f1", "macro_f1"),
    )
    reproduce(study, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
