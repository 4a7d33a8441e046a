"""The papers of an OAG dump: references, fields, authors, abstracts, given vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from GPT_GNN.datasets.academic.paper_rows import PaperRows
from GPT_GNN.datasets.academic.records import Names, Papers, TextFile
from GPT_GNN.datasets.oag.files import Dump
from GPT_GNN.datasets.raw import NONE, lookup
from GPT_GNN.datasets.tab_file import Chunk


def read_papers(dump: Dump, venues: Names, language: str) -> tuple[Papers, PaperRows]:
    """Papers; a VenueId is empty or one of the venues'."""
    table = dump.table("Papers")
    rows = PaperRows(language, table.counts)
    for chunk in table.chunks():
        venue = _position(chunk, "VenueId", venues, "a VenueId that SeqName defines as a venue")
        rows.add(
            chunk["PaperId"],
            chunk["PublishYear"],
            venue,
            kinds=chunk["DocType"],
            titles=chunk["NormalisedTitle"],
            languages=chunk["DetectedLanguage"],
        )
    return rows.finish(str(table.path), "DetectedLanguage"), rows


def read_references(dump: Dump, papers: PaperRows) -> np.ndarray:
    """PR: [2, E] int32 rows, without references to papers that the dump does not have."""

    def resolve(chunk: Chunk) -> list[np.ndarray]:
        cited = papers.rows_of(chunk["ReferenceId"])
        chunk.leave_out(cited == NONE, "reference outside the dump")
        return [cited[cited != NONE]]

    return _read_links(dump, "PR", papers, resolve)


def read_fields(dump: Dump, papers: PaperRows, names: Names, level: np.ndarray) -> np.ndarray:
    """PF: [2, E] int32 (row, position of the field)."""

    def resolve(chunk: Chunk) -> list[np.ndarray]:
        column = "FieldOfStudyId"
        field = _position(chunk, column, names, f"a {column} that SeqName defines as fos")
        flat = level[field] == NONE
        chunk.reject(flat, column, f"a {column} that FHierarchy gives a level")
        return [field[~flat]]

    return _read_links(dump, "PF", papers, resolve)


def read_authors(dump: Dump, papers: PaperRows, authors: Names, affiliations: Names) -> np.ndarray:
    """PAuAf: [4, E] int32 (row, author, affiliation or NONE, sequence)."""

    def resolve(chunk: Chunk) -> list[np.ndarray]:
        expected = "an AuthorId that SeqName defines as an author"
        _position(chunk, "AuthorId", authors, expected)
        expected = "an AffiliationId that SeqName defines as an affiliation, or nothing"
        affiliation = _position(chunk, "AffiliationId", affiliations, expected)
        author = lookup(authors.ids, chunk["AuthorId"])
        return [author, affiliation, chunk["AuthorSequenceNumber"]]

    return _read_links(dump, "PAuAf", papers, resolve)


def read_abstracts(
    dump: Dump, rows: PaperRows, wanted: np.ndarray, work: Path
) -> tuple[np.ndarray, TextFile]:
    """PAb: [A] int32 rows, and the texts, empty for papers that are not wanted, [P] bool."""
    texts = TextFile(work / "abstracts")

    def resolve(chunk: Chunk) -> list[np.ndarray]:
        kept = wanted[rows.rows_of(chunk["PaperId"])]
        texts.extend(np.where(kept, chunk["AbstractText"], ""))
        return []

    return _read_links(dump, "PAb", rows, resolve)[0], texts


def _read_links(
    dump: Dump, stem: str, papers: PaperRows, resolve: Callable[[Chunk], list[np.ndarray]]
) -> np.ndarray:
    """[C, E] int32: the rows of the papers, and what else ``resolve`` makes of each chunk.

    Rows of the file whose PaperId is not in Papers are rejected before.
    """
    parts = []
    for chunk in dump.table(stem).chunks():
        unknown = papers.rows_of(chunk["PaperId"]) == NONE
        chunk.reject(unknown, "PaperId", "a PaperId that Papers defines")
        others = resolve(chunk)
        columns = [papers.rows_of(chunk["PaperId"]), *others]
        parts.append(np.stack(columns).astype(np.int32))
    return np.concatenate(parts, axis=1)


def _position(chunk: Chunk, column: str, names: Names, expected: str) -> np.ndarray:
    """Positions of the ids in a column, NONE where it is empty; ids without a name are rejected."""
    position = lookup(names.ids, chunk[column])
    unknown = (chunk[column] != NONE) & (position == NONE)
    chunk.reject(unknown, column, expected)
    return position[~unknown]


def read_vectors(dump: Dump, work: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """``vfi_vector.tsv``, if it is there: [V] int64 ids and [V, D] float32 vectors."""
    table = dump.vectors()
    if table is None:
        return None
    ids, width = [], None
    file = work / "vectors"
    with open(file, "wb") as out:
        for chunk in table.chunks():
            vectors = [_numbers(cell) for cell in chunk["Vector"]]
            if width is None:
                width = next((len(v) for v in vectors if v is not None), 0)
            bad = np.array([v is None or len(v) != width for v in vectors], dtype=bool)
            chunk.reject(bad, "Vector", f"{width} numbers, as in the first row")
            good = [v for v, wrong in zip(vectors, bad, strict=True) if v is not None and not wrong]
            out.writelines(vector.tobytes() for vector in good)
            ids.append(chunk["Id"])
    shape = (sum(map(len, ids)), width or 0)
    values = np.memmap(file, np.float32, "r", shape=shape) if width else np.empty(shape, np.float32)
    return np.concatenate(ids), values


def _numbers(cell: str) -> np.ndarray | None:
    try:
        return np.array(cell.split(), dtype=np.float32)
    except ValueError:
        return None
