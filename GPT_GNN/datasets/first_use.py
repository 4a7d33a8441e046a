"""Stores that are built at first use: by one process, while others wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.system.files import alone_at
from GPT_GNN.system.lock import InUseError

_POLL = 0.5  # seconds between two looks whether the other process is done


def open_or_build(
    path: Path, find: Callable[[], HeteroGraph | None], build: Callable[[], HeteroGraph]
) -> HeteroGraph:
    """The store that ``find`` gives, or else ``build``, which no two processes do at a time.

    While another process builds it, at first use or by a command, this one waits, with a line.
    ``find`` gives None where there is no store, or one to build again at ``path``.
    """
    announced = False
    while (graph := find()) is None:
        try:
            with alone_at(path, ".gpt_gnn_first_use"):  # the builder has a lock of its own
                graph = find()  # the process before may just have built it
                return build() if graph is None else graph
        except InUseError as error:
            if not announced:
                tqdm.write(f"waiting: {error}")
            announced = True
            time.sleep(_POLL)
    return graph
