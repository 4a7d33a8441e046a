"""An OAG-layout raw dump as arrays: nodes numbered, links as pairs of numbers, rows accounted for.

Legend: P papers of the dump, N kept papers; "position" is a row number in a sorted id array.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from GPT_GNN.datasets import raw
from GPT_GNN.datasets.raw import NONE, Chunk, FileCounts, RawDataError, RawTable, lookup
from GPT_GNN.graph.csr import Ragged

COLUMNS = {
    "SeqName": {"Id": raw.ID, "Name": raw.TEXT, "Type": raw.TEXT},
    "FHierarchy": {
        "ChildFosId": raw.ID,
        "ParentFosId": raw.ID,
        "ChildLevel": raw.LEVEL,
        "ParentLevel": raw.LEVEL,
    },
    "Papers": {
        "PaperId": raw.ID,
        "PublishYear": raw.YEAR,
        "NormalisedTitle": raw.TEXT,
        "VenueId": raw.OPTIONAL_ID,
        "DetectedLanguage": raw.TEXT,
        "DocType": raw.TEXT,
        "EstimatedCitation": raw.TEXT,
    },
    "PR": {"PaperId": raw.ID, "ReferenceId": raw.ID},
    "PF": {"PaperId": raw.ID, "FieldOfStudyId": raw.ID},
    "PAuAf": {
        "PaperId": raw.ID,
        "AuthorId": raw.ID,
        "AffiliationId": raw.OPTIONAL_ID,
        "AuthorSequenceNumber": raw.POSITION,
    },
    "PAb": {"PaperId": raw.ID, "AbstractText": raw.TEXT},
}
NODE_TYPE_OF_NAME = {
    "conference": "venue",
    "journal": "venue",
    "repository": "venue",
    "patent": "venue",
    "fos": "field",
    "author": "author",
    "affiliation": "affiliation",
}
FIRST_YEAR = 1900  # earlier papers are left out, as published
ANY_LANGUAGE = "any"
_SHOWN = 10  # languages that an error names


class TextRows:
    """Grows a :class:`Ragged` of UTF-8 bytes: much smaller than as many str objects."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._lengths: list[np.ndarray] = []

    def extend(self, texts: np.ndarray) -> None:
        """Add an object array of str."""
        encoded = [text.encode("utf-8") for text in texts]
        self._bytes += b"".join(encoded)
        self._lengths.append(np.array([len(row) for row in encoded], dtype=np.int64))

    def ragged(self) -> Ragged:
        """The rows so far."""
        lengths = np.concatenate([np.zeros(1, dtype=np.int64), *self._lengths])
        return Ragged(np.cumsum(lengths), np.frombuffer(self._bytes, dtype=np.uint8))


@dataclass(frozen=True)
class Names:
    """SeqName's entries of one node type.

    Attributes:
        ids: [n] int64, ascending.
        rows: [n] int64, the row of each in ``text``.
        text: names of all types.
    """

    ids: np.ndarray
    rows: np.ndarray
    text: Ragged


@dataclass(frozen=True)
class Papers:
    """Papers.tsv. Arrays over all P papers of the dump in file order, then over the kept ones.

    Attributes:
        sorted_ids, sorted_rows: [P] int64, for :meth:`rows_of`.
        node: [P] int64, the node number of each paper, NONE when it is left out.
        ids: [N] int64; year: [N] int32; venue: [N] int64 position in the venue names or NONE.
        doc_type: [N] str.
        title_rows: [N] int64, the row of each title in ``titles``.
        titles: UTF-8 bytes.
    """

    sorted_ids: np.ndarray
    sorted_rows: np.ndarray
    node: np.ndarray
    ids: np.ndarray
    year: np.ndarray
    venue: np.ndarray
    doc_type: np.ndarray
    title_rows: np.ndarray
    titles: Ragged

    def rows_of(self, ids: np.ndarray) -> np.ndarray:
        """Row in the dump of each paper id, NONE when Papers does not define it."""
        at = lookup(self.sorted_ids, ids)
        return np.where(at == NONE, NONE, self.sorted_rows[at])

    def title(self, node: int) -> str:
        """Title of a kept paper."""
        return self.titles.text(self.title_rows[node])


@dataclass
class RawDump:
    """The files of a dump and the book of what was read of each.

    Attributes:
        folder, domain: where the files are and the suffix of their names, e.g. ``_CS``.
        skip_bad_rows: count wrong rows instead of stopping at the first.
        languages: how many rows of Papers have each DetectedLanguage.
    """

    folder: Path
    domain: str
    skip_bad_rows: bool
    counts: dict[str, FileCounts] = field(default_factory=dict)
    languages: Counter[str] = field(default_factory=Counter)

    def path(self, stem: str) -> Path:
        """Where a file is. Raises RawDataError when it is not there."""
        return raw.find_raw_file(self.folder, stem, "" if stem == "FHierarchy" else self.domain)

    def table(self, stem: str) -> RawTable:
        """Open one file. Raises RawDataError when it is not there."""
        table = RawTable(self.path(stem), COLUMNS[stem], self.skip_bad_rows)
        self.counts[stem] = table.counts
        return table

    def check_files(self) -> list[Path]:
        """Look for every file before the first is read. Raises RawDataError."""
        return [self.table(stem).path for stem in COLUMNS]


def read_names(dump: RawDump) -> dict[str, Names]:
    """SeqName: ids and names by node type (venue, field, author, affiliation)."""
    table = dump.table("SeqName")
    node_types = list(dict.fromkeys(NODE_TYPE_OF_NAME.values()))
    expected = f"a type, one of {', '.join(NODE_TYPE_OF_NAME)}"
    ids, types, texts = [], [], TextRows()
    for chunk in table.chunks():
        known = np.array([name in NODE_TYPE_OF_NAME for name in chunk["Type"]], dtype=bool)
        chunk.reject(~known, "Type", expected)
        types += [node_types.index(NODE_TYPE_OF_NAME[name]) for name in chunk["Type"]]
        ids.append(chunk["Id"])
        texts.extend(chunk["Name"])
    all_ids, all_types, text = np.concatenate(ids), np.array(types, dtype=np.int64), texts.ragged()
    names = {}
    for position, node_type in enumerate(node_types):
        rows = np.flatnonzero(all_types == position)
        unique, first = np.unique(all_ids[rows], return_index=True)
        table.counts.leave_out("duplicate", len(rows) - len(unique))
        names[node_type] = Names(unique, rows[first], text)
    return names


@dataclass(frozen=True)
class Hierarchy:
    """FHierarchy: the level of every field and who belongs to whom.

    Attributes:
        ids: [F] int64, ascending; level: [F] int8, 0 to 5.
        child, parent: [E] int64 field ids, distinct pairs.
    """

    ids: np.ndarray
    level: np.ndarray
    child: np.ndarray
    parent: np.ndarray


def read_hierarchy(dump: RawDump) -> Hierarchy:
    """FHierarchy; a field has the level of its first row, a row that contradicts it is wrong."""
    table = dump.table("FHierarchy")
    level_of: dict[int, int] = {}
    children, parents = [], []
    for chunk in table.chunks():
        for side in ("Child", "Parent"):
            levels = chunk[f"{side}Level"]
            first = [
                level_of.setdefault(i, at)
                for i, at in zip(chunk[f"{side}FosId"].tolist(), levels, strict=True)
            ]
            expected = f"the level that an earlier row gives this field as {side}Level"
            differs = np.array(first, dtype=np.int64) != levels
            chunk.reject(differs, f"{side}Level", expected, show="L{}".format)
        children.append(chunk["ChildFosId"])
        parents.append(chunk["ParentFosId"])
    pairs = np.stack([np.concatenate(children), np.concatenate(parents)])
    unique = np.unique(pairs, axis=1)
    table.counts.leave_out("duplicate", pairs.shape[1] - unique.shape[1])
    ids = np.array(sorted(level_of), dtype=np.int64)
    level = np.array([level_of[i] for i in ids.tolist()], dtype=np.int8)
    return Hierarchy(ids, level, unique[0], unique[1])


def read_papers(dump: RawDump, venues: Names, language: str) -> tuple[Papers, np.ndarray]:
    """Papers.

    Args:
        venues: names of the venues; a paper's VenueId is empty or one of them.
        language: keep papers of this DetectedLanguage only, in any case; ``any`` keeps all.

    Returns:
        The papers, and [P] int64 years of all of them (NONE where empty). Nothing is left out yet
        for its citations: see :func:`drop_papers`.

    Raises:
        RawDataError: no paper is left.
    """
    table = dump.table("Papers")
    parts: dict[str, list[np.ndarray]] = {
        name: [] for name in ("id", "year", "venue", "type", "reason")
    }
    titles = TextRows()
    for chunk in table.chunks():
        venue = lookup(venues.ids, chunk["VenueId"])
        undefined = (chunk["VenueId"] != NONE) & (venue == NONE)
        chunk.reject(undefined, "VenueId", "a VenueId that SeqName defines as a venue")
        dump.languages.update(chunk["DetectedLanguage"])
        reason = _paper_reasons(chunk, language)
        values = (chunk["PaperId"], chunk["PublishYear"], venue[~undefined], chunk["DocType"])
        for name, value in zip(parts, (*values, reason), strict=True):
            parts[name].append(value)
        titles.extend(np.where(reason == "", chunk["NormalisedTitle"], ""))
    ids, year, venue, doc_type, reason = (np.concatenate(part) for part in parts.values())
    sorted_ids, first = np.unique(ids, return_index=True)
    duplicate = np.ones(len(ids), dtype=bool)
    duplicate[first] = False
    reason[duplicate] = "duplicate"
    node = np.where(reason == "", np.cumsum(reason == "") - 1, NONE)
    for text in np.unique(reason[reason != ""].astype(str)):
        table.counts.leave_out(str(text), int((reason == text).sum()))
    kept = np.flatnonzero(node != NONE)
    papers = Papers(
        sorted_ids=sorted_ids,
        sorted_rows=first,
        node=node,
        ids=ids[kept],
        year=year[kept].astype(np.int32),
        venue=venue[kept],
        doc_type=doc_type[kept].astype(str),
        title_rows=kept,
        titles=titles.ragged(),
    )
    _require_papers(dump, papers)
    return papers, year


def _paper_reasons(chunk: Chunk, language: str) -> np.ndarray:
    """Why each paper is left out, "" for the others; the first reason that applies counts."""
    reason = np.full(len(chunk), "", dtype=object)
    no_title = np.array([not title.strip() for title in chunk["NormalisedTitle"]], dtype=bool)
    year = chunk["PublishYear"]
    wanted = language.casefold()
    other = np.array(
        [found.casefold() != wanted for found in chunk["DetectedLanguage"]], dtype=bool
    )
    for mask, text in (
        (other & (wanted != ANY_LANGUAGE), "other language"),
        (year < FIRST_YEAR, f"year before {FIRST_YEAR}"),
        (year == NONE, "no year"),
        (no_title, "no title"),
    ):
        reason[mask] = text
    return reason


def drop_papers(dump: RawDump, papers: Papers, drop: np.ndarray, reason: str) -> Papers:
    """Leave out the kept papers of a mask [N] and number the others anew.

    Raises:
        RawDataError: no paper is left.
    """
    dump.counts["Papers"].leave_out(reason, int(drop.sum()))
    node = papers.node.copy()
    rows = np.flatnonzero(node != NONE)
    node[rows] = np.where(drop, NONE, np.cumsum(~drop) - 1)
    keep = ~drop
    left = replace(
        papers,
        node=node,
        ids=papers.ids[keep],
        year=papers.year[keep],
        venue=papers.venue[keep],
        doc_type=papers.doc_type[keep],
        title_rows=papers.title_rows[keep],
    )
    _require_papers(dump, left)
    return left


def require_some(dump: RawDump, papers: Papers, wanted: np.ndarray, what: str) -> None:
    """Raise RawDataError when none of the kept papers is wanted, [N] bool."""
    if not wanted.any():
        years = f"{papers.year.min()} to {papers.year.max()}"
        raise RawDataError(
            f"{dump.path('Papers')}: expected {what}, found {len(wanted):,} papers of {years}"
            f"{_why_left_out(dump)}"
        )


def _require_papers(dump: RawDump, papers: Papers) -> None:
    """Raise RawDataError, with the reasons, when no paper is left."""
    if not len(papers.ids):
        counts = dump.counts["Papers"]
        raise RawDataError(
            f"{dump.path('Papers')}: expected papers to keep, found none among "
            f"{counts.read:,} rows{_why_left_out(dump)}"
        )


def _why_left_out(dump: RawDump) -> str:
    """The reasons for which papers were left out, with what to do about their language."""
    counts = dump.counts["Papers"]
    reasons = {**counts.left_out, **({"bad": counts.bad} if counts.bad else {})}
    if not reasons:
        return ""
    text = "; left out: " + ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
    if "other language" in reasons:
        most = dump.languages.most_common(_SHOWN)
        shown = ", ".join(f"{name!r} ({n:,})" for name, n in most)
        shown += ", ..." * (len(dump.languages) > _SHOWN)
        text += f" (DetectedLanguage is {shown}; --language keeps one of them, or any)"
    return text
