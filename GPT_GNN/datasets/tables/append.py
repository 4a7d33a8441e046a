"""Append rows to a store that was built from tables: new nodes, and edges of old and new nodes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays
from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.tables.description import SPLIT_COLUMN, Description, NodeTable
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
        tables: see :func:`build_from_tables`; with new nodes only, and edges between old or new
            nodes.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        ValueError: as :func:`build_from_tables`; also an id that the store has already, a class
            that it lacks, or another description.
    """
    check_output(path, keep_other_files)
    graph = store if isinstance(store, HeteroGraph) else HeteroGraph.open(store)
    nodes, edges = arrays_to_append(graph, description, tables)
    # Their scale is checked where their rows are known.
    return append_arrays(graph, path, nodes, edges, keep_other_files, times_declared=True)


def arrays_to_append(
    graph: HeteroGraph, description: Source, tables: Mapping[str, Any] | None = None
) -> tuple[dict[str, NodeArrays], dict[EdgeType, EdgeArrays]]:
    """The new nodes and edges of :func:`append_tables`, with features as those of the store.

    A table that is not there has no new rows, and its types are not in the result.

    Returns:
        The new nodes; the new edges, old nodes numbered as in the store and new ones after them.
    """
    description = read_description(description)
    _check_same(graph, description)
    reader = TableReader(description, tables)
    nodes: dict[str, NodeArrays] = {}
    ids = {t: Ids.stored(graph, t) for t in description.nodes}
    for node_type, spec in description.nodes.items():
        table = reader.read(spec.table)
        if table is None:
            continue
        new = _new_ids(graph, table, spec, ids[node_type])
        ids[node_type] = ids[node_type].followed_by(new)
        nodes[node_type] = stored_columns(graph, node_type).columns(spec, table)
        nodes[node_type].time = reader.times(spec, table)
        nodes[node_type].columns["id"] = new.values
        if node_type == description.target and graph.has_column(node_type, SPLIT_COLUMN):
            first = graph.num_nodes(node_type)
            _, numbers = target_split(description, table, None, first)
            assert numbers is not None  # the description is the store's
            nodes[node_type].columns[SPLIT_COLUMN] = numbers
    edges = {}
    for edge in description.edges:
        table = reader.read(edge.table)
        if table is not None:
            edges[edge.type] = edge_arrays(edge, table, ids, reader.times(edge, table))
    reader.check_times(store_times(graph))
    if not nodes and not edges:
        raise ValueError(f"{description.name}: none of its tables is in {description.folder}")
    return nodes, edges


def _check_same(graph: HeteroGraph, description: Description) -> None:
    if "description" not in graph.facts:
        raise ValueError(f"{graph.path}: expected a store built from tables, it has no description")
    stored = read_description(graph.facts["description"])
    differing = stored.differences(description)
    if differing:
        raise ValueError(
            f"{description.name}: expected what {graph.path} was built from, another is "
            f"{', '.join(differing)}"
        )


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
