"""Scripts that a command runs, several at a time, which stop when it is stopped."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from GPT_GNN.runner import Interrupted

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


class Children:
    """Runs scripts quietly, with one thread each.

    Args:
        n_jobs: how many at a time.
    """

    def __init__(self, n_jobs: int) -> None:
        self._n_jobs = n_jobs
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def map(self, work: Callable[[T], None], items: Iterable[T]) -> None:
        """Call ``work(item)`` for each item; it runs its scripts by :meth:`run`.

        Ctrl-C is handed on to the scripts, which save where they are, and waits for them.
        """
        with ThreadPoolExecutor(self._n_jobs) as pool:
            try:
                list(pool.map(work, items))
            except KeyboardInterrupt:
                self._stopped = True
                for process in list(self._running):
                    process.send_signal(signal.SIGINT)
                raise

    def run(self, words: Sequence[str]) -> None:
        """Say what is run, and run Python with these arguments; it finds the package.

        Raises:
            ValueError: it failed; with what it printed.
            Interrupted: this command is being stopped.
        """
        print(f"$ python {shlex.join(words)}", flush=True)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, *words],
            env={**os.environ, "PYTHONPATH": path, **threads},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C reaches this command alone, which hands it on once: a second one would keep a
            # script from saving where it is.
            start_new_session=True,
        )
        self._running.add(process)
        if self._stopped:
            process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
        self._running.discard(process)
        if self._stopped:
            raise Interrupted("stopped by Ctrl-C")
        if process.returncode:
            raise ValueError(f"python {shlex.join(words)} failed:\n{printed}")
