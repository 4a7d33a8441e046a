"""Notes and warnings about a store, to read before training, a line each."""

from __future__ import annotations

from statistics import median

import numpy as np

from GPT_GNN.builder.ways_around import ways_around
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import SPLITS, ColumnSplit, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.graph.summary import class_sizes

_FEW_NODES = 3  # in the median class: too few to train, validate and test with
_MANY_CLASSES = 20


def remarks(graph: HeteroGraph) -> list[str]:
    """Lines that begin with ``note:`` or ``warning:``; no edges and no features are read."""
    timed = [t for t in graph.node_types if graph.has_column(t, "time")]
    found = [f"warning: {way}" for way in ways_around(graph.schema, timed).values()]
    task = GraphFacts.stored(graph)
    if task is None:
        return found
    return found + _of_split(graph, task) + _of_classes(graph, task)


def _of_split(graph: HeteroGraph, task: GraphFacts) -> list[str]:
    if isinstance(task.split, ColumnSplit):
        return _of_column(graph, task.target, task.split.column)
    time = graph.node_time(task.target)
    if time is None or not isinstance(task.split, TimeSplit):
        return []
    lines = []
    unknown = int((time == NO_TIME).sum())
    if unknown:
        lines.append(
            f"note: {unknown:,} of {len(time):,} {task.target!r} nodes have no time and are in no "
            "split: nothing is trained or tested with them"
        )
    empty = task.split.empty_parts(time)
    if empty:
        lines.append(f"warning: {task.target!r}: {empty}")
    return lines


def _of_column(graph: HeteroGraph, target: str, column: str) -> list[str]:
    """A warning where a column puts no node into a split."""
    if not graph.has_column(target, column) or graph.is_ragged(target, column):
        return []  # all nodes pre-train, and there are no other splits
    numbers = graph.column(target, column)
    if np.isin(numbers, range(len(SPLITS))).any():
        return []
    return [
        f"warning: split column {column!r} of {target!r}: all {len(numbers):,} nodes are in no "
        "split: nothing is trained, validated or tested with them"
    ]


def _of_classes(graph: HeteroGraph, task: GraphFacts) -> list[str]:
    """A warning for each label without a value, and for each that has too many to be classes."""
    labels = {task.target: {task.label: None} if task.label else {}}
    for node_type, classes in graph.facts.get("classes", {}).items():
        labels.setdefault(node_type, {}).update(dict.fromkeys(classes))
    lines = []
    for node_type, names in labels.items():
        for label in names:
            sizes = class_sizes(graph, node_type, label)
            if sizes == {}:
                lines.append(
                    f"warning: label {label!r} of {node_type!r}: all "
                    f"{graph.num_nodes(node_type):,} nodes are without a class"
                )
            elif sizes and _are_many(list(sizes.values())):
                lines.append(
                    f"warning: label {label!r} of {node_type!r} has {len(sizes):,} classes for "
                    f"{sum(sizes.values()):,} labels (median {median(sizes.values()):g} per class)"
                    ": every distinct value is a class; expected ranges of a number, or another "
                    "label"
                )
    return lines


def _are_many(sizes: list[int]) -> bool:
    """Whether there are too many classes: most are tiny, or they outnumber the nodes of each.

    349 venues of 736,000 papers and 41 communities of 233,000 posts are not too many; 42 ages of
    857 drivers are, with 20 drivers of each.
    """
    if len(sizes) <= 2:
        return False
    per_class = np.sum(sizes) / len(sizes)
    return median(sizes) < _FEW_NODES or (len(sizes) > max(_MANY_CLASSES, per_class))
