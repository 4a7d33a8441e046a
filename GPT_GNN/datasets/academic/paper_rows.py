"""The papers of any source, a chunk at a time, without those that no graph can use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from GPT_GNN.datasets.academic.records import Papers, TextRows
from GPT_GNN.datasets.raw import NONE, FileCounts, lookup

FIRST_YEAR = 1900  # earlier papers are left out, as published
ANY_LANGUAGE = "any"
# Why a paper is left out, in the order in which the store's facts list it.
REASONS = ("", "duplicate", "no title", "no year", "other language", f"year before {FIRST_YEAR}")
KEPT, DUPLICATE, NO_TITLE, NO_YEAR, LANGUAGE, EARLY = range(len(REASONS))
_SHOWN = 10  # languages that an error names


class PaperRows:
    """Collects papers for a reader, and finds their rows by id.

    Args:
        language: keep papers of this language only, in any case; ``any`` keeps all.
        counts: of the papers; what is left out is counted there.
    """

    def __init__(self, language: str, counts: FileCounts) -> None:
        self._language, self._counts = language.casefold(), counts
        self._languages: Counter[str] = Counter()
        self._kinds: dict[str, int] = {}
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._titles = TextRows()

    def add(
        self,
        ids: np.ndarray,
        year: np.ndarray,
        venue: np.ndarray,
        kinds: Iterable[str],
        titles: Iterable[str],
        languages: Iterable[str],
    ) -> None:
        """Add [n] papers; year and venue are NONE where there is none."""
        self._languages.update(languages)
        kind = np.array([self._kinds.setdefault(name, len(self._kinds)) for name in kinds])
        reason = np.full(len(ids), KEPT, dtype=np.int8)
        if self._language != ANY_LANGUAGE:
            other = [name.casefold() != self._language for name in languages]
            reason[np.array(other, dtype=bool)] = LANGUAGE
        reason[year < FIRST_YEAR] = EARLY
        reason[year == NONE] = NO_YEAR
        reason[np.array([not title.strip() for title in titles], dtype=bool)] = NO_TITLE
        self._titles.extend("" if why else text for why, text in zip(reason, titles, strict=True))
        narrow = (values.astype(np.int32) for values in (year, venue, kind))
        self._parts.append((ids, *narrow, reason))

    def finish(self, where: str, column: str, flag: str) -> Papers:
        """The papers; of several rows of one id the first is kept. RawDataError where none is left.

        Args:
            where, column, flag: for messages: the file or folder, the column that holds the
                language, the flag that says which one to keep.
        """
        ids, year, venue, kind, reason = map(np.concatenate, zip(*self._parts, strict=True))
        self._ids, self._rows = np.unique(ids, return_index=True)
        again = np.ones(len(ids), dtype=bool)
        again[self._rows] = False
        reason[again] = DUPLICATE
        for why in range(DUPLICATE, len(REASONS)):
            self._counts.leave_out(REASONS[why], int((reason == why).sum()))
        most = self._languages.most_common(_SHOWN)
        shown = ", ".join(f"{name!r} ({n:,})" for name, n in most)
        shown += ", ..." * (len(self._languages) > _SHOWN)
        hint = f" ({column} is {shown}; {flag} keeps one of them, or any)"
        papers = Papers(
            ids,
            year,
            venue,
            kind,
            kinds=tuple(self._kinds),
            wanted=reason == KEPT,
            titles=self._titles.ragged(),
            where=where,
            hint=hint * bool((reason == LANGUAGE).any()),
        )
        papers.require(papers.wanted, self._counts)
        return papers

    def rows_of(self, ids: np.ndarray) -> np.ndarray:
        """Row of each paper id, NONE where no paper has it; after :meth:`finish`. [n] int32."""
        at = lookup(self._ids, ids)
        return np.where(at == NONE, NONE, self._rows[at]).astype(np.int32)
