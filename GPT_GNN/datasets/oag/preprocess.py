"""Default names of OAG's stores, and the built-in graph, whose raw dump is written on demand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from GPT_GNN.datasets import sources
from GPT_GNN.datasets.academic import build as academic
from GPT_GNN.datasets.academic.selection import TIME
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.builtin import built_in, data_folder, toy_path
from GPT_GNN.datasets.oag.reader import OAGReader, ReaderSettings
from GPT_GNN.datasets.sources import SourceConfig
from GPT_GNN.datasets.toy import toy
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.graph.summary import summary
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES

TOY_PAPERS = 4000


@dataclass(frozen=True)
class DumpConfig(Checked):
    """What is preprocessed, and where to."""

    input_dir: str = setting("", "folder of the raw dump; empty: the built-in graph's")
    output_dir: str = setting(
        "", "store to write; empty: data/oag<domain> or data/toy_*, with the name of a transfer"
    )
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)
    toy_papers: int = setting(
        TOY_PAPERS, "papers of the built-in graph, which --seed draws", low=100
    )


def raw_files(data: Mapping[str, Any]) -> dict[str, str]:
    """What a study looks at before its first job, see :func:`GPT_GNN.datasets.sources.raw_files`.

    Args:
        data: the flags ``input_dir``, ``domain``, ``language``, ``citation_bar``,
            ``pretrain_fields`` and ``finetune_fields``.

    Returns:
        No files for the built-in graph.
    """
    Settings(citation_bar=int(data["citation_bar"]))
    reading = ReaderSettings(data["domain"], data["language"])
    with _dump(data["input_dir"]) as path:
        asked = data["pretrain_fields"], data["finetune_fields"]
        files = sources.raw_files(OAGReader(path, reading), *asked)
    return files if data["input_dir"] else {}


def preprocess(dump: DumpConfig, reading: ReaderSettings, settings: Settings) -> None:
    """Run preprocess_OAG.py: without ``input_dir`` it writes and takes a built-in dump."""
    for path in _build(dump, reading, settings):
        print(f"\n{summary(HeteroGraph.open(path))}")


def toy_store(
    num_papers: int = TOY_PAPERS, seed: int = 0, folder: Path | None = None
) -> HeteroGraph:
    """The built-in graph, opened from ``<folder>/toy_<papers>_<seed>``, built if need be."""
    path = toy_path("toy", num_papers, seed, folder)
    # Nobody asked to replace anything, so what others put there stays, too.
    dump = DumpConfig("", os.fspath(path), keep_other_files=True, toy_papers=num_papers)
    build = partial(_build, dump, ReaderSettings(), Settings(seed=seed))
    return built_in(path, _versions(), build)


def _versions() -> list[int]:
    return [toy.VERSION, academic.VERSION]


@contextmanager
def _dump(input_dir: str, toy_papers: int = TOY_PAPERS, seed: int = 0) -> Iterator[Path]:
    """The folder of a dump; empty: a built-in one, written for as long as it is needed."""
    if input_dir:
        yield Path(input_dir)
        return
    with TemporaryDirectory() as folder:
        toy.write_toy_dump(Path(folder), toy_papers, seed)
        yield Path(folder)


def _build(dump: DumpConfig, reading: ReaderSettings, settings: Settings) -> list[Path]:
    """The stores of a dump, or of the built-in one, by default under the names of the package."""
    default, extra = data_folder() / f"oag{reading.domain}", {}
    if not dump.input_dir:
        default = toy_path("toy", dump.toy_papers, settings.seed)
        extra = {"versions": _versions(), "toy_papers": dump.toy_papers}
    suffix = "" if settings.transfer == TIME else "_" + settings.transfer.replace("+", "_")
    output = dump.output_dir or default.with_name(default.name + suffix)
    source = SourceConfig("oag", **vars(reading))
    with _dump(dump.input_dir, dump.toy_papers, settings.seed) as path:
        return sources.build_source(source, path, output, settings, extra, dump.keep_other_files)
