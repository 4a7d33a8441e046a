"""A new layer, sampler, objective or task with a setting of its own: one file, and its entry.

The files are written into a copy of the package, and its commands run; nothing else is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stores

ROOT = Path(__file__).resolve().parents[1]

LAYER = '''
from dataclasses import dataclass

import torch
from torch import nn

from GPT_GNN.conv.conv import Conv
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class MySettings(Checked):
    """A layer of one's own."""

    my_scale: float = setting(1.0, "factor", low=0)


class MyConv(Conv):
    Settings = MySettings

    def __init__(self, shape, settings, dropout):
        super().__init__()
        self.linear, self.scale = nn.Linear(shape.n_hid, shape.n_hid), settings.my_scale

    def forward(self, x, graph):
        mean = torch.zeros_like(x).index_add(0, graph.dst, x[graph.src])
        return torch.tanh(self.scale * self.linear(mean))
'''
SAMPLER = '''
from dataclasses import dataclass

from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.sampler import Sampler
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class MySettings(Checked):
    """A sampler of one's own."""

    my_width: int = setting(4, "nodes per type", low=1)


class MySampler(Sampler):
    Settings = MySettings

    def sample(self, query, rng):
        width = self.settings.my_width
        return HGSampler(self.graph, sample_depth=1, sample_width=width).sample(query, rng)
'''
OBJECTIVE = '''
from dataclasses import dataclass
from typing import Any

import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.objectives.objective import Objective
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class MySettings(Checked):
    """An objective of one's own."""

    mask_ratio: float = setting(0.75, "of nodes, not of links", low=0, high=1)


@dataclass(frozen=True)
class MyBatch:
    batch: Any


class MyObjective(Objective):
    Settings = MySettings

    def transform(self, graph, subgraph, rng):
        return MyBatch(make_batch(graph, subgraph))

    def forward(self, data):
        return {"loss": (self.encoder(data.batch).mean() - self.settings.mask_ratio) ** 2}
'''
TASK = '''
from dataclasses import dataclass

import numpy as np
from torch import nn

from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.settings import Checked, setting
from GPT_GNN.tasks.task import Task


@dataclass(frozen=True)
class MySettings(Checked):
    """A task of one's own."""

    my_factor: float = setting(1.0, "what is predicted: this many times the number of the node")


class MyTask(Task):
    Settings = MySettings
    metric_names = ("negative_mae",)

    def __init__(self, graph, split, target, factor):
        super().__init__(graph, split, target)
        self.y = factor * np.arange(graph.num_nodes(target), dtype=np.float32)
        self.divide(np.ones(len(self.y), dtype=bool))

    @classmethod
    def of_flags(cls, graph, facts, settings, flags, seed):
        resolved = resolve_facts(graph, facts.target_type, facts.split)
        return cls(graph, resolved.facts.split, resolved.facts.target, settings.my_factor), resolved

    def targets(self, items):
        return self.y[items]

    def head(self, n_hid):
        return nn.Linear(n_hid, 1)

    def loss(self, head, h, data):
        return (head(h[data.nodes])[:, 0] - data.y).abs().mean()

    def scores(self, head, h, data):
        return {"error": (head(h[data.nodes])[:, 0] - data.y).abs().cpu().numpy()}

    def metrics(self, values):
        return {"negative_mae": -float(values["error"].mean())}

    def most_frequent(self, split):
        return {"error": np.abs(self.y[self.items(split)])}

    def describe(self):
        return {"task": "numbers"}
'''
# Folder of the package, its dict, the file's source, its class.
NEW = [
    ("conv", "CONVS", LAYER, "MyConv"),
    ("sampler", "SAMPLERS", SAMPLER, "MySampler"),
    ("objectives", "OBJECTIVES", OBJECTIVE, "MyObjective"),
    ("tasks", "TASKS", TASK, "MyTask"),
]
SMALL = "--n_hid 8 --n_layers 1 --batch_size 8 --n_pool 0 --n_epoch 1 --n_batch 2 --cuda -1"
MINE = "--conv_name mine --my_scale 2 --sampler mine --my_width 3"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package with the four files and their entries."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "GPT_GNN", folder / "GPT_GNN", ignore=ignored)
    for name, registry, source, cls in NEW:
        (folder / "GPT_GNN" / name / "mine.py").write_text(source)
        init = folder / "GPT_GNN" / name / "__init__.py"
        text = init.read_text()
        start = text.index("{", text.index(f"{registry}: dict"))
        entry = f'"mine": {cls},'
        text = f"{text[: start + 1]}\n    {entry}{text[start + 1 :]}"
        first = text.index("\nfrom GPT_GNN")
        line = f"\nfrom GPT_GNN.{name}.mine import {cls}"
        init.write_text(text[:first] + line + text[first:])
    stores.films(folder / "films")
    return folder


def run(package, words):
    environment = os.environ | {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "GPT_GNN", *words.split()]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_they_train_with_their_own_settings(package):
    store = "--data_dir films --target_type film --split random"
    done = run(package, f"pretrain {store} {SMALL} {MINE} --objective mine --mask_ratio 0.9")
    assert done.returncode == 0, done.stderr
    config = json.loads((package / "runs/gpt_graph.pt.run/config.json").read_text())
    assert config["objective"] == {"objective": "mine", "mask_ratio": 0.9}
    assert (config["encoder"]["my_scale"], config["sampler"]["my_width"]) == (2.0, 3)
    assert config["origin"]["mask_ratio"] == "flag"
    flags = f"{store} {SMALL} --sampler mine --task mine --my_factor 3 --use_pretrain"
    done = run(package, f"finetune {flags}")  # the layer is the file's
    assert done.returncode == 0, done.stderr
    assert "test " in done.stdout
    config = json.loads((package / "runs/graph/config.json").read_text())
    assert config["encoder"]["conv_name"] == "mine" and config["encoder"]["my_scale"] == 2.0


@pytest.mark.slow
def test_their_flags_are_explained_checked_and_refused_elsewhere(package):
    told = run(package, "pretrain --objective mine --help").stdout
    assert "of nodes, not of links (default: 0.75)" in told and "--queue_size INT" not in told
    assert "mine: --mask_ratio" in run(package, "pretrain --help").stdout
    wrong = run(package, "pretrain --objective mine --mask_ratio 1.5")
    assert wrong.returncode == 2 and "--mask_ratio: expected a value in [0, 1]" in wrong.stderr
    wrong = run(package, "finetune --my_factor 2")
    assert "--my_factor: --task label does not read it; it reads --label" in wrong.stderr
