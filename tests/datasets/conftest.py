"""Small dumps and their stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.datasets.toy.toy import write_toy_dump
from GPT_GNN.graph.store import HeteroGraph
from tests.datasets.dumps import SMALL, write_tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with the seven-paper raw dump."""
    return write_tiny(tmp_path / "raw")


@pytest.fixture(scope="session")
def toy_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in raw dump of 500 papers."""
    folder = tmp_path_factory.mktemp("toy_raw")
    write_toy_dump(folder, 500, 3)
    return folder


@pytest.fixture(scope="session")
def toy_graph(toy_dump: Path, tmp_path_factory: pytest.TempPathFactory) -> HeteroGraph:
    """Its store."""
    return build_academic(toy_dump, tmp_path_factory.mktemp("toy_store") / "g", **SMALL)
