"""Published graphs (``graph_CS.pk``, ``graph_reddit.pk``) become stores; nothing in them is run.

Features are put together as the published feature extractors do: ``node_emb`` (400 zeros where a
type has none), ``emb`` and log10(citations + 0.01), or ``emb`` alone in a graph without citations.
They are the same in all views: what such a file knows of the future cannot be taken out of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.builder.output import check_output
from GPT_GNN.builder.words import add_words
from GPT_GNN.graph.store import NO_TIME, VIEWS, HeteroGraph
from GPT_GNN.published.graphs.edges import write_edges
from GPT_GNN.published.graphs.read import PublishedGraph, read_graph
from GPT_GNN.published.pickles import PickleError, expected_layout
from GPT_GNN.published.pickles.cells import Cells, Texts, texts_of
from GPT_GNN.published.pickles.frames import Column
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES, OtherFilesError
from GPT_GNN.system.lock import InUseError

VERSION = 1  # of the conversion: a store of another one is made again
_NODE_EMB = 400  # zeros that the published extractor has for a type without ``node_emb``
_PRETRAIN_UNTIL = 2013  # OAG's last year of pre-training
_VECTORS = ("node_emb", "emb")
SPLITS = {
    "pretrain": "pre_target_nodes",
    "train": "train_target_nodes",
    "valid": "valid_target_nodes",
    "test": "test_target_nodes",
}


@dataclass(frozen=True)
class ConvertConfig(Checked):
    """What is converted, and where to."""

    file: str = setting("", "file of the published code, e.g. graph_CS.pk", positional=True)
    store: str = setting("", "folder of the store to write", positional=True)
    word_vectors: bool = setting(
        True, "train word vectors on the titles; if not, pre-training on text needs --w2v_dir"
    )
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)


def convert(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    word_vectors: bool = ConvertConfig.word_vectors,
    progress: bool = False,
    keep_other_files: bool = ConvertConfig.keep_other_files,
) -> HeteroGraph:
    """Write a published graph as a store and open it.

    Node types and edge types keep the published order, so that published models fit.

    Args:
        source: a pickle of the published preprocessing, by any Python, dill, NumPy or pandas.
        output: the folder to create or replace.
        word_vectors: where nodes have titles, train the word vectors that the text decoder needs
            and such a file does not have, on titles of up to 2013; takes longer than the rest.
        progress: show a bar.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        PickleError: not such a file, cut short, or one that asks for anything that such a file has
            no use for; no store is left behind.
        OtherFilesError: ``output`` holds files that are not a store's.
    """
    check_output(output, keep_other_files)
    graph = read_graph(os.fspath(source), progress)
    try:
        with build_graph(output, VIEWS, keep_other_files) as builder:
            builder.facts = {"dataset": "legacy", "source": source_of(Path(source))}
            with expected_layout(graph.name):
                _write(builder, graph, word_vectors, progress)
    except (PickleError, OtherFilesError, InUseError):
        raise
    except ValueError as error:  # the builder's
        raise PickleError(f"{graph.name}: {error}") from error
    return HeteroGraph.open(output)


def source_of(path: Path) -> dict[str, Any]:
    """What tells whether a store is still that of a file."""
    found = path.stat()
    record = {"name": path.name, "bytes": found.st_size, "modified_ns": found.st_mtime_ns}
    return {**record, "conversion": VERSION}


def _write(
    builder: GraphBuilder, graph: PublishedGraph, word_vectors: bool, progress: bool
) -> None:
    unknown = {end for s, _, t in graph.relations for end in (s, t)} - set(graph.frames)
    if unknown:
        raise PickleError(f"{graph.name}: edges of {sorted(unknown)}, which have no features")
    steps, timed = len(graph.frames) + len(graph.relations), False
    with tqdm(total=steps, desc="writing", disable=not progress, leave=False) as bar:
        for node_type in graph.frames:
            bar.set_postfix_str(node_type, refresh=False)
            columns = graph.columns(node_type)
            timed |= "time" in columns
            _write_nodes(builder, graph, node_type, columns)
            if word_vectors and {"title", "time"} <= set(columns):
                _write_words(builder, node_type, columns)
            bar.update()
        write_edges(builder, graph, timed, bar)
        _write_extras(builder, graph)


def _write_nodes(
    builder: GraphBuilder, graph: PublishedGraph, node_type: str, columns: dict[str, Column]
) -> None:
    builder.add_node_type(node_type, len(next(iter(columns.values()))) if columns else 0)
    _write_features(builder, graph, node_type, columns)
    for name, column in columns.items():
        if name in _VECTORS:
            continue
        if isinstance(column, Cells) and not column.are_values():
            tqdm.write(
                f"warning: {graph.name}: the column {name} of {node_type} is left out: its cells "
                "are neither numbers nor strings"
            )
        elif name == "type" and _is_constant(column):
            continue
        elif name == "time":
            builder.add_column(node_type, name, _times(column))
        elif isinstance(column, np.ndarray):
            builder.add_column(node_type, name, column)
        else:
            texts = _texts(column)
            builder.add_ragged_arrays(node_type, name, texts.indptr, texts.values)


def _times(column: Column) -> np.ndarray:
    time = _numbers(column).astype(np.float64)
    return np.where(np.isnan(time), NO_TIME, time)


def _write_words(builder: GraphBuilder, node_type: str, columns: dict[str, Column]) -> None:
    """Word vectors of titles known in pre-training, and all titles as word ids."""
    time = _times(columns["time"])
    known = np.flatnonzero((time != NO_TIME) & (time <= _PRETRAIN_UNTIL))
    add_words(builder, node_type, "title", _texts(columns["title"]).tolist(), known)


def _is_constant(column: Column) -> bool:
    """Whether a column of strings says the same of all nodes, as ``type`` does."""
    return not isinstance(column, np.ndarray) and len(set(_texts(column).tolist())) <= 1


def _texts(column: Column) -> Texts:
    if isinstance(column, np.ndarray):
        return texts_of([str(number).encode() for number in column.tolist()])
    return column if isinstance(column, Texts) else column.texts()


def _write_features(
    builder: GraphBuilder, graph: PublishedGraph, node_type: str, columns: dict[str, Column]
) -> None:
    """``node_emb``, ``emb``, ``citation``; or ``emb`` alone in a graph without citations."""
    cited = "citation" in columns
    for name in _VECTORS if cited else _VECTORS[-1:]:
        column = columns.get(name)
        if isinstance(column, Cells):
            column.vectors_into(builder.create_feature(node_type, name, column.width()))
        elif column is None and name == "node_emb":
            graph.tree.take(_NODE_EMB * builder.num_nodes(node_type))
            builder.create_feature(node_type, name, _NODE_EMB)
        elif column is not None or cited:
            raise PickleError(f"{graph.name}: expected a vector for each {node_type} in {name}")
    if cited:
        counts = _numbers(columns["citation"]).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.log10(counts + 0.01)
        if not np.isfinite(logs).all():
            raise PickleError(f"{graph.name}: the citation of some {node_type} is no number")
        builder.create_feature(node_type, "citation", 1)[:, 0] = logs


def _numbers(column: Column) -> np.ndarray:
    if isinstance(column, Texts):
        return np.array([float(text) for text in column.tolist()])
    return column.numbers() if isinstance(column, Cells) else column


def _write_extras(builder: GraphBuilder, graph: PublishedGraph) -> None:
    """What preprocessing added: splits and labels of the only node type, else tables.

    One whose name is taken becomes ``graph_<name>``.
    """
    extras = graph.extras()
    if len(graph.frames) == 1:
        (node_type,) = graph.frames
        n = builder.num_nodes(node_type)
        if all(name in extras for name in SPLITS.values()):
            split = np.full(n, -1, dtype=np.int8)
            for number, name in enumerate(SPLITS.values()):
                ids = extras.pop(name)
                integers = ids.dtype.kind in "iu" and ids.ndim == 1
                if not integers or (ids < 0).any() or (ids >= n).any():
                    raise PickleError(f"{graph.name}: {name} has ids that are not 0 .. {n - 1}")
                split[ids] = number
            builder.add_column(node_type, "split", split)
        for name in [name for name, values in extras.items() if values.shape == (n,)]:
            free = name if not builder.has_column(node_type, name) else f"graph_{name}"
            builder.add_column(node_type, free, extras.pop(name))
    for name, values in extras.items():
        builder.add_table(name if not builder.has_table(name) else f"graph_{name}", values)
