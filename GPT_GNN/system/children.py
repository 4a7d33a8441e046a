"""Scripts that a command runs, several at a time, which stop when it is stopped."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import IO, Any, TypeVar

from GPT_GNN.system.runner import Interrupted, StopSignal

ROOT = Path(__file__).resolve().parents[2]
_POLL = 0.1  # seconds between two looks whether this command is to stop
T = TypeVar("T")


def start_script(
    words: Sequence[str], stdout: int | IO[Any], descriptors: Collection[int] = ()
) -> subprocess.Popen[str]:
    """Start Python with these arguments, with one thread; it finds the package.

    Args:
        stdout: gets all that it prints.
        descriptors: that it inherits; POSIX only.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": path, **threads},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=descriptors,
        # Ctrl-C reaches this command alone, which hands it on once (see stop_script): a second one
        # would keep a script from saving where it is.
        start_new_session=True,
    )


def stop_script(process: subprocess.Popen[str]) -> None:
    """Ask a script to stop as at Ctrl-C; on Windows, which has no such signal, end it."""
    if sys.platform == "win32":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)


class Children:
    """Runs scripts quietly, with one thread each.

    Args:
        n_jobs: how many at a time.
    """

    def __init__(self, n_jobs: int) -> None:
        self._n_jobs = n_jobs
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        self._lock = Lock()  # so that each script is stopped, and once

    def map(self, work: Callable[[T], None], items: Iterable[T]) -> None:
        """Call ``work(item)`` for each item; it runs its scripts by :meth:`run`.

        Ctrl-C, SIGTERM and the end of the terminal are handed on to the scripts, which save where
        they are, and are waited for. After an error, items that have not begun are left out.

        Raises:
            Interrupted: this command was stopped.
        """
        errors: list[BaseException] = []
        with StopSignal() as stop, ThreadPoolExecutor(self._n_jobs) as pool:
            left = {pool.submit(work, item) for item in items}
            try:
                while left and not stop.raised:
                    done, left = wait(left, _POLL, FIRST_COMPLETED)
                    errors += filter(None, (future.exception() for future in done))
                    if errors:
                        left = {future for future in left if not future.cancel()}
            finally:
                if left:  # this command is being stopped
                    pool.shutdown(wait=False, cancel_futures=True)
                    self._stop()
        if stop.raised:
            raise Interrupted("the scripts that it ran are stopped, too")
        if errors:
            raise errors[0]

    def run(self, words: Sequence[str]) -> None:
        """Say what is run, and run Python with these arguments; it finds the package.

        Raises:
            ValueError: it failed; with what it printed.
            Interrupted: this command is being stopped.
        """
        with self._lock:
            if self._stopped:
                raise Interrupted
            print(f"$ python {shlex.join(words)}", flush=True)
            process = start_script(words, subprocess.PIPE)
            self._running.add(process)
        printed, _ = process.communicate()
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                raise Interrupted
        if process.returncode:
            raise ValueError(f"python {shlex.join(words)} failed:\n{printed}")

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                stop_script(process)
