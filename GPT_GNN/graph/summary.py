"""What is in a store, for people: types, sizes, splits and classes."""

from __future__ import annotations

import numpy as np

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import SPLITS, TimeSplit, in_words
from GPT_GNN.graph.store import FORMAT, NO_TIME, VERSION, HeteroGraph

_SHOWN = 10  # classes


def summary(graph: HeteroGraph) -> str:
    """Tables of node types, edge types and, where the store has a task, splits and classes."""
    lines = [f"{graph.path}: {FORMAT} version {VERSION}, views {', '.join(graph.views)}", ""]
    lines.append(f"{'node type':<24}{'nodes':>12}{'features':>10}  columns")
    for node_type in graph.node_types:
        columns = " ".join(sorted(graph.columns(node_type)))
        lines.append(
            f"{node_type:<24}{graph.num_nodes(node_type):>12,}"
            f"{graph.feature_dim(node_type):>10}  {columns}"
        )
    lines += ["", f"{'edge type':<52}{'edges':>12}  time  inverse"]
    for i, edge_type in enumerate(graph.edge_types):
        lines.append(
            f"{' -> '.join(edge_type):<52}{graph.num_edges(edge_type):>12,}"
            f"  {'yes' if graph.schema.timed[i] else 'no':<4}"
            f"  {graph.edge_types[graph.schema.inverse[i]][1]}"
        )
    total = sum(entry["bytes"] for entry in graph.meta["files"].values())
    lines += ["", f"{sum(graph.meta['num_edges']):,} stored edges, {total / 1e6:,.1f} MB"]
    task = GraphFacts.stored(graph)
    if task:
        lines += ["", *_splits(graph, task)]
        sizes = class_sizes(graph, task.target, task.label)
        if sizes:
            shown = ", ".join(f"{name} {n:,}" for name, n in list(sizes.items())[:_SHOWN])
            more = f", ... and {len(sizes) - _SHOWN} more" if len(sizes) > _SHOWN else ""
            lines += ["", f"{len(sizes)} classes of {task.label!r}: {shown}{more}"]
    return "\n".join(lines)


def class_sizes(graph: HeteroGraph, node_type: str, label: str) -> dict[str, int] | None:
    """Nodes of each class by its name, the largest first; None where the column holds no classes.

    Classes without a node are left out.
    """
    if not graph.has_column(node_type, label) or graph.is_ragged(node_type, label):
        return None
    column = graph.column(node_type, label)
    if column.dtype.kind not in "biu":
        return None
    if column.ndim == 1:
        numbers, sizes = np.unique(column[column >= 0], return_counts=True)
    else:
        sizes = (column != 0).sum(0)
        numbers = np.flatnonzero(sizes)
        sizes = sizes[numbers]
    names = graph.facts.get("classes", {}).get(node_type, {}).get(label)
    shown = [str(i) if names is None else names[i] for i in numbers.tolist()]
    order = np.argsort(-sizes, kind="stable").tolist()
    return {shown[i]: int(sizes[i]) for i in order}


def _splits(graph: HeteroGraph, task: GraphFacts) -> list[str]:
    """The numbers of nodes and of labelled nodes in each split and in none."""
    labelled = None
    if class_sizes(graph, task.target, task.label) is not None:
        column = graph.column(task.target, task.label)
        labelled = column >= 0 if column.ndim == 1 else (column != 0).any(1)
    try:
        parts = {name: task.split.nodes(graph, task.target, name) for name in SPLITS}
    except ValueError as error:  # of an older store: facts that do not fit it
        return [f"split: {error}"]
    none = np.ones(graph.num_nodes(task.target), dtype=bool)
    for nodes in parts.values():
        none[nodes] = False
    parts["in no split"] = np.flatnonzero(none)
    head = "" if labelled is None else f"{'labelled':>12}"
    lines = [f"{task.target}, divided {in_words(task.split)}"]
    lines.append(f"{'split':<24}{'nodes':>12}{head}")
    for name, nodes in parts.items():
        known = "" if labelled is None else f"{int(labelled[nodes].sum()):>12,}"
        lines.append(f"{name:<24}{len(nodes):>12,}{known}")
    time = graph.node_time(task.target)
    if isinstance(task.split, TimeSplit) and time is not None and (time == NO_TIME).any():
        lines[-1] += f"  {int((time == NO_TIME).sum()):,} without a time"
    return lines
