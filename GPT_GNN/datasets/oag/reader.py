"""The reader of OAG-layout raw dumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from GPT_GNN.datasets.academic.reader import Reader
from GPT_GNN.datasets.academic.records import Records
from GPT_GNN.datasets.academic.selection import LEVEL, find_sides
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

    def check_fields(self, pretrain_fields: Sequence[str], finetune_fields: Sequence[str]) -> None:
        """Look for fields by name before any paper is read; see :func:`find_sides`."""
        if pretrain_fields or finetune_fields:
            fields = read_names(self.dump)["field"]
            level, _ = read_hierarchy(self.dump, fields)
            known = {i: f"{fields.ids[i]}" for i in np.flatnonzero(level == LEVEL).tolist()}
            find_sides(fields, known, pretrain_fields, finetune_fields)

    def read(self, work: Path) -> Records:
        """See :class:`Reader`."""
        dump = self.dump
        names = read_names(dump)
        level, parents = read_hierarchy(dump, names["field"])
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
