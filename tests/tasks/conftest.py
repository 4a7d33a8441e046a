"""The stores that the tests of tasks read."""

from __future__ import annotations

import pytest

from GPT_GNN.datasets.oag.preprocess import toy_store
from tests.tasks.stores import hand_made


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The built-in graph with 700 papers; built once for all folders of tests."""
    return toy_store(700, 0, tmp_path_factory.getbasetemp() / "built_in")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The store that was written by hand."""
    return hand_made(tmp_path_factory.mktemp("tiny") / "store")
