"""GraphSAGE's files of Reddit to a graph store.

Memory holds the links, 8 bytes each, and what sorting them takes; features are streamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.datasets.raw import FileCounts, RawDataError, counts_table
from GPT_GNN.datasets.reddit.facts import FACTS, POST, RELATION, SPLIT
from GPT_GNN.datasets.reddit.npz import Npz
from GPT_GNN.graph.split import SPLITS, RandomSplit
from GPT_GNN.graph.store import VIEWS
from GPT_GNN.settings import Checked, setting

VERSION = 2  # of what is written
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


def build_store(
    folder: Path, output: Path, settings: Settings, facts: Mapping[str, Any], keep_other_files: bool
) -> None:
    """Write the store of the two files in a folder, with further facts."""
    with Npz(folder / DATA_FILE) as data, Npz(folder / GRAPH_FILE) as edges:
        posts = _checked_posts(data, edges)
        with build_graph(output, VIEWS, keep_other_files) as builder:
            builder.facts = {
                "dataset": "reddit",
                "settings": asdict(settings),
                "task": FACTS.to_dict(),
                **facts,
            }
            builder.add_node_type(POST, posts)
            builder.add_relation(RELATION, inverse=POST)
            links = _links(edges, posts)
            counts = FileCounts(GRAPH_FILE, read=edges.shape("row")[0])
            counts.leave_out("the same link again", counts.read - len(links))
            for start in range(0, len(links), _EDGES):
                part = links[start : start + _EDGES]
                builder.add_edges(RELATION, part // posts, part % posts)
            degree = _degrees(links, posts)
            del links  # the builder sorts the edges at the end of this block
            _write_features(builder, data, degree)
            builder.add_column(POST, FACTS.label, _integers(data, "label", posts))
            builder.add_column(POST, SPLIT.column, _split(data, posts, settings))
            if settings.split == "file":
                builder.facts["pretrain_on"] = "train"
    print(counts_table([counts]))


def _checked_posts(data: Npz, edges: Npz) -> int:
    """Number of posts; every array must be of that many."""
    shape = data.shape("feature")
    if len(shape) != 2 or not shape[0]:
        raise data.error("feature", "[posts, columns]", shape)
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
        found = f"{values.dtype} of shape {values.shape}"
        raise data.error(name, f"{posts} integers", found)
    return values.astype(np.int64)


def _links(edges: Npz, posts: int) -> np.ndarray:
    """Each link once, whichever of its two directions the file has: lower * posts + higher."""
    keys = np.empty(edges.shape("row")[0], dtype=np.int64)
    start = 0
    pairs = zip(edges.chunks("row", _EDGES), edges.chunks("col", _EDGES), strict=True)
    for row, col in pairs:
        for name, ids in (("row", row), ("col", col)):
            if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= posts:
                found = f"{ids.dtype} from {ids.min()} to {ids.max()}"
                raise edges.error(name, f"integers in [0, {posts})", found)
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
    part = builder.create_feature(POST, FACTS.text_part, width + 1)
    start = 0
    for rows in data.chunks("feature", max(1, _FEATURES // max(width, 1))):
        here = slice(start, start + len(rows))
        part[here, :width] = rows
        finite = np.isfinite(part[here, :width]).all(1)
        if not finite.all():
            post = start + int(np.argmin(finite))
            raise data.error("feature", "finite numbers", f"others in row {post}")
        start += len(rows)
    part[:, width] = np.log(np.maximum(degree, 1))


def _split(data: Npz, posts: int, settings: Settings) -> np.ndarray:
    """[N] int8 positions in ``SPLITS``, -1 for none."""
    if settings.split == "random":
        return RandomSplit(seed=settings.seed).numbers(posts, POST)
    kinds = _integers(data, "node_types", posts)
    other = np.setdiff1d(kinds, [0, *_KINDS])
    if len(other):
        raise data.error("node_types", "1 (train), 2 (valid), 3 (test) or 0", other[0])
    for kind, name in _KINDS.items():
        if not (kinds == kind).any():
            found = f"it for none of {posts:,}; --split random divides them anew"
            raise data.error("node_types", f"{kind} ({name}) for some posts", found)
    number = [-1, *(SPLITS.index(name) for name in _KINDS.values())]
    return np.array(number, dtype=np.int8)[kinds]
