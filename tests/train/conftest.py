"""Stores that the tests of training read."""

from __future__ import annotations

import pytest

from GPT_GNN.datasets.oag.preprocess import toy_store
from tests.sampler.graphs import random_graph


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The built-in graph with 700 papers; built once for all folders of tests."""
    return toy_store(700, 0, tmp_path_factory.getbasetemp() / "built_in")


@pytest.fixture(scope="session")
def random_store(tmp_path_factory):
    """A graph of another schema."""
    return random_graph(tmp_path_factory.mktemp("train") / "store", 0)
