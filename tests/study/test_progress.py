"""The time left by what was declared and what was taken."""

from __future__ import annotations

import pytest

from GPT_GNN.study.job import Job
from GPT_GNN.study.progress import Progress, duration


def job(name, kind, expected):
    return Job(name, kind, "script.py", expected=expected)


def took(seconds, resumed=False):
    return {"seconds": seconds, "resumed": resumed}


JOBS = [job("p1", "pretrain", 100), job("p2", "pretrain", 100), job("f1", "finetune", 10)]
JOBS += [job("f2", "finetune", 30)]


@pytest.mark.parametrize(
    ("done", "running", "n_jobs", "left"),
    [
        ({}, {}, 1, 240),
        ({}, {}, 2, 120),
        # A long and a short one are finished: each kind by its own.
        ({"p1": took(200), "f1": took(5)}, {}, 1, 200 + 15),
        # While no fine-tuning is finished, it is taken to be as slow as the rest.
        ({"p1": took(200)}, {}, 1, 200 + 20 + 60),
        # A resumed run tells nothing.
        ({"p1": took(1, True), "p2": took(50)}, {}, 1, 5 + 15),
        # What is under way, and never less than the longest of these.
        ({"p1": took(100)}, {"p2": 40}, 1, 60 + 40),
        ({"p1": took(100), "f1": took(10), "f2": took(30)}, {"p2": 40}, 4, 60),
        ({"p1": took(100), "f1": took(10), "f2": took(30)}, {"p2": 400}, 4, 0),
    ],
)
def test_left(done, running, n_jobs, left):
    assert Progress(JOBS, done, [], n_jobs).seconds_left(running) == pytest.approx(left)


def test_what_will_not_run_takes_no_time():
    assert Progress(JOBS, {}, ["p1", "f2"], 1).seconds_left({}) == 110


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2, "3 s"), (89, "89 s"), (119, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")]
    + [(90 * 3600, "3 days 18 h")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
