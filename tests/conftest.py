"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """Hundreds of small stores are written, and none of them has to outlast a power cut."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real graphs and of files that the published code wrote.

    It is not part of the repository: ``GPT_GNN_SHARED_DATA`` names it. Without the variable it is
    ``shared/data`` beside the checkout, if that is there. Tests that read it are skipped without.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GPT_GNN_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no folder of real data: GPT_GNN_SHARED_DATA names one")
    return folder
