"""Stores become pickles of the published form, for old scripts and other people's code.

    python -m GPT_GNN export graph data/oag_CS graph_CS.pk

``dill.load`` opens them where a class ``GPT_GNN.data.Graph`` and pandas can be imported, as in the
published code. The pickle is written opcode by opcode, so that edges never exist as dicts here.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.published.graphs.convert import SPLITS
from GPT_GNN.system.files import atomic_file
from GPT_GNN.system.runner import run_command

_PROTOCOL = 3  # strings, bytes and notes by number, without frames: pieces can be put together
_CHUNK = 2**20  # edges that are written at once
_EMBEDDINGS = ("emb", "text")  # the part that becomes ``emb``


def export(graph: HeteroGraph, output: str | os.PathLike[str], view: str = "original") -> None:
    """Write a store as a ``Graph`` of the published code.

    Each type's DataFrame has its columns (``id``, ``name``, ``title``, ``time`` ...), ``type``, and
    for features ``emb`` and, where the store has them, ``node_emb`` and ``citation`` (a count: the
    published extractor takes the logarithm). A store without a part of the name ``emb`` or ``text``
    gives all its features as ``emb``. Edges without a time have None.

    Args:
        output: the file to write.
        view: the features' view; the first of the store if it has no view ``original``.

    Raises:
        ImportError: pandas is not installed.
        ValueError: an unknown view; ``output`` is there and no pickle, it is not replaced.
        OSError: the file could not be written; what was there before is untouched.
    """
    if view not in (*graph.views, "original"):
        raise ValueError(f"{graph.path} has no view {view!r}; available: {list(graph.views)}")
    view = view if view in graph.views else graph.views[0]
    if os.path.isfile(output):
        with open(output, "rb") as file:
            if file.read(1) != b"\x80":
                raise ValueError(f"{output}: expected a pickle to replace, or nothing there")
    with atomic_file(output) as temporary, open(temporary, "wb") as file:
        _write_graph(_Writer(file), graph, view)


class _Writer:
    """Opcodes of a pickle, put together from pieces of a pickler and of our own."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._buffer = io.BytesIO()
        self._pickler = pickle.Pickler(self._buffer, _PROTOCOL)
        file.write(b"\x80" + bytes([_PROTOCOL]))

    def write(self, opcodes: bytes) -> None:
        """Opcodes as they are."""
        self.file.write(opcodes)

    def value(self, value: Any) -> None:
        """Anything that a pickler can write; its notes count on over all such values."""
        self._buffer.seek(0)
        self._buffer.truncate()
        self._pickler.dump(value)
        self.file.write(self._buffer.getvalue()[2:-1])  # without PROTO and STOP


def _write_graph(writer: _Writer, graph: HeteroGraph, view: str) -> None:
    writer.write(b"cGPT_GNN.data\nGraph\n)\x81}(")
    writer.value("node_feature")
    writer.write(b"}(")
    for node_type in graph.node_types:
        writer.value(node_type)
        writer.value(_frame(graph, node_type, view))
    writer.write(b"u")
    writer.value("node_forward")
    writer.value({node_type: _ids(graph, node_type) for node_type in graph.node_types})
    writer.value("edge_list")
    _write_edge_list(writer, graph)
    writer.value("times")
    writer.value(dict.fromkeys(_times(graph), True))
    for name, value in _extras(graph).items():
        writer.value(name)
        writer.value(value)
    writer.write(b"ub.")


def _frame(graph: HeteroGraph, node_type: str, view: str) -> Any:
    """A type's DataFrame."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("pandas is needed to write DataFrames: pip install pandas") from error

    columns: dict[str, Any] = {"type": [node_type] * graph.num_nodes(node_type)}
    for name, column in _columns(graph, node_type):
        columns[name] = column
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
    names = [name for name in graph.columns(node_type) if name == "id"]
    if not names:
        return {node: node for node in range(graph.num_nodes(node_type))}
    if graph.is_ragged(node_type, "id"):
        rows = graph.ragged(node_type, "id")
        return {rows.text(node): node for node in range(len(rows))}
    return {key: node for node, key in enumerate(graph.column(node_type, "id").tolist())}


def _write_edge_list(writer: _Writer, graph: HeteroGraph) -> None:
    """``edge_list[target][source][relation][target id][source id] = time``."""
    writer.write(b"}(")
    # In the order of the edge types, so that relations keep their numbers.
    for target in dict.fromkeys([*(t for _, _, t in graph.edge_types), *graph.node_types]):
        writer.value(target)
        writer.write(b"}(")
        into = [graph.edge_types[i] for i in graph.schema.edge_types_into(target)]
        for source in dict.fromkeys(edge_type[0] for edge_type in into):
            writer.value(source)
            writer.write(b"}(")
            for edge_type in into:
                if edge_type[0] == source:
                    writer.value(edge_type[1])
                    writer.write(b"}(")
                    _write_adjacency(writer, graph, edge_type)
                    writer.write(b"u")
            writer.write(b"u")
        writer.write(b"u")
    writer.write(b"u")


def _write_adjacency(writer: _Writer, graph: HeteroGraph, edge_type: tuple[str, str, str]) -> None:
    """target id -> {source id: time}, for targets with edges."""
    csr = graph.csr(edge_type)
    low = 0
    while low < len(csr.indptr) - 1:
        high = int(np.searchsorted(csr.indptr, csr.indptr[low] + _CHUNK, side="left"))
        high = min(max(high, low + 1), len(csr.indptr) - 1)
        edges = slice(int(csr.indptr[low]), int(csr.indptr[high]))
        degrees = np.diff(csr.indptr[low : high + 1])
        time = np.full(edges.stop - edges.start, NO_TIME) if csr.time is None else csr.time[edges]
        writer.write(_dicts(np.arange(low, high), degrees, csr.indices[edges], time))
        low = high


def _dicts(targets: np.ndarray, degrees: np.ndarray, src: np.ndarray, time: np.ndarray) -> bytes:
    """Opcodes of ``target: {source: time, ...}`` for all targets with edges.

    Each number is ``J`` and four bytes; a target is ``J.... } (`` before its entries and ``u``
    behind them.
    """
    targets, degrees = targets[degrees > 0], degrees[degrees > 0]
    entry = np.where(time == NO_TIME, 6, 10)
    row = np.repeat(np.arange(len(targets)), degrees)
    end = np.cumsum(entry) + 8 * row + 7  # behind each entry
    out = np.empty(int(entry.sum()) + 8 * len(targets), dtype=np.uint8)
    at = end - entry
    _put_numbers(out, at, src)
    timed = time != NO_TIME
    _put_numbers(out, at[timed] + 5, time[timed])
    out[at[~timed] + 5] = ord("N")
    last = np.cumsum(degrees) - 1
    first = at[last - degrees + 1] - 7
    _put_numbers(out, first, targets)
    out[first + 5], out[first + 6] = ord("}"), ord("(")
    out[end[last]] = ord("u")
    return out.tobytes()


def _put_numbers(out: np.ndarray, at: np.ndarray, numbers: np.ndarray) -> None:
    """BININT at some positions."""
    out[at] = ord("J")
    packed = numbers.astype("<i4").view(np.uint8).reshape(-1, 4)
    out[at[:, None] + np.arange(1, 5)] = packed


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


def main(argv: Sequence[str] | None = None) -> int:
    """Export one store from the command line."""
    return run_command(lambda: _command(argv))


def _command(argv: Sequence[str] | None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m GPT_GNN export graph",
        description="Write a store as a graph pickle of the published GPT-GNN.",
    )
    parser.add_argument("store", help="folder of the store")
    parser.add_argument("output", help="file to write, e.g. graph_CS.pk")
    parser.add_argument("--view", default="original", help="which features; see DATA_FORMAT.md")
    args = parser.parse_args(argv)
    export(HeteroGraph.open(args.store), args.output, args.view)
    print(f"wrote {args.output}")


if __name__ == "__main__":
    sys.exit(main())
