"""Build a graph from your own tables and a description of them (docs/DATA_FORMAT.md)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from GPT_GNN.builder.arrays import NodeArrays, known_nodes, write_graph
from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.tables.description import SPLIT_COLUMN
from GPT_GNN.datasets.tables.description_reader import Source, read_description
from GPT_GNN.datasets.tables.edges import edge_arrays
from GPT_GNN.datasets.tables.ids import Ids
from GPT_GNN.datasets.tables.nodes import FittedColumns, fitted_facts
from GPT_GNN.datasets.tables.reader import TableReader
from GPT_GNN.datasets.tables.split import target_split
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import LINK_SPLIT, RandomSplit, split_to_dict
from GPT_GNN.graph.store import HeteroGraph


def build_from_tables(
    description: Source,
    path: str | os.PathLike[str],
    tables: Mapping[str, Any] | None = None,
    keep_other_files: bool = False,
) -> HeteroGraph:
    """Write a store from tables, all or nothing, and open it.

    Features are fitted on the nodes that pre-training may know, and the store keeps the fit.

    Args:
        description: a YAML file, or a dict of the same keys.
        path: the folder to create or replace.
        tables: name -> pandas DataFrame, pyarrow Table or mapping from names to columns; other
            tables are files beside the description.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        ValueError: names the file and the key, or the table, column and row.
    """
    check_output(path, keep_other_files)
    description = read_description(description)
    # Times and the split first: they say which nodes features may be fitted on.
    reader = TableReader(description, tables)
    ids, nodes, fitted = {}, {}, {}
    node_tables = {t: reader.filled(spec.table) for t, spec in description.nodes.items()}
    time = {t: reader.times(spec, node_tables[t]) for t, spec in description.nodes.items()}
    reader.check_times()
    target = description.target
    split, split_numbers = target_split(description, node_tables[target], time[target])
    for node_type, spec in description.nodes.items():
        table = node_tables.pop(node_type)
        ids[node_type] = Ids.read(table, spec.id, spec.missing)
        known = known_nodes(NodeArrays(table.num_rows, time=time[node_type]), split)
        fitted[node_type] = FittedColumns.fit(spec, table, known)
        nodes[node_type] = fitted[node_type].columns(spec, table)
        nodes[node_type].time = time[node_type]
        nodes[node_type].columns["id"] = ids[node_type].values
    if description.text_part and description.text_part not in nodes[target].features:
        raise ValueError(
            f"{description.name}, text_part: expected a feature with columns, got "
            f"{description.text_part!r}, of which pre-training may know no cell"
        )
    if split_numbers is not None:
        nodes[target].columns[SPLIT_COLUMN] = split_numbers
    # Edges, when the ids of both ends are known.
    edges = {}
    for edge in description.edges:
        table = reader.filled(edge.table)
        edges[edge.type] = edge_arrays(edge, table, ids, reader.times(edge, table))
    reader.check_times()
    task = GraphFacts(
        target=target,
        rel_stop_list=description.rel_stop_list,
        split=split,
        text_part=description.text_part,
        text_column=description.nodes[target].text,
        label=description.label,
    )
    fitted_entries, encoders = fitted_facts(fitted)
    facts = {"dataset": "tables", "description": dict(description.record), **fitted_entries}
    if description.split.by == "random":  # its nodes have a column; links are divided alike
        drawn = RandomSplit(description.split.fractions, description.split.seed)
        facts[LINK_SPLIT] = split_to_dict(drawn)
    return write_graph(
        path,
        nodes,
        edges,
        task,
        facts,
        times_declared=True,  # or checked above, where their rows are known
        tables=encoders,
        keep_other_files=keep_other_files,
    )
