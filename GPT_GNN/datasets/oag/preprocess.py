"""OAG's raw dumps, and the built-in one, to stores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from GPT_GNN.datasets.academic import build as academic
from GPT_GNN.datasets.academic.selection import TIME
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.builtin import built_in, data_folder, toy_path
from GPT_GNN.datasets.oag.reader import OAGReader, ReaderSettings
from GPT_GNN.datasets.sources import build_source
from GPT_GNN.datasets.toy import toy
from GPT_GNN.graph.store import HeteroGraph, file_checksum
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
    toy_papers: int = setting(TOY_PAPERS, "papers of the built-in graph", low=100)


def build_oag(
    input_dir: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    keep_other_files: bool = False,
    **settings: Any,
) -> HeteroGraph:
    """Preprocess a raw dump to a store and open it; of a transfer's two the one to fine-tune.

    Args:
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.
        settings: fields of :class:`ReaderSettings` and :class:`Settings`.

    Raises:
        RawDataError: the dump is incomplete, damaged or contradicts itself.
        ValueError: a setting out of range, or fields that do not divide the papers.
    """
    names = {f.name for f in fields(ReaderSettings)} & settings.keys()
    reading = ReaderSettings(**{name: settings.pop(name) for name in names})
    dump = DumpConfig(str(Path(input_dir)), str(Path(output_dir)), keep_other_files)
    return HeteroGraph.open(_build(dump, reading, Settings(**settings))[-1])


def raw_files(data: Mapping[str, Any]) -> dict[str, str]:
    """Names and checksums of the files that preprocessing reads; none for the built-in graph.

    Fields are looked for by name, too: an unknown one is an error before the first job.

    Args:
        data: the flags ``input_dir``, ``domain``, ``language``, ``citation_bar``,
            ``pretrain_fields`` and ``finetune_fields``.
    """
    Settings(citation_bar=int(data["citation_bar"]))
    reading = ReaderSettings(data["domain"], data["language"])
    asked = data["pretrain_fields"], data["finetune_fields"]
    if data["input_dir"]:
        reader = OAGReader(Path(data["input_dir"]), reading)
        files = reader.files()
        reader.check_fields(*asked)
        return {file.name: file_checksum(file) for file in files}
    with TemporaryDirectory() as folder:
        toy.write_toy_dump(Path(folder), TOY_PAPERS, 0)
        OAGReader(Path(folder), reading).check_fields(*asked)
    return {}


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


def _build(dump: DumpConfig, reading: ReaderSettings, settings: Settings) -> list[Path]:
    """The stores of a dump, or of a built-in one that is written for it."""
    suffix = "" if settings.transfer == TIME else "_" + settings.transfer.replace("+", "_")
    keep = dump.keep_other_files
    if dump.input_dir:
        output = Path(dump.output_dir or data_folder() / f"oag{reading.domain}{suffix}")
        path = Path(dump.input_dir)
        return build_source("oag", path, output, reading, settings, keep_other_files=keep)
    default = toy_path("toy", dump.toy_papers, settings.seed)
    output = Path(dump.output_dir or default.with_name(default.name + suffix))
    extra = {"versions": _versions(), "toy_papers": dump.toy_papers}
    with TemporaryDirectory() as folder:
        toy.write_toy_dump(Path(folder), dump.toy_papers, settings.seed)
        return build_source("oag", Path(folder), output, reading, settings, extra, keep)
