"""The machine a run is on: device, versions, memory, threads."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numba
import numpy as np
import torch

import GPT_GNN
from GPT_GNN.rng import derive


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


@contextmanager
def seeded(seed: int, *purpose: int | str) -> Iterator[None]:
    """Run a block under torch's default generator seeded for one purpose; restore it afterwards.

    Parameter initialisation and dropout take no generator of their own, so this touches torch's.
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


def prepare_training() -> None:
    """Set what holds for the whole process: freed memory is kept, Numba has torch's threads."""
    keep_freed_memory()
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    torch.set_num_threads(threads)  # which the line before resets where both share an OpenMP
