"""The base class of readers of academic sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from GPT_GNN.datasets.academic.records import Names, Records
from GPT_GNN.datasets.academic.selection import LEVEL, find_sides
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.settings import Checked, NoSettings


class Reader:
    """Reads a source once, whole; the build opens none of its files.

    A new source is a class like this in a file of its own, and a line in
    :data:`GPT_GNN.datasets.sources.READERS`.

    Args:
        path: the file or folder.
        settings: of the class ``Settings``.

    Attributes:
        Settings: the settings that it has: flags, where ``--source`` chooses it.
        FACTS: what pre-training and tasks have to know of its graphs; they divide papers by year.
        LAST_YEAR: the source's; the citation bar counts a paper's age up to it.
        LISTED: settings of reader and build in the order in which the store's facts list them;
            those that are not named follow.
    """

    Settings: ClassVar[type[Checked]] = NoSettings
    FACTS: ClassVar[GraphFacts]
    LAST_YEAR: ClassVar[int]
    LISTED: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: Path, settings: Any) -> None:
        self.path, self.settings = path, settings

    def files(self) -> list[Path]:
        """The files that will be read. Raises RawDataError when one is not there."""
        raise NotImplementedError

    def fields(self) -> tuple[Names, np.ndarray] | None:
        """Names and levels, [fields] int8, of the fields; None where only all records tell them.

        What this reads, :meth:`read` must not read again.
        """
        return None

    def check_fields(self, pretrain_fields: Sequence[str], finetune_fields: Sequence[str]) -> None:
        """Look for a transfer's fields by name before any paper is read, where :meth:`fields` can.

        Raises ValueError as :func:`find_sides`.
        """
        found = self.fields() if pretrain_fields or finetune_fields else None
        if found is not None:
            names, level = found
            known = {i: f"{names.ids[i]}" for i in np.flatnonzero(level == LEVEL).tolist()}
            find_sides(names, known, pretrain_fields, finetune_fields)

    def read(self, work: Path) -> Records:
        """Read them. Raises RawDataError for a file that is damaged, or contradicts another.

        Args:
            work: a folder for what is too large for memory; it goes after the build.
        """
        raise NotImplementedError
