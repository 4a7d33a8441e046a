"""Reddit: posts, linked when one user commented on both. Its facts, and how it is opened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.builtin import built_in, data_folder, open_graph
from GPT_GNN.datasets.raw import FileCounts, RawDataError, counts_table
from GPT_GNN.datasets.reddit import toy as reddit_toy
from GPT_GNN.datasets.reddit.npz import Npz
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import SPLITS, ColumnSplit, RandomSplit
from GPT_GNN.graph.store import VIEWS, HeteroGraph, file_checksum
from GPT_GNN.graph.summary import summary
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES

VERSION = 2  # of what is written
TOY_POSTS = 3000
DATA_FILE, GRAPH_FILE = "reddit_data.npz", "reddit_graph.npz"
_EDGES = 2**20  # read at a time
_FEATURES = 2**22  # numbers read at a time
_KINDS = {1: "train", 2: "valid", 3: "test"}  # of GraphSAGE's node_types


@dataclass(frozen=True)
class Settings(Checked):
    """What becomes of GraphSAGE's files."""

    split: str = setting(
        "random",
        "random: 70/10/10/10 with the seed; file: the file's node_types, training nodes pre-train",
        choices=("random", "file"),
    )
    seed: int = setting(0, "seed of the random split and of the built-in graph", low=0)


@dataclass(frozen=True)
class FilesConfig(Checked):
    """What is preprocessed, and where to."""

    input_dir: str = setting(
        "", f"folder of {DATA_FILE} and {GRAPH_FILE}; empty: the built-in graph's"
    )
    output_dir: str = setting("", "store to write; empty: data/reddit or data/toy_reddit_*")
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)
    download: bool = setting(False, "fetch the files into input_dir where they are not there")
    toy_posts: int = setting(TOY_POSTS, "posts of the built-in graph", low=100)


class Reddit:
    """Facts of the post graph that scripts and tasks need; nothing to instantiate.

    Attributes:
        target: the only node type.
        relation: the only relation, its own inverse.
        rel_stop_list: no relation is left unmasked.
        split: the store's own.
        text_part: the feature part whose generation is pre-trained: all features.
        text_column: there is no text.
        label: the column that holds the community.
    """

    target = "def"
    relation = ("def", "def", "def")
    rel_stop_list: tuple[str, ...] = ()
    split = ColumnSplit()
    text_part = "emb"
    text_column = ""
    label = "y"

    @staticmethod
    def facts(graph: HeteroGraph) -> GraphFacts:
        """What pre-training and the tasks go by: the store's own facts, or else Reddit's."""
        return GraphFacts.stored(graph) or GraphFacts.of(Reddit)

    @staticmethod
    def open(data_dir: str | os.PathLike[str] | None) -> HeteroGraph:
        """Open a store; nothing, or ``toy``, means the built-in graph, built at first use.

        Args:
            data_dir: the store; or a graph of the published code, a pickle, converted at first use.

        Raises:
            StoreError: ``data_dir`` is not a whole store.
            PickleError: it is a file, but not a graph of the published code.
        """
        return open_graph(data_dir, toy_store)

    @staticmethod
    def build(
        input_dir: str | os.PathLike[str],
        output_dir: str | os.PathLike[str],
        keep_other_files: bool = False,
        **settings: Any,
    ) -> HeteroGraph:
        """Preprocess GraphSAGE's two files to a store and open it.

        Memory holds the links, 8 bytes each, and what sorting them takes; features are streamed.

        Args:
            input_dir: the folder of the files, or the one whose ``raw`` is, as PyG lays them out.
            keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.
            settings: fields of :class:`Settings`.

        Raises:
            RawDataError: a file is missing, damaged or does not fit the other.
            OtherFilesError: ``output_dir`` holds files that are not a store's.
        """
        folder = _files_folder(Path(input_dir))
        _build(folder, Path(output_dir), Settings(**settings), {}, keep_other_files)
        return HeteroGraph.open(output_dir)

    @staticmethod
    def raw_files(data: Mapping[str, Any]) -> dict[str, str]:
        """Names and checksums of the files that preprocessing reads; none for the built-in graph.

        Args:
            data: the flag ``input_dir``.

        Raises:
            RawDataError: a file is missing.
        """
        if not data["input_dir"]:
            return {}
        folder = _files_folder(Path(data["input_dir"]))
        for name in (DATA_FILE, GRAPH_FILE):
            if not (folder / name).is_file():
                raise RawDataError(f"{folder}: expected {name}, found none")
        return {name: file_checksum(folder / name) for name in (DATA_FILE, GRAPH_FILE)}

    @staticmethod
    def preprocess(
        input_dir: str,
        output_dir: str,
        keep_other_files: bool,
        download: bool,
        toy_posts: int,
        **settings: Any,
    ) -> None:
        """What preprocess_reddit.py does; without ``input_dir`` it writes and takes built-in files.

        Raises:
            RawDataError: see :meth:`build`; or nothing was fetched.
        """
        if input_dir:
            output = output_dir or data_folder() / "reddit"
            check_output(output, keep_other_files)
            if download:
                fetch(Path(input_dir))
            graph = Reddit.build(input_dir, output, keep_other_files, **settings)
        else:
            checked = Settings(**settings)
            path = Path(output_dir or _toy_path(data_folder(), toy_posts, checked.seed))
            graph = _build_toy(path, toy_posts, checked, keep_other_files)
        print(f"\n{summary(graph)}")


def fetch(folder: Path) -> None:
    """Download GraphSAGE's files from where PyG gets them, unless they are there.

    Raises:
        RawDataError: there is no network, or the place is gone.
    """
    if all((_files_folder(folder) / name).is_file() for name in (DATA_FILE, GRAPH_FILE)):
        return
    from torch_geometric.data import download_url, extract_zip
    from torch_geometric.datasets import Reddit as PyGReddit

    there = set(folder.glob("*.zip"))
    try:
        archive = download_url(PyGReddit.url, str(folder))
        extract_zip(archive, str(folder))
    except OSError as error:
        raise RawDataError(
            f"{PyGReddit.url}: {error}; put {DATA_FILE} and {GRAPH_FILE} into {folder} by hand"
        ) from error
    if Path(archive) not in there:  # one put there by hand was taken instead of fetched
        Path(archive).unlink()


def toy_store(posts: int = TOY_POSTS, seed: int = 0, folder: Path | None = None) -> HeteroGraph:
    """The built-in graph, opened from ``<folder>/toy_reddit_<posts>_<seed>``, built if need be."""
    path = _toy_path(folder or data_folder(), posts, seed)
    # Nobody asked to replace anything, so what others put there stays, too.
    build = partial(_build_toy, path, posts, Settings(seed=seed), keep_other_files=True)
    return built_in(path, [reddit_toy.VERSION, VERSION], build)


def _toy_path(folder: Path, posts: int, seed: int) -> Path:
    return folder / f"toy_reddit_{posts}_{seed}"


def _build_toy(path: Path, posts: int, settings: Settings, keep_other_files: bool) -> HeteroGraph:
    check_output(path, keep_other_files)
    with tempfile.TemporaryDirectory() as folder:
        reddit_toy.write_files(Path(folder), posts, settings.seed)
        facts = {"versions": [reddit_toy.VERSION, VERSION]}
        _build(Path(folder), path, settings, facts, keep_other_files)
    return HeteroGraph.open(path)


def _files_folder(folder: Path) -> Path:
    return folder / "raw" if (folder / "raw" / DATA_FILE).is_file() else folder


def _build(
    folder: Path, output: Path, settings: Settings, facts: dict[str, Any], keep_other_files: bool
) -> None:
    with Npz(folder / DATA_FILE) as data, Npz(folder / GRAPH_FILE) as edges:
        posts = _checked_posts(data, edges)
        with build_graph(output, VIEWS, keep_other_files) as builder:
            builder.facts = {
                "dataset": "reddit",
                "settings": asdict(settings),
                "task": GraphFacts.of(Reddit).to_dict(),
                **facts,
            }
            builder.add_node_type(Reddit.target, posts)
            builder.add_relation(Reddit.relation, inverse=Reddit.relation[1])
            links = _links(edges, posts)
            counts = FileCounts(GRAPH_FILE, read=edges.shape("row")[0])
            counts.leave_out("the same link again", counts.read - len(links))
            for start in range(0, len(links), _EDGES):
                part = links[start : start + _EDGES]
                builder.add_edges(Reddit.relation, part // posts, part % posts)
            degree = _degrees(links, posts)
            del links  # the builder sorts the edges at the end of this block
            _write_features(builder, data, degree)
            builder.add_column(Reddit.target, Reddit.label, _integers(data, "label", posts))
            builder.add_column(Reddit.target, Reddit.split.column, _split(data, posts, settings))
            if settings.split == "file":
                builder.facts["pretrain_on"] = "train"
    print(counts_table([counts]))


def _checked_posts(data: Npz, edges: Npz) -> int:
    """Number of posts; every array must be of that many."""
    shape = data.shape("feature")
    if len(shape) != 2 or not shape[0]:
        raise RawDataError(
            f"{data.path}, array 'feature': expected [posts, columns], found {shape}"
        )
    form = edges.read("format").item()
    if form not in (b"coo", "coo"):
        raise RawDataError(f"{edges.path}: expected a matrix in format 'coo', found {form!r}")
    matrix = tuple(edges.read("shape").tolist())
    if matrix != (shape[0], shape[0]):
        raise RawDataError(
            f"{edges.path}: expected a matrix of {shape[0]} x {shape[0]}, as {data.path} has "
            f"{shape[0]} rows of features, found {' x '.join(str(n) for n in matrix)}"
        )
    if edges.shape("row") != edges.shape("col") or len(edges.shape("row")) != 1:
        raise RawDataError(
            f"{edges.path}: expected as many row as col entries, found {edges.shape('row')} and "
            f"{edges.shape('col')}"
        )
    return shape[0]


def _integers(data: Npz, name: str, posts: int) -> np.ndarray:
    values = data.read(name)
    if values.shape != (posts,) or values.dtype.kind not in "iu":
        raise RawDataError(
            f"{data.path}, array {name!r}: expected {posts} integers, found {values.dtype} of "
            f"shape {values.shape}"
        )
    return values.astype(np.int64)


def _links(edges: Npz, posts: int) -> np.ndarray:
    """Each link once, whichever of its two directions the file has: lower * posts + higher."""
    keys = np.empty(edges.shape("row")[0], dtype=np.int64)
    start = 0
    pairs = zip(edges.chunks("row", _EDGES), edges.chunks("col", _EDGES), strict=True)
    for row, col in pairs:
        for name, ids in (("row", row), ("col", col)):
            if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= posts:
                raise RawDataError(
                    f"{edges.path}, array {name!r}: expected integers in [0, {posts}), found "
                    f"{ids.dtype} from {ids.min()} to {ids.max()}"
                )
        part = keys[start : start + len(row)]
        np.minimum(row, col, out=part, casting="unsafe")
        part *= posts
        part += np.maximum(row, col).astype(np.int64)
        start += len(row)
    keys.sort()
    distinct = np.ones(len(keys), dtype=bool)
    distinct[1:] = keys[1:] != keys[:-1]
    return keys[distinct]


def _degrees(links: np.ndarray, posts: int) -> np.ndarray:
    """[N] int64 number of distinct neighbours; a post that is linked to itself is one of them."""
    degree = np.zeros(posts, dtype=np.int64)
    for start in range(0, len(links), _EDGES):
        low, high = np.divmod(links[start : start + _EDGES], posts)
        degree += np.bincount(low, minlength=posts)
        degree += np.bincount(high[high != low], minlength=posts)
    return degree


def _write_features(builder: GraphBuilder, data: Npz, degree: np.ndarray) -> None:
    """The file's features and, as the last column, log(max(degree, 1))."""
    width = data.shape("feature")[1]
    part = builder.create_feature(Reddit.target, Reddit.text_part, width + 1)
    start = 0
    for rows in data.chunks("feature", max(1, _FEATURES // max(width, 1))):
        here = slice(start, start + len(rows))
        part[here, :width] = rows
        finite = np.isfinite(part[here, :width]).all(1)
        if not finite.all():
            post = start + int(np.flatnonzero(~finite)[0])
            raise RawDataError(
                f"{data.path}, array 'feature': expected finite numbers, found others in row {post}"
            )
        start += len(rows)
    part[:, width] = np.log(np.maximum(degree, 1))


def _split(data: Npz, posts: int, settings: Settings) -> np.ndarray:
    """[N] int8 positions in ``SPLITS``, -1 for none."""
    if settings.split == "random":
        return RandomSplit(seed=settings.seed).numbers(posts, Reddit.target)
    kinds = _integers(data, "node_types", posts)
    other = np.setdiff1d(kinds, [0, *_KINDS])
    if len(other):
        raise RawDataError(
            f"{data.path}, array 'node_types': expected 1 (train), 2 (valid), 3 (test) or 0, found "
            f"{other[0]}"
        )
    for kind, name in _KINDS.items():
        if not (kinds == kind).any():
            raise RawDataError(
                f"{data.path}, array 'node_types': expected {kind} ({name}) for some posts, found "
                f"it for none of {posts:,}; --split random divides them anew"
            )
    number = [-1, *(SPLITS.index(name) for name in _KINDS.values())]
    return np.array(number, dtype=np.int8)[kinds]
