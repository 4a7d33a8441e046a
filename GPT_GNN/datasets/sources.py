"""The sources of academic graphs by name. A new one is a reader in a file of its own and a line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from GPT_GNN.datasets.academic.build import build_store
from GPT_GNN.datasets.academic.reader import Reader
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.oag.reader import OAGReader
from GPT_GNN.graph.store import HeteroGraph, file_checksum
from GPT_GNN.settings import Choosing, setting

READERS: dict[str, type[Reader]] = {
    "oag": OAGReader,
}


@dataclass(frozen=True)
class SourceConfig(Choosing):
    """Whose records they are, and how they are read."""

    source: str = setting("oag", "source of the records", registry=READERS)

    def open(self, path: str | os.PathLike[str]) -> Reader:
        """The reader of a file or folder."""
        return READERS[self.source](Path(path), self.own())


def build_academic(
    path: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    keep_other_files: bool = False,
    source: str = "oag",
    **settings: Any,
) -> HeteroGraph:
    """Build the store of a source and open it; of a transfer's two the one to fine-tune.

    Args:
        path: the source's file or folder.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.
        source: a name in ``READERS``.
        settings: fields of its reader's ``Settings`` and of :class:`Settings`.

    Raises:
        RawDataError: the source is incomplete, damaged or contradicts itself.
        ValueError: a setting out of range, or fields that do not divide the papers.
    """
    own = {f.name for f in fields(SourceConfig.joined(source))} & settings.keys()
    config = SourceConfig(source, **{name: settings.pop(name) for name in own})
    stores = build_source(
        config, path, output_dir, Settings(**settings), keep_other_files=keep_other_files
    )
    return HeteroGraph.open(stores[-1])


def build_source(
    source: SourceConfig,
    path: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    settings: Settings,
    extra_facts: Mapping[str, Any] | None = None,
    keep_other_files: bool = False,
) -> list[Path]:
    """Read the data of a source and build its store, or the two of a transfer between fields.

    Args:
        path: the source's file or folder.
        extra_facts, keep_other_files: see :func:`build_store`, as for what is returned or raised.
    """
    reader = source.open(path)
    listed = dict.fromkeys(reader.LISTED) | asdict(source.own()) | asdict(settings)
    facts = {"dataset": source.source} | listed
    return build_store(reader, Path(output_dir), settings, facts, extra_facts, keep_other_files)


def raw_files(
    reader: Reader, pretrain_fields: Sequence[str], finetune_fields: Sequence[str]
) -> dict[str, str]:
    """Names and checksums of the files of a source, for a study's records.

    The fields of a transfer are looked for, too: an unknown one is an error before the first job.
    """
    files = reader.files()
    reader.check_fields(pretrain_fields, finetune_fields)
    return {file.name: file_checksum(file) for file in files}
