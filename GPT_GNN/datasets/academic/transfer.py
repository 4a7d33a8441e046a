"""Transfer settings: which papers pre-train and which fine-tune, by their fields of level 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from GPT_GNN.datasets.academic.links import read_fields
from GPT_GNN.datasets.oag.raw import Names, Papers, RawDump, read_hierarchy, read_names
from GPT_GNN.datasets.raw import NONE, lookup
from GPT_GNN.schema import split_names

TIME, FIELD, TIME_FIELD = TRANSFERS = ("time", "field", "time+field")
PRETRAIN, FINETUNE = PARTS = ("pretrain", "finetune")  # the stores of a transfer between fields
LEVEL = 1  # of the fields that divide
_SHOWN = 20  # fields that an error names


class Division(NamedTuple):
    """The papers of a dump by side, and what both sides' schemas must have in common.

    Attributes:
        pretrain, finetune: [N] bool, of papers; no paper is on both sides.
        doc_types: of all papers with a venue, sorted.
        levels: of all papers' fields, ascending.
    """

    pretrain: np.ndarray
    finetune: np.ndarray
    doc_types: Sequence[str]
    levels: Sequence[int]

    def same_side(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether two papers, by node, are on one side, [n] bool."""
        return (self.pretrain[a] == self.pretrain[b]) & (self.finetune[a] == self.finetune[b])


def divide_by_field(
    dump: RawDump,
    papers: Papers,
    fields: Names,
    pretrain_fields: Sequence[str],
    finetune_fields: Sequence[str],
) -> Division:
    """The sides of all papers.

    A paper with any of the fine-tuning fields is on the fine-tuning side, whatever else it has. Of
    the others those with one of the pre-training fields are on the pre-training side; where none is
    named all are, those without any field too.

    Args:
        fields: names of the fields.
        pretrain_fields, finetune_fields: names (in any case) or ids of fields of level 1, see
            :func:`GPT_GNN.schema.split_names`.

    Raises:
        ValueError: what is no field of level 1 of these papers, a field on both sides, or a side
            without papers.
        RawDataError: see :func:`read_fields`.
    """
    # A dump of its own: these files are read again for the store, which keeps the book of them.
    again = RawDump(dump.folder, dump.domain, dump.skip_bad_rows)
    hierarchy = read_hierarchy(again)
    paper, field = read_fields(again, papers, fields, hierarchy)
    level = hierarchy.level[lookup(hierarchy.ids, fields.ids[field])]
    sizes = np.bincount(field[level == LEVEL], minlength=len(fields.ids))
    largest = sorted(np.flatnonzero(sizes).tolist(), key=lambda i: -sizes[i])
    known = {i: f"{fields.ids[i]}, {sizes[i]:,} papers" for i in largest}
    wanted = _asked(fields, known, pretrain_fields, finetune_fields)
    n = len(papers.ids)
    finetune, pretrain = np.zeros(n, dtype=bool), np.full(n, not pretrain_fields)
    finetune[paper[np.isin(field, wanted[1])]] = True
    pretrain[paper[np.isin(field, wanted[0])]] = True
    pretrain &= ~finetune
    for flag, side in (("pretrain", pretrain), ("finetune", finetune)):
        if not side.any():
            raise ValueError(f"--{flag}_fields: no paper is on the {flag} side")
    doc_types = np.unique(papers.doc_type[papers.venue != NONE]).tolist()
    return Division(pretrain, finetune, doc_types, np.unique(level).tolist())


def check_fields(
    dump: RawDump, pretrain_fields: Sequence[str], finetune_fields: Sequence[str]
) -> None:
    """Look for fields by name before any paper is read; which papers have them is not known yet.

    Args:
        pretrain_fields, finetune_fields: see :func:`divide_by_field`.

    Raises:
        ValueError: what is no field of level 1 of the dump, or a field on both sides.
        RawDataError: names or levels of fields cannot be read.
    """
    if not (pretrain_fields or finetune_fields):
        return
    fields, hierarchy = read_names(dump)["field"], read_hierarchy(dump)
    level_1 = np.flatnonzero(np.isin(fields.ids, hierarchy.ids[hierarchy.level == LEVEL]))
    known = {i: f"{fields.ids[i]}" for i in level_1.tolist()}
    _asked(fields, known, pretrain_fields, finetune_fields)


def _asked(
    fields: Names,
    known: Mapping[int, str],
    pretrain_fields: Sequence[str],
    finetune_fields: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the fields of each side.

    Args:
        known: positions of the fields of level 1 -> what an error says of them.
    """
    pretrain = _find(fields, known, "pretrain_fields", pretrain_fields)
    finetune = _find(fields, known, "finetune_fields", finetune_fields)
    both = np.intersect1d(pretrain, finetune).tolist()
    if both:
        raise ValueError(f"{_name(fields, both[0])} is in --pretrain_fields and --finetune_fields")
    return pretrain, finetune


def _find(fields: Names, known: Mapping[int, str], flag: str, values: Sequence[str]) -> np.ndarray:
    """Positions of the named fields."""
    by_name = {_name(fields, i).casefold(): i for i in known}
    by_name |= {str(fields.ids[i]): i for i in known}
    names = split_names((value.strip().casefold() for value in values), by_name)
    found = []
    for name in filter(None, map(str.strip, names)):
        if name not in by_name:
            if not known:
                raise ValueError(f"--{flag}: these papers have no field of level {LEVEL}")
            shown = "; ".join(f"{_name(fields, i)} ({known[i]})" for i in list(known)[:_SHOWN])
            raise ValueError(
                f"--{flag} {name!r}: expected the name or the id of a level-{LEVEL} field of these "
                f"papers; one of {len(known)}: "
                f"{shown}{'; ...' * (len(known) > _SHOWN)}"
            )
        found.append(by_name[name])
    return np.array(found, dtype=np.int64)


def _name(fields: Names, position: int) -> str:
    return fields.text.text(int(fields.rows[position]))
