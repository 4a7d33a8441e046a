"""What pre-training and fine-tuning have to know about a graph: target type, split, text, label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from GPT_GNN.graph.split import RandomSplit, Split, split_from_dict, split_to_dict
from GPT_GNN.graph.store import HeteroGraph


@dataclass(frozen=True)
class GraphFacts:
    """Facts of a graph that a store may hold and a flag may override.

    Attributes:
        target: the target type: its nodes are pre-trained on and predicted.
        rel_stop_list: relations into it that are never masked, see :meth:`Schema.is_named`.
        split: of its nodes.
        text_part: the feature part that ``--attr_type vec`` generates; empty: all features.
        text_column: the text that ``--attr_type text`` generates; empty: none.
        label: the column of its classes; empty: none.
    """

    target: str
    rel_stop_list: tuple[str, ...] = ()
    split: Split = RandomSplit()
    text_part: str = ""
    text_column: str = ""
    label: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the fact ``task`` of a store."""
        plain = {"rel_stop_list": list(self.rel_stop_list), "split": split_to_dict(self.split)}
        return {f.name: getattr(self, f.name) for f in fields(self)} | plain

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> GraphFacts:
        """The inverse of :meth:`to_dict`. Raises ValueError for other entries."""
        expected = [f.name for f in fields(cls)]
        if not {"target"} <= set(record) <= set(expected):
            raise ValueError(f"facts of a graph: expected {expected}, got {sorted(record)}")
        read: dict[str, Any] = {"rel_stop_list": tuple, "split": split_from_dict}
        return cls(**{n: read[n](value) if n in read else value for n, value in record.items()})

    @classmethod
    def stored(cls, graph: HeteroGraph) -> GraphFacts | None:
        """The facts that a store holds about itself, or None."""
        record = graph.facts.get("task")
        return None if record is None else cls.from_dict(record)
