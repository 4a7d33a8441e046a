"""Write the features and columns of a type's old and new nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from GPT_GNN.builder.arrays import NodeArrays
from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.builder.values import cast, encoded_row, feature_rows
from GPT_GNN.features.words import title_ids
from GPT_GNN.graph.csr import Ragged
from GPT_GNN.graph.store import HeteroGraph

_CHUNK = 2**16  # rows that are copied at once
_TOKENS = "_tokens"


def append_nodes(
    builder: GraphBuilder, graph: HeteroGraph, node_type: str, new: NodeArrays
) -> None:
    """Write features and columns of a type, old nodes first; see :func:`append_arrays`.

    The type is declared with old and new nodes; ``new`` has times exactly when it has times.
    """
    _append_features(builder, graph, node_type, new)
    columns = graph.meta["columns"].get(node_type, {})
    given = dict(new.columns)
    if "time" in given:
        raise ValueError(f"new nodes of {node_type!r}: times are no column, expected time=...")
    if new.time is not None:
        given["time"] = new.time
    _check_names("columns", node_type, list(given), list(columns))
    for name, entry in columns.items():
        if entry["kind"] == "array":
            old = graph.column(node_type, name)
            values = _new_values(node_type, name, old, given.get(name), new.num_nodes)
            builder.add_column(node_type, name, np.concatenate([old, values]))
        else:
            _append_ragged(builder, graph, node_type, name, given, new.num_nodes)


def _append_features(
    builder: GraphBuilder, graph: HeteroGraph, node_type: str, new: NodeArrays
) -> None:
    parts = graph.meta["features"].get(node_type, [])
    _check_names("features", node_type, list(new.features), [part["name"] for part in parts])
    n_old = graph.num_nodes(node_type)
    for part in parts:
        name, width = part["name"], part["width"]
        for key, file in part["files"].items():
            old = graph.array(file)
            what = f"features {name!r} of new {node_type!r}"
            if name not in new.features and new.num_nodes:
                raise ValueError(f"{what}: expected [{new.num_nodes}, {width}], got none")
            values = new.features.get(name, np.empty((0, width)))
            values = feature_rows(values, new.num_nodes, what, width, old.dtype)
            view = None if key == "*" else key
            out = builder.create_feature(node_type, name, width, view, old.dtype)
            for a in range(0, n_old, _CHUNK):  # a part may be larger than memory
                out[a : min(a + _CHUNK, n_old)] = old[a : a + _CHUNK]
            out[n_old:] = values


def _new_values(
    node_type: str, name: str, old: np.ndarray, given: object, n_new: int
) -> np.ndarray:
    """The new nodes' values of a column in the store's dtype, filled where none are given."""
    what = f"column {name!r} of new {node_type!r}"
    shape = (n_new, *old.shape[1:])
    if given is None:
        if n_new and old.dtype.kind not in "ifbUS":
            raise ValueError(f"{what}: expected {shape} of {old.dtype}, got none")
        fill = {"i": -1, "f": np.nan, "b": False}
        return np.full(shape, fill.get(old.dtype.kind, ""), dtype=old.dtype)
    values = np.asarray(given)
    if values.shape != shape:
        raise ValueError(f"{what}: expected {shape}, got {values.shape}")
    if old.dtype.kind in "US":
        return values.astype(old.dtype.kind)  # of its own length
    return cast(values, old.dtype, what)


def _append_ragged(
    builder: GraphBuilder,
    graph: HeteroGraph,
    node_type: str,
    name: str,
    given: dict[str, np.ndarray | Sequence[str]],
    n_new: int,
) -> None:
    old = graph.ragged(node_type, name)
    text = name.removesuffix(_TOKENS)
    has_words = "tables/words.npy" in graph.meta["files"]
    if name in given:
        new = _encoded(node_type, name, old, given[name])
    elif text != name and text in given and graph.is_ragged(node_type, text) and has_words:
        new = list(title_ids(map(str, given[text]), graph.words()))
    else:
        new = [np.empty(0, old.values.dtype)] * n_new
    if len(new) != n_new:
        raise ValueError(
            f"column {name!r} of new {node_type!r}: expected {n_new} rows, got {len(new)}"
        )
    lengths = np.cumsum([len(row) for row in new], dtype=np.int64)
    indptr = np.concatenate([old.indptr, old.indptr[-1] + lengths])
    # The kind of a column without rows is not known: it is that of the new rows.
    kept = [old.values] if len(old) else []
    values = np.concatenate([*kept, *new]) if kept or new else old.values
    builder.add_ragged_arrays(node_type, name, indptr, values)


def _encoded(
    node_type: str, name: str, old: Ragged, rows: np.ndarray | Sequence[str]
) -> list[np.ndarray]:
    """New rows as the store holds them: UTF-8 bytes of texts, or int32 numbers."""
    is_text = old.values.dtype == np.uint8 if len(old) else any(isinstance(r, str) for r in rows)
    wrong = [] if is_text else [row for row in rows if isinstance(row, str)]
    if wrong:
        raise ValueError(
            f"column {name!r} of new {node_type!r}: expected rows of integers, got {wrong[0]!r}"
        )
    return [encoded_row(str(row) if is_text else row) for row in rows]


def _check_names(what: str, node_type: str, given: list[str], available: list[str]) -> None:
    unknown = [name for name in given if name not in available]
    if unknown:
        raise ValueError(
            f"new nodes of {node_type!r}: unknown {what} {unknown}; available: {available}"
        )
