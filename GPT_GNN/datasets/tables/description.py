"""What the tables of a graph hold. ``description_reader`` reads it from a YAML file or a dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from GPT_GNN.builder.times import TimeBins
from GPT_GNN.features.featurizer import Featurizer
from GPT_GNN.graph.split import SHARES
from GPT_GNN.schema import EdgeType

SPLIT_COLUMN = "split"  # where the store keeps a split that is not by time
RESERVED = ("id", "time", SPLIT_COLUMN)  # columns of the store

# Values that mean an empty cell, as the empty text does: of all columns, or column -> values.
Missing = tuple[str, ...] | Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class NodeTable:
    """The nodes of one type, one per row.

    Attributes:
        table: a file beside the description, or a key of ``tables``.
        id: column of the ids, whole numbers or texts.
        time: column of the times; empty: none. ``time_unit``: theirs, if not the description's.
        features: column -> its featurizer, not fitted.
        labels: column -> separator between the labels of a cell; empty: one label per cell.
        text: column of texts that the store keeps; of the target type, the texts to generate.
        missing: values that mean an empty cell; -999 is -999.0, too.
    """

    table: str
    id: str
    time: str = ""
    time_unit: str = ""
    features: Mapping[str, Featurizer] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    missing: Missing = ()

    @property
    def columns(self) -> set[str]:
        """All columns that are read."""
        return {self.id, self.time, self.text, *self.features, *self.labels} - {""}


@dataclass(frozen=True)
class EdgeTable:
    """The edges of one type, one per row.

    Attributes:
        type: (source type, relation, target type).
        table, time_unit, missing: see :class:`NodeTable`.
        source, target: columns with the ids of the two ends.
        time: column of the times; empty: the later of the ends' times, where they have any.
        inverse, multigraph: see :class:`GPT_GNN.builder.arrays.EdgeArrays`.
        skip_unknown_ids: leave out and count the rows with an id that is empty or of no node.
    """

    type: EdgeType
    table: str
    source: str
    target: str
    time: str = ""
    time_unit: str = ""
    inverse: str = ""
    multigraph: bool = False
    skip_unknown_ids: bool = False
    missing: Missing = ()

    @property
    def columns(self) -> set[str]:
        """All columns that are read."""
        return {self.source, self.target, self.time} - {""}


@dataclass(frozen=True)
class SplitRule:
    """How the nodes of the target type are divided: ``by`` time, random or column.

    Attributes:
        bounds: by time, in the tables' unit: the last time of pretrain, train and valid; empty:
            the times that divide the nodes into 70, 10, 10 and 10 %.
        fractions, seed, pretrain_on: see :class:`RandomSplit` and :class:`ColumnSplit`.
        column: of the target's table, with names or positions in ``SPLITS``.
    """

    by: str
    bounds: tuple[Any, ...] = ()
    fractions: tuple[float, ...] = SHARES
    seed: int = 0
    column: str = SPLIT_COLUMN
    pretrain_on: str = ""


@dataclass(frozen=True)
class Description:
    """The tables of a graph and what to learn from it.

    Attributes:
        nodes: node type -> its table.
        edges: one table per relation.
        target: the target type.
        split: of its nodes.
        time: how times become whole numbers; None: they are whole numbers already.
        label: the label to predict, of the target type; empty: none.
        text_part: the feature that ``vec`` generates, of the target type; empty: all.
        rel_stop_list: relations that are never masked.
        name: of the file, for errors.
        folder: of the tables that are files.
        record: the keys as they were given, ready for JSON.
    """

    nodes: Mapping[str, NodeTable]
    edges: tuple[EdgeTable, ...]
    target: str
    split: SplitRule
    time: TimeBins | None = None
    label: str = ""
    text_part: str = ""
    rel_stop_list: tuple[str, ...] = ()
    name: str = "description"
    folder: Path = Path(".")
    record: Mapping[str, Any] = field(default_factory=dict)

    def bins(self, table: NodeTable | EdgeTable) -> TimeBins:
        """How the times of a table become whole numbers."""
        common = self.time or TimeBins()
        return replace(common, unit=table.time_unit) if table.time_unit else common

    def differences(self, other: Description) -> list[str]:
        """Keys in which two descriptions differ, apart from where and how tables are read."""
        own, others = self._plain(), other._plain()
        return sorted(key for key in own | others if own.get(key) != others.get(key))

    def _plain(self) -> dict[str, Any]:
        tables: dict[str, Any] = {f"nodes.{name}": t for name, t in self.nodes.items()}
        tables |= {
            f"edges of {':'.join(edge.type)}": replace(edge, skip_unknown_ids=False)
            for edge in self.edges
        }
        plain = {key: replace(table, table="", missing=()) for key, table in tables.items()}
        keys = ("time", "target", "label", "text_part", "rel_stop_list", "split")
        return plain | {key: getattr(self, key) for key in keys}
