"""The reader of OAG-layout raw dumps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from GPT_GNN.datasets.academic.reader import Reader
from GPT_GNN.datasets.academic.records import Names, Records
from GPT_GNN.datasets.oag.facts import FACTS
from GPT_GNN.datasets.oag.files import Dump
from GPT_GNN.datasets.oag.records import (
    read_abstracts,
    read_authors,
    read_fields,
    read_hierarchy,
    read_names,
    read_papers,
    read_references,
    read_vectors,
)
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class ReaderSettings(Checked):
    """How a dump is read."""

    domain: str = setting("_CS", "suffix of the file names: _CS, _Med ...; empty or none for none")
    language: str = setting("en", "DetectedLanguage of the papers to keep, in any case; or any")
    skip_bad_rows: bool = setting(False, "count wrong rows instead of stopping at the first")


class OAGReader(Reader):
    """Reads a dump, each file once.

    Differs: ids come from SeqName and PF instead of ``vfi_vector.tsv``; author edges without a
    known affiliation stay, and so do papers without an abstract, a venue or four title tokens.
    """

    Settings = ReaderSettings
    FACTS = FACTS
    LAST_YEAR = 2020  # as published
    LISTED = (
        *("domain", "citation_bar", "language", "text_encoder", "text_dim", "word_dim"),
        *("word_min_count", "word_epochs", "skip_bad_rows", "seed"),
    )

    def __init__(self, path: Path, settings: ReaderSettings) -> None:
        super().__init__(path, settings)
        suffix = "" if settings.domain == "none" else settings.domain
        self.dump = Dump(path, suffix, settings.skip_bad_rows)

    def files(self) -> list[Path]:
        """All files, the optional one where it is there."""
        return self.dump.files()

    @cached_property
    def _names(self) -> dict[str, Names]:
        return read_names(self.dump)

    @cached_property
    def _hierarchy(self) -> tuple[np.ndarray, np.ndarray]:
        return read_hierarchy(self.dump, self._names["field"])

    def fields(self) -> tuple[Names, np.ndarray]:
        """Those of SeqName, with FHierarchy's levels."""
        return self._names["field"], self._hierarchy[0]

    def read(self, work: Path) -> Records:
        """See :class:`Reader`."""
        dump, names = self.dump, self._names
        level, parents = self._hierarchy
        papers, rows = read_papers(dump, names["venue"], self.settings.language)
        return Records(
            papers=papers,
            names=names,
            level=level,
            parents=parents,
            references=read_references(dump, rows),
            fields=read_fields(dump, rows, names["field"], level),
            authorships=read_authors(dump, rows, names["author"], names["affiliation"]),
            abstracts=read_abstracts(dump, rows, papers.wanted, work),
            vectors=read_vectors(dump, work),
            counts=dump.counts,
            texts_where=(
                f"{papers.where}, column NormalisedTitle",
                f"{papers.where} and {dump.path('PAb')}, titles and abstracts",
            ),
        )
