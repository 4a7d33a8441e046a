"""Pickles of the published class."""

from __future__ import annotations

import pickle
import sys
import types

import pytest

from tests.published.graphs.graphs import Graph


@pytest.fixture
def published_class(monkeypatch):
    module = types.ModuleType("GPT_GNN.data")
    module.Graph = Graph
    monkeypatch.setitem(sys.modules, "GPT_GNN.data", module)
    return Graph


@pytest.fixture
def pickled(published_class, tmp_path):
    """Writes a graph of given attributes; a function of them that returns the file."""

    def write(**attributes):
        path = tmp_path / "graph_CS.pk"
        path.write_bytes(pickle.dumps(published_class(**attributes), 4))
        return path

    return write
