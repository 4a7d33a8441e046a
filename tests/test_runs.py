"""Every script on a small built-in graph, end to end, from another working directory."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = {path.stem: str(path) for path in ROOT.glob("example_*/*.py")}
TINY = "--n_hid 8 --n_heads 2 --n_layers 1 --sample_depth 2 --sample_width 8 --n_pool 1 --cuda -1"
SHORT = "--batch_size 32 --n_epoch 2 --n_batch 3"
TASKS = ("PF", "PV", "AD")

pytestmark = pytest.mark.slow


def run(script, *flags, cwd):
    """Start a script as a user does; output of a run that must succeed."""
    command = [sys.executable, EXAMPLES[script]]
    command += [word for flag in flags for word in str(flag).split()]
    env = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def call(monkeypatch, capfd):
    """Run a script in this process, which saves seconds: (exit status, output)."""

    def go(script, *flags):
        argv = [script, *(word for flag in flags for word in str(flag).split())]
        monkeypatch.setattr(sys, "argv", argv)
        path, threads = list(sys.path), torch.get_num_threads()
        try:
            with pytest.raises(SystemExit) as exit_:
                runpy.run_path(EXAMPLES[script], run_name="__main__")
        finally:
            sys.path[:] = path
            torch.set_num_threads(threads)
        captured = capfd.readouterr()
        return exit_.value.code or 0, captured.out + captured.err

    return go


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A store of 700 papers, by preprocess_OAG.py from the folder of the test."""
    folder = tmp_path_factory.mktemp("runs")
    out = run("preprocess_OAG", "--toy_papers 700 --text_dim 16 --output_dir store", cwd=folder)
    assert "Papers_CS_20190919.tsv" in out and "stored edges" in out
    return folder / "store"


@pytest.fixture(scope="session")
def pretrained(store):
    """A model that pretrain_OAG.py wrote."""
    file = store.parent / "models" / "vec.pt"
    flags = (
        f"--data_dir store --attr_type vec --pretrain_model_dir {file.relative_to(store.parent)}"
    )
    out = run("pretrain_OAG", flags, TINY, SHORT, cwd=store.parent)
    assert "best model: models/vec.pt" in out
    return file


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def check_pretraining(file):
    lines = metrics(file.with_name(file.name + ".run"))
    train = [line for line in lines if line["split"] == "train"]
    valid = [line for line in lines if line["split"] == "valid"]
    assert [line["step"] for line in train] == list(range(1, len(train) + 1))
    assert {"loss", "edge_loss", "attr_loss", "lr"} < set(train[0])
    assert valid[-1]["step"] == train[-1]["step"]
    assert all(line["edge_loss"] > 0 for line in train)
    config = json.loads((file.with_name(file.name + ".run") / "config.json").read_text())
    assert config["encoder"]["n_hid"] == 8
    return lines


def check_finetuning(folder, n_steps=6, names=("ndcg", "mrr")):
    lines = metrics(folder)
    assert [x["split"] for x in lines].count("train") == n_steps
    test = lines[-1]
    assert test["split"] == "test"
    for name in (*names, *(f"most_frequent_{name}" for name in names)):
        assert 0 < test[name] <= 1
    best = max((x for x in lines if x["split"] == "valid"), key=lambda x: x[names[0]])
    assert test["best_step"] == best["step"]
    names = {path.name for path in folder.iterdir()}
    files = {"metrics.jsonl", "config.json", "checkpoint.pt", "best.pt", "test_scores.npz"}
    assert names == files
    return lines


def test_pretraining_generates_vectors(pretrained):
    check_pretraining(pretrained)


def test_pretraining_generates_text(store, tmp_path):
    flags = f"--data_dir {store} --attr_type text --pretrain_model_dir text.pt"
    out = run("pretrain_OAG", flags, TINY, SHORT, cwd=tmp_path)
    assert "epoch 2/2" in out and "attr_loss" in out
    lines = check_pretraining(tmp_path / "text.pt")
    assert lines[0]["attr_loss"] > 3  # nats a word, of a vocabulary of hundreds


@pytest.mark.parametrize("task", TASKS)
def test_finetuning_from_scratch(store, tmp_path, task):
    flags = f"--data_dir {store} --data_percentage 1.0 --model_dir results"
    out = run(f"finetune_OAG_{task}", flags, TINY, SHORT, cwd=tmp_path)
    assert "test ndcg" in out
    check_finetuning(tmp_path / "results" / task)


@pytest.mark.parametrize("task", TASKS)
def test_finetuning_from_a_pretrained_model(store, pretrained, tmp_path, call, task):
    flags = f"--data_dir {store} --data_percentage 0.5 --model_dir {tmp_path} --n_layers 1"
    load = f"--use_pretrain --pretrain_model_dir {pretrained} --task_name loaded"
    more = "--hide_all_fields" if task == "PF" else ""
    status, out = call(f"finetune_OAG_{task}", flags, load, TINY, SHORT, more)
    assert status == 0, out
    loaded = check_finetuning(tmp_path / "loaded")
    call(f"finetune_OAG_{task}", flags, "--task_name scratch", TINY, SHORT, more)
    scratch = check_finetuning(tmp_path / "scratch")
    assert loaded[0]["loss"] != scratch[0]["loss"]


def test_the_published_protocol(store, tmp_path, call):
    flags = f"--data_dir {store} --data_percentage 1 --model_dir {tmp_path} --original_protocol"
    assert call("finetune_OAG_PF", flags, TINY, SHORT)[0] == 0
    assert check_finetuning(tmp_path / "PF")[-1]["items"] == 10 * 32  # ten random test batches


def test_two_runs_of_one_seed_are_equal(store, tmp_path, call):
    flags = f"--data_dir {store} --data_percentage 1.0 --model_dir {tmp_path}"
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        more = f"--task_name {name} --seed {seed}"
        assert call("finetune_OAG_PV", flags, more, TINY, SHORT)[0] == 0
    a, b, c = (metrics(tmp_path / name) for name in "abc")
    assert a == b
    assert a[0]["loss"] != c[0]["loss"]


@pytest.mark.parametrize("script", ["pretrain_OAG", "finetune_OAG_PF", "finetune_OAG_AD"])
def test_a_batch_larger_than_the_data_warns_and_works(store, tmp_path, call, script):
    where = f"--pretrain_model_dir {tmp_path}/gpt.pt"
    where += f" --model_dir {tmp_path} --task_name x" * ("finetune" in script)
    flags = f"--data_dir {store} --batch_size 9999 --n_epoch 1 --n_batch 1"
    status, out = call(script, flags, where, TINY)
    assert status == 0, out
    assert "warning: batch_size 9999 is cut to the" in out
    if "finetune" in script:
        check_finetuning(tmp_path / "x", n_steps=1)
    else:
        check_pretraining(tmp_path / "gpt.pt")


@pytest.mark.parametrize(
    "flags, weights",
    [
        ("--queue_size 0", {"edge_loss": 0.5, "attr_loss": 0.5}),
        ("--no-node_separation", {"edge_loss": 0.5, "attr_loss": 0.5}),
        ("--attr_ratio 0", {"edge_loss": 1.0}),
        ("--attr_ratio 1", {"attr_loss": 1.0}),
    ],
)
def test_ablations_run(store, tmp_path, call, flags, weights):
    """Without the queue, node separation, attribute generation, edge generation."""
    where = f"--data_dir {store} --attr_type vec --pretrain_model_dir {tmp_path}/gpt.pt"
    status, out = call("pretrain_OAG", where, TINY, SHORT, flags)
    assert status == 0, out
    valid = [line for line in metrics(tmp_path / "gpt.pt.run") if line["split"] == "valid"][-1]
    assert {name for name in valid if name.endswith("_loss")} == set(weights)
    parts = sum(weight * valid[name] for name, weight in weights.items())
    assert valid["loss"] == pytest.approx(parts, rel=1e-5)


@pytest.mark.parametrize("script", ["pretrain_OAG", "finetune_OAG_PF"])
def test_resuming_a_finished_run_changes_nothing(store, tmp_path, call, script):
    pretraining = script == "pretrain_OAG"
    flags = f"--data_dir {store} --pretrain_model_dir {tmp_path}/gpt.pt"
    flags += " --attr_type vec" if pretraining else f" --model_dir {tmp_path} --data_percentage 1"
    folder = tmp_path / ("gpt.pt.run" if pretraining else "PF")
    kept = [folder / "metrics.jsonl", folder / "checkpoint.pt"]
    kept += [tmp_path / "gpt.pt" if pretraining else folder / "best.pt"]
    assert call(script, flags, TINY, SHORT)[0] == 0
    before = [path.read_bytes() for path in kept]
    status, out = call(script, flags, TINY, SHORT, "--resume")
    assert status == 0, out
    assert before == [path.read_bytes() for path in kept]


def one_line_error(status, out):
    """A user's mistake: status 1, one line, no traceback; returns the line."""
    assert status == 1, out
    (line,) = [line for line in out.splitlines() if line]
    assert line.startswith("error: ") and "Traceback" not in out
    return line


@pytest.mark.parametrize("script", ["pretrain_OAG", *(f"finetune_OAG_{task}" for task in TASKS)])
def test_a_folder_that_is_not_a_store(tmp_path, call, script):
    for folder, found in ((tmp_path, "no meta.json in it"), (tmp_path / "no", "no such folder")):
        line = one_line_error(*call(script, f"--data_dir {folder}"))
        assert f"{folder} is not a graph store: {found}" in line


def test_a_model_of_another_width(store, pretrained, tmp_path, call):
    flags = f"--data_dir {store} --use_pretrain --pretrain_model_dir {pretrained}"
    line = one_line_error(*call("finetune_OAG_PF", flags, TINY, "--n_hid 16 --n_layers 4"))
    assert (
        "vec.pt is of another architecture: n_hid is 8 in the file and 16 here; n_layers " in line
    )


def test_a_model_that_is_not_there(store, tmp_path, call):
    flags = f"--data_dir {store} --use_pretrain --pretrain_model_dir {tmp_path}/gpt.pt"
    line = one_line_error(*call("finetune_OAG_PV", flags, TINY))
    assert "gpt.pt: no such file; expected a pretrain checkpoint" in line


def test_a_model_that_was_cut_short(store, pretrained, tmp_path, call):
    file = tmp_path / "gpt.pt"
    file.write_bytes(pretrained.read_bytes()[:-1000])
    flags = f"--data_dir {store} --use_pretrain --pretrain_model_dir {file}"
    line = one_line_error(*call("finetune_OAG_PV", flags, TINY))
    assert "gpt.pt is not a whole checkpoint" in line


@pytest.mark.skipif(torch.cuda.device_count() > 3, reason="the GPU is there")
def test_a_gpu_that_is_not_there(store, tmp_path, call):
    flags = f"--data_dir {store} --pretrain_model_dir {tmp_path}/gpt.pt"
    line = one_line_error(*call("pretrain_OAG", flags, TINY, "--cuda 3"))
    found = torch.cuda.device_count()
    assert f"--cuda 3: expected -1 (the CPU) or a GPU; found {found} GPUs" in line


def test_resuming_another_runs_folder(store, tmp_path, call):
    flags = f"--data_dir {store} --model_dir {tmp_path} --task_name same --data_percentage 1"
    assert call("finetune_OAG_PV", flags, TINY, SHORT)[0] == 0
    line = one_line_error(*call("finetune_OAG_PV", flags, TINY, SHORT, "--resume --seed 5"))
    assert "holds a finished run of other settings: seed is 0 there and 5 here. Give" in line
    line = one_line_error(*call("finetune_OAG_AD", flags, TINY, SHORT, "--resume"))
    assert "task is 'NodeClassification' there and 'AuthorDisambiguation' here" in line


@pytest.mark.parametrize(
    "flags, message",
    [("--n_hid 9", "n_heads"), ("--attr_type text --w2v_dir no.txt", "no.txt: no such file")],
)
def test_settings_that_do_not_fit_together(store, tmp_path, call, flags, message):
    where = f"--data_dir {store} --pretrain_model_dir {tmp_path}/gpt.pt"
    assert message in one_line_error(*call("pretrain_OAG", where, TINY, flags))


@pytest.fixture(scope="session")
def posts(tmp_path_factory):
    """A store of 400 posts, by preprocess_reddit.py from the folder of the test."""
    folder = tmp_path_factory.mktemp("posts")
    out = run("preprocess_reddit", "--toy_posts 400 --output_dir store", cwd=folder)
    assert "def -> def -> def" in out
    return folder / "store"


def test_the_reddit_scripts(posts, tmp_path, call):
    """Pre-train, fine-tune from it and from scratch; resume; the published test."""
    where = f"--data_dir {posts} --pretrain_model_dir {tmp_path}/gpt.pt"
    status, out = call("pretrain_reddit", where, TINY, SHORT)
    assert status == 0, out
    check_pretraining(tmp_path / "gpt.pt")
    flags = f"{where} --model_dir {tmp_path} --data_percentage 1"
    for name, more, items in (
        ("loaded", "--use_pretrain", 40),
        ("scratch", "", 40),
        ("scratch", "--resume", 40),
        ("published", "--original_protocol", 10 * 32),
    ):
        status, out = call("finetune_reddit", flags, f"--task_name {name}", more, TINY, SHORT)
        assert status == 0, out
        lines = check_finetuning(tmp_path / name, names=("micro_f1", "macro_f1"))
        assert lines[-1]["items"] == items
        assert not [x for x in lines if x["split"] == "test by time"]


def test_a_published_reddit_graph(shared_data, tmp_path, call):
    source = tmp_path / "graph_reddit.pk"
    source.write_bytes((shared_data / "legacy" / "reddit" / source.name).read_bytes())
    where = f"--data_dir {source} --pretrain_model_dir {tmp_path}/gpt.pt"
    assert call("pretrain_reddit", where, TINY, SHORT)[0] == 0
    flags = f"--model_dir {tmp_path} --data_percentage 1 --use_pretrain"
    status, out = call("finetune_reddit", where, flags, TINY, SHORT)
    assert status == 0, out
    lines = check_finetuning(tmp_path / "reddit", names=("micro_f1", "macro_f1"))
    assert lines[-1]["items"] == 80


def test_reddit_mistakes(posts, tmp_path, call):
    line = one_line_error(*call("preprocess_reddit", f"--input_dir {tmp_path}"))
    assert f"{tmp_path}/reddit_data.npz: no such file" in line
    line = one_line_error(*call("pretrain_reddit", f"--data_dir {posts} --attr_type text", TINY))
    assert "it was built without text" in line
    line = one_line_error(*call("finetune_reddit", f"--data_dir {tmp_path}"))
    assert f"{tmp_path} is not a graph store" in line
