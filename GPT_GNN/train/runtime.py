"""The machine a run is on: device, versions, and a clean end on Ctrl-C."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

import numba
import numpy as np
import torch

import GPT_GNN
from GPT_GNN.rng import derive


class Interrupted(Exception):
    """The run was stopped on request; its last checkpoint continues it."""


def pick_device(cuda: int) -> torch.device:
    """The device of ``--cuda``: -2 a GPU if there is one, -1 the CPU, else that GPU.

    Raises:
        ValueError: the GPU asked for is not there.
    """
    if cuda == -1 or (cuda == -2 and not torch.cuda.is_available()):
        return torch.device("cpu")
    available = torch.cuda.device_count()
    if cuda >= available:
        raise ValueError(f"--cuda {cuda}: expected -1 (the CPU) or a GPU; found {available} GPUs")
    return torch.device("cuda", max(cuda, 0))


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {
        "gpt_gnn": GPT_GNN.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": str(np.__version__),
    }


class StopSignal:
    """Turns the first Ctrl-C (or SIGTERM) into a flag, so that a step is never cut in two.

    A second Ctrl-C interrupts at once. Outside the main thread signals cannot be caught; then the
    flag simply stays down.
    """

    def __init__(self) -> None:
        self.raised = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True


@contextmanager
def seeded(seed: int, *purpose: int | str) -> Iterator[None]:
    """Run a block under torch's default generator seeded for one purpose; restore it afterwards.

    Parameter initialisation and dropout take no generator of their own, so this is the one place
    that touches torch's.
    """
    with torch.random.fork_rng():
        torch.manual_seed(int(derive(seed, *purpose).integers(2**63)))
        yield


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, for the next step to use.

    By default glibc hands large blocks back to the system at once, so that every step asks for
    them again and the system clears them page by page: about a tenth of a step on the CPU. Does
    nothing where the C library is another one.
    """
    trim_threshold, mmap_threshold = -1, -3  # names of malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    # Older versions refuse more than half a heap; and without a bound for mmap the other setting
    # would freeze it at 128 KiB, which is worse than doing nothing.
    if mallopt is not None and (mallopt(mmap_threshold, 2**30) or mallopt(mmap_threshold, 2**25)):
        mallopt(trim_threshold, 2**31 - 1)


def peak_memory_mb(device: torch.device) -> float:
    """The most memory so far: what tensors took on a GPU, all of this process on the CPU.

    On the CPU it counts pages of mapped files that are in use; 0 where the system does not tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return 0.0
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def run_script(main: Callable[[], None]) -> int:
    """Run a script's main; a user's mistake becomes one line and status 1, Ctrl-C status 130."""
    keep_freed_memory()
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    torch.set_num_threads(threads)  # which the line before resets where both share an OpenMP
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt) as error:
        print(f"interrupted: {error}", file=sys.stderr)
        return 130
    return 0
