"""The files of an OAG dump as records: names, fields, papers, and what belongs to papers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from GPT_GNN.datasets.academic.paper_rows import PaperRows
from GPT_GNN.datasets.academic.records import Names, Papers, TextFile, TextRows
from GPT_GNN.datasets.oag.files import Dump
from GPT_GNN.datasets.raw import NONE, distinct, lookup
from GPT_GNN.datasets.tab_file import Chunk

NODE_TYPE_OF_NAME = {
    "conference": "venue",
    "journal": "venue",
    "repository": "venue",
    "patent": "venue",
    "fos": "field",
    "author": "author",
    "affiliation": "affiliation",
}


def read_names(dump: Dump) -> dict[str, Names]:
    """SeqName: ids and names by node type (venue, field, author, affiliation)."""
    table = dump.table("SeqName")
    node_types = list(dict.fromkeys(NODE_TYPE_OF_NAME.values()))
    expected = f"a type, one of {', '.join(NODE_TYPE_OF_NAME)}"
    ids, types, texts = [], [], TextRows()
    for chunk in table.chunks():
        known = np.array([name in NODE_TYPE_OF_NAME for name in chunk["Type"]], dtype=bool)
        chunk.reject(~known, "Type", expected)
        of_chunk = [node_types.index(NODE_TYPE_OF_NAME[name]) for name in chunk["Type"]]
        types.append(np.array(of_chunk, dtype=np.int8))
        ids.append(chunk["Id"])
        texts.extend(chunk["Name"])
    all_ids, all_types, text = np.concatenate(ids), np.concatenate(types), texts.ragged()
    names = {}
    for position, node_type in enumerate(node_types):
        rows = np.flatnonzero(all_types == position)
        unique, first = np.unique(all_ids[rows], return_index=True)
        table.counts.leave_out("duplicate", len(rows) - len(unique))
        names[node_type] = Names(unique, rows[first], text)
    return names


def read_hierarchy(dump: Dump, fields: Names) -> tuple[np.ndarray, np.ndarray]:
    """FHierarchy; a field has the level of its first row, a row that contradicts it is wrong.

    Returns:
        The level of each named field, NONE where none is given, [fields] int8. The distinct pairs
        (child, parent) as positions in the names, NONE for a field without one, [2, E] int32.
    """
    table = dump.table("FHierarchy")
    level_of: dict[int, int] = {}
    pairs = []
    for chunk in table.chunks():
        for side in ("Child", "Parent"):
            levels = chunk[f"{side}Level"].tolist()
            ids = chunk[f"{side}FosId"].tolist()
            first = [level_of.setdefault(i, at) for i, at in zip(ids, levels, strict=True)]
            expected = f"the level that an earlier row gives this field as {side}Level"
            differs = np.array(first, dtype=np.int64) != levels
            chunk.reject(differs, f"{side}Level", expected, show="L{}".format)
        pairs.append(np.stack([chunk["ChildFosId"], chunk["ParentFosId"]]))
    every = np.concatenate(pairs, axis=1)
    once = distinct(every)
    table.counts.leave_out("duplicate", every.shape[1] - once.shape[1])
    level = np.array([level_of.get(i, NONE) for i in fields.ids.tolist()], dtype=np.int8)
    return level, lookup(fields.ids, once).astype(np.int32)


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
    return rows.finish(str(table.path), "DetectedLanguage", "--language"), rows


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
