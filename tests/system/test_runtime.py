"""What a script sets up in its process."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch

from GPT_GNN.system.runtime import keep_freed_memory, peak_memory_mb

CPU = torch.device("cpu")
TRIM, MMAP = -1, -3


@pytest.mark.parametrize(
    ("largest", "want"),
    [
        (2**30, [(MMAP, 2**30), (TRIM, 2**31 - 1)]),
        (2**25, [(MMAP, 2**30), (MMAP, 2**25), (TRIM, 2**31 - 1)]),  # glibc before 2.3x
        (0, [(MMAP, 2**30), (MMAP, 2**25)]),  # else mmap's bound would be frozen at 128 KiB
    ],
)
def test_memory_is_kept_only_where_large_blocks_can_be(monkeypatch, largest, want):
    calls = []

    class Library:
        def __init__(self, name):
            pass

        @staticmethod
        def mallopt(name, value):
            calls.append((name, value))
            return int(name == TRIM or value <= largest)

    monkeypatch.setattr(ctypes, "CDLL", Library)
    keep_freed_memory()
    assert calls == want


def test_a_c_library_without_the_setting_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_freed_memory()


def test_the_peak_is_in_megabytes_and_does_not_fall():
    before = peak_memory_mb(CPU)
    assert 50 < before < 100_000
    held = np.ones(int(before + 64) * 2**17)  # more than the whole process so far
    peak = peak_memory_mb(CPU)
    assert peak >= before + 60
    del held
    assert peak_memory_mb(CPU) >= peak
