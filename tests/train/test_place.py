"""A run's place: checked before work, held by one, never another run's; only finite models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.model.heads import Classifier
from GPT_GNN.objectives import ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.system.lock import locked
from GPT_GNN.system.runner import Interrupted
from GPT_GNN.tasks import LabelClassification
from GPT_GNN.train import fit
from GPT_GNN.train.checkpoint import load_checkpoint, save_checkpoint
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.finetune import finetune
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import (
    FinetuneRunConfig,
    PretrainRunConfig,
    finetuning_place,
    pretraining_place,
)
from GPT_GNN.train.pretrain import PretrainBatches, pretrain
from GPT_GNN.train.run import Run
from tests import stores
from tests.made import method_of

ROOT = Path(__file__).resolve().parents[2]
ENCODER = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)
SAMPLER = SamplerConfig(sample_depth=2, sample_width=8, batch_size=16, n_pool=0)
OPTIM = OptimConfig(n_epoch=2, n_batch=2)
TINY = "--n_hid 8 --n_heads 2 --n_layers 1 --sample_depth 2 --sample_width 8 --n_pool 0 --cuda -1"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return stores.films(tmp_path_factory.mktemp("place") / "films")


@pytest.fixture(params=["pretrain", "finetune"])
def go(request, films, tmp_path, monkeypatch):
    """Run a verb in ``tmp_path``: (its settings and flags) -> the file of its best model."""
    monkeypatch.chdir(tmp_path)
    facts = resolve_facts(films, "film").facts
    folder = {"pretrain": Path("gpt.pt.run"), "finetune": Path("runs/x")}[request.param]
    best = {"pretrain": Path("gpt.pt"), "finetune": Path("runs/x/best.pt")}[request.param]

    def run(seed=0, optim=OPTIM, name="gpt_gnn", **flags):
        encoder = new_encoder(films, ENCODER, seed)
        config = {"optim": asdict(optim), "run": {"seed": seed}}
        if request.param == "pretrain":
            settings = ObjectiveConfig(name)
            objective = new_objective(
                encoder, films, facts, method_of(settings, GPTConfig(queue_size=8)), seed
            )
            of_run = PretrainRunConfig(pretrain_model_dir="gpt.pt", seed=seed, cuda=-1, **flags)
            config["objective"] = asdict(settings)
            pretrain(objective, films, facts, SAMPLER, optim, of_run, config)
        else:
            split = facts.split
            task = LabelClassification(films, split, target="film", column="genre", seed=seed)
            of_run = FinetuneRunConfig(task_name="x", seed=seed, cuda=-1, **flags)
            finetune(encoder, task, films, SAMPLER, optim, of_run, config)
        return best

    run.kind, run.folder, run.best = request.param, folder, best
    return run


def files(go):
    return {path: path.read_bytes() for path in (go.best, *go.folder.iterdir())}


def seed_of(path, kind):
    return load_checkpoint(path, kind)["config"]["run"]["seed"]


def stopped(go, monkeypatch, calls, **settings):
    """Run until the nth validation, which Ctrl-C interrupts."""
    check, count = fit._check_weights, iter(range(99))

    def stop(model, step):
        if next(count) == calls:
            raise Interrupted("stopped")
        check(model, step)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(fit, "_check_weights", stop)
        go(**settings)


def test_the_folder_is_printed_at_the_start_and_the_end(go, capsys):
    go()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[-1] == f"run folder: {go.folder}"
    assert not (go.folder / "lock").exists()


def test_a_folder_in_use_is_refused_before_any_work(go, monkeypatch):
    with locked(go.folder, ""):
        monkeypatch.setattr(fit, "fit", None)
        with pytest.raises(ValueError, match=rf"is in use by process {os.getpid()} on .* another"):
            go()
        assert [path.name for path in go.folder.iterdir()] == ["lock"] and not go.best.exists()


def test_the_same_settings_make_the_run_anew_and_say_so(go, capsys):
    before = load_checkpoint(go(), go.kind)["model"]
    capsys.readouterr()
    after = load_checkpoint(go(), go.kind)["model"]
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"{go.folder} holds a finished run: it is made anew"
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_finished_run_of_other_settings_is_refused_naming_each(go):
    go()
    before = files(go)
    other = OptimConfig(n_epoch=2, n_batch=2, max_lr=0.5)
    for flags in ({}, {"resume": True}):
        with pytest.raises(ValueError, match="holds a finished run of other settings: ") as error:
            go(seed=1, optim=other, **flags)
        assert "max_lr is 0.001 there and 0.5 here; seed is 0 there and 1 here. " in str(
            error.value
        )
        assert str(error.value).endswith(", or --overwrite to replace it")
    assert files(go) == before


def test_overwrite_replaces_all_of_it(go, capsys, monkeypatch):
    go()
    assert seed_of(go.best, go.kind) == 0
    stopped(go, monkeypatch, 0, seed=1, overwrite=True)
    assert "holds a finished run of other settings: it is replaced" in capsys.readouterr().out
    assert not go.best.exists() and not (go.folder / "checkpoint.pt").exists()
    go(seed=1)  # what was stopped before it had a model is in nobody's way
    assert seed_of(go.best, go.kind) == 1
    go(seed=2, overwrite=True)
    assert {seed_of(path, go.kind) for path in (go.best, go.folder / "checkpoint.pt")} == {2}
    assert json.loads((go.folder / "config.json").read_text())["run"]["seed"] == 2


@pytest.mark.parametrize("flags", [{}, {"seed": 1, "overwrite": True}])
def test_a_run_that_cannot_start_leaves_the_earlier_one_as_it_was(go, monkeypatch, flags):
    go()
    before = files(go)
    for batches in ("pretrain.PretrainBatches", "finetune.TaskBatches"):
        monkeypatch.setattr(f"GPT_GNN.train.{batches}", fails)
    with pytest.raises(ValueError, match="cannot start"):
        go(**flags)
    assert files(go) == before


def fails(*args, **settings):
    raise ValueError("cannot start")


def test_an_interrupted_run(go, capsys, monkeypatch):
    whole = load_checkpoint(go(), go.kind)["model"]
    stopped(go, monkeypatch, 1, overwrite=True)
    with pytest.raises(ValueError, match="was stopped at step 2 of other settings: seed is") as e:
        go(seed=1)
    assert "or --resume with its settings to continue it" in str(e.value)
    capsys.readouterr()
    go(resume=True)
    assert "anew" not in capsys.readouterr().out
    resumed = load_checkpoint(go.best, go.kind)["model"]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    stopped(go, monkeypatch, 1)
    capsys.readouterr()
    go()
    told = "stopped at step 2: it is made anew (--resume would have continued it)"
    assert told in capsys.readouterr().out


def test_a_record_of_an_older_version(go, capsys):
    """It lacks settings that are new and the number of steps, and has one that is gone."""
    go()
    path = go.folder / "config.json"
    record = json.loads(path.read_text())
    del record["steps"], record["optim"]["clip"]
    record["optim"]["momentum"] = 0.9
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError) as error:
        go()
    assert "clip is not recorded there and 0.5 here" in str(error.value)
    assert "momentum is 0.9 there and not recorded here" in str(error.value)
    go(overwrite=True)


def test_a_run_of_a_version_with_other_batches(go, capsys, monkeypatch):
    stopped(go, monkeypatch, 1)
    path = go.folder / "config.json"
    record = json.loads(path.read_text())
    del record["origin"]
    path.write_text(json.dumps(record))
    for flags in ({}, {"resume": True}):
        with pytest.raises(ValueError, match="step 2 of an older version, whose .*place it$"):
            go(**flags)
    go(overwrite=True)
    assert (
        "of an older version, whose batches are others: it is replaced" in capsys.readouterr().out
    )


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"versions": 3}', None])
def test_files_that_no_run_wrote_stay(go, text):
    go.folder.mkdir(parents=True)
    (go.folder / "metrics.jsonl").write_text("mine")
    if text is not None:
        (go.folder / "config.json").write_text(text)
    before = {path: path.read_text() for path in go.folder.iterdir()}
    with pytest.raises(ValueError, match=r"metrics.jsonl, and no config.json of a run: they"):
        go(overwrite=True)
    assert {path: path.read_text() for path in go.folder.iterdir()} == before


@pytest.mark.parametrize("content", ["notes", "state dict", "fine-tuned"])
def test_a_file_in_the_place_of_the_model_that_pretraining_did_not_write(
    films, tmp_path, monkeypatch, content
):
    file = tmp_path / "gpt.pt"
    if content == "notes":
        file.write_text("notes")
    elif content == "state dict":
        torch.save({"gnn.gcs.0.weight": torch.ones(2)}, file)
    else:
        save_checkpoint(file, "finetune", config={})
    before = file.read_bytes()
    facts = resolve_facts(films, "film").facts
    objective = new_objective(
        new_encoder(films, ENCODER, 0),
        films,
        facts,
        method_of(ObjectiveConfig("none"), GPTConfig()),
        0,
    )
    run = PretrainRunConfig(pretrain_model_dir=str(file), cuda=-1, overwrite=True)
    with pytest.raises(ValueError, match="It is in the way: move it, or give another --pretrain_m"):
        pretrain(objective, films, facts, SAMPLER, OPTIM, run, {})
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("go", ["pretrain"], indirect=True)
def test_a_model_alone_in_the_way(go):
    file = go(name="none")
    for path in go.folder.iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="gpt.pt is the model of an earlier run of other settings"):
        go()
    assert load_checkpoint(file, "pretrain")["step"] == 0
    go(name="none")  # the same
    go(overwrite=True)
    assert load_checkpoint(file, "pretrain")["step"] > 0


# Only finite models are kept ----------------------------------------------------------------------


@pytest.mark.parametrize("go", ["pretrain"], indirect=True)
def test_a_validation_that_is_not_finite_stops_pretraining(go, monkeypatch):
    """No older run's model is named either."""
    init = PretrainBatches.__init__

    def nan(self, *args):
        init(self, *args)
        for _, batch in self.valid:
            batch.attributes[:] = torch.nan

    monkeypatch.setattr(PretrainBatches, "__init__", nan)
    with pytest.raises(FloatingPointError, match=r"validation at step \d+ is not finite: .*nan"):
        go()
    assert not go.best.exists()


def test_the_log_of_a_run_that_stops_holds_its_last_steps(go, monkeypatch):
    made, open_log = [], Run.open_log
    monkeypatch.setattr(
        Run, "open_log", lambda self, *args: made.append(open_log(self, *args)) or made[-1]
    )
    stopped(go, monkeypatch, 0)
    steps = [json.loads(x).get("step") for x in (go.folder / "metrics.jsonl").open()]
    assert steps == [1, 2] and made[0].loggers[0]._file.closed


def test_weights_that_are_not_finite_stop_the_run(go, monkeypatch):
    """Half of the weights NaN, as a fault of training leaves them: F1 does not show it."""
    step = torch.optim.AdamW.step

    def spoil(self, *args, **kwargs):
        step(self, *args, **kwargs)
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight.flatten()[::2] = torch.nan

    def finite(what, values):
        if not what.startswith(("the loss", "the gradient")):
            check(what, values)

    check = fit.check_finite
    monkeypatch.setattr(torch.optim.AdamW, "step", spoil)
    monkeypatch.setattr(fit, "check_finite", finite)
    with pytest.raises(
        FloatingPointError, match=r"model at step \d+ is not finite: .*encoder.*nan"
    ):
        go()
    assert not go.best.exists()


@pytest.mark.parametrize("go", ["finetune"], indirect=True)
def test_scores_that_are_not_finite_stop_fine_tuning(go, monkeypatch):
    real = Classifier.forward

    def nan(self, x):
        scores = real(self, x)
        return scores if self.training else scores * torch.nan

    monkeypatch.setattr(Classifier, "forward", nan)
    with pytest.raises(FloatingPointError, match=r"\d+ of \d+ scores of a batch are not finite"):
        go()
    assert not go.best.exists()


def test_a_model_that_another_program_put_there_is_not_named(go, monkeypatch):
    save = Run.save_best

    def replaced(self, model, step, metrics):
        save(self, model, step + 1, metrics)

    monkeypatch.setattr(Run, "save_best", replaced)
    with pytest.raises(ValueError, match="does not hold the best model of this run"):
        go()


def test_resuming_without_the_best_model(go, monkeypatch):
    stopped(go, monkeypatch, 1)
    go.best.unlink()
    with pytest.raises(ValueError, match="best model of the run that --resume continues, is gone"):
        go(resume=True)


# Places ------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("a user's")
    return tmp_path


PLACES = [
    ({"pretrain_model_dir": ""}, "expected a file to write the model to, .*got an empty path"),
    ({"pretrain_model_dir": "folder"}, "'folder': expected a file to write .*got a folder"),
    ({"pretrain_model_dir": "new/"}, "'new/': expected a file to write .*got a folder"),
    ({"pretrain_model_dir": "."}, "got a folder"),
    ({"pretrain_model_dir": "file/gpt.pt"}, "file is no folder, file/gpt.pt.run cannot be created"),
    ({"model_dir": ""}, "--model_dir: expected a folder, got an empty path"),
    ({"model_dir": "file"}, "--model_dir: file is no folder, file/task cannot be created"),
    ({"task_name": ""}, "--task_name '': expected the name of a folder inside --model_dir"),
    ({"task_name": "."}, "--task_name '.': expected"),
    ({"task_name": "../x"}, "--task_name '../x': expected"),
    ({"task_name": "a/../../x"}, "expected the name of a folder"),
    ({"task_name": "/tmp/x"}, "--task_name '/tmp/x': expected"),
    ({"model_dir": ".", "task_name": "file"}, "file is no folder"),
    ({"use_pretrain": True, "pretrain_model_dir": "no.pt"}, "no.pt: no such file; expected a pret"),
    ({"use_pretrain": True, "pretrain_model_dir": "folder"}, "folder: a folder; expected a pretr"),
    ({"use_pretrain": True, "pretrain_model_dir": ""}, ": no such file; expected a pretrain"),
]


@pytest.mark.parametrize(("fields", "message"), PLACES)
def test_places_that_cannot_be(here, fields, message):
    pretraining = set(fields) == {"pretrain_model_dir"}
    with pytest.raises(ValueError, match=message):
        if pretraining:
            pretraining_place(PretrainRunConfig(**fields))
        else:
            finetuning_place(FinetuneRunConfig(**fields))
    assert sorted(path.name for path in here.iterdir()) == ["file", "folder"]


def test_a_link_and_its_file_are_one_place(here):
    (here / "link.pt").symlink_to("real.pt")
    link, real = (
        pretraining_place(PretrainRunConfig(pretrain_model_dir=f"{n}.pt")) for n in ("link", "real")
    )
    assert link.folder.resolve() == real.folder.resolve()


def test_places_that_can_be(here):
    assert pretraining_place(PretrainRunConfig(pretrain_model_dir="a/b.pt")).folder == Path(
        "a/b.pt.run"
    )
    place = finetuning_place(FinetuneRunConfig(model_dir="folder", task_name="a/b"))
    assert place.best == Path("folder/a/b/best.pt")


def test_a_place_that_may_not_be_written_to(here, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != "folder")
    with pytest.raises(ValueError, match="--model_dir: folder may not be written to"):
        finetuning_place(FinetuneRunConfig(model_dir="folder"))
    with pytest.raises(ValueError, match="--pretrain_model_dir: folder may not be written to"):
        pretraining_place(PretrainRunConfig(pretrain_model_dir="folder/new/gpt.pt"))


@pytest.mark.slow
def test_places_come_before_the_graph(here):
    """As commands: the graph, which is not there, is not even looked for."""
    for flags, message in (
        ("pretrain --pretrain_model_dir folder", "got a folder"),
        ("finetune --use_pretrain --pretrain_model_dir no.pt", "no.pt: no such file"),
    ):
        command = [sys.executable, "-m", *f"GPT_GNN {flags} --data_dir nowhere {TINY}".split()]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 1 and line.startswith("error: --pretrain_model_dir ")
        assert message in line


@pytest.mark.slow
@pytest.mark.dist
def test_two_runs_at_once(films, tmp_path):
    """The second is refused while the first one lives; killed, its folder is taken over."""
    flags = f"--data_dir {films.path} --target_type film --label genre {TINY} --task_name x"
    words = [
        sys.executable,
        "-m",
        "GPT_GNN",
        "finetune",
        *flags.split(),
        "--n_batch",
        "1",
    ]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(
        [*words, "--n_epoch", "1000000"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    )
    while "run folder" not in first.stdout.readline():
        assert first.poll() is None
    second = subprocess.run(
        [*words, "--seed", "1"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100
    )
    first.kill()
    first.communicate()
    assert second.returncode == 1
    assert f"runs/x is in use by process {first.pid} on" in second.stderr
    assert "--n_epoch 1000000. Wait for it, or give another --task_name" in second.stderr
    third = subprocess.run(
        [*words, "--n_epoch", "1", "--overwrite"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert third.returncode == 0, third.stderr
    assert f"process {first.pid} on" in third.stdout and "its lock is taken over" in third.stdout
    assert "test micro_f1" in third.stdout
