"""A source of academic records to a graph store, or to the two stores of a transfer."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, replace
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.builder.output import store_files
from GPT_GNN.datasets.academic.features import (
    MEANS,
    View,
    add_citation_features,
    add_text_features,
    means_fact,
)
from GPT_GNN.datasets.academic.graph import AcademicGraph
from GPT_GNN.datasets.academic.reader import Reader
from GPT_GNN.datasets.academic.selection import (
    FIELD,
    PARTS,
    PRETRAIN,
    TIME,
    divide_by_field,
    select,
)
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.academic.texts import fit_texts
from GPT_GNN.datasets.raw import counts_table, distinct
from GPT_GNN.features.text import fitted_text, text_model
from GPT_GNN.graph.inputs import FITTED
from GPT_GNN.graph.means import FACT
from GPT_GNN.graph.split import ALL, NO_BOUND, ColumnSplit, TimeSplit
from GPT_GNN.system.files import atomic_folder

VERSION = 7  # of what a source gives; a cached built-in graph of another version is built again


def build_store(
    reader: Reader,
    output_dir: Path,
    settings: Settings,
    facts: Mapping[str, Any],
    extra_facts: Mapping[str, Any] | None = None,
    keep_other_files: bool = False,
) -> list[Path]:
    """Build the store of a source; nothing is at ``output_dir`` until all of it is there.

    A transfer between fields gives two stores, ``output_dir/pretrain`` and
    ``output_dir/finetune``. They have no paper in common and one schema, and what is fitted (text
    encoder, word vectors) is fitted on the pre-training side for both. The former is a function of
    the papers of its side and its years alone, but for which relations there are (of the whole
    source) and a citation bar (of its side, all years): it has one view and all its papers
    pre-train.

    Args:
        facts: the first facts of the stores, e.g. all settings; ``extra_facts``: the last ones.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Returns:
        The stores; the last is the one to fine-tune on.

    Raises:
        RawDataError: the source is incomplete, damaged or contradicts itself, or has no paper in
            the pre-training years.
        ValueError: fields that do not divide the papers.

    Differs: see docs/ORIGINAL.md; the main one is that features know no future.
    """
    reader.files()
    stores = _Stores(reader, settings, facts, extra_facts or {})
    if settings.transfer == TIME:
        with build_graph(output_dir, map(_name, stores.views(None)), keep_other_files) as builder:
            with TemporaryDirectory(dir=builder.folder) as work:
                stores.read(reader, Path(work))
                table = stores.fill(builder, None)
        print(table)
        return [output_dir]
    with (
        atomic_folder(output_dir, _files_of_both, keep_other_files) as folder,
        TemporaryDirectory(dir=folder) as work,
    ):
        stores.read(reader, Path(work))
        for part in PARTS:
            with build_graph(folder / part, map(_name, stores.views(part))) as builder:
                table = stores.fill(builder, part)
            print(table)
    return [output_dir / part for part in PARTS]


_name = attrgetter("name")


def _files_of_both(folder: Path) -> set[str]:
    """What a transfer between fields has written into a folder."""
    return {f"{part}/{name}" for part in PARTS for name in store_files(folder / part)}


class _Stores:
    """The stores of one source: what they share is read and fitted once, then each is filled."""

    def __init__(
        self,
        reader: Reader,
        settings: Settings,
        facts: Mapping[str, Any],
        extra_facts: Mapping[str, Any],
    ) -> None:
        self.settings, self.task, self.last_year = settings, reader.FACTS, reader.LAST_YEAR
        self.facts, self.extra_facts = facts, extra_facts
        assert isinstance(reader.FACTS.split, TimeSplit)
        self.split = reader.FACTS.split
        self.until = NO_BOUND if settings.transfer == FIELD else self.split.pretrain_until

    def views(self, part: str | None) -> tuple[View, ...]:
        """``pretrain`` and ``finetune`` know no future; ``original`` is the published choice."""
        if part == PRETRAIN:
            return (View(PRETRAIN, self.until, self.until, self.until),)
        pretrain, finetune = self.split.pretrain_until, self.split.train_until
        return (
            View("pretrain", pretrain, pretrain, pretrain),
            View("finetune", finetune, finetune, finetune),
            View("original", finetune, NO_BOUND, NO_BOUND),
        )

    def read(self, reader: Reader, work: Path) -> None:
        """Read the source, choose the papers, fit what is fitted on texts."""
        settings = self.settings
        encoder = text_model(settings.text_encoder, settings.text_dim, settings.seed)
        self.records = records = reader.read(work)
        self.references = distinct(records.references)
        repeated = records.references.shape[1] - self.references.shape[1]
        records.counts["references"].leave_out("duplicate", repeated)
        self.division = None
        if settings.transfer != TIME:
            sides = settings.pretrain_fields, settings.finetune_fields
            self.division = divide_by_field(records, *sides)
        bar, last_year = settings.citation_bar, self.last_year
        self.papers = select(records, self.references, bar, last_year, self.division, self.until)
        self.texts = fit_texts(records, self.papers, encoder, settings, work)

    def fill(self, builder: GraphBuilder, part: str | None) -> str:
        """Add everything to a store, or to one part of a transfer; returns the table of counts."""
        records, (titles, encoder, words, vectors) = self.records, self.texts
        counts, views = deepcopy(records.counts), self.views(part)
        kept, task = self.papers.kept, self.task
        if self.division is not None:
            of_part = self.papers.fit_on if part == PRETRAIN else kept & self.division.finetune
            counts["papers"].leave_out(f"not of {part}", int((kept & ~of_part).sum()))
            records.papers.require(of_part, counts["papers"])
            kept = of_part
        if part == PRETRAIN:
            task = replace(task, split=ColumnSplit(pretrain_on=ALL))
        # Nodes and edges, then columns, features and words.
        graph = AcademicGraph(builder, records, kept, counts, self.division)
        links = graph.add_links(self.references)
        graph.add_columns()
        add_text_features(builder, titles, graph.rows, links, encoder, views)
        graph.add_vectors()
        add_citation_features(builder, links, views)
        builder.add_words(words)
        builder.add_table("word_vectors", vectors)
        builder.add_ragged("paper", "title_tokens", titles.word_ids(graph.rows, words))
        graph.count_names()
        fitted = {"text": fitted_text(encoder, self.settings.text_encoder)}
        builder.facts = {
            **self.facts,
            "text_dim": encoder.dim,
            "vocabulary": len(words),
            "pretrain_until": None if self.until == NO_BOUND else self.until,
            "train_until": self.split.train_until,
            "valid_until": self.split.valid_until,
            "views": {view.name: asdict(view) for view in views},
            FACT: means_fact(views[0]),
            FITTED: dict.fromkeys(("paper", *MEANS), fitted),
            "files": {of.key or kind: of.to_dict() for kind, of in counts.items()},
            "task": task.to_dict(),
            **({} if part is None else {"part": part}),
            **self.extra_facts,
        }
        return counts_table(counts.values())
