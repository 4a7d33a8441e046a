"""OAG: papers, authors, venues, fields, affiliations. The dataset's facts, and how it is opened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from GPT_GNN.datasets.academic import build as oag_build
from GPT_GNN.datasets.academic.build import SPLIT, Settings, build_store
from GPT_GNN.datasets.academic.transfer import PARTS, TIME, check_fields
from GPT_GNN.datasets.builtin import built_in, data_folder, is_built_in, open_store
from GPT_GNN.datasets.oag.field_vectors import find_vectors
from GPT_GNN.datasets.oag.raw import RawDump
from GPT_GNN.datasets.toy import toy
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph, file_checksum
from GPT_GNN.graph.summary import summary
from GPT_GNN.schema import EdgeType

TOY_PAPERS = 4000


class OAG:
    """Facts of the Open Academic Graph that scripts and tasks need; nothing to instantiate.

    Attributes:
        target: the node type that is pre-trained and predicted.
        rel_stop_list: relations into a paper that are never masked in pre-training.
        split: by year; the views of the features follow its bounds.
        text_part: the feature part that holds encoded titles.
        text_column: the text that the text decoder generates.
    """

    target = "paper"
    rel_stop_list = ("rev_PF_in_L0", "rev_PF_in_L5", "rev_PV_Repository", "rev_PV_Patent")
    split = SPLIT
    text_part = "text"
    text_column = "title"
    label = ""  # its labels are edges: paper_field, paper_venue

    @staticmethod
    def open(data_dir: str | os.PathLike[str] | None, domain: str = "") -> HeteroGraph:
        """Open a store; nothing, or ``toy``, means the built-in graph, built at first use.

        Args:
            data_dir: the store, or with ``domain`` the folder that holds the store ``oag<domain>``,
                as preprocess_OAG.py names it; or a graph of the published code, a pickle (with
                ``domain`` the folder that holds ``graph<domain>.pk``), converted at first use.

        Raises:
            StoreError: ``data_dir`` is empty, or not a whole store.
            PickleError: it is a file, but not a graph of the published code.
        """
        if data_dir is None or is_built_in(data_dir):
            return toy_store()
        path = Path(data_dir)
        if domain:
            published = path / f"graph{domain}.pk"
            path /= f"oag{domain}"
            path = published if published.is_file() and not path.exists() else path
        return open_store(path)

    @staticmethod
    def build(
        input_dir: str | os.PathLike[str],
        output_dir: str | os.PathLike[str],
        keep_other_files: bool = False,
        **settings: Any,
    ) -> HeteroGraph:
        """Preprocess a raw dump to a store and open it; of a transfer's two the one to fine-tune.

        Args:
            keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.
            settings: fields of :class:`GPT_GNN.datasets.academic.build.Settings`.

        Raises:
            RawDataError: the dump is incomplete, damaged or contradicts itself.
            ValueError: a setting out of range, or fields that do not divide the papers.
            OtherFilesError: ``output_dir`` holds files that are not a store's.
        """
        checked, facts = Settings(**settings), GraphFacts.of(OAG)
        output = Path(output_dir)
        build_store(Path(input_dir), output, checked, facts, keep_other_files=keep_other_files)
        return HeteroGraph.open(_stores(Path(output_dir), checked.transfer)[-1])

    @staticmethod
    def raw_files(data: Mapping[str, Any]) -> dict[str, str]:
        """Names and checksums of the files that preprocessing reads; none for the built-in graph.

        Args:
            data: the flags ``input_dir``, ``domain``, ``language``, ``citation_bar``,
                ``pretrain_fields`` and ``finetune_fields``, as far as a dump can tell right ones.

        Raises:
            RawDataError: a file is missing, or names and levels of fields cannot be read.
            ValueError: a name of a field that the dump does not have.
        """
        domain = Settings(
            data["domain"], language=data["language"], citation_bar=int(data["citation_bar"])
        ).suffix
        fields = data["pretrain_fields"], data["finetune_fields"]
        if data["input_dir"]:
            dump = RawDump(Path(data["input_dir"]), domain, skip_bad_rows=False)
            vectors = find_vectors(dump.folder)
            files = [*dump.check_files(), *([vectors] if vectors else [])]
            check_fields(dump, *fields)
            return {file.name: file_checksum(file) for file in files}
        with tempfile.TemporaryDirectory() as folder:
            toy.write_toy_dump(Path(folder), TOY_PAPERS, 0)
            check_fields(RawDump(Path(folder), domain, skip_bad_rows=False), *fields)
        return {}

    @staticmethod
    def facts(graph: HeteroGraph) -> GraphFacts:
        """What pre-training and the tasks go by: the store's own facts, of an older one OAG's."""
        return GraphFacts.stored(graph) or GraphFacts.of(OAG)

    @staticmethod
    def preprocess(
        input_dir: str,
        output_dir: str,
        keep_other_files: bool = False,
        toy_papers: int = TOY_PAPERS,
        **settings: Any,
    ) -> None:
        """What preprocess_OAG.py does; without ``input_dir`` it writes and takes a built-in dump.

        Raises:
            ValueError: bad data or a bad setting.
            OSError: e.g. a full disk.
        """
        checked = Settings(**settings)
        suffix = "" if checked.transfer == TIME else "_" + checked.transfer.replace("+", "_")
        if input_dir:
            default = data_folder() / f"oag{checked.domain}{suffix}"
            output = Path(output_dir or default)
            OAG.build(input_dir, output, keep_other_files, **settings)
        else:
            default = _toy_path(data_folder(), toy_papers, checked.seed)
            output = Path(output_dir or default.with_name(default.name + suffix))
            _build_toy(output, toy_papers, checked, keep_other_files)
        for path in _stores(output, checked.transfer):
            print(f"\n{summary(HeteroGraph.open(path))}")

    @staticmethod
    def paper_field(level: str = "L2") -> EdgeType:
        """The labels of the paper-field task: fields of one level into papers."""
        return ("field", f"rev_PF_in_{level}", "paper")

    @staticmethod
    def paper_field_all(graph: HeteroGraph) -> list[EdgeType]:
        """All relations from fields into papers that the graph has."""
        return _into_papers(graph, "field", "rev_PF_in_L")

    @staticmethod
    def paper_venue(graph: HeteroGraph) -> list[EdgeType]:
        """All relations from venues into papers that the graph has."""
        return _into_papers(graph, "venue", "rev_PV_")

    @staticmethod
    def citations(graph: HeteroGraph) -> list[EdgeType]:
        """Citations, from both sides."""
        return [e for e in graph.edge_types if e[1] in ("PP_cite", "rev_PP_cite")]

    @staticmethod
    def paper_author(graph: HeteroGraph) -> list[EdgeType]:
        """All relations from authors into papers that the graph has."""
        return _into_papers(graph, "author", "AP_write_")

    @staticmethod
    def employment(graph: HeteroGraph) -> list[EdgeType]:
        """The relation from authors to affiliations, which is read off papers' author lists."""
        return [e for e in graph.edge_types if e == ("author", "in", "affiliation")]


def _stores(path: Path, transfer: str) -> list[Path]:
    """The stores that preprocessing writes to a folder; the last is the one to fine-tune on."""
    return [path] if transfer == TIME else [path / part for part in PARTS]


def _into_papers(graph: HeteroGraph, source: str, prefix: str) -> list[EdgeType]:
    return [
        edge_type
        for edge_type in graph.edge_types
        if edge_type[::2] == (source, "paper") and edge_type[1].startswith(prefix)
    ]


def toy_store(
    num_papers: int = TOY_PAPERS, seed: int = 0, folder: Path | None = None
) -> HeteroGraph:
    """The built-in graph, opened from ``<folder>/toy_<papers>_<seed>``; built when it is not there.

    Args:
        folder: where built-in graphs are kept; by default the data folder.
    """
    path = _toy_path(folder or data_folder(), num_papers, seed)
    versions = [toy.VERSION, oag_build.VERSION]
    # Nobody asked to replace anything, so what others put there stays, too.
    build = partial(_build_toy, path, num_papers, Settings(seed=seed), keep_other_files=True)
    return built_in(path, versions, build)


def _toy_path(folder: Path, num_papers: int, seed: int) -> Path:
    return folder / f"toy_{num_papers}_{seed}"


def _build_toy(
    path: Path, num_papers: int, settings: Settings, keep_other_files: bool
) -> HeteroGraph:
    with tempfile.TemporaryDirectory() as folder:
        toy.write_toy_dump(Path(folder), num_papers, settings.seed)
        extra = {
            "versions": [toy.VERSION, oag_build.VERSION],
            "toy_papers": num_papers,
        }
        facts = GraphFacts.of(OAG)
        build_store(Path(folder), path, settings, facts, extra, keep_other_files)
    return HeteroGraph.open(_stores(path, settings.transfer)[-1])
