"""The link files of an OAG-layout dump: references, fields and authors of papers, each row once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from GPT_GNN.datasets.oag.raw import Hierarchy, Names, Papers, RawDump
from GPT_GNN.datasets.raw import NONE, Chunk, FileCounts, lookup


def read_references(dump: RawDump, papers: Papers) -> np.ndarray:
    """PR: distinct (citing, cited) rows of the dump, [2, E] int64, whatever papers are kept."""
    table = dump.table("PR")
    pairs = []
    for chunk in table.chunks():
        citing = _defined_papers(chunk, papers)
        cited = papers.rows_of(chunk["ReferenceId"])
        chunk.leave_out(cited == NONE, "reference outside the dump")
        inside = cited != NONE
        pairs.append(np.stack([citing[inside], cited[inside]]))
    return _distinct(np.concatenate(pairs, axis=1), table.counts)


def read_fields(dump: RawDump, papers: Papers, names: Names, levels: Hierarchy) -> np.ndarray:
    """PF: distinct (paper node, position in the field names), [2, E] int64."""

    def resolve(chunk: Chunk) -> np.ndarray:
        ids = chunk["FieldOfStudyId"]
        nameless, flat = lookup(names.ids, ids) == NONE, lookup(levels.ids, ids) == NONE
        chunk.reject(nameless, "FieldOfStudyId", "a FieldOfStudyId that SeqName defines as fos")
        expected = "a FieldOfStudyId that FHierarchy gives a level"
        chunk.reject(flat[~nameless], "FieldOfStudyId", expected)
        return lookup(names.ids, chunk["FieldOfStudyId"])[None]

    return _read_links(dump, "PF", papers, resolve)


def read_authors(dump: RawDump, papers: Papers, authors: Names, affiliations: Names) -> np.ndarray:
    """PAuAf: distinct (paper node, author, affiliation or NONE, sequence), [4, E] int64."""

    def resolve(chunk: Chunk) -> np.ndarray:
        unknown = lookup(authors.ids, chunk["AuthorId"]) == NONE
        chunk.reject(unknown, "AuthorId", "an AuthorId that SeqName defines as an author")
        given = chunk["AffiliationId"] != NONE
        unknown = given & (lookup(affiliations.ids, chunk["AffiliationId"]) == NONE)
        expected = "an AffiliationId that SeqName defines as an affiliation, or nothing"
        chunk.reject(unknown, "AffiliationId", expected)
        affiliation = lookup(affiliations.ids, chunk["AffiliationId"])
        author = lookup(authors.ids, chunk["AuthorId"])
        return np.stack([author, affiliation, chunk["AuthorSequenceNumber"]])

    return _read_links(dump, "PAuAf", papers, resolve)


def _read_links(
    dump: RawDump, stem: str, papers: Papers, resolve: Callable[[Chunk], np.ndarray]
) -> np.ndarray:
    table = dump.table(stem)
    rows = []
    for chunk in table.chunks():
        _defined_papers(chunk, papers)
        others = resolve(chunk)
        node = papers.node[papers.rows_of(chunk["PaperId"])]
        table.counts.leave_out("paper left out", int((node == NONE).sum()))
        rows.append(np.concatenate([node[None], others])[:, node != NONE])
    return _distinct(np.concatenate(rows, axis=1), table.counts)


def _defined_papers(chunk: Chunk, papers: Papers) -> np.ndarray:
    """Reject rows whose PaperId is not in Papers; rows in the dump of the others."""
    rows = papers.rows_of(chunk["PaperId"])
    chunk.reject(rows == NONE, "PaperId", "a PaperId that Papers defines")
    return rows[rows != NONE]


def _distinct(rows: np.ndarray, counts: FileCounts) -> np.ndarray:
    """Columns of an integer array, each once, sorted; the others are counted as duplicates."""
    order = np.lexsort(rows[::-1])
    rows = rows[:, order]
    first = np.ones(rows.shape[1], dtype=bool)
    first[1:] = (rows[:, 1:] != rows[:, :-1]).any(axis=0)
    counts.leave_out("duplicate", int((~first).sum()))
    return rows[:, first]
