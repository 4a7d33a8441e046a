"""Data sets that PyG reads, as stores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.pyg.from_pyg import from_pyg
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES


@dataclass(frozen=True)
class Source:
    """A class of ``torch_geometric.datasets``, its arguments beside ``root``, and the settings of
    :func:`GPT_GNN.datasets.pyg.from_pyg.from_pyg`.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


_FEATURELESS = {"ACM": "term", "DBLP": "venue", "IMDB": "keyword"}

DATASETS = {
    **{
        f"HGB-{name}": Source("HGBDataset", {"name": name}, {"identities": (plain,)})
        for name, plain in _FEATURELESS.items()
    },
    **{name: Source("Planetoid", {"name": name}) for name in ("Cora", "CiteSeer", "PubMed")},
    "OGB_MAG": Source("OGB_MAG", settings={"time": {"paper": "year"}}),
    "DBLP": Source("DBLP", settings={"identities": ("conference",)}),
    "IMDB": Source("IMDB"),
    "AMiner": Source(
        "AMiner", settings={"target": "author", "degrees": ("author", "paper", "venue")}
    ),
}


@dataclass(frozen=True)
class PyGConfig(Checked):
    """What is built, and where to."""

    name: str = setting(
        "", f"data set: {', '.join(sorted(DATASETS))}", choices=sorted(DATASETS), positional=True
    )
    store: str = setting("", "folder of the store to write", positional=True)
    root: str = setting("", "folder in which PyG keeps the data set; empty: data/pyg/<name>")
    seed: int = setting(0, "seed of drawn splits", low=0)
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)


def build(
    name: str,
    path: str | os.PathLike[str],
    root: str | os.PathLike[str],
    seed: int = PyGConfig.seed,
    keep_other_files: bool = PyGConfig.keep_other_files,
) -> HeteroGraph:
    """Read a data set with PyG, which fetches it where there is a network, and write a store.

    PyG's own code reads the files; some it unpickles.

    Args:
        name: a key of ``DATASETS``.
        path: the folder to create or replace.
        root: the folder in which PyG keeps the data set.
        seed, keep_other_files: see :func:`GPT_GNN.datasets.pyg.from_pyg.from_pyg`.

    Raises:
        ValueError: an unknown name, a negative seed, or see there.
        OSError: the files are not there and cannot be fetched.
    """
    from torch_geometric import datasets

    PyGConfig(name, os.fspath(path), os.fspath(root), seed, keep_other_files)
    check_output(path, keep_other_files)
    source = DATASETS[name]
    data = getattr(datasets, source.name)(os.fspath(root), **source.arguments)[0]
    return from_pyg(data, path, seed=seed, keep_other_files=keep_other_files, **source.settings)
