"""Jobs are run once each, in the order of their needs, and go on after any kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from GPT_GNN.study.grid import run_jobs
from GPT_GNN.study.job import Job, finished
from GPT_GNN.study.records import only_process, read_records

ROOT = Path(__file__).resolve().parents[2]


def job(name, kind, needs=(), flags=""):
    places = {
        "preprocess": {"--output_dir": f"stores/{name}"},
        "pretrain": {"--pretrain_model_dir": f"models/{name}.pt"},
        "finetune": {"--model_dir": "runs"},
    }[kind]
    folder = {"preprocess": "", "pretrain": f"models/{name}.pt.run", "finetune": f"runs/{name}"}
    flags += f" --task_name {name}" if kind == "finetune" else ""
    seed = None if kind == "preprocess" else 0
    return Job(
        name,
        kind,
        " ".join([f"{kind}.py", *flags.split()]),
        places,
        folder[kind],
        needs,
        {"method": name},
        seed,
    )


def grid(**flags):
    """A store, two models of it, a run of each and one from scratch."""
    jobs = [
        job("store", "preprocess"),
        job("gpt", "pretrain", ("store",)),
        job("gae", "pretrain", ("store",)),
        job("a", "finetune", ("store", "gpt")),
        job("b", "finetune", ("store", "gae")),
        job("scratch", "finetune", ("store",)),
    ]
    return [
        replace(j, command=f"{j.command} {flags[j.name]}") if j.name in flags else j for j in jobs
    ]


ALL = ["a", "b", "gae.pt.run", "gpt.pt.run", "scratch", "store"]


def test_each_is_run_once_and_its_record_says_what_it_was(tmp_path, scripts, calls):
    assert run_jobs(grid(), tmp_path, scripts, 3) == []
    assert calls() == ALL
    assert run_jobs(grid(), tmp_path, scripts, 3) == []
    assert calls() == ALL
    assert not list(tmp_path.rglob("checkpoint.pt"))  # no use once a run is finished
    records = read_records(tmp_path)
    a, gpt, store = (records[name] for name in ("a", "gpt", "store"))
    assert a["command"] == "finetune.py --task_name a" and a["labels"] == {"method": "a"}
    assert a["needs"] == {"store": store["finished"], "gpt": gpt["finished"]}
    assert a["metrics"].keys() == {
        "best_step",
        "most_frequent_ndcg",
        "most_frequent_mrr",
        "ndcg",
        "mrr",
        "items",
    }
    assert a["config"] == {"run": {"seed": 0}} and a["versions"] == {"numpy": "2"}
    assert (a["steps"], a["seed"], a["resumed"]) == (2, 0, False)
    assert a["seconds"] > 0 and a["peak_mb"] > 1
    assert gpt["metrics"] == {"step": 2, "loss": 0.5, "score": -0.5}
    assert store["versions"].keys() == {"gpt_gnn", "python", "torch", "numpy"}
    assert store["commit"] == a["commit"]
    assert str(tmp_path) not in (tmp_path / "results.jsonl").read_text()
    finish = [records[name]["finished"] for name in ("store", "gpt", "a")]
    assert finish == sorted(finish)


def test_another_command_runs_anew_with_what_needs_it(tmp_path, scripts, calls):
    run_jobs(grid(), tmp_path, scripts, 2)
    run_jobs(grid(gpt="--n_hid 8"), tmp_path, scripts, 2)
    assert calls() == sorted([*ALL, "gpt.pt.run", "a"])
    # The changed one alone was run before a kill: what needs it is still out of date.
    jobs = grid(gae="--n_hid 8", gpt="--n_hid 8")
    run_jobs(jobs[:3], tmp_path, scripts, 2)
    assert set(finished(jobs, read_records(tmp_path))) == {"store", "gpt", "gae", "a", "scratch"}
    run_jobs(jobs, tmp_path, scripts, 2)
    assert calls() == sorted([*ALL, "gpt.pt.run", "a", "gae.pt.run", "b"])


@pytest.mark.parametrize("ends", ["--fail", "--killed"])
def test_a_flag_that_was_tried_and_taken_back(tmp_path, scripts, calls, ends):
    run_jobs(grid(), tmp_path, scripts, 2)
    assert run_jobs(grid(gpt=ends), tmp_path, scripts, 2) == ["gpt", "a"]
    # What lies there now is of the run with the flag, and not what the record was of.
    assert set(finished(grid(), read_records(tmp_path))) == {"store", "gae", "b", "scratch"}
    assert run_jobs(grid(), tmp_path, scripts, 2) == []
    assert calls() == sorted([*ALL, "gpt.pt.run", "gpt.pt.run", "a"])


def test_a_failure_costs_what_needs_it_only(tmp_path, scripts, calls, capsys):
    assert run_jobs(grid(gpt="--fail"), tmp_path, scripts, 2) == ["gpt", "a"]
    shown = capsys.readouterr()
    assert "gpt.pt.run has failed, as asked" in shown.out + shown.err
    assert set(read_records(tmp_path)) == {"store", "gae", "b", "scratch"}
    assert run_jobs(grid(), tmp_path, scripts, 2) == []
    # It starts anew: what a failed run left is not to be gone on from.
    assert calls() == sorted([*ALL, "gpt.pt.run"])


def test_a_job_that_the_system_killed_goes_on_next_time(tmp_path, scripts, calls, capsys):
    assert run_jobs(grid(gae="--killed"), tmp_path, scripts, 2) == ["gae", "b"]
    assert "status -9" in capsys.readouterr().out
    assert run_jobs(grid(gae="--killed"), tmp_path, scripts, 2) == []
    assert calls() == sorted([*ALL, "gae.pt.run resumed"])


def test_a_script_that_leaves_no_result_has_failed(tmp_path, scripts, capsys):
    wrong = replace(job("a", "finetune"), folder="runs/elsewhere")
    assert run_jobs([wrong], tmp_path, scripts, 1) == ["a"]
    assert "no result" in capsys.readouterr().out


def test_a_result_that_is_no_number_is_none(tmp_path, scripts, capsys):
    assert run_jobs(grid(a="--nan"), tmp_path, scripts, 2) == ["a"]
    assert "no result (ndcg is nan)" in capsys.readouterr().out
    assert "a" not in read_records(tmp_path)


def start(out, scripts, sleeping, jobs=2):
    """A process that runs the grid, where some jobs take their time."""
    code = (
        "from pathlib import Path; from tests.study.test_grid import grid, run_jobs\n"
        f"run_jobs(grid(**{sleeping!r}), Path({str(out)!r}), Path({str(scripts)!r}), {jobs})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def unlocked(out):
    try:
        with only_process(out):
            return True
    except ValueError:
        return False


def test_after_a_kill_it_goes_on_once_the_jobs_left_behind_are_done(tmp_path, scripts, calls):
    sleeping = {"a": "--sleep 2", "b": "--sleep 2"}
    process = start(tmp_path, scripts, sleeping)
    wait_for(lambda: {"a", "b"} <= set(calls()))
    process.kill()
    process.wait()
    with pytest.raises(ValueError, match="which is gone, but what it started still runs"):
        run_jobs(grid(**sleeping), tmp_path, scripts, 1)
    assert set(read_records(tmp_path)) == {"store", "gpt", "gae"}
    with open(tmp_path / "results.jsonl", "a") as file:
        file.write('{"name": "a", "com')
    wait_for(lambda: unlocked(tmp_path))
    # What was begun with other flags starts anew.
    jobs = grid(a="--sleep 2", b="--n_hid 8")
    assert run_jobs(jobs, tmp_path, scripts, 2) == []
    assert calls() == sorted([*ALL, "a resumed", "b"])
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == len(ALL)
    assert read_records(tmp_path)["a"]["resumed"] and not read_records(tmp_path)["b"]["resumed"]


def test_an_interruption_stops_the_jobs_too(tmp_path, scripts, calls):
    process = start(tmp_path, scripts, {"gpt": "--sleep 60", "gae": "--sleep 60"})
    wait_for(lambda: len(calls()) == 3 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = process.communicate()
    assert "Interrupted: the same command goes on from here" in errors
    assert time.monotonic() - started < 20
    assert unlocked(tmp_path) and set(read_records(tmp_path)) == {"store"}


def test_a_need_that_is_no_job_before_it(tmp_path, scripts):
    with pytest.raises(ValueError, match=r"a needs \['gpt', 'store'\], expected jobs before it"):
        run_jobs(grid()[3:], tmp_path, scripts, 1)
