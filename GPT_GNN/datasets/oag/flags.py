"""Flags of the scripts of OAG."""

from __future__ import annotations

from dataclasses import dataclass

from GPT_GNN.datasets.builtin import GraphConfig
from GPT_GNN.settings import Checked, setting


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
