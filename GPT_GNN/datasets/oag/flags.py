"""Flags of the scripts of OAG."""

from __future__ import annotations

from dataclasses import dataclass

from GPT_GNN.datasets.builtin import GraphConfig
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES


@dataclass(frozen=True)
class DumpConfig(Checked):
    """What is preprocessed, and where to."""

    input_dir: str = setting("", "folder of the raw dump; empty: the built-in graph's")
    output_dir: str = setting(
        "", "store to write; empty: data/oag<domain> or data/toy_*, with the name of a transfer"
    )
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)
    toy_papers: int = setting(4000, "papers of the built-in graph", low=100)


@dataclass(frozen=True)
class OAGDataConfig(GraphConfig):
    """Which graph."""

    domain: str = setting(
        "", "open the store oag<domain> inside data_dir, e.g. _CS; empty: data_dir", place=True
    )


@dataclass(frozen=True)
class FieldTaskConfig(Checked):
    """What the paper-field task hides."""

    hide_all_fields: bool = setting(
        False, "hide a target's edges to fields of all levels, not of level 2 only"
    )


@dataclass(frozen=True)
class VenueTaskConfig(Checked):
    """What the paper-venue task hides."""

    hide_citations: bool = setting(
        False, "hide a target's citations, which the latest papers of a graph may not have yet"
    )
    hide_fields: bool = setting(
        False, "hide a target's fields, whose coverage may tell the venue in some years only"
    )
