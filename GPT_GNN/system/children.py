"""Scripts that a command runs, several at a time, which stop when it is stopped."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from GPT_GNN.system.runner import Interrupted, StopSignal

ROOT = Path(__file__).resolve().parents[2]
_POLL = 0.1  # seconds between two looks at the running scripts
Process = subprocess.Popen[bytes]


def start_script(
    words: Sequence[str], output: IO[Any], descriptors: Collection[int] = ()
) -> Process:
    """Start Python with these arguments, with one thread; it finds the package.

    Args:
        output: file that gets all that it prints.
        descriptors: file descriptors that it inherits; POSIX only.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": path, **threads},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=descriptors,
        # Ctrl-C reaches this command alone, which hands it on once (see stop_script): a second one
        # would keep a script from saving where it is.
        start_new_session=True,
    )


def stop_script(process: Process) -> None:
    """Ask a script to stop as at Ctrl-C; on Windows, which has no such signal, end it."""
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)


def run_scripts(
    begin: Callable[[], Iterable[Process]],
    ended: Callable[[Process, float | None], None],
    goes_on: str,
) -> None:
    """Run scripts until all have ended and no more begin.

    Ctrl-C, SIGTERM and the end of the terminal are handed on to the scripts, which save where they
    are, and are waited for.

    Args:
        begin: starts those that may run now; called every tenth of a second.
        ended: takes each that has ended, and the most memory that it held, in MB, where known.
        goes_on: the message after a stop.

    Raises:
        Interrupted: this command was stopped.
    """
    running: list[Process] = []
    with StopSignal() as stop:
        try:
            while not stop.raised:
                for process in begin():
                    running.append(process)
                if not running:
                    break
                time.sleep(_POLL)
                for process in [*running]:
                    peak_mb = _look(process)
                    if process.returncode is not None:
                        running.remove(process)
                        ended(process, peak_mb)
        finally:
            for process in running:
                stop_script(process)
            for process in running:
                process.wait()
    if stop.raised:
        raise Interrupted(goes_on)


def _look(process: Process) -> float | None:
    """See whether a script has ended; gives the most memory that it held, in MB, if it has."""
    if sys.platform == "win32":
        process.poll()
        return None
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if not pid:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def run_chains(chains: Iterable[Iterable[Sequence[str]]], n_jobs: int) -> None:
    """Run chains of scripts, the scripts of a chain one after the other; print each command.

    After a failure no other script begins.

    Args:
        chains: each gives arguments of Python; it is asked for the next ones once the script before
            has ended without an error.
        n_jobs: scripts at a time.

    Raises:
        ValueError: a script failed; with what it printed.
        Interrupted: this command was stopped.
    """
    waiting = [iter(chain) for chain in chains][::-1]
    running: dict[Process, tuple[Iterator[Sequence[str]], str, IO[bytes]]] = {}
    failures: list[str] = []

    def begin() -> Iterator[Process]:
        while len(running) < n_jobs and waiting and not failures:
            chain = waiting.pop()
            for words in chain:
                command, output = f"python {shlex.join(words)}", TemporaryFile()
                print(f"$ {command}", flush=True)
                process = start_script(words, output)
                running[process] = chain, command, output
                yield process
                break

    def ended(process: Process, peak_mb: float | None) -> None:
        chain, command, output = running.pop(process)
        waiting.append(chain)
        with output:
            if process.returncode:
                output.seek(0)
                failures.append(f"{command} failed:\n{output.read().decode(errors='replace')}")

    run_scripts(begin, ended, "the scripts that it ran are stopped, too")
    if failures:
        raise ValueError(failures[0])
