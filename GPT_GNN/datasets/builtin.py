"""Graphs that are built at first use: where they are kept, and when they are built again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from GPT_GNN.graph.store import HeteroGraph, StoreError


def data_folder() -> Path:
    """``data`` of the checkout, or of the working directory when the package is installed."""
    checkout = Path(__file__).resolve().parents[2]
    return (checkout if (checkout / "example_OAG").is_dir() else Path.cwd()) / "data"


def built_in(path: Path, versions: list[int], build: Callable[[], HeteroGraph]) -> HeteroGraph:
    """The store at ``path``, built when it is not there or by another version of the package.

    Args:
        versions: what the store's fact of this name must say.
        build: writes the store at ``path`` and opens it.
    """
    try:
        graph = HeteroGraph.open(path)
        if graph.facts.get("versions") == versions:
            return graph
    except StoreError:
        pass  # not built yet, or by another version of the package
    try:
        return build()
    except OSError:
        # Another process may have built it at the same time; if not, this is the real error.
        if not (path / "meta.json").is_file():
            raise
        return HeteroGraph.open(path)
