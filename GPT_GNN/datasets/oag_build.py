"""An OAG-layout raw dump to a graph store, in one pass over each file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.config import setting
from GPT_GNN.datasets.oag_features import (
    FOREVER,
    View,
    add_citation_features,
    add_text_features,
)
from GPT_GNN.datasets.oag_graph import OAGraph
from GPT_GNN.datasets.oag_links import read_references
from GPT_GNN.datasets.oag_raw import (
    Names,
    Papers,
    RawDump,
    drop_papers,
    read_names,
    read_papers,
    require_pretraining_papers,
)
from GPT_GNN.datasets.raw import NONE
from GPT_GNN.encoders.text import Corpus, text_encoder, title_ids, train_word_vectors
from GPT_GNN.graph.build import GraphBuilder, build_graph
from GPT_GNN.graph.split import TimeSplit

VERSION = 3  # of what a dump gives; a cached built-in graph of another version is built again
SPLIT = TimeSplit(pretrain_until=2013, train_until=2016, valid_until=2017)  # the published years
CITATION_YEARS = (2020, 20)  # the citation bar counts years up to the first, at most the second


@dataclass(frozen=True)
class Settings:
    """How a dump is preprocessed."""

    domain: str = setting("_CS", "suffix of the file names: _CS, _Med ...; empty or none for none")
    citation_bar: int = setting(
        0, "keep papers cited at least min(2020 - year, 20) times this within the dump", low=0
    )
    language: str = setting("en", "DetectedLanguage of the papers to keep, or any")
    text_encoder: str = setting("tfidf", "tfidf, or a sentence-transformers model (name or path)")
    text_dim: int = setting(256, "width of the tfidf features", low=1)
    word_dim: int = setting(100, "width of the word vectors", low=1)
    word_min_count: int = setting(5, "words rarer than this have no vector", low=1)
    word_epochs: int = setting(5, "passes of word2vec over the text; more over a small one", low=1)
    skip_bad_rows: bool = setting(False, "count wrong rows instead of stopping at the first")
    seed: int = setting(0, "of the built-in graph, tfidf and word2vec", low=0)

    def __post_init__(self) -> None:
        for f in fields(self):
            low, value = f.metadata["low"], getattr(self, f.name)
            if low is not None and value < low:
                raise ValueError(f"--{f.name}: expected at least {low}, got {value}")


def build_store(
    input_dir: Path,
    output_dir: Path,
    settings: Settings,
    split: TimeSplit,
    extra_facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Preprocess a dump; nothing is at ``output_dir`` until all of it is there.

    Args:
        extra_facts: kept in the store's facts as they are.

    Returns:
        The facts that the store keeps, the book of every file among them.

    Raises:
        RawDataError: the dump is incomplete, damaged or contradicts itself, or has no paper in the
            pre-training years.
        OSError: the store cannot be written.

    Differs: see docs/ORIGINAL.md; the main ones are that features know no future, that ids come
        from SeqName and PF instead of ``vfi_vector.tsv``, that author edges without a known
        affiliation stay, and that papers stay without an abstract, a venue or four title tokens.
    """
    domain = "" if settings.domain == "none" else settings.domain
    dump = RawDump(input_dir, domain, settings.skip_bad_rows)
    dump.check_files()
    views = feature_views(split)
    with build_graph(output_dir, [view.name for view in views]) as builder:
        encoder = text_encoder(settings.text_encoder, settings.text_dim, settings.seed)
        names = read_names(dump)
        papers, references = _kept_papers(dump, names["venue"], settings)
        require_pretraining_papers(papers, split.pretrain_until)
        graph = OAGraph(builder, dump, names, papers)
        links = graph.add_links(references)
        graph.add_columns()
        add_text_features(builder, papers, links, encoder, split.pretrain_until, views)
        graph.add_vectors()
        add_citation_features(builder, links, views)
        words = _add_words(builder, dump, papers, settings, split.pretrain_until)
        graph.count_names()
        builder.facts = {
            "dataset": "oag",
            **asdict(settings),
            "text_dim": encoder.dim,
            "vocabulary": words,
            "pretrain_until": split.pretrain_until,
            "train_until": split.train_until,
            "valid_until": split.valid_until,
            "views": {view.name: asdict(view) for view in views},
            "files": {stem: counts.to_dict() for stem, counts in dump.counts.items()},
            **(extra_facts or {}),
        }
    print(counts_table(dump))
    return builder.facts


def feature_views(split: TimeSplit) -> tuple[View, ...]:
    """``pretrain`` and ``finetune`` know no future; ``original`` is the published choice."""
    pretrain, finetune = split.pretrain_until, split.train_until
    return (
        View("pretrain", pretrain, pretrain, pretrain),
        View("finetune", finetune, finetune, finetune),
        View("original", finetune, FOREVER, FOREVER),
    )


def _kept_papers(dump: RawDump, venues: Names, settings: Settings) -> tuple[Papers, np.ndarray]:
    """The papers, and the references [2, E] between rows of the dump."""
    papers, years = read_papers(dump, venues, settings.language)
    references = read_references(dump, papers)
    last_year, most_years = CITATION_YEARS
    bar = np.minimum(last_year - years, most_years) * settings.citation_bar
    too_few = np.bincount(references[1], minlength=len(years)) < bar
    return drop_papers(dump, papers, too_few[papers.node != NONE], "too few citations"), references


def _add_words(
    builder: GraphBuilder, dump: RawDump, papers: Papers, settings: Settings, until: int
) -> int:
    """Word vectors from titles and abstracts up to a year, and all titles as word ids.

    Returns:
        The size of the vocabulary.
    """
    corpus = Corpus(builder.folder / "spool" / "corpus")
    known = np.flatnonzero(papers.year <= until).tolist()
    corpus.add((papers.title(node) for node in known), marked=True)
    corpus.add(_abstracts(dump, papers, until), marked=False)
    words, vectors = train_word_vectors(
        corpus, settings.word_dim, settings.word_min_count, settings.word_epochs, settings.seed
    )
    builder.add_words(words)
    builder.add_table("word_vectors", vectors)
    titles = (papers.title(i) for i in range(len(papers.ids)))
    builder.add_ragged("paper", "title_tokens", title_ids(titles, words))
    return len(words)


def _abstracts(dump: RawDump, papers: Papers, until: int) -> Iterator[str]:
    """PAb: abstracts of kept papers up to a year, in one pass; each paper's first one."""
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
        yield from chunk["AbstractText"][papers.year[node[~empty]] <= until]


def counts_table(dump: RawDump) -> str:
    """What was read, kept and left out of every file, and the first of the bad rows."""
    lines = [f"{'file':<34}{'read':>12}{'kept':>12}{'bad':>8}  left out"]
    for counts in dump.counts.values():
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in counts.left_out.items())
        numbers = f"{counts.read:>12,}{counts.kept:>12,}{counts.bad:>8,}"
        lines.append(f"{counts.file:<34}{numbers}  {reasons or '-'}")
        lines += [f"    bad: {message}" for message in counts.bad_examples]
    return "\n".join(lines)
