"""The loop on a small model: an interrupted run ends where a whole one does, to the bit."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import nn

from GPT_GNN.model.trainable import Trainable
from GPT_GNN.rng import derive
from GPT_GNN.schema import Schema
from GPT_GNN.system.runner import Interrupted
from GPT_GNN.train.checkpoint import CheckpointError, load_checkpoint
from GPT_GNN.train.fit import Plan, fit
from GPT_GNN.train.optim import OptimConfig, build_optimizer, build_scheduler
from GPT_GNN.train.place import Place
from GPT_GNN.train.run import Run

SCHEMA = Schema(("a",), (), (), ())
PLAN = Plan(n_epoch=3, steps_per_epoch=4, steps_per_eval=3)


class Small(Trainable):
    """Draws random numbers while training, as dropout does, and keeps a state that grows."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Linear(5, 1))
        self.register_buffer("epoch", torch.zeros(()))

    def start_epoch(self, epoch, n_epoch):
        self.epoch.fill_(epoch / n_epoch)

    def forward(self, batch):
        return {"loss": (self.layers(batch).square().mean() + 1) * self.epoch, "extra": self.epoch}


def batch(step):
    return torch.from_numpy(derive(0, "batch", step).normal(size=(6, 4))).float()


@dataclass(frozen=True)
class Recorded(Run):
    """A run that also says which models it kept: (step, score)."""

    saved: list = field(default_factory=list)

    def save_best(self, model, step, metrics):
        super().save_best(model, step, metrics)
        self.saved.append((step, metrics["score"]))


class Fixture:
    """One run of the small model in a folder."""

    def __init__(self, folder, plan=PLAN, seed=0, make_batch=batch, model=None, **optim):
        self.model = model or Small()
        self.folder, self.plan, self.make_batch = folder, plan, make_batch
        self.optim = OptimConfig(**optim)
        config = {"optim": {"max_lr": self.optim.max_lr}}
        self.run = Recorded(
            place=Place("pretrain", folder, folder / "best.pt", "--pretrain_model_dir"),
            config=config,
            recorded={"places": {"data_dir": "somewhere"}},
            of_graph={"schema": SCHEMA.to_dict()},
            device=torch.device("cpu"),
            seed=seed,
            resume=False,
            n_pool=0,
        )

    def evaluate(self):
        assert not self.model.training
        return {"score": -float(self.model(batch(99))["loss"])}

    @property
    def best(self):
        return self.run.saved

    def go(self, resume=False):
        run = replace(self.run, resume=resume)
        log, best = fit(self.model, self.make_batch, self.evaluate, self.plan, self.optim, run)
        log.close()
        assert best["metrics"]["score"] == max(x["score"] for x in self.lines if "score" in x)
        return self

    @property
    def lines(self):
        return [
            json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()
        ]


def same(a, b):
    """Whether two runs ended alike: weights, metrics, and what a resumed run would start from."""
    ends = [load_checkpoint(x.run.checkpoint, "pretrain") for x in (a, b)]
    state = all(map(torch.equal, a.model.state_dict().values(), b.model.state_dict().values()))
    return (
        state
        and a.lines == b.lines
        and all(
            str(ends[0][name]) == str(ends[1][name])
            for name in ("model", "optimizer", "scheduler", "step", "best")
        )
    )


def stop_at(step, how):
    """Batches that end the run while they are made."""

    def make(this):
        if this == step:
            how()
        return batch(this)

    return make


def fail():
    raise RuntimeError("power cut")


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_log_and_the_best(tmp_path):
    run = Fixture(tmp_path).go()
    train = [line for line in run.lines if line["split"] == "train"]
    valid = [line for line in run.lines if line["split"] == "valid"]
    assert [line["step"] for line in train] == list(range(1, 13))
    assert [line["step"] for line in valid] == [3, 6, 9, 12]
    assert all({"loss", "lr", "extra"} <= set(line) for line in train)
    assert [line["extra"] for line in train[::4]] == pytest.approx([1 / 3, 2 / 3, 1])
    rising = []
    for line in valid:
        if not rising or line["score"] > rising[-1][1]:
            rising.append((line["step"], line["score"]))
    assert run.best == rising
    config = json.loads((tmp_path / "config.json").read_text())
    assert run.run.config.items() <= config.items()
    assert config["places"] == run.run.recorded["places"] and "torch" in config["versions"]


def test_one_seed_is_one_run(tmp_path):
    runs = [Fixture(tmp_path / str(i), seed=seed).go() for i, seed in enumerate((0, 0, 1))]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_the_callers_random_numbers_are_left_alone(tmp_path):
    run = Fixture(tmp_path)
    torch.manual_seed(5)
    want = torch.rand(3)
    torch.manual_seed(5)
    run.go()
    assert torch.equal(torch.rand(3), want)


@pytest.mark.parametrize("step", [0, 1, 3, 5, 11])
def test_resumed_after_a_failure(tmp_path, step):
    whole = Fixture(tmp_path / "whole").go()
    with pytest.raises(RuntimeError, match="power cut"):
        Fixture(tmp_path / "cut", make_batch=stop_at(step, fail)).go()
    resumed = Fixture(tmp_path / "cut").go(resume=True)
    assert same(whole, resumed)


@pytest.mark.parametrize("step", [0, 4, 5])
def test_resumed_after_ctrl_c(tmp_path, step):
    """The step under way is finished and saved, whatever the distance to the next validation."""
    handler = signal.getsignal(signal.SIGINT)  # a background job starts with SIGINT ignored
    whole = Fixture(tmp_path / "whole").go()
    cut = Fixture(tmp_path / "cut", make_batch=stop_at(step, ctrl_c))
    with pytest.raises(Interrupted, match=f"stopped after step {step + 1}; --resume continues"):
        cut.go()
    assert load_checkpoint(cut.run.checkpoint, "pretrain")["step"] == step + 1
    assert [line["step"] for line in cut.lines if line["split"] == "train"][-1] == step + 1
    assert same(whole, Fixture(tmp_path / "cut").go(resume=True))
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "adagrad"])
@pytest.mark.parametrize("scheduler", ["cycle", "cosine", "none"])
def test_resumed_with_every_optimiser_and_schedule(tmp_path, optimizer, scheduler):
    settings = {"optimizer": optimizer, "scheduler": scheduler, "max_lr": 0.01}
    whole = Fixture(tmp_path / "whole", **settings).go()
    with pytest.raises(RuntimeError):
        Fixture(tmp_path / "cut", make_batch=stop_at(7, fail), **settings).go()
    assert same(whole, Fixture(tmp_path / "cut", **settings).go(resume=True))


def test_each_step_once_whatever_a_kill_left_behind(tmp_path):
    whole = Fixture(tmp_path / "whole").go()
    with pytest.raises(RuntimeError):
        Fixture(tmp_path / "cut", make_batch=stop_at(8, fail)).go()
    with open(tmp_path / "cut" / "metrics.jsonl", "a") as file:
        file.write('{"step": 9, "split": "train", "loss": 0.5}\n{"step": 1')  # cut in a number
    assert same(whole, Fixture(tmp_path / "cut").go(resume=True))


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    run = Fixture(tmp_path).go()
    before = (tmp_path / "metrics.jsonl").read_bytes(), run.run.checkpoint.read_bytes()
    again = Fixture(tmp_path).go(resume=True)
    assert same(run, again) and again.best == []
    assert before == ((tmp_path / "metrics.jsonl").read_bytes(), run.run.checkpoint.read_bytes())


def test_resume_without_anything_to_resume_starts(tmp_path):
    whole = Fixture(tmp_path / "whole").go()
    assert same(whole, Fixture(tmp_path / "new").go(resume=True))


def test_a_new_run_does_not_leave_the_old_checkpoint_to_resume_from(tmp_path):
    whole = Fixture(tmp_path / "whole", seed=1).go()
    Fixture(tmp_path / "same", seed=1).go()
    with pytest.raises(RuntimeError):  # before its first checkpoint
        Fixture(tmp_path / "same", seed=1, make_batch=stop_at(1, fail)).go()
    assert same(whole, Fixture(tmp_path / "same", seed=1).go(resume=True))


def test_a_checkpoint_of_another_kind_cannot_resume(tmp_path):
    Fixture(tmp_path).go()
    wrong_kind = Fixture(tmp_path)
    wrong_kind.run = replace(wrong_kind.run, place=replace(wrong_kind.run.place, kind="finetune"))
    with pytest.raises(CheckpointError, match="expected a finetune checkpoint"):
        wrong_kind.go(resume=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, value):
    run = Fixture(tmp_path, make_batch=lambda step: batch(step) * (value if step == 4 else 1))
    with pytest.raises(
        FloatingPointError, match=r"at step 5 is not finite: loss = (nan|inf), extra"
    ):
        run.go()
    assert load_checkpoint(run.run.checkpoint, "pretrain")["step"] == 3
    assert all(torch.isfinite(p).all() for p in run.model.parameters())
    assert [line["step"] for line in run.lines if line["split"] == "train"] == [1, 2, 3, 4]


class Cliff(Small):
    """A finite loss whose gradient is not: the slope of a square root at 0."""

    def forward(self, batch):
        values = super().forward(batch)
        return values | {
            "loss": values["loss"] + (self.layers[2].bias * batch[0, 0] * 0).sqrt().sum()
        }


def test_a_gradient_that_is_not_finite_stops_the_run_before_the_weights_change(tmp_path):
    run = Fixture(tmp_path, model=Cliff())
    with pytest.raises(FloatingPointError, match="gradient at step 1 is not finite: norm = nan"):
        run.go()
    assert all(torch.isfinite(p).all() for p in run.model.parameters())


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    whole = Fixture(tmp_path / "whole").go()
    save, states = torch.save, iter(range(99))

    def full_disk(record, path):
        if "checkpoint" in path.name and next(states) == 1:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(record, path)

    monkeypatch.setattr(torch, "save", full_disk)
    run = Fixture(tmp_path / "full")
    with pytest.raises(OSError, match="No space left"):
        run.go()
    assert load_checkpoint(run.run.checkpoint, "pretrain")["step"] == 3
    names = {path.name for path in run.folder.iterdir()}
    assert names == {"checkpoint.pt", "best.pt", "metrics.jsonl", "config.json"}
    assert same(whole, Fixture(tmp_path / "full").go(resume=True))


# Optimisers and schedules ------------------------------------------------------------------------


def rates(scheduler, steps, max_lr=0.1):
    optimizer = build_optimizer(Small(), "sgd", max_lr, 0.0)
    schedule, found = build_scheduler(optimizer, scheduler, max_lr, steps), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("steps", [1, 2, 10, 1300])
def test_schedules(steps):
    cosine, cycle = rates("cosine", steps), rates("cycle", steps)
    assert rates("none", steps) == [0.1] * steps
    assert cosine[0] == 0.1 and cosine == sorted(cosine, reverse=True)  # never up again
    assert max(cycle) <= 0.1 + 1e-9
    if steps == 1300:
        assert cosine[-1] < 1e-5 and cycle[-1] < 1e-3
        assert 0.09 < max(cycle) and cycle.index(max(cycle)) < 0.03 * steps


@pytest.mark.parametrize(
    "name, kind", [("adamw", "AdamW"), ("adam", "Adam"), ("sgd", "SGD"), ("adagrad", "Adagrad")]
)
def test_optimisers(name, kind):
    model = Small()
    model.layers[0].bias.requires_grad = False
    optimizer = build_optimizer(model, name, 0.1, 0.05)
    assert type(optimizer).__name__ == kind
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"], len(group["params"])) == (0.1, 0.05, 3)


def test_unknown_names():
    with pytest.raises(ValueError, match="'lamb'; available: adamw, adam, sgd, adagrad"):
        build_optimizer(Small(), "lamb", 0.1, 0)
    with pytest.raises(ValueError, match="'step'; available: cycle, cosine, none"):
        build_scheduler(build_optimizer(Small(), "sgd", 0.1, 0), "step", 0.1, 5)


def test_a_precision_that_cannot_be_leaves_an_older_run_as_it_is(tmp_path):
    Fixture(tmp_path).go()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="--amp fp16"):
        Fixture(tmp_path, amp="fp16").go()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_dropout_of_a_batch_is_a_function_of_the_seed_and_its_number(tmp_path):
    """What else draws from torch's generator, such as a validation, leaves it as it is."""
    plain = Fixture(tmp_path / "plain").go()
    drawing = Fixture(tmp_path / "drawing")
    evaluate = drawing.evaluate

    def draws():
        torch.rand(7)
        return evaluate()

    drawing.evaluate = draws
    assert same(plain, drawing.go())
    assert not same(plain, Fixture(tmp_path / "other", seed=1).go())
