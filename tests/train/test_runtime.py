"""What a script sets up in its process."""

from __future__ import annotations

import ctypes

import pytest

from GPT_GNN.train.runtime import keep_freed_memory

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
