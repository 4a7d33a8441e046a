"""Fill the paper's tables (Hu et al., KDD 2020: transfer, ablation, encoders, label shares).

Examples:
    python reproduce_tables.py --table labels                # the built-in graph
    python reproduce_tables.py --input_dir acl_full --finetune_fields linguistics --out runs/acl
    python reproduce_tables.py --out runs/acl --table transfer --jobs 2
    python reproduce_tables.py --out runs/acl --report_only  # what is finished so far
    python reproduce_tables.py --input_dir oag --finetune_fields biology --preset paper

Finished runs are kept: the same command continues where it stopped. The tables, in Markdown and
LaTeX, and the figures are in <out>/report/, one line per run in <out>/results.jsonl.
"""

import os
import sys
from dataclasses import replace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.oag.preprocess import raw_files
from GPT_GNN.datasets.oag.reader import ReaderSettings
from GPT_GNN.report import paper
from GPT_GNN.study.gpt_gnn import FAMILY, one_pass, two_pass, under_each
from GPT_GNN.study.reproduce import reproduce
from GPT_GNN.study.study import Cells, Method, Preset, Setting, Study, Task, data_flags
from GPT_GNN.system.runner import run_command

FIELDS = "--finetune_fields {finetune_fields} [--pretrain_fields {pretrain_fields}]"
# What of a dump is preprocessed.
FLAGS = ("domain", "language", "citation_bar", "finetune_fields", "pretrain_fields")
# What is transferred: each has a store of its own.
SETTINGS = {
    "time": Setting("--transfer time"),
    "field": Setting(f"--transfer field {FIELDS}", "pretrain", "finetune"),
    "time+field": Setting(f"--transfer time+field {FIELDS}", "pretrain", "finetune"),
    # The held-out fields' own papers pre-train, those of before training's years.
    "within field": Setting(f"--transfer time+field {FIELDS}", "finetune", "finetune"),
}
# Ways in which a target's attributes come back to what generates them, left open.
LEAKS = {
    "GPT-GNN (attr), one pass": one_pass("--attr_ratio 1"),
    "GPT-GNN (attr), one pass, targets in means": one_pass("--attr_ratio 1 --targets_in_means"),
    "GPT-GNN (edge), targets in means": one_pass("--attr_ratio 0 --targets_in_means"),
    "GPT-GNN, one pass": one_pass(),
    "GPT-GNN, one pass, targets in means": one_pass("--targets_in_means"),
}
# What could stand in the way where GPT-GNN gains nothing, one thing at a time: in fine-tuning and
# in pre-training. The last flag of a name counts.
FINETUNED = {
    "rate 5e-4": "--max_lr 5e-4",
    "rate 2e-3": "--max_lr 2e-3",
    "dropout 0.5": "--dropout 0.5",
    "validated every 5 steps": "--n_epoch 32 --n_batch 5",
    "the last model": "--n_epoch 1 --n_batch 160",  # one validation, at the end
    "training's features up to validation": "--train_view finetune",
}
WHY = under_each(FINETUNED)
WHY_RATES = (
    *("no pre-train, rate 5e-4", "GPT-GNN, rate 5e-4"),
    *("no pre-train, rate 2e-3", "GPT-GNN, rate 2e-3"),
    *("no pre-train, the last model", "GPT-GNN, the last model"),
)
# HGT as the other encoders are, which have no LayerNorm.
BARE = "--no-prev_norm --no-last_norm"
WHY_NORM = {
    "no pre-train, no LayerNorm": Method(encoder=BARE),
    "GPT-GNN, no LayerNorm": replace(
        two_pass(), encoder=BARE, against="no pre-train, no LayerNorm"
    ),
}
WHY_PRETRAIN = {
    "a fifth of the steps": two_pass("--n_epoch 1", 0.36),
    "three times the steps": two_pass("--n_epoch 15", 5.4),
    "dropout 0.2": two_pass("--dropout 0.2"),
    "attributes weigh a quarter": two_pass("--attr_ratio 0.25"),
    "a quarter of the links masked": two_pass("--mask_ratio 0.25"),
    "three quarters of the links masked": two_pass("--mask_ratio 0.75"),
    "queue's gradient as published": two_pass("--queue_gradient published"),
    "queue of 1024": two_pass("--queue_size 1024"),
    "63 negatives": two_pass("--neg_samp_num 63"),
    "titles as text": two_pass("--attr_type text"),
}
METHODS = {
    # The encoder without convolutions, on a sample without neighbours.
    "MLP": Method(encoder="--n_layers 0 --sample_depth 1 --sample_width 1", for_scale=True),
    "no pre-train": Method(),
    "GAE": Method("--objective gae"),
    "GraphSAGE": Method("--objective graphsage"),
    "Graph Infomax": Method("--objective infomax"),
    "GPT-GNN (attr)": two_pass("--attr_ratio 1", 0.5),
    "GPT-GNN (edge)": one_pass("--attr_ratio 0"),
    "w/o node separation": one_pass("--no-node_separation"),
    "w/o adaptive queue": two_pass("--queue_size 0"),
    "GPT-GNN": two_pass(),
    **LEAKS,
    **WHY,
    **WHY_NORM,
    **WHY_PRETRAIN,
}
# A third of PF's labels are parents of another visible field, and the coverage of fields and
# citations tells the venue in training's years only: docs/RESULTS.md.
TASKS = {
    "PF": Task("finetune_OAG_PF.py", paper="PF"),
    "PF, all fields hidden": Task("finetune_OAG_PF.py --hide_all_fields"),
    "PV, fields and citations hidden": Task(
        "finetune_OAG_PV.py --hide_fields --hide_citations", paper="PV"
    ),
    "AD": Task("finetune_OAG_AD.py", paper="AD"),
}
BOTH_PF = ("PF", "PF, all fields hidden")
PF_AND_PV = (*BOTH_PF, "PV, fields and citations hidden")
COMPARED = ("no pre-train", "GAE", "GraphSAGE", "Graph Infomax", "GPT-GNN (attr)", "GPT-GNN (edge)")
ABLATED = ("GPT-GNN (attr)", "GPT-GNN (edge)", "w/o node separation", "w/o adaptive queue")
ENCODERS = ("hgt", "gcn", "gat", "rgcn", "han", "hetgnn")
TABLES = {
    "transfer": Cells(
        "methods",
        ("time", "field", "time+field"),
        ("MLP", *COMPARED, "GPT-GNN"),
        (*PF_AND_PV, "AD"),
    ),
    "ablation": Cells("methods", ("time+field",), ("no pre-train", *ABLATED, "GPT-GNN"), PF_AND_PV),
    "encoders": Cells("encoders", ("field",), ("no pre-train", "GPT-GNN"), BOTH_PF, ENCODERS),
    "labels": Cells(
        *("labels", ("time",), ("no pre-train", "GPT-GNN"), PF_AND_PV),
        fractions=(0.1, 0.2, 0.5, 1.0),
    ),
    # Whether it is the number of labels that between fields leaves nothing to gain.
    "labels_field": Cells(
        *("labels", ("field",), ("no pre-train", "GPT-GNN"), PF_AND_PV),
        fractions=(0.1, 0.5, 1.0),
    ),
    "labels_time_field": Cells(
        *("labels", ("time+field",), ("no pre-train", "GPT-GNN"), PF_AND_PV),
        fractions=(0.1, 0.5, 1.0),
    ),
    "leaks": Cells(
        *("methods", ("time",)),
        ("no pre-train", "GPT-GNN (attr)", "GPT-GNN (edge)", "GPT-GNN", *LEAKS),
        PF_AND_PV,
    ),
    "why": Cells(
        *("methods", ("field", "time+field")),
        ("no pre-train", "GPT-GNN", *WHY),
        PF_AND_PV[1:],
    ),
    "why_pretrain": Cells(
        "methods", ("time+field",), ("no pre-train", "GPT-GNN", *WHY_PRETRAIN), PF_AND_PV[1:]
    ),
    # Why other encoders than HGT gain nothing: the number of labels, their fine-tuning.
    "encoders_all_labels": Cells(
        *("encoders", ("field",), ("no pre-train", "GPT-GNN"), ("PF",), ENCODERS, (1.0,))
    ),
    "why_encoders": Cells(
        *("encoders", ("field",), ("no pre-train", "GPT-GNN", *WHY_RATES), ("PF",), ENCODERS)
    ),
    "why_norm": Cells("methods", ("field",), ("no pre-train", "GPT-GNN", *WHY_NORM), BOTH_PF),
    # Whether it is the step from other fields to this one.
    "why_transfer": Cells(
        *("methods", ("time+field", "within field")), ("no pre-train", "GPT-GNN"), PF_AND_PV
    ),
}
PRESETS = {
    "small": Preset(
        note="Small: 2 layers of 128, made for two processor cores and a graph of tens of "
        "thousands of papers, of which pre-training takes about 1,000 steps in each setting. It "
        "runs on the CPU, also where there is a GPU.",
        seeds=3,
        encoder="--n_hid 128 --n_heads 4 --n_layers 2",
        conv_flags={"hgt": "--prev_norm --last_norm"},
        sampler="--sample_depth 4 --sample_width 128 --batch_size 128 --n_pool 0 --cuda -1",
        pretrain="--dropout 0 --n_batch 250",
        families={FAMILY: "--attr_type vec"},
        epochs={
            **{"time": "--n_epoch 4", "field": "--n_epoch 3", "time+field": "--n_epoch 5"},
            "within field": "--n_epoch 22",
        },
        finetune=(
            (0.2, "--max_lr 1e-3 --n_epoch 8 --n_batch 20", 20.0),
            (1.0, "--max_lr 1e-3 --n_epoch 6 --n_batch 50", 35.0),
        ),
        seconds={"preprocess": 40.0, "pretrain": 150.0},
        conv_costs={
            **{"gcn": (0.35, 0.8), "gat": (0.45, 0.7), "rgcn": (2.2, 2.0)},
            **{"han": (1.1, 2.0), "hetgnn": (4.7, 2.0)},
        },
        only={"AD": ("no pre-train", "GPT-GNN")},
    ),
    "paper": Preset(
        note="The paper's sizes: 3 layers of 400, 8 heads, depth 6, width 128, batches and queue "
        "of 256, titles generated as text, five seeds. The lengths are the published code's "
        "defaults: 20 epochs of pre-training, 50 of fine-tuning (of AD 100, declared as 50). The "
        "declared time is an estimate, not measured on a GPU: 0.3 s a step of hgt in one pass, a "
        "million papers that pre-train, 100,000 that validate. One run at a time, for one GPU; "
        "--jobs for more.",
        seeds=5,
        encoder="--n_hid 400 --n_heads 8 --n_layers 3",
        sampler="--sample_depth 6 --sample_width 128 --batch_size 256",
        pretrain="--n_epoch 20",
        families={FAMILY: "--attr_type text --queue_size 256"},
        # 50 epochs of 16 batches, and after each a validation of 400, less with fewer labels.
        finetune=(
            *((0.1, "", 0.3 * 50 * (16 + 40)), (0.2, "", 0.3 * 50 * (16 + 80))),
            *((0.5, "", 0.3 * 50 * (16 + 200)), (1.0, "", 0.3 * 50 * (16 + 400))),
        ),
        jobs=1,
        # Their rows are lengths of the small preset, and settings of this one.
        without=("why", "why_encoders", "why_norm", "why_pretrain", "why_transfer"),
        seconds={"preprocess": 3600.0, "pretrain": 0.3 * 20 * 1_000_000 / 256},
        conv_costs={  # of the encoder on the CPU, docs/PERFORMANCE.md
            **{"gcn": (0.2, 0.2), "gat": (0.3, 0.3), "rgcn": (3.6, 3.6)},
            **{"han": (0.9, 0.9), "hetgnn": (6.0, 6.0)},
        },
    ),
}


def main() -> None:
    study = Study(
        name="OAG",
        scripts=os.path.dirname(os.path.abspath(__file__)),
        data=data_flags(FLAGS, ReaderSettings, Settings),
        raw_files=raw_files,
        built_in={"finetune_fields": ("oceanography",)},
        preprocess="preprocess_OAG.py --domain {domain} [--language {language}] "
        "[--citation_bar {citation_bar}]",
        pretrain="pretrain_OAG.py",
        settings=SETTINGS,
        methods=METHODS,
        tasks=TASKS,
        tables=TABLES,
        presets=PRESETS,
        metrics=("ndcg", "mrr"),
        paper=paper.NUMBERS,
        paper_note=paper.NOTE,
    )
    reproduce(study, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
