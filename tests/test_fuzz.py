"""The fuzz command notices what it is there to notice, and nothing fails in a short run of it."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import fuzz_pickles
from benchmarks.fuzz_pickles import OPENERS, Work, report, run
from benchmarks.fuzz_seeds import Seed, generated, seed
from GPT_GNN.published.pickles import PickleError


def results(work: Work, cases: int, timeout: float = 20.0) -> list[str]:
    return [result for _, result in run(work, range(cases), workers=1, timeout=timeout)]


def refuse(path: Path, output: Path) -> None:
    raise PickleError(f"{path}: refused")


def executes(path: Path, output: Path) -> None:
    try:
        pickle.loads(path.read_bytes())
    except Exception as error:
        raise PickleError(f"{path}: {error}") from error


def trips(path: Path, output: Path) -> None:
    raise KeyError("a")


def nameless(path: Path, output: Path) -> None:
    raise PickleError("refused")


def leaves(path: Path, output: Path) -> None:
    (output / "part").touch()
    refuse(path, output)


def dies(path: Path, output: Path) -> None:
    os._exit(7)


def hangs(path: Path, output: Path) -> None:
    time.sleep(60)


def takes(path: Path, output: Path) -> None:
    bytearray(3 * 2**30)


def lets_in(path: Path, output: Path) -> None:
    """Opens all."""


@pytest.mark.parametrize(
    ("opener", "said"),
    [
        (executes, "a payload was executed"),
        (trips, "KeyError"),
        (nameless, "Traceback"),
        (leaves, "left behind: ['part']"),
        (dies, "died: 7"),
        (hangs, "took over"),
        (takes, "MemoryError"),
        (lets_in, "a payload was let through"),
    ],
)
def test_what_must_not_happen_is_noticed(
    opener: Callable[[Path, Path], None], said: str, tmp_path: Path, monkeypatch
):
    monkeypatch.setitem(OPENERS, "graph", (opener, PickleError))
    work = Work([seed("graph", pickle.dumps([1, "a", {}], 2))], 0, tmp_path, memory_mb=1024)
    few = 2 if opener in (dies, hangs) else 60
    found = results(work, few, timeout=1)
    assert len(found) == few
    assert any(said in result for result in found)
    assert report(work, list(enumerate(found)))["failed"] >= 1


def test_what_should_happen_is_no_failure(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(OPENERS, "graph", (refuse, PickleError))
    work = Work([seed("graph", pickle.dumps([1]))], 0, tmp_path, memory_mb=1024)
    assert results(work, 20) == ["refused"] * 20


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> list[Seed]:
    return generated(tmp_path_factory.mktemp("seeds"))


def test_whole_files_open(seeds, tmp_path: Path):
    assert {one.opener for one in seeds} == set(OPENERS)
    work = Work(seeds, 0, tmp_path, memory_mb=1024)
    for number in range(len(seeds)):
        fuzz_pickles.whole_file_opens(work, number)


def test_a_short_run(seeds, tmp_path: Path):
    work = Work(seeds, 0, tmp_path, memory_mb=1024)
    found = results(work, 300)
    assert set(found) == {"opened", "refused"} and len(found) == 300
