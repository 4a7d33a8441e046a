"""The sources of academic graphs by name. A new one is a reader in a file of its own and a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from GPT_GNN.datasets.academic.build import build_store
from GPT_GNN.datasets.academic.reader import Reader
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.oag.reader import OAGReader
from GPT_GNN.settings import Checked

READERS: dict[str, type[Reader]] = {
    "oag": OAGReader,
}


def build_source(
    source: str,
    path: Path,
    output_dir: Path,
    reading: Checked,
    settings: Settings,
    extra_facts: Mapping[str, Any] | None = None,
    keep_other_files: bool = False,
) -> list[Path]:
    """Read the data of a source and build its store, or the two of a transfer between fields.

    Args:
        source: a name in ``READERS``.
        path: its file or folder.
        reading: settings of the reader.
        extra_facts, keep_other_files: see :func:`build_store`, as for what is returned or raised.
    """
    reader = READERS[source](path, reading)
    listed = dict.fromkeys(reader.LISTED) | asdict(reading) | asdict(settings)
    facts = {"dataset": source} | listed
    return build_store(reader, output_dir, settings, facts, extra_facts, keep_other_files)
