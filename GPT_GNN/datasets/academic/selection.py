"""Which papers make a graph: cited often enough, of a side of a transfer, of some years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from GPT_GNN.datasets.academic.records import Names, Records
from GPT_GNN.datasets.raw import NONE, RawDataError, distinct
from GPT_GNN.graph.split import NO_BOUND
from GPT_GNN.schema import split_names

TIME, FIELD, TIME_FIELD = TRANSFERS = ("time", "field", "time+field")
PRETRAIN, FINETUNE = PARTS = ("pretrain", "finetune")  # the stores of a transfer between fields
LEVEL = 1  # of the fields that divide
MOST_YEARS = 20  # of a paper's age that the citation bar counts, as published
_SHOWN = 20  # fields that an error names


class Division(NamedTuple):
    """The papers of a source by side, and what both sides' schemas must have in common.

    Attributes:
        pretrain, finetune: [P] bool; no paper is on both sides.
        kinds: of all papers with a venue, sorted.
        levels: of all papers' fields, ascending.
    """

    pretrain: np.ndarray
    finetune: np.ndarray
    kinds: Sequence[str]
    levels: Sequence[int]

    def same_side(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether two papers, by row, are on one side, [n] bool."""
        return (self.pretrain[a] == self.pretrain[b]) & (self.finetune[a] == self.finetune[b])


def divide_by_field(
    records: Records, pretrain_fields: Sequence[str], finetune_fields: Sequence[str]
) -> Division:
    """The sides of all papers that are wanted.

    A paper with any of the fine-tuning fields is on the fine-tuning side, whatever else it has. Of
    the others those with one of the pre-training fields are on the pre-training side; where none is
    named all are, those without any field too.

    Args:
        pretrain_fields, finetune_fields: names (in any case) or ids of fields of level 1, see
            :func:`GPT_GNN.schema.split_names`.

    Raises:
        ValueError: as :func:`find_sides`, or for a side without papers.
    """
    papers, fields, level = records.papers, records.names["field"], records.level
    wanted = papers.wanted
    pairs = records.fields[:, wanted[records.fields[0]]]
    rows, field = distinct(pairs[:, level[pairs[1]] == LEVEL])
    sizes = np.bincount(field, minlength=len(fields.ids))
    largest = sorted(np.flatnonzero(sizes).tolist(), key=lambda i: -sizes[i])
    known = {i: f"{fields.ids[i]}, {sizes[i]:,} papers" for i in largest}
    asked = find_sides(fields, known, pretrain_fields, finetune_fields)
    pretrain, finetune = np.full(len(wanted), not pretrain_fields), np.zeros(len(wanted), bool)
    pretrain[rows[np.isin(field, asked[0])]] = True
    finetune[rows[np.isin(field, asked[1])]] = True
    pretrain, finetune = pretrain & wanted & ~finetune, finetune & wanted
    for flag, side in (("pretrain", pretrain), ("finetune", finetune)):
        if not side.any():
            raise ValueError(f"--{flag}_fields: no paper is on the {flag} side")
    kinds = np.unique(papers.kind[wanted & (papers.venue != NONE)])
    levels = np.unique(level[pairs[1]]).tolist()
    return Division(pretrain, finetune, sorted(papers.kinds[kind] for kind in kinds), levels)


def find_sides(
    fields: Names,
    known: Mapping[int, str],
    pretrain_fields: Sequence[str],
    finetune_fields: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the fields of each side.

    Args:
        known: position of each field of level 1 that may be asked for -> what an error adds to it.

    Raises:
        ValueError: what is none of these fields, or a field on both sides.
    """
    pretrain = _find(fields, known, "pretrain_fields", pretrain_fields)
    finetune = _find(fields, known, "finetune_fields", finetune_fields)
    for both in np.intersect1d(pretrain, finetune).tolist():
        raise ValueError(f"{fields.name(both)} is in --pretrain_fields and --finetune_fields")
    return pretrain, finetune


def _find(fields: Names, known: Mapping[int, str], flag: str, values: Sequence[str]) -> np.ndarray:
    """Positions of the named fields."""
    by_name = {fields.name(i).casefold(): i for i in known}
    by_name |= {str(fields.ids[i]): i for i in known}
    names = split_names((value.strip().casefold() for value in values), by_name)
    found = []
    for name in filter(None, map(str.strip, names)):
        if name not in by_name:
            if not known:
                raise ValueError(f"--{flag}: these papers have no field of level {LEVEL}")
            shown = "; ".join(f"{fields.name(i)} ({known[i]})" for i in list(known)[:_SHOWN])
            raise ValueError(
                f"--{flag} {name!r}: expected the name or the id of a level-{LEVEL} field of these "
                f"papers; one of {len(known)}: {shown}{'; ...' * (len(known) > _SHOWN)}"
            )
        found.append(by_name[name])
    return np.array(found, dtype=np.int64)


class Selection(NamedTuple):
    """Papers of all stores (``kept``), and those that pre-train, to fit on; [P] bool each."""

    kept: np.ndarray
    fit_on: np.ndarray


def select(
    records: Records,
    references: np.ndarray,
    citation_bar: int,
    last_year: int,
    division: Division | None,
    until: int,
) -> Selection:
    """The papers that are cited often enough, and which of them come before a bound.

    Args:
        references: [2, E] distinct rows (citing, cited).
        last_year: of the source, up to which ``citation_bar`` counts a paper's age.
        until: the last year of pre-training, or NO_BOUND.

    Raises:
        RawDataError: no paper is left, or none to pre-train on.
    """
    papers, counts = records.papers, records.counts["papers"]
    if division is not None:
        # What a paper of one side is cited by the other must not decide whether it stays.
        inside = papers.wanted[references].all(axis=0)
        references = references[:, inside & division.same_side(*references)]
    bar = np.minimum(last_year - papers.year.astype(np.int64), MOST_YEARS) * citation_bar
    too_few = np.bincount(references[1], minlength=len(bar)) < bar
    counts.leave_out("too few citations", int((papers.wanted & too_few).sum()))
    kept = papers.wanted & ~too_few
    papers.require(kept, counts)
    fit_on = kept & (papers.year <= until)
    if division is not None:
        fit_on &= division.pretrain
    if not fit_on.any():
        years = papers.year[kept]
        early = "papers" if until == NO_BOUND else f"papers of {until} or before"
        raise RawDataError(
            f"{papers.where}: expected {early} to pre-train on, found {len(years):,} papers of "
            f"{years.min()} to {years.max()}{papers.why_left_out(counts)}"
        )
    return Selection(kept, fit_on)
