"""An OAG-layout raw dump to a graph store, or to the two stores of a transfer between fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.builder.builder import GraphBuilder, build_graph
from GPT_GNN.builder.output import store_files
from GPT_GNN.datasets.academic.features import (
    FOREVER,
    MEANS,
    View,
    add_citation_features,
    add_text_features,
    means_fact,
)
from GPT_GNN.datasets.academic.graph import OAGraph
from GPT_GNN.datasets.academic.links import read_references
from GPT_GNN.datasets.academic.transfer import (
    FIELD,
    PARTS,
    PRETRAIN,
    TIME,
    TRANSFERS,
    Division,
    divide_by_field,
)
from GPT_GNN.datasets.oag.raw import (
    Names,
    Papers,
    RawDump,
    drop_papers,
    read_names,
    read_papers,
    require_some,
)
from GPT_GNN.datasets.raw import NONE, RawDataError, counts_table
from GPT_GNN.features.text import fitted_text, sample_to_fit, text_model
from GPT_GNN.features.words import BOS, EOS, Corpus, title_ids, train_word_vectors
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.inputs import FITTED
from GPT_GNN.graph.means import FACT
from GPT_GNN.graph.split import ALL, ColumnSplit, TimeSplit
from GPT_GNN.settings import LIST, Checked, setting
from GPT_GNN.system.files import atomic_folder

VERSION = 7  # of what a dump gives; a cached built-in graph of another version is built again
SPLIT = TimeSplit(pretrain_until=2013, train_until=2016, valid_until=2017)  # the published years
CITATION_YEARS = (2020, 20)  # the citation bar counts years up to the first, at most the second


@dataclass(frozen=True)
class Settings(Checked):
    """How a dump is preprocessed."""

    domain: str = setting("_CS", "suffix of the file names: _CS, _Med ...; empty or none for none")
    citation_bar: int = setting(
        0, "keep papers cited at least min(2020 - year, 20) times this within the dump", low=0
    )
    language: str = setting("en", "DetectedLanguage of the papers to keep, in any case; or any")
    text_encoder: str = setting("tfidf", "tfidf, or a sentence-transformers model (name or path)")
    text_dim: int = setting(256, "width of the tfidf features", low=1)
    word_dim: int = setting(100, "width of the word vectors", low=1)
    word_min_count: int = setting(5, "words rarer than this have no vector", low=1)
    word_epochs: int = setting(5, "passes of word2vec over the text; more over a small one", low=1)
    skip_bad_rows: bool = setting(False, "count wrong rows instead of stopping at the first")
    seed: int = setting(0, "of the built-in graph, tfidf and word2vec", low=0)
    transfer: str = setting(
        TIME,
        "time: one store, whose papers before 2014 pre-train; field: a store of other fields' "
        "papers of all years to pre-train on, and one of the held-out fields' to fine-tune on; "
        "time+field: likewise, and the former ends before 2014",
        choices=TRANSFERS,
    )
    finetune_fields: tuple[str, ...] = setting(
        (), f"held-out fields: names or ids of level-1 fields, {LIST}; with a transfer of fields"
    )
    pretrain_fields: tuple[str, ...] = setting(
        (), "fields that pre-train, likewise; empty: all papers outside the held-out fields"
    )

    @property
    def suffix(self) -> str:
        """What the dump's file names have of the domain."""
        return "" if self.domain == "none" else self.domain

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [f"--{n}_fields" for n in PARTS if getattr(self, f"{n}_fields")]
        if self.transfer == TIME and given:
            raise ValueError(f"{given[0]}: --transfer time divides by no field")
        if self.transfer != TIME and "--finetune_fields" not in given:
            raise ValueError(f"--transfer {self.transfer}: expected --finetune_fields, got none")


def build_store(
    input_dir: Path,
    output_dir: Path,
    settings: Settings,
    task: GraphFacts,
    extra_facts: Mapping[str, Any] | None = None,
    keep_other_files: bool = False,
) -> None:
    """Preprocess a dump; nothing is at ``output_dir`` until all of it is there.

    A transfer between fields gives two stores, ``output_dir/pretrain`` and
    ``output_dir/finetune``. They have no paper in common and one schema, and what is fitted (text
    encoder, word vectors) is fitted on the pre-training side for both. The former is a function of
    the papers of its side and its years alone, but for which relations there are (of the whole
    dump) and a citation bar (of its side, all years): it has one view and all its papers pre-train.

    Args:
        task: the facts of the dataset; its split is by time.
        extra_facts: kept in the store's facts as they are.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        RawDataError: the dump is incomplete, damaged or contradicts itself, or has no paper in the
            pre-training years.
        ValueError: fields that do not divide the papers.
        OtherFilesError: ``output_dir`` holds files that are not a store's.
        OSError: the store cannot be written.

    Differs: see docs/ORIGINAL.md; the main ones are that features know no future, that ids come
        from SeqName and PF instead of ``vfi_vector.tsv``, that author edges without a known
        affiliation stay, and that papers stay without an abstract, a venue or four title tokens.
    """
    extra = extra_facts or {}
    if settings.transfer == TIME:
        _build(input_dir, output_dir, settings, None, task, extra, keep_other_files)
        return
    with atomic_folder(output_dir, _files_of_both, keep_other_files) as folder:
        for part in PARTS:
            _build(input_dir, folder / part, settings, part, task, extra)


def _files_of_both(folder: Path) -> set[str]:
    """What a transfer between fields has written into a folder."""
    return {f"{part}/{name}" for part in PARTS for name in store_files(folder / part)}


def _build(
    input_dir: Path,
    output_dir: Path,
    settings: Settings,
    part: str | None,
    task: GraphFacts,
    extra_facts: Mapping[str, Any],
    keep_other_files: bool = False,
) -> None:
    """One store: of all papers, or one of ``PARTS``."""
    split = task.split
    assert isinstance(split, TimeSplit)
    until = FOREVER if settings.transfer == FIELD else split.pretrain_until
    views = feature_views(split)
    if part == PRETRAIN:
        views = (View(PRETRAIN, until, until, until),)
        task = replace(task, split=ColumnSplit(pretrain_on=ALL))
    dump = RawDump(input_dir, settings.suffix, settings.skip_bad_rows)
    dump.check_files()
    with build_graph(output_dir, [view.name for view in views], keep_other_files) as builder:
        encoder = text_model(settings.text_encoder, settings.text_dim, settings.seed)
        names = read_names(dump)
        every, references, division = _kept_papers(dump, names, settings)
        fit_on = (every.year <= until) & (division is None or division.pretrain)
        early = "papers" if until == FOREVER else f"papers of {until} or before"
        require_some(dump, every, fit_on, f"{early} to pre-train on")
        papers = every
        if division is not None:
            kept = fit_on if part == PRETRAIN else division.finetune
            papers = drop_papers(dump, every, ~kept, f"not of {part}")
        graph = OAGraph(builder, dump, names, papers, division)
        links = graph.add_links(references)
        graph.add_columns()
        sample = sample_to_fit(np.flatnonzero(fit_on))
        try:
            encoder.fit([every.title(node) for node in sample.tolist()])
        except ValueError as error:
            where = f"{dump.path('Papers')}, column NormalisedTitle"
            raise RawDataError(f"{where}, papers that pre-train: {error}") from error
        add_text_features(builder, papers, links, encoder, views)
        graph.add_vectors()
        add_citation_features(builder, links, views)
        words = _add_words(builder, dump, papers, every, fit_on, settings)
        graph.count_names()
        builder.facts = {
            "dataset": "oag",
            **asdict(settings),
            "text_dim": encoder.dim,
            "vocabulary": words,
            "pretrain_until": None if until == FOREVER else until,
            "train_until": split.train_until,
            "valid_until": split.valid_until,
            "views": {view.name: asdict(view) for view in views},
            FACT: means_fact(views[0]),
            FITTED: dict.fromkeys(
                ("paper", *MEANS), {"text": fitted_text(encoder, settings.text_encoder)}
            ),
            "files": {stem: counts.to_dict() for stem, counts in dump.counts.items()},
            "task": task.to_dict(),
            **({} if part is None else {"part": part}),
            **extra_facts,
        }
    print(counts_table(dump.counts.values()))


def feature_views(split: TimeSplit) -> tuple[View, ...]:
    """``pretrain`` and ``finetune`` know no future; ``original`` is the published choice."""
    pretrain, finetune = split.pretrain_until, split.train_until
    return (
        View("pretrain", pretrain, pretrain, pretrain),
        View("finetune", finetune, finetune, finetune),
        View("original", finetune, FOREVER, FOREVER),
    )


def _kept_papers(
    dump: RawDump, names: dict[str, Names], settings: Settings
) -> tuple[Papers, np.ndarray, Division | None]:
    """The papers, the references [2, E] between rows of the dump, and the papers' sides."""
    papers, years = read_papers(dump, names["venue"], settings.language)
    references = read_references(dump, papers)
    division, counted = None, references
    if settings.transfer != TIME:
        wanted = settings.pretrain_fields, settings.finetune_fields
        division = divide_by_field(dump, papers, names["field"], *wanted)
        # What a paper of one side is cited by the other must not decide whether it stays.
        inside = (papers.node[references] != NONE).all(axis=0)
        counted = references[:, inside]
        counted = counted[:, division.same_side(*papers.node[counted])]
    last_year, most_years = CITATION_YEARS
    bar = np.minimum(last_year - years, most_years) * settings.citation_bar
    too_few = np.bincount(counted[1], minlength=len(years)) < bar
    drop = too_few[papers.node != NONE]
    if division is not None:
        division = division._replace(
            pretrain=division.pretrain[~drop], finetune=division.finetune[~drop]
        )
    return drop_papers(dump, papers, drop, "too few citations"), references, division


def _add_words(
    builder: GraphBuilder,
    dump: RawDump,
    papers: Papers,
    every: Papers,
    fit_on: np.ndarray,
    settings: Settings,
) -> int:
    """Word vectors from titles and abstracts of some papers, and all titles as word ids.

    Args:
        papers: those of the store.
        every: those that may be fitted on, and ``fit_on`` [N] bool, which are.

    Returns:
        The size of the vocabulary.
    """
    corpus = Corpus(builder.folder / "spool" / "corpus")
    corpus.add((every.title(node) for node in np.flatnonzero(fit_on).tolist()), marked=True)
    corpus.add(_abstracts(dump, every, fit_on), marked=False)
    where = f"{dump.path('Papers')} and {dump.path('PAb')}, titles and abstracts that pre-train"
    if not corpus.words:
        raise RawDataError(f"{where}: expected words, found none")
    words, vectors = train_word_vectors(
        corpus, settings.word_dim, settings.word_min_count, settings.word_epochs, settings.seed
    )
    if not set(words) - {BOS, EOS}:
        raise RawDataError(
            f"{where}: expected a word that occurs {settings.word_min_count} times, found none "
            f"among {corpus.words:,} words; --word_min_count takes rarer ones"
        )
    builder.add_words(words)
    builder.add_table("word_vectors", vectors)
    titles = (papers.title(i) for i in range(len(papers.ids)))
    builder.add_ragged("paper", "title_tokens", title_ids(titles, words))
    return len(words)


def _abstracts(dump: RawDump, papers: Papers, wanted: np.ndarray) -> Iterator[str]:
    """PAb: abstracts of some kept papers [N] bool, in one pass; each paper's first one."""
    seen = np.zeros(len(papers.ids), dtype=bool)
    table = dump.table("PAb")
    for chunk in table.chunks():
        rows = papers.rows_of(chunk["PaperId"])
        chunk.reject(rows == NONE, "PaperId", "a PaperId that Papers defines")
        node = papers.node[rows[rows != NONE]]
        chunk.leave_out(node == NONE, "paper left out")
        node = node[node != NONE]
        new = np.zeros(len(node), dtype=bool)
        new[np.unique(node, return_index=True)[1]] = True
        new &= ~seen[node]
        seen[node] = True
        chunk.leave_out(~new, "duplicate")
        node = node[new]
        empty = np.array([not text.strip() for text in chunk["AbstractText"]], dtype=bool)
        chunk.leave_out(empty, "empty")
        yield from chunk["AbstractText"][wanted[node[~empty]]]
