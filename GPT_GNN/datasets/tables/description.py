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

# Values that mean an empty cell, beside the empty text: of all columns, or column -> values.
Missing = tuple[str, ...] | Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class NodeTable:
    """The nodes of one type, a row each.

    Attributes:
        table: name of the table: a file beside the description, or a key of ``tables``.
        id: column of the ids, whole numbers or texts.
        time: column of the times; empty: none.
        time_unit: theirs, where it is not that of the description.
        features: column -> its featurizer, not fitted.
        labels: column -> separator of several labels in a cell; empty: one label a cell.
        text: column of texts that the store keeps, of the target those that are generated.
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
    """The edges of one type, a row each.

    Attributes:
        type: (source type, relation, target type).
        table: name of the table.
        source, target: columns of the ids of either end.
        time: column of the times; empty: the later of the ends' times, where they have any.
        time_unit: theirs, where it is not that of the description.
        inverse, multigraph: see :class:`GPT_GNN.builder.arrays.EdgeArrays`.
        skip_unknown_ids: leave out and count the rows of which an id is empty or no node's.
        missing: values that mean an empty cell; -999 is -999.0, too.
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
    """How the target's nodes are divided.

    Attributes:
        by: ``time``, ``random`` or ``column``.
        bounds: by time, in the tables' unit: the last time of pretrain, train and valid; none: the
            times at which the nodes divide into 70, 10, 10 and 10 %.
        fractions, seed: see :class:`RandomSplit`.
        column: of the target's table, the words or positions of ``SPLITS``.
        pretrain_on: see :class:`ColumnSplit`.
    """

    by: str
    bounds: tuple[Any, ...] = ()
    fractions: tuple[float, ...] = SHARES
    seed: int = 0
    column: str = SPLIT_COLUMN
    pretrain_on: str = ""


@dataclass(frozen=True)
class Description:
    """The tables of a graph and what is to be learned from it.

    Attributes:
        nodes: node type -> its table.
        edges: one a relation.
        target: the node type that is pre-trained and predicted.
        split: of its nodes.
        time: how times become whole numbers; None: they are whole numbers, e.g. years.
        label: which of the target's labels is predicted; empty: none.
        text_part: which of the target's features ``vec`` generates; empty: all.
        rel_stop_list: relations that are never masked.
        name: of the file, for errors.
        folder: where tables lie that are files.
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
        """The rule for a table's times, by default that of whole numbers."""
        common = self.time or TimeBins()
        return replace(common, unit=table.time_unit) if table.time_unit else common

    def differences(self, other: Description) -> list[str]:
        """Keys in which two descriptions differ; where tables lie and how they are read is none."""
        own, others = self._plain(), other._plain()
        return sorted(key for key in own | others if own.get(key) != others.get(key))

    def _plain(self) -> dict[str, Any]:
        tables: dict[str, Any] = {
            f"nodes.{name}": replace(table, table="", missing=())
            for name, table in self.nodes.items()
        }
        for edge in self.edges:
            plain = replace(edge, table="", missing=(), skip_unknown_ids=False)
            tables[f"edges of {':'.join(edge.type)}"] = plain
        keys = ("time", "target", "label", "text_part", "rel_stop_list", "split")
        return tables | {key: getattr(self, key) for key in keys}
