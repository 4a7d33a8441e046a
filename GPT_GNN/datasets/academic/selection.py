"""Which papers of a source make a graph: those cited often enough, of a side, of some years."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from GPT_GNN.datasets.academic.records import Records
from GPT_GNN.datasets.academic.transfer import Division
from GPT_GNN.datasets.raw import RawDataError

FOREVER = int(np.iinfo(np.int32).max)
CITATION_YEARS = (2020, 20)  # the citation bar counts years up to the first, at most the second


class Selection(NamedTuple):
    """Papers by row.

    Attributes:
        kept: [P] bool, the papers of all stores.
        fit_on: [P] bool, those of them that pre-train: what is fitted is fitted on these.
    """

    kept: np.ndarray
    fit_on: np.ndarray


def select(
    records: Records,
    references: np.ndarray,
    citation_bar: int,
    division: Division | None,
    until: int,
) -> Selection:
    """The papers that are cited often enough, and which of them come before a bound.

    Args:
        references: [2, E] distinct rows (citing, cited).
        citation_bar: see :class:`GPT_GNN.datasets.academic.build.Settings`.
        until: the last year of pre-training, or FOREVER.

    Raises:
        RawDataError: no paper is left, or none to pre-train on.
    """
    papers, counts = records.papers, records.counts["papers"]
    if division is not None:
        # What a paper of one side is cited by the other must not decide whether it stays.
        inside = papers.wanted[references].all(axis=0)
        references = references[:, inside & division.same_side(*references)]
    last_year, most_years = CITATION_YEARS
    bar = np.minimum(last_year - papers.year.astype(np.int64), most_years) * citation_bar
    too_few = np.bincount(references[1], minlength=len(bar)) < bar
    counts.leave_out("too few citations", int((papers.wanted & too_few).sum()))
    kept = papers.wanted & ~too_few
    papers.require(kept, counts)
    fit_on = kept & (papers.year <= until)
    if division is not None:
        fit_on &= division.pretrain
    if not fit_on.any():
        years = papers.year[kept]
        early = "papers" if until == FOREVER else f"papers of {until} or before"
        raise RawDataError(
            f"{papers.where}: expected {early} to pre-train on, found {len(years):,} papers of "
            f"{years.min()} to {years.max()}{papers.why_left_out(counts)}"
        )
    return Selection(kept, fit_on)
