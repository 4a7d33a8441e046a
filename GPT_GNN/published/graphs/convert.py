"""Published graphs (``graph_CS.pk``, ``graph_reddit.pk``) become stores; nothing in them is run.

    python -m GPT_GNN convert graph graph_CS.pk data/oag_CS
    python -m GPT_GNN convert graph graph_reddit.pk data/reddit

Features are put together as the published feature extractors do: ``node_emb`` (400 zeros where a
type has none), ``emb`` and log10(citations + 0.01), or ``emb`` alone in a graph without citations.
They are the same in all views: what such a file knows of the future cannot be taken out of it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.arrays import VIEWS
from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.builder.output import check_output
from GPT_GNN.builder.words import add_words
from GPT_GNN.datasets.academic.build import SPLIT, Settings
from GPT_GNN.datasets.academic.features import FOREVER
from GPT_GNN.datasets.first_use import open_or_build
from GPT_GNN.graph.store import NO_TIME, HeteroGraph, StoreError
from GPT_GNN.published.graphs.read import Edges, PublishedGraph, read_graph
from GPT_GNN.published.pickles import PickleError, expected_layout
from GPT_GNN.published.pickles.cells import Cells, Texts, texts_of
from GPT_GNN.published.pickles.frames import Column
from GPT_GNN.schema import EdgeType
from GPT_GNN.system.files import KEEP_OTHER_FILES, OtherFilesError
from GPT_GNN.system.lock import InUseError
from GPT_GNN.system.runner import run_command

VERSION = 1  # of the conversion: a store of another one is made again
_NODE_EMB = 400  # zeros that the published extractor has for a type without ``node_emb``
_PICKLE = b"\x80"  # how a pickle begins, of protocol 2 and later
_VECTORS = ("node_emb", "emb")
SPLITS = {
    "pretrain": "pre_target_nodes",
    "train": "train_target_nodes",
    "valid": "valid_target_nodes",
    "test": "test_target_nodes",
}


def open_store(path: str | os.PathLike[str]) -> HeteroGraph:
    """A store, or that of a published graph: what ``--data_dir`` may name.

    Raises:
        StoreError: a folder that is not a whole store, or a file that is no pickle, e.g. a table.
        PickleError: a pickle that is not a graph of the published code.
    """
    path = Path(path)
    if path.is_file():
        if path.open("rb").read(1) != _PICKLE:
            raise StoreError(
                f"{path} is a file: expected the folder of a graph store, or a graph of the "
                "published code (graph_CS.pk). Tables become a store by: python -m "
                "GPT_GNN.datasets.tables.build DESCRIPTION.yaml STORE (docs/DATA_FORMAT.md)"
            )
        return open_legacy(path)
    published = sorted(file.name for file in path.glob("graph*.pk"))
    if published and not (path / "meta.json").exists():
        raise StoreError(
            f"{path} is not a graph store; it holds {', '.join(published)} of the published code: "
            "name the file itself, or give its --domain"
        )
    return HeteroGraph.open(path)


def open_legacy(path: str | os.PathLike[str]) -> HeteroGraph:
    """The store of a published graph, converted at first use and kept beside it.

    Where another process converts it just now, this one waits for it.

    Raises:
        PickleError: see :func:`convert`.
    """
    path = Path(path)
    beside = path.with_name(f"{path.stem}_store")
    writable = os.access(path.parent, os.W_OK)
    store = beside if writable else Path.cwd() / "data" / beside.name

    def find() -> HeteroGraph | None:
        for known in dict.fromkeys((beside, store)):
            try:
                graph = HeteroGraph.open(known)
                if graph.facts.get("source") == _source(path):
                    return graph
            except StoreError:
                pass  # not converted yet, or by another version of the package
        return None

    def build() -> HeteroGraph:
        tqdm.write(f"{path} is read as a graph of the published code and kept as the store {store}")
        # Nobody asked to replace anything, so what others put there stays, too.
        return convert(path, store, progress=True, keep_other_files=True)

    return open_or_build(store, find, build)


def convert(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    word_vectors: bool = True,
    progress: bool = False,
    keep_other_files: bool = False,
) -> HeteroGraph:
    """Write a published graph as a store and open it.

    Node types and edge types keep the published order, so that old checkpoints fit.

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
            builder.facts = {"dataset": "legacy", "source": _source(Path(source))}
            with expected_layout(graph.name):
                _write(builder, graph, word_vectors, progress)
    except (PickleError, OtherFilesError, InUseError):
        raise
    except ValueError as error:  # the builder's
        raise PickleError(f"{graph.name}: {error}") from error
    return HeteroGraph.open(output)


def _source(path: Path) -> dict[str, Any]:
    """What tells whether a store is still that of a file."""
    found = path.stat()
    return {
        "name": path.name,
        "bytes": found.st_size,
        "modified_ns": found.st_mtime_ns,
        "conversion": VERSION,
    }


def _write(
    builder: GraphBuilder, graph: PublishedGraph, word_vectors: bool, progress: bool
) -> None:
    relations = graph.relations()
    node_types = list(graph.frames())
    unknown = {end for s, _, t in relations for end in (s, t)} - set(node_types)
    if unknown:
        raise PickleError(f"{graph.name}: edges of {sorted(unknown)}, which have no features")
    steps, timed = len(node_types) + len(relations), False
    with tqdm(total=steps, desc="writing", disable=not progress, leave=False) as bar:
        for node_type in node_types:
            bar.set_postfix_str(node_type, refresh=False)
            columns = graph.columns(node_type)
            timed |= "time" in columns
            _write_nodes(builder, graph, node_type, columns)
            if word_vectors and {"title", "time"} <= set(columns):
                _write_words(builder, node_type, columns)
            bar.update()
        _write_edges(builder, graph, timed, bar)
        _write_extras(builder, graph, node_types)


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
    titles = _texts(columns["title"]).tolist()
    time, settings = _times(columns["time"]), Settings()
    known = (time != NO_TIME) & (time <= SPLIT.pretrain_until)
    add_words(
        builder,
        node_type,
        "title",
        titles,
        np.flatnonzero(known),
        settings.word_dim,
        settings.word_min_count,
        settings.word_epochs,
        settings.seed,
    )


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
    with_citations = "citation" in columns
    if with_citations:
        column = columns.get("node_emb")
        if column is not None and not isinstance(column, Cells):
            raise PickleError(f"{graph.name}: expected a vector for each {node_type} in node_emb")
        width = column.width() if isinstance(column, Cells) else _NODE_EMB
        if column is None:
            graph.tree.take(width * builder.num_nodes(node_type))
        part = builder.create_feature(node_type, "node_emb", width)
        if isinstance(column, Cells):
            column.vectors_into(part)
    column = columns.get("emb")
    if not isinstance(column, Cells):
        if column is not None or with_citations:
            raise PickleError(f"{graph.name}: expected a vector for each {node_type} in its emb")
        return
    column.vectors_into(builder.create_feature(node_type, "emb", column.width()))
    if with_citations:
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


def _write_edges(builder: GraphBuilder, graph: PublishedGraph, timed: bool, bar: tqdm) -> None:
    """Each link once, from one of its two directions where they agree, as they always should."""
    relations = graph.relations()
    inverse = _inverses(relations)
    waiting: dict[EdgeType, Edges] = {}
    for edge_type, adjacency in relations.items():
        bar.set_postfix_str(" ".join(edge_type), refresh=False)
        edges = graph.edges(adjacency)
        other_type = inverse[edge_type]
        if other_type == edge_type and not _agree(edges, edges):
            other_type = (edge_type[2], f"rev_{edge_type[1]}", edge_type[0])
        builder.add_relation(edge_type, other_type[1])
        if other_type in relations and other_type != edge_type and other_type not in waiting:
            waiting[edge_type] = edges
        else:
            other = waiting.pop(other_type, None)
            if other is not None and not _agree(edges, other):
                edges, differing = _reconciled(edges, other)
                tqdm.write(
                    f"warning: {graph.name}: {differing:,} links of {' '.join(edge_type)} and "
                    f"{other_type[1]} stand in one direction only, or with two years"
                )
            _add_edges(builder, edge_type, edges, timed)
        bar.update()


def _inverses(relations: Collection[EdgeType]) -> dict[EdgeType, EdgeType]:
    """For each edge type the one that holds the same links the other way round.

    As the published code names them: ``rev_r`` of ``r``. A relation of a type with itself that has
    no other may be its own (Reddit's); one that has none gets one.
    """
    inverse: dict[EdgeType, EdgeType] = {}
    for edge_type in relations:
        if edge_type in inverse:
            continue
        source, relation, target = edge_type
        names = (f"rev_{relation}", relation.removeprefix("rev_"), relation)
        others = [(target, name, source) for name in names]
        free = [other for other in others if other in relations and other not in inverse]
        name = f"rev_{relation}"
        while (target, name, source) in relations:
            name = f"rev_{name}"
        inverse[edge_type] = free[0] if free else (target, name, source)
        inverse[inverse[edge_type]] = edge_type
    return inverse


def _reconciled(edges: Edges, turned: Edges) -> tuple[Edges, int]:
    """All links of two directions that do not agree, and how many do not.

    Of two years the earlier one counts, and any year more than none.
    """
    dst = np.concatenate([edges.dst, turned.src])
    src = np.concatenate([edges.src, turned.dst])
    time = np.concatenate([edges.time, turned.time])
    is_turned = np.arange(len(dst)) >= len(edges)
    order = np.lexsort((np.where(time == NO_TIME, FOREVER, time), src, dst))
    dst, src, time, is_turned = dst[order], src[order], time[order], is_turned[order]
    new_link = (dst[1:] != dst[:-1]) | (src[1:] != src[:-1])
    first = np.concatenate([[0], np.flatnonzero(new_link) + 1])
    one_way = np.minimum.reduceat(is_turned, first) == np.maximum.reduceat(is_turned, first)
    two_years = np.minimum.reduceat(time, first) != np.maximum.reduceat(time, first)
    return Edges(src[first], dst[first], time[first]), int((one_way | two_years).sum())


def _add_edges(builder: GraphBuilder, edge_type: EdgeType, edges: Edges, timed: bool) -> None:
    """Add the links of a relation; its inverse gets them too.

    Args:
        timed: whether nodes have times; in a graph without, one time for all edges says nothing.
    """
    known = edges.time[edges.time != NO_TIME]
    timed = len(known) > 0 and (timed or bool((known != known[0]).any()))
    builder.add_edges(edge_type, edges.src, edges.dst, edges.time if timed else None)


def _agree(edges: Edges, turned: Edges) -> bool:
    """Whether ``turned`` holds the same links the other way round."""
    own = _digest(edges.src, edges.dst, edges.time)
    return own == _digest(turned.dst, turned.src, turned.time)


def _digest(src: np.ndarray, dst: np.ndarray, time: np.ndarray) -> tuple[int, int]:
    """A number and a checksum of edges that does not depend on their order."""
    keys = src.astype(np.uint64) << np.uint64(32) | dst.astype(np.uint64)
    keys ^= time.astype(np.uint32).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((31, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys ^= keys >> np.uint64(shift)
        keys *= np.uint64(factor)
    return len(keys), int((keys ^ (keys >> np.uint64(33))).sum(dtype=np.uint64))


def _write_extras(builder: GraphBuilder, graph: PublishedGraph, node_types: list[str]) -> None:
    """What preprocessing added: splits and labels of the only node type, else tables.

    One whose name is taken becomes ``graph_<name>``.
    """
    extras = graph.extras()
    if len(node_types) == 1:
        node_type, n = node_types[0], builder.num_nodes(node_types[0])
        if all(name in extras for name in SPLITS.values()):
            split = np.full(n, -1, dtype=np.int8)
            for number, name in enumerate(SPLITS.values()):
                ids = extras.pop(name)
                if (
                    ids.dtype.kind not in "iu"
                    or ids.ndim != 1
                    or (ids < 0).any()
                    or (ids >= n).any()
                ):
                    raise PickleError(f"{graph.name}: {name} has ids that are not 0 .. {n - 1}")
                split[ids] = number
            builder.add_column(node_type, "split", split)
        for name in [name for name, values in extras.items() if values.shape == (n,)]:
            free = name if not builder.has_column(node_type, name) else f"graph_{name}"
            builder.add_column(node_type, free, extras.pop(name))
    for name, values in extras.items():
        builder.add_table(name if not builder.has_table(name) else f"graph_{name}", values)


def main(argv: Sequence[str] | None = None) -> int:
    """Convert one graph from the command line."""
    return run_command(lambda: _command(argv))


def _command(argv: Sequence[str] | None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m GPT_GNN convert graph",
        description="Convert a graph of the published GPT-GNN to a store.",
    )
    parser.add_argument("source", help="graph_CS.pk, graph_reddit.pk ...")
    parser.add_argument("output", help="folder of the store")
    parser.add_argument(
        "--word_vectors",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="train word vectors on the titles; without, pre-training on text needs --w2v_dir",
    )
    parser.add_argument("--keep_other_files", action="store_true", help=KEEP_OTHER_FILES)
    args = parser.parse_args(argv)
    print(convert(**vars(args), progress=True).summary())


if __name__ == "__main__":
    sys.exit(main())
