"""The base class of readers of academic sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from GPT_GNN.datasets.academic.records import Records
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.settings import Checked


class Reader:
    """Reads a source once, whole; the build opens none of its files.

    A new source is a class like this in a file of its own, and a line in
    :data:`GPT_GNN.datasets.sources.READERS`.

    Args:
        path: the file or folder.
        settings: of the class ``Settings``.

    Attributes:
        FACTS: what pre-training and tasks have to know of its graphs; they divide papers by year.
        LISTED: settings of reader and build in the order in which the store's facts list them;
            those that are not named follow.
    """

    Settings: ClassVar[type[Checked]]
    FACTS: ClassVar[GraphFacts]
    LISTED: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: Path, settings: Any) -> None:
        self.path, self.settings = path, settings

    def files(self) -> list[Path]:
        """The files that will be read. Raises RawDataError when one is not there."""
        raise NotImplementedError

    def read(self, work: Path) -> Records:
        """Read them. Raises RawDataError for a file that is damaged, or contradicts another.

        Args:
            work: a folder for what is too large for memory; it goes after the build.
        """
        raise NotImplementedError
