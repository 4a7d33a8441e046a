"""Graphs by name: those that are built at first use, where they are kept, when built again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from GPT_GNN.datasets.first_use import open_or_build
from GPT_GNN.graph.store import HeteroGraph, StoreError
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class GraphConfig(Checked):
    """Which graph."""

    data_dir: str = setting(
        "toy", "folder of a graph store, or 'toy' for the built-in graph", place=True
    )


def open_graph(
    data_dir: str | os.PathLike[str] | None, toy: Callable[[], HeteroGraph]
) -> HeteroGraph:
    """The graph that ``--data_dir`` names; None, or ``toy``, means the built-in one.

    Args:
        data_dir: a store; or a graph of the published code, a pickle, converted at first use.
        toy: opens the built-in graph.

    Raises:
        StoreError: ``data_dir`` is empty, or not a whole store.
        PickleError: it is a file, but not a graph of the published code.
    """
    if data_dir is None or is_built_in(data_dir):
        return toy()
    path = Path(data_dir)
    if path.is_file() or (any(path.glob("graph*.pk")) and not (path / "meta.json").exists()):
        # Here, so that a run on a store loads nothing of the published code's files.
        from GPT_GNN.published.graphs.door import open_published

        return open_published(path)
    return HeteroGraph.open(path)


def is_built_in(data_dir: str | os.PathLike[str]) -> bool:
    """Whether this means the built-in graph.

    Raises StoreError for an empty path, as of a shell's variable that is not set.
    """
    if not os.fspath(data_dir):
        raise StoreError("--data_dir: expected the folder of a graph store, or toy, got nothing")
    return os.fspath(data_dir) == "toy"


def data_folder() -> Path:
    """``data`` of the checkout, or of the working directory when the package is installed."""
    checkout = Path(__file__).resolve().parents[2]
    return (checkout if (checkout / "example_OAG").is_dir() else Path.cwd()) / "data"


def toy_path(name: str, size: int, seed: int, folder: Path | None = None) -> Path:
    """Where a built-in graph is kept; by default in the data folder."""
    return (folder or data_folder()) / f"{name}_{size}_{seed}"


def built_in(path: Path, versions: list[int], build: Callable[[], object]) -> HeteroGraph:
    """The store at ``path``, built when it is not there or its fact ``versions`` is another.

    Where another process builds it just now, this one waits for it.
    """

    def find() -> HeteroGraph | None:
        try:
            graph = HeteroGraph.open(path)
        except StoreError:  # not built yet, or by another version of the package
            return None
        return graph if graph.facts.get("versions") == versions else None

    def built() -> HeteroGraph:
        build()
        return HeteroGraph.open(path)

    return open_or_build(path, find, built)
