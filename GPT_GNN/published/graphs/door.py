"""Open a graph of the published code: its store, made at first use and kept beside the file."""

from __future__ import annotations

import os
from pathlib import Path

from tqdm import tqdm

from GPT_GNN.datasets.first_use import open_or_build
from GPT_GNN.graph.store import HeteroGraph, StoreError
from GPT_GNN.published.graphs.convert import convert, source_of

_PICKLE = b"\x80"  # how a pickle begins, of protocol 2 and later


def open_published(path: str | os.PathLike[str]) -> HeteroGraph:
    """Open the store of a published graph, converted at first use.

    Where another process is converting it, this one waits for it.

    Raises:
        StoreError: a file that is no pickle, e.g. a table, or a folder that holds a pickle.
        PickleError: a pickle that is not a graph of the published code, see :func:`convert`.
    """
    path = Path(path)
    if not path.is_file():
        published = sorted(file.name for file in path.glob("graph*.pk"))
        raise StoreError(
            f"{path} is not a graph store; it holds {', '.join(published)} of the published code: "
            "name the file itself, or give its --domain"
        )
    if path.open("rb").read(1) != _PICKLE:
        raise StoreError(
            f"{path} is a file: expected the folder of a graph store, or a graph of the published "
            "code (graph_CS.pk). Tables become a store by: python -m GPT_GNN build tables "
            "DESCRIPTION.yaml STORE (docs/DATA_FORMAT.md)"
        )
    beside = path.with_name(f"{path.stem}_store")
    writable = os.access(path.parent, os.W_OK)
    store = beside if writable else Path.cwd() / "data" / beside.name

    def find() -> HeteroGraph | None:
        for known in dict.fromkeys((beside, store)):
            try:
                graph = HeteroGraph.open(known)
                if graph.facts.get("source") == source_of(path):
                    return graph
            except StoreError:
                pass  # not converted yet, or by another version of the package
        return None

    def build() -> HeteroGraph:
        tqdm.write(f"{path} is read as a graph of the published code and kept as the store {store}")
        # Nobody asked to replace anything, so what others put there stays, too.
        return convert(path, store, progress=True, keep_other_files=True)

    return open_or_build(store, find, build)
