"""The records of an academic source, as arrays: its papers and what belongs to them.

Legend: P papers of the source, in its order; a "row" is one of them; a "position" is the place of a
thing in the ids of its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from GPT_GNN.datasets.raw import FileCounts, RawDataError
from GPT_GNN.graph.csr import Ragged


class TextRows:
    """Grows a :class:`Ragged` of UTF-8 bytes: much smaller than as many str objects."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._lengths: list[np.ndarray] = []

    def extend(self, texts: Iterable[str]) -> None:
        """Add a row for each text."""
        encoded = [text.encode("utf-8") for text in texts]
        self._bytes += b"".join(encoded)
        self._lengths.append(np.array([len(row) for row in encoded], dtype=np.int64))

    def ragged(self) -> Ragged:
        """The rows so far."""
        lengths = np.concatenate([np.zeros(1, dtype=np.int64), *self._lengths])
        return Ragged(np.cumsum(lengths), np.frombuffer(self._bytes, dtype=np.uint8))


class TextFile:
    """Texts in a file, one per line, so that memory does not grow with them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def extend(self, texts: Iterable[str]) -> None:
        """Append texts; a line break in a text becomes a blank."""
        with open(self.path, "a", encoding="utf-8", newline="\n") as file:
            file.writelines(text.replace("\n", " ") + "\n" for text in texts)

    def __iter__(self) -> Iterator[str]:
        with open(self.path, encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line[:-1]


@dataclass(frozen=True)
class Names:
    """Venues, fields, authors or affiliations: [n] int64 ids, ascending, and the [n] int64 rows of
    their names in ``text``, which several types may share.
    """

    ids: np.ndarray
    rows: np.ndarray
    text: Ragged

    def name(self, position: int) -> str:
        """The name of one thing."""
        return self.text.text(int(self.rows[position]))


@dataclass(frozen=True)
class Papers:
    """The papers; :class:`GPT_GNN.datasets.academic.paper_rows.PaperRows` makes them.

    Attributes:
        ids: [P] int64.
        year: [P] int32, NONE where unknown.
        venue: [P] int32 position, NONE for none.
        kind: [P] int32 position in ``kinds`` (Conference, Journal ...): names the venue's relation.
        wanted: [P] bool, whether the paper may be in a graph; the others are counted already.
        titles: [P] rows of UTF-8 bytes, empty where not wanted.
        where: the file or folder, for messages.
        hint: ends a message about papers that were left out.
    """

    ids: np.ndarray
    year: np.ndarray
    venue: np.ndarray
    kind: np.ndarray
    kinds: tuple[str, ...]
    wanted: np.ndarray
    titles: Ragged
    where: str
    hint: str

    def require(self, kept: np.ndarray, counts: FileCounts) -> None:
        """Raise RawDataError, with the reasons, where a mask [P] leaves no paper."""
        if not kept.any():
            raise RawDataError(
                f"{self.where}: expected papers to keep, found none among {counts.read:,} rows"
                f"{self.why_left_out(counts)}"
            )

    def why_left_out(self, counts: FileCounts) -> str:
        """The reasons for which papers were left out, to end a message with."""
        reasons = counts.left_out | ({"bad": counts.bad} if counts.bad else {})
        listed = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items())
        return f"; left out: {listed}{self.hint}" if reasons else ""


@dataclass(frozen=True)
class Records:
    """All records of a source.

    Rows of the arrays may repeat, and be about papers that are not wanted: the build counts these
    and leaves them out.

    Attributes:
        names: by node type: author, venue, field, affiliation.
        level: [fields] int8 from 0, NONE where unknown.
        parents: [2, E] int32 positions (field, its parent), NONE for one without a name.
        references: [2, E] int32 rows (citing, cited).
        fields: [2, E] int32 (row, position of a field that has a level).
        authorships: [4, E] int32 (row, position of the author, of the affiliation or NONE, place
            among the authors from 1).
        abstracts: ([A] int32 rows, as many texts); of several of one paper the first counts.
        vectors: given ones of venues, fields and affiliations, ([V] int64 ids, [V, D] float32); of
            several of one id the first counts.
        counts: by kind of record: ``names hierarchy papers references fields authorships
            abstracts``, and ``vectors`` where there are any.
        texts_where: titles and abstracts, for messages.
    """

    papers: Papers
    names: dict[str, Names]
    level: np.ndarray
    parents: np.ndarray
    references: np.ndarray
    fields: np.ndarray
    authorships: np.ndarray
    abstracts: tuple[np.ndarray, TextFile]
    vectors: tuple[np.ndarray, np.ndarray] | None
    counts: dict[str, FileCounts]
    texts_where: tuple[str, str]
