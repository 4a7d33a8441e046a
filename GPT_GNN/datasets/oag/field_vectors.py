"""``vfi_vector.tsv``: given vectors of venues, fields and affiliations (id, tab, numbers)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.datasets import raw
from GPT_GNN.datasets.raw import NONE, FileCounts, RawTable, lookup


def find_vectors(folder: Path) -> Path | None:
    """The file, plain or gzip; it is optional, and has neither domain nor stamp."""
    for name in ("vfi_vector.tsv", "vfi_vector.tsv.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def add_node_vectors(
    builder: GraphBuilder, path: Path, ids: dict[str, np.ndarray], skip_bad_rows: bool
) -> FileCounts:
    """The part ``node_emb`` of each type in ``ids``, the same in all views; zeros where not given.

    Args:
        ids: node type -> [nodes] int64 ascending ids.

    Raises:
        RawDataError: a row whose vector is not as wide as the first one's, or not of numbers.
    """
    table = RawTable(path, {"Id": raw.ID, "Vector": raw.TEXT}, skip_bad_rows, header=False)
    parts: dict[str, np.ndarray] = {}
    seen = {node_type: np.zeros(len(of_type), dtype=bool) for node_type, of_type in ids.items()}
    width = 0
    for chunk in table.chunks():
        vectors = [_numbers(cell) for cell in chunk["Vector"]]
        if not parts:
            width = next((len(v) for v in vectors if v is not None), 0)
            parts = {t: builder.create_feature(t, "node_emb", width) for t in ids}
        bad = np.array([v is None or len(v) != width for v in vectors], dtype=bool)
        chunk.reject(bad, "Vector", f"{width} numbers, as in the first row")
        good = [v for v, wrong in zip(vectors, bad, strict=True) if v is not None and not wrong]
        used, again = np.zeros(len(chunk), dtype=bool), np.zeros(len(chunk), dtype=bool)
        for node_type, of_type in ids.items():
            for row, node in enumerate(lookup(of_type, chunk["Id"])):
                if node != NONE and not seen[node_type][node]:
                    parts[node_type][node] = good[row]
                    seen[node_type][node] = used[row] = True
                elif node != NONE:
                    again[row] = True
        table.counts.leave_out("duplicate", int((again & ~used).sum()))
        table.counts.leave_out("not in the graph", int((~again & ~used).sum()))
    return table.counts


def _numbers(cell: str) -> np.ndarray | None:
    try:
        return np.array(cell.split(), dtype=np.float32)
    except ValueError:
        return None
