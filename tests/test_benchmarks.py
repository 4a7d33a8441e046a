"""The floor that the encoder is measured against, counted by hand; the lines that are printed."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
import torch

from benchmarks import baselines, bench_encoders, bench_reddit, published
from benchmarks.batches import objective_of
from benchmarks.floor import products
from benchmarks.measure import interleaved, line, show
from benchmarks.sampler_profile import COUNTS, LINES, show_profile
from GPT_GNN.batch.batch import Batch, batch_edges
from GPT_GNN.conv import CONVS
from GPT_GNN.datasets.oag.preprocess import toy_store
from GPT_GNN.datasets.reddit.preprocess import toy_store as toy_posts
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig

HID, HEADS, LAYERS = 8, 2, 3


def test_the_floor_of_a_small_batch():
    """5 nodes of type a (3 features), 2 of type b (none); 4 edges a -> b and a self loop a node."""
    src = np.array([0, 1, 2, 2, *range(7)])
    dst = np.array([5, 5, 5, 6, *range(7)])
    graph = batch_edges((0, 5, 7), src, dst, np.array([0, 4, 11]), None).index()
    batch = Batch((torch.zeros(5, 3), torch.zeros(2, 0)), graph)
    found = products(batch, ("a", "b"), ["r", "self"], HID, HEADS, LAYERS)
    nodes = 2 * 7 * HID * HID  # flops of a projection of every node
    rows = 2 * (2 + 7) * HID * (HID // HEADS)  # of r's two targets (three sources) and of all loops
    want = 2 * (2 * 5 * 3 * HID) + 3 * LAYERS * (4 * nodes + 2 * rows)
    assert sum(p.gflop for p in found) * 1e9 == pytest.approx(want)
    for product in found:
        product.run(product.operands())


def test_a_line_has_what_the_readme_says(capsys):
    show(line("conv", "literal", 3.0, 0.5, 4, nodes=7))
    record = json.loads(capsys.readouterr().out)
    names = "benchmark reference reference_s ours_s ratio peak_mb runs nodes machine versions"
    assert list(record) == names.split()
    assert record["ratio"] == 6.0
    assert line("step", None, None, 0.5, 4)["ratio"] is None


def test_functions_run_in_turn_and_the_warm_up_does_not_count():
    calls = []
    seconds = interleaved({n: lambda n=n: calls.append(n) for n in "ab"}, runs=2, warm_up=1)
    assert calls == list("ababab")
    assert set(seconds) == {"a", "b"}


@pytest.mark.slow
def test_the_profile_of_a_batch_adds_up(tmp_path, capsys):
    graph = toy_store(150, 0, tmp_path)
    show_profile(graph, objective_of(graph), runs=1)
    out = capsys.readouterr().out
    ms = {
        name: float(value)
        for value, name in re.findall(r"^ +([\d.]+)  (.*)$", out.split("counts")[0], re.MULTILINE)
    }
    subgraph, batch = ms.pop("subgraph"), ms.pop("batch")
    assert 0 < subgraph < batch
    assert sum(ms.values()) == pytest.approx(batch, abs=0.1)  # what is printed is rounded
    for name in [*COUNTS.values(), *LINES.values()]:
        assert name in out


@pytest.mark.slow
def test_every_convolution_has_a_line_of_its_own(tmp_path, capsys, monkeypatch):
    small = EncoderConfig(n_hid=HID, n_heads=HEADS, n_layers=2)
    for module in (published, bench_encoders):
        monkeypatch.setattr(module, "ENCODER", small)
    store = str(toy_store(700, 0, tmp_path).path)
    monkeypatch.setattr(sys, "argv", ["bench_encoders.py", "--data_dir", store, "--runs", "1"])

    def timed(passes, runs, warm_up):
        for run in passes.values():
            run()
        return {name: 2.0 if name == "hgt" else 3.0 for name in passes}

    monkeypatch.setattr(bench_encoders, "interleaved", timed)
    capsys.readouterr()  # what building the graph says
    bench_encoders.main()
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [record["reference"] for record in lines] == list(CONVS)
    assert [record["ratio"] for record in lines] == [1.0] + [1.5] * (len(CONVS) - 1)
    gcn = lines[list(CONVS).index("gcn")]
    assert gcn["layer_parameters"] == HID * HID + HID
    assert gcn["parameters"] > 2 * gcn["layer_parameters"]


def test_reddit_has_the_links_that_were_asked_for(tmp_path):
    bench_reddit.generate(tmp_path / "raw", 400, 1500, 4)
    seconds, peak_mb = bench_reddit.preprocess(tmp_path / "raw", tmp_path / "store")
    assert seconds > 0 and peak_mb > 0
    graph = HeteroGraph.open(tmp_path / "store")
    assert graph.num_edges(Reddit.relation) == 3000
    assert graph.feature_dim(Reddit.FACTS.target) == 5


def test_baselines_are_those_of_the_scripts_tasks(tmp_path, capsys, monkeypatch):
    stores = {"PF": toy_store(400, 0, tmp_path), "communities": toy_posts(200, 0, tmp_path)}
    for name, graph in stores.items():
        capsys.readouterr()  # what building the graph says
        command = ["baselines.py", "--data_dir", str(graph.path), "--data_percentage", "0.5"]
        monkeypatch.setattr(sys, "argv", command)
        baselines.main()
        lines = capsys.readouterr().out.splitlines()[1:]
        assert [line.split()[0] for line in lines] == list(baselines.tasks(graph))
        task = baselines.tasks(graph)[name](0.5, 0)
        known = [baselines.tasks(graph)[name](0.5, seed).most_frequent("test") for seed in range(3)]
        found = [task.metrics(values)[task.metric_names[0]] for values in known]
        assert f"{np.mean(found):.3f} ± {np.std(found, ddof=1):.3f} / " in lines[0]
