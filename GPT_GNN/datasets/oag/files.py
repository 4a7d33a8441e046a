"""The files of an OAG dump: their names, their columns, what was read of each."""

from __future__ import annotations

import re
from pathlib import Path

from GPT_GNN.datasets import tab_file
from GPT_GNN.datasets.raw import FileCounts, RawDataError
from GPT_GNN.datasets.tab_file import RawTable

COLUMNS = {
    "SeqName": {"Id": tab_file.ID, "Name": tab_file.TEXT, "Type": tab_file.TEXT},
    "FHierarchy": {
        "ChildFosId": tab_file.ID,
        "ParentFosId": tab_file.ID,
        "ChildLevel": tab_file.LEVEL,
        "ParentLevel": tab_file.LEVEL,
    },
    "Papers": {
        "PaperId": tab_file.ID,
        "PublishYear": tab_file.YEAR,
        "NormalisedTitle": tab_file.TEXT,
        "VenueId": tab_file.OPTIONAL_ID,
        "DetectedLanguage": tab_file.TEXT,
        "DocType": tab_file.TEXT,
        "EstimatedCitation": tab_file.TEXT,
    },
    "PR": {"PaperId": tab_file.ID, "ReferenceId": tab_file.ID},
    "PF": {"PaperId": tab_file.ID, "FieldOfStudyId": tab_file.ID},
    "PAuAf": {
        "PaperId": tab_file.ID,
        "AuthorId": tab_file.ID,
        "AffiliationId": tab_file.OPTIONAL_ID,
        "AuthorSequenceNumber": tab_file.POSITION,
    },
    "PAb": {"PaperId": tab_file.ID, "AbstractText": tab_file.TEXT},
}
# File -> the kind of its records, see GPT_GNN.datasets.academic.records.Records.
KINDS = {
    "SeqName": "names",
    "FHierarchy": "hierarchy",
    "Papers": "papers",
    "PR": "references",
    "PF": "fields",
    "PAuAf": "authorships",
    "PAb": "abstracts",
}
VECTORS = "vfi_vector"  # optional


class Dump:
    """The files of a dump, and what was read of each.

    Args:
        suffix: of their names: the domain, e.g. ``_CS``.
        skip_bad_rows: count wrong rows instead of stopping at the first.
    """

    def __init__(self, folder: Path, suffix: str, skip_bad_rows: bool) -> None:
        self.folder, self.suffix, self.skip_bad_rows = folder, suffix, skip_bad_rows
        self.counts: dict[str, FileCounts] = {}

    def path(self, stem: str) -> Path:
        """Where a file is. Raises RawDataError when it is not there."""
        return find_raw_file(self.folder, stem, "" if stem == "FHierarchy" else self.suffix)

    def table(self, stem: str) -> RawTable:
        """Open one file. Raises RawDataError when it is not there."""
        table = RawTable(self.path(stem), COLUMNS[stem], self.skip_bad_rows, stem)
        self.counts[KINDS[stem]] = table.counts
        return table

    def files(self) -> list[Path]:
        """All files, and the optional one where it is there. Raises RawDataError: one is not."""
        vectors = self._vectors()
        return [*map(self.path, COLUMNS), *([vectors] if vectors else [])]

    def _vectors(self) -> Path | None:
        """They are plain or gzip, and have no domain or stamp."""
        paths = (self.folder / f"{VECTORS}.tsv{end}" for end in ("", ".gz"))
        return next(filter(Path.is_file, paths), None)

    def vectors(self) -> RawTable | None:
        """Open the given vectors, if they are there."""
        path = self._vectors()
        if path is None:
            return None
        columns = {"Id": tab_file.ID, "Vector": tab_file.TEXT}
        table = RawTable(path, columns, self.skip_bad_rows, VECTORS, header=False)
        self.counts["vectors"] = table.counts
        return table


def find_raw_file(folder: Path, stem: str, domain: str = "") -> Path:
    """The one file ``<stem><domain>_<8-digit stamp>.tsv`` or ``.tsv.gz``, else RawDataError."""
    if not folder.is_dir():
        raise RawDataError(f"{folder}: expected a folder with a raw dump, found none")
    pattern = re.compile(rf"{re.escape(stem + domain)}_\d{{8}}\.tsv(\.gz)?")
    found = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    if len(found) == 1:
        return found[0]
    expected = f"{folder}: expected one file {stem}{domain}_<8 digits>.tsv or .tsv.gz, found "
    if found:
        raise RawDataError(expected + f"{len(found)}: {', '.join(path.name for path in found)}")
    others = sorted(path.name for path in folder.iterdir() if path.name.startswith(stem))
    raise RawDataError(expected + ("none; there are: " + ", ".join(others) if others else "none"))
