"""The demo's runs of example_OAG's scripts, and titles that one of its models generates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from GPT_GNN.batch.pipeline import Pipeline
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.model.heads import TextDecoder
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.train.encoder import pretrained_gpt_gnn

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (0, 1, 2)
TASKS = ("PF", "PV")
STARTS = {"scratch": "", "pretrained": "--use_pretrain"}  # of fine-tuning, and their flags
ENCODER = (
    "--n_hid 64 --n_heads 4 --n_layers 2 --sample_depth 3 --sample_width 64 --n_pool 0 --cuda -1"
)
PRETRAIN = (
    "--attr_type text --attr_ratio 0.9 --batch_size 128 --n_epoch 50 --n_batch 18 --max_lr 5e-3"
)
FINETUNE = "--data_percentage 0.1 --batch_size 64 --n_epoch 10 --n_batch 12 --max_lr 1e-3"


def commands_of(out: Path, seed: int) -> Iterator[list[str]]:
    """One seed's scripts: pre-train, then each task from scratch and pre-trained."""
    scripts = ROOT / "example_OAG"
    common = f"{ENCODER} --seed {seed} --overwrite"
    model = ("--pretrain_model_dir", str(model_of(out, seed)))
    yield [str(scripts / "pretrain_OAG.py"), *f"{PRETRAIN} {common}".split(), *model]
    for task in TASKS:
        for start, flag in STARTS.items():
            flags = f"{FINETUNE} {common} {flag} --task_name {run_of(out, task, start, seed).name}"
            script = str(scripts / f"finetune_OAG_{task}.py")
            yield [script, *flags.split(), *model, "--model_dir", str(out)]


def model_of(out: Path, seed: int) -> Path:
    """The file of a seed's pre-trained model."""
    return out / f"pretrained_{seed}.pt"


def run_of(out: Path, task: str, start: str, seed: int) -> Path:
    """The folder of a fine-tuning run."""
    return out / f"{task}_{start}_{seed}"


def generated_titles(out: Path, count: int = 6) -> str:
    """Titles of unseen papers, generated from their neighbourhoods."""
    graph = OAG.open("toy")
    facts = OAG.facts(graph)
    objective = pretrained_gpt_gnn(graph, facts, model_of(out, SEEDS[0]))
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
