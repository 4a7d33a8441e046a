"""Stores become pickles of the published form, for old scripts and other people's code.

``dill.load`` opens them where a class ``GPT_GNN.data.Graph`` and pandas can be imported, as in the
published code. Edges are pickled while they are read, so the dicts of a relation never exist at
once.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.published.graphs.convert import SPLITS
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import atomic_file

_NEW_GRAPH = b"\x80\x04cGPT_GNN.data\nGraph\n)\x81"  # opcodes: protocol 4, an empty Graph
_BUILD = b"b."  # opcodes: the attributes become those of the graph; the end
_CHUNK = 2**13  # targets whose edges are read at once
_EMBEDDINGS = ("emb", "text")  # the part that becomes ``emb``


@dataclass(frozen=True)
class ExportConfig(Checked):
    """What is exported, and where to."""

    store: str = setting("", "folder of the store", positional=True)
    file: str = setting("", "file to write, e.g. graph_CS.pk", positional=True)
    view: str = setting("original", "view of the features, see docs/DATA_FORMAT.md")


def export(
    graph: HeteroGraph, output: str | os.PathLike[str], view: str = ExportConfig.view
) -> None:
    """Write a store as a ``Graph`` of the published code.

    Each type's DataFrame has its columns (``id``, ``name``, ``title``, ``time`` ...), ``type``, and
    for features ``emb`` and, where the store has them, ``node_emb`` and ``citation`` (a count: the
    published extractor takes the logarithm). A store without a part of the name ``emb`` or ``text``
    gives all its features as ``emb``. Edges without a time have None.

    Args:
        output: the file to write.
        view: the features' view; the first of the store if it has no view ``original``.

    Raises:
        ValueError: an unknown view; ``output`` is there and no pickle, it is not replaced.
    """
    if view not in (*graph.views, "original"):
        raise ValueError(f"{graph.path} has no view {view!r}; available: {list(graph.views)}")
    view = view if view in graph.views else graph.views[0]
    if os.path.isfile(output):
        with open(output, "rb") as file:
            if file.read(1) != _NEW_GRAPH[:1]:
                raise ValueError(f"{output}: expected a pickle to replace, or nothing there")
    with atomic_file(output) as temporary, open(temporary, "wb") as file:
        file.write(_NEW_GRAPH)
        pickler = pickle.Pickler(file, protocol=4)
        pickler.dump(_attributes(graph, view, pickler))
        file.seek(-1, os.SEEK_END)  # in the place of the attributes' own end
        file.write(_BUILD)


def _attributes(graph: HeteroGraph, view: str, pickler: pickle.Pickler) -> dict[str, Any]:
    """The attributes of the published ``Graph``."""
    # In the order of the edge types, so that relations keep their numbers.
    targets = dict.fromkeys([*(t for _, _, t in graph.edge_types), *graph.node_types])
    edge_list: dict[str, dict[str, dict[str, _Adjacency]]] = {target: {} for target in targets}
    for edge_type in graph.edge_types:
        source, relation, target = edge_type
        adjacency = _Adjacency(graph, edge_type, pickler)
        edge_list[target].setdefault(source, {})[relation] = adjacency
    return {
        "node_feature": {t: _frame(graph, t, view) for t in graph.node_types},
        "node_forward": {t: _ids(graph, t) for t in graph.node_types},
        "edge_list": edge_list,
        "times": dict.fromkeys(_times(graph), True),
        **_extras(graph),
    }


class _Adjacency:
    """Pickled as a dict: target id -> {source id: time}, for targets with edges."""

    def __init__(self, graph: HeteroGraph, edge_type: EdgeType, pickler: pickle.Pickler) -> None:
        self.csr, self.pickler = graph.csr(edge_type), pickler

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (), None, None, self._rows()

    def _rows(self) -> Iterator[tuple[int, dict[int, int | None]]]:
        self.pickler.fast = True  # without notes, which would keep every row in memory
        indptr = self.csr.indptr
        for low in range(0, len(indptr) - 1, _CHUNK):
            bounds = indptr[low : low + _CHUNK + 1]
            edges = slice(int(bounds[0]), int(bounds[-1]))
            src = self.csr.indices[edges].tolist()
            time: list[int | None] = [None] * len(src)
            if self.csr.time is not None:
                time = [None if t == NO_TIME else t for t in self.csr.time[edges].tolist()]
            for target, (a, b) in enumerate(pairwise((bounds - bounds[0]).tolist()), low):
                if b > a:
                    yield target, dict(zip(src[a:b], time[a:b], strict=True))
        self.pickler.fast = False


def _frame(graph: HeteroGraph, node_type: str, view: str) -> Any:
    """A type's DataFrame."""
    import pandas as pd  # takes half a second

    columns: dict[str, Any] = {"type": [node_type] * graph.num_nodes(node_type)}
    columns |= _columns(graph, node_type)
    columns.setdefault("id", list(range(graph.num_nodes(node_type))))
    x = graph.gather_features(node_type, np.arange(graph.num_nodes(node_type)), view)
    parts = graph.feature_parts(node_type)
    embedding = next((parts[name] for name in _EMBEDDINGS if name in parts), slice(None))
    columns["emb"] = list(x[:, embedding])
    if "node_emb" in parts:
        columns["node_emb"] = list(x[:, parts["node_emb"]])
    if "citation" in parts and "citation" not in columns:
        columns["citation"] = np.round(10 ** x[:, parts["citation"]][:, 0] - 0.01).astype(np.int64)
    return pd.DataFrame(columns)


def _columns(graph: HeteroGraph, node_type: str) -> Iterator[tuple[str, Any]]:
    """Columns of a store under their published names; those that only we have are left out."""
    for name in graph.columns(node_type):
        if graph.is_ragged(node_type, name):
            if name != "title_tokens":
                rows = graph.ragged(node_type, name)
                yield name, np.array([rows.text(i) for i in range(len(rows))], dtype=object)
        elif name == "level":
            yield "attr", [f"L{level}" for level in graph.column(node_type, name)]
        elif name not in ("split", "y"):
            values = np.array(graph.column(node_type, name))
            yield name, values if values.ndim == 1 else list(values)  # a row of labels a cell


def _ids(graph: HeteroGraph, node_type: str) -> dict[Any, int]:
    """Original id -> node, as ``node_forward`` has it."""
    if not graph.has_column(node_type, "id"):
        return {node: node for node in range(graph.num_nodes(node_type))}
    if graph.is_ragged(node_type, "id"):
        rows = graph.ragged(node_type, "id")
        return {rows.text(node): node for node in range(len(rows))}
    return {key: node for node, key in enumerate(graph.column(node_type, "id").tolist())}


def _times(graph: HeteroGraph) -> list[int]:
    """All times of edges, ascending."""
    found = {NO_TIME}
    for edge_type in graph.edge_types:
        time = graph.csr(edge_type).time
        found |= set() if time is None else set(np.unique(time).tolist())
    return sorted(found - {NO_TIME})


def _extras(graph: HeteroGraph) -> dict[str, Any]:
    """Splits and labels of a graph of one type, under their published names."""
    node_type, *others = graph.node_types
    extras: dict[str, Any] = {}
    if others:
        return extras
    if graph.has_column(node_type, "split"):
        split = graph.column(node_type, "split")
        for number, name in enumerate(SPLITS.values()):
            extras[name] = np.flatnonzero(split == number)
    if graph.has_column(node_type, "y"):
        extras["y"] = np.array(graph.column(node_type, "y"))
    return extras
