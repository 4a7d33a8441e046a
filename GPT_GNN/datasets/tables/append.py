"""Append rows to a store that was built from tables: new nodes, and edges of old and new nodes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays
from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.tables.description import SPLIT_COLUMN, NodeTable
from GPT_GNN.datasets.tables.description_reader import Source, read_description
from GPT_GNN.datasets.tables.edges import edge_arrays
from GPT_GNN.datasets.tables.ids import Ids
from GPT_GNN.datasets.tables.nodes import stored_columns
from GPT_GNN.datasets.tables.reader import TableReader
from GPT_GNN.datasets.tables.source import Table
from GPT_GNN.datasets.tables.split import target_split
from GPT_GNN.features.cells import check, is_whole
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.graph.times import store_times
from GPT_GNN.schema import EdgeType


def append_tables(
    store: HeteroGraph | str | os.PathLike[str],
    description: Source,
    path: str | os.PathLike[str],
    tables: Mapping[str, Any] | None = None,
    keep_other_files: bool = False,
) -> HeteroGraph:
    """Append tables to a store, write the result and open it.

    Args:
        store: written by :func:`build_from_tables`.
        description: that of the store; only the tables' names may differ.
        path: the folder to create or replace; it may be the store's own.
        tables: as there; with new nodes only, and edges between old or new nodes.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        ValueError: as :func:`build_from_tables`; also for an id that the store has already, a class
            that it lacks, or another description.
    """
    check_output(path, keep_other_files)
    graph = store if isinstance(store, HeteroGraph) else HeteroGraph.open(store)
    nodes, edges = arrays_to_append(graph, description, tables)
    # Their scale is checked with their rows at hand, for the errors.
    return append_arrays(graph, path, nodes, edges, keep_other_files, times_declared=True)


def arrays_to_append(
    graph: HeteroGraph, description: Source, tables: Mapping[str, Any] | None = None
) -> tuple[dict[str, NodeArrays], dict[EdgeType, EdgeArrays]]:
    """The new nodes and edges of :func:`append_tables`, with features like the store's.

    A table that is not there has no new rows. Old nodes are numbered as in the store, new ones
    after them.
    """
    description = read_description(description)
    stored = graph.facts.get("description")
    if stored is None:
        raise ValueError(f"{graph.path}: expected a store built from tables, it has no description")
    differing = read_description(stored).differences(description)
    if differing:
        raise ValueError(
            f"{description.name}: expected what {graph.path} was built from, another is "
            f"{', '.join(differing)}"
        )
    reader = TableReader(description, tables)
    nodes: dict[str, NodeArrays] = {}
    ids, target = {t: Ids.stored(graph, t) for t in description.nodes}, description.target
    for node_type, spec in description.nodes.items():
        table = reader.read(spec.table)
        if table is None:
            continue
        new = _new_ids(graph, table, spec, ids[node_type])
        ids[node_type] = ids[node_type].followed_by(new)
        nodes[node_type] = stored_columns(graph, node_type).columns(spec, table)
        nodes[node_type].time = reader.times(spec, table)
        nodes[node_type].columns["id"] = new.values
        if node_type == target and graph.has_column(target, SPLIT_COLUMN):
            old = graph.num_nodes(target)
            _, numbers = target_split(description, table, None, old)
            assert numbers is not None  # the description is the store's
            nodes[target].columns[SPLIT_COLUMN] = numbers
    edges = {}
    for edge in description.edges:
        table = reader.read(edge.table)
        if table is not None:
            edges[edge.type] = edge_arrays(edge, table, ids, reader.times(edge, table))
    reader.check_times(store_times(graph))
    if not nodes and not edges:
        raise ValueError(f"{description.name}: none of its tables is in {description.folder}")
    return nodes, edges


def _new_ids(graph: HeteroGraph, table: Table, spec: NodeTable, old: Ids) -> Ids:
    """The ids of a table, in the type of the store's ids."""
    new = Ids.read(table, spec.id, spec.missing)
    numbers = f"a whole number, as all ids in {graph.path} are"
    with table.named_errors(spec.id):
        check(
            old.positions(new.values) >= 0,
            lambda row: (
                f"expected new nodes only, {graph.path} has {str(new.values[row])!r} already"
            ),
        )
        if old.are_numbers and not new.are_numbers:
            check(
                np.array([not is_whole(name) for name in new.values]),
                lambda row: f"expected {numbers}, got {new.values[row]!r}",
            )
    if new.are_numbers and not old.are_numbers:
        return Ids(new.values.astype(str).astype(object))
    return new
