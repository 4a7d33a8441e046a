"""GraphSAGE's files of Reddit, and built-in ones, to stores; the download."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.builtin import built_in, data_folder, toy_path
from GPT_GNN.datasets.raw import RawDataError
from GPT_GNN.datasets.reddit import toy as reddit_toy
from GPT_GNN.datasets.reddit.build import DATA_FILE, GRAPH_FILE, VERSION, Settings, build_store
from GPT_GNN.graph.store import HeteroGraph, file_checksum
from GPT_GNN.graph.summary import summary
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES

TOY_POSTS = 3000
FILES = (DATA_FILE, GRAPH_FILE)


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


def build_reddit(
    input_dir: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    keep_other_files: bool = False,
    **settings: Any,
) -> HeteroGraph:
    """Preprocess GraphSAGE's two files to a store and open it.

    Args:
        input_dir: the folder of the files, or the one whose ``raw`` is, as PyG lays them out.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.
        settings: fields of :class:`Settings`.

    Raises:
        RawDataError: a file is missing, damaged or does not fit the other.
    """
    files = FilesConfig(str(Path(input_dir)), keep_other_files=keep_other_files)
    _build(Path(output_dir), files, Settings(**settings))
    return HeteroGraph.open(output_dir)


def raw_files(data: Mapping[str, Any]) -> dict[str, str]:
    """Names and checksums of the files that preprocessing reads; none for the built-in graph.

    Args:
        data: the flag ``input_dir``.
    """
    if not data["input_dir"]:
        return {}
    folder = _files_folder(data["input_dir"])
    for name in FILES:
        if not (folder / name).is_file():
            raise RawDataError(f"{folder}: expected {name}, found none")
    return {name: file_checksum(folder / name) for name in FILES}


def preprocess(files: FilesConfig, settings: Settings) -> None:
    """Run preprocess_reddit.py: without ``input_dir`` it writes and takes built-in files."""
    default = data_folder() / "reddit"
    if not files.input_dir:
        default = toy_path("toy_reddit", files.toy_posts, settings.seed)
    path = Path(files.output_dir or default)
    _build(path, files, settings)
    print(f"\n{summary(HeteroGraph.open(path))}")


def toy_store(posts: int = TOY_POSTS, seed: int = 0, folder: Path | None = None) -> HeteroGraph:
    """The built-in graph, opened from ``<folder>/toy_reddit_<posts>_<seed>``, built if need be."""
    path = toy_path("toy_reddit", posts, seed, folder)
    # Nobody asked to replace anything, so what others put there stays, too.
    files = FilesConfig(keep_other_files=True, toy_posts=posts)
    return built_in(path, _versions(), partial(_build, path, files, Settings(seed=seed)))


def _versions() -> list[int]:
    return [reddit_toy.VERSION, VERSION]


def _build(path: Path, files: FilesConfig, settings: Settings) -> None:
    """Write the store of the given files, or of built-in ones."""
    check_output(path, files.keep_other_files)
    if files.input_dir:
        if files.download:
            fetch(Path(files.input_dir))
        folder = _files_folder(files.input_dir)
        build_store(folder, path, settings, {}, files.keep_other_files)
        return
    with TemporaryDirectory() as temporary:
        reddit_toy.write_files(Path(temporary), files.toy_posts, settings.seed)
        facts = {"versions": _versions()}
        build_store(Path(temporary), path, settings, facts, files.keep_other_files)


def _files_folder(folder: str | os.PathLike[str]) -> Path:
    raw = Path(folder) / "raw"
    return raw if (raw / DATA_FILE).is_file() else Path(folder)


def fetch(folder: Path) -> None:
    """Download GraphSAGE's files from where PyG gets them, unless they are there."""
    if all((_files_folder(folder) / name).is_file() for name in FILES):
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
