"""Damaged and hostile files against everything that opens other people's pickles.

    python benchmarks/fuzz_pickles.py
    python benchmarks/fuzz_pickles.py --cases 20000 --files graph_CS.pk pretrained_hgt.pt

Takes whole files in turn, generated ones and those of ``--files``, damages them or puts a payload
between two of their opcodes, and opens them. A case fails the run that

- ends in anything but an opened file or our own error (a crash of the process counts too),
- runs a payload, or opens a model, tensors or a graph with one in it,
- leaves something in the output folder after it was refused,
- takes longer than ``--timeout`` seconds or more than ``--memory_mb`` beyond what the process had.

Prints one JSON line; the status is 1 if a case failed. A case depends on ``--seed`` and its number
only: ``--first N --cases 1`` repeats one.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.fuzz_seeds import Seed, damaged, generated, given, with_payload
from benchmarks.measure import machine, show
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.published.models.whole_model import read_module
from GPT_GNN.published.pickles import PickleError, expected_layout, read_pickle
from GPT_GNN.published.pickles.tensors import TORCH_GLOBALS, is_tensor, read_torch
from GPT_GNN.published.word_vectors import read_word2vec
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.checkpoint import CheckpointError
from tests.published.pickles.trees import look

_MOST_SHOWN = 5  # failed cases that are printed in full


def open_tree(path: Path, output: Path) -> None:
    """Any pickle, whatever it asks for, and all that can be asked of its tree."""
    look(read_pickle(path, lambda _: True))


def open_torch(path: Path, output: Path) -> None:
    """All tensors of a state dict."""
    file = read_torch(path, TORCH_GLOBALS.__contains__)
    with expected_layout(str(path)):
        for node in file.root.by_name().values():
            if is_tensor(node):
                file.tensor(node)


def open_model(path: Path, output: Path) -> None:
    """The weights of a whole pickled module."""
    read_module(path)


def open_word2vec(path: Path, output: Path) -> None:
    """Word vectors."""
    read_word2vec(path)


def open_graph(path: Path, output: Path) -> None:
    """A published graph, written as a store."""
    convert(path, output / "store", word_vectors=False)


# What opens a file, and what it may raise.
OPENERS: dict[str, tuple[Callable[[Path, Path], None], type[Exception]]] = {
    "tree": (open_tree, PickleError),
    "torch": (open_torch, PickleError),
    "model": (open_model, CheckpointError),
    "word2vec": (open_word2vec, ValueError),
    "graph": (open_graph, PickleError),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="*", type=Path, default=[], help="*.pt, or graphs")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds a case may take")
    parser.add_argument("--memory_mb", type=int, default=1024, help="memory a case may take")
    args = parser.parse_args()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        seeds = [*generated(Path(folder)), *map(given, args.files)]
        work = Work(seeds, args.seed, Path(folder), args.memory_mb)
        for number in range(len(seeds)):
            whole_file_opens(work, number)
        results = run(work, range(args.first, args.first + args.cases), args.workers, args.timeout)
        record = report(work, list(results))
    record |= {"seconds": round(time.perf_counter() - begin), "machine": machine()}
    show(record)
    if record["failed"]:
        raise ValueError(f"{record['failed']} of {args.cases} cases failed")


@dataclass(frozen=True)
class Work:
    """What the workers share.

    Attributes:
        seeds: whole files.
        seed: of the randomness.
        folder: to work in.
        memory_mb: that a case may take.
    """

    seeds: list[Seed]
    seed: int
    folder: Path
    memory_mb: int

    def of(self, case: int) -> Seed:
        """The whole file of a case."""
        return self.seeds[case % len(self.seeds)]


def whole_file_opens(work: Work, number: int) -> None:
    """Open a seed as it is: it compiles what must be compiled, and the damage alone is refused."""
    folder = work.folder / f"seed{number}"
    folder.mkdir()
    seed = work.seeds[number]
    OPENERS[seed.opener][0](seed.write(folder, seed.data), folder)
    shutil.rmtree(folder)


def outcome(work: Work, case: int, folder: Path) -> str:
    """Open one case; ``opened``, ``refused``, or what went wrong."""
    seed, rng = work.of(case), np.random.default_rng((work.seed, case))
    marker, output = work.folder / f"executed{case}", folder / "output"
    payload = len(seed.cuts) > 0 and rng.integers(8) == 0
    data = with_payload(seed, rng, marker) if payload else damaged(seed.data, work.seeds, rng)
    output.mkdir(parents=True)
    opener, error_type = OPENERS[seed.opener]
    try:
        opener(seed.write(folder, data), output)
        result = "opened"
        if payload and seed.opener != "tree":
            result = "a payload was let through"
    except error_type as error:
        result = "refused"
        if str(folder) not in str(error):  # our errors name the file
            result = traceback.format_exc(limit=-3)
        elif any(output.iterdir()):
            result = f"left behind: {sorted(p.name for p in output.iterdir())}"
    except Exception:
        result = traceback.format_exc(limit=-3)
    if marker.exists():
        result = "a payload was executed"
    shutil.rmtree(folder)
    return result


def worker(work: Work, cases: list[int], number: int, pipe: Connection) -> None:
    """Open cases one by one, telling each before and after."""
    logging.disable()
    sys.stdout = open(os.devnull, "w")  # warnings of damaged graphs; stdout is for the line
    address_space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = address_space + work.memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for case in cases:
        pipe.send((case, None))
        pipe.send((case, outcome(work, case, work.folder / f"work{number}")))
    pipe.close()


@dataclass
class Child:
    """A worker as the parent sees it."""

    process: Any
    pipe: Connection
    left: list[int]
    since: float
    now: int | None = None


def run(work: Work, cases: range, workers: int, timeout: float) -> Iterator[tuple[int, str]]:
    """(case, outcome) of all cases; a worker that dies or hangs is replaced."""
    started = 0

    def start(left: list[int]) -> Child:
        nonlocal started
        started += 1
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=worker, args=(work, left, started, there), daemon=True)
        process.start()
        there.close()
        return Child(process, here, left, time.monotonic())

    context = multiprocessing.get_context("fork")  # the machine is compiled, the seeds are made
    children = [start(list(cases[k::workers])) for k in range(workers)]
    while children:
        ready = wait([child.pipe for child in children], timeout=1)
        for child in list(children):
            message = _message(child) if child.pipe in ready else None
            if message and message[1] is not None:
                child.now = None
                yield message
            late = child.now is not None and time.monotonic() - child.since > timeout
            if not (late or (child.pipe in ready and message is None)):
                continue
            children.remove(child)
            child.process.kill()
            child.process.join()
            if child.now is not None:
                end = f"took over {timeout} s" if late else f"died: {child.process.exitcode}"
                yield child.now, end
            if child.left:
                children.append(start(child.left))


def _message(child: Child) -> tuple[int, str] | None:
    """What a worker says; None when it is gone."""
    try:
        case, result = child.pipe.recv()
    except EOFError:
        return None
    if result is None:
        child.now, child.since = case, time.monotonic()
        child.left = [other for other in child.left if other > case]
    return case, result


def report(work: Work, results: list[tuple[int, str]]) -> dict[str, Any]:
    """Counts by opener and outcome; failed cases go to the error stream."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in OPENERS}
    failed = [(case, result) for case, result in results if result not in ("opened", "refused")]
    for case, result in results:
        ending = result if result in ("opened", "refused") else "failed"
        counts[work.of(case).opener][ending] += 1
    for case, result in failed[:_MOST_SHOWN]:
        print(f"case {case} ({work.of(case).opener}): {result}", file=sys.stderr)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "benchmark": "fuzz",
        "cases": len(results),
        "seed": work.seed,
        "seeds": len(work.seeds),
        **{name: dict(count) for name, count in counts.items()},
        "failed": len(failed),
        "peak_mb": round(peak),
    }


if __name__ == "__main__":
    sys.exit(run_command(main))
