"""A table of nodes as features, labels and columns, by encoders that the store keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.arrays import NodeArrays
from GPT_GNN.builder.builder import GraphBuilder
from GPT_GNN.datasets.tables.description import NodeTable
from GPT_GNN.datasets.tables.source import Table, missing_advice
from GPT_GNN.features import ENCODERS
from GPT_GNN.features.cells import CellError, canonical, in_order, is_whole, missing, texts
from GPT_GNN.features.column_encoder import ColumnEncoder, State
from GPT_GNN.features.columns import Multi
from GPT_GNN.features.lists import name_lists, single_names
from GPT_GNN.graph.store import HeteroGraph

Names = list[list[str]]  # of each row's labels
_NO_CLASSES = frozenset(
    {"nan", "NaN", "NAN", "-nan", "inf", "-inf"}
)  # what failed computations give


@dataclass(frozen=True)
class FittedColumns:
    """What the columns of a node type have taught.

    Attributes:
        encoders: column -> its encoder, fitted.
        classes: label column -> names of the classes, in the order of their numbers.
    """

    encoders: Mapping[str, ColumnEncoder]
    classes: Mapping[str, list[str]]

    @classmethod
    def fit(cls, spec: NodeTable, table: Table, known: np.ndarray) -> FittedColumns:
        """Fit encoders to the nodes that pre-training may know; classes are those of all nodes.

        Args:
            known: positions of the nodes, see :func:`GPT_GNN.builder.arrays.known_nodes`.

        Raises:
            ValueError: a column that is not there, a cell that does not fit, with its row.
        """
        encoders = {}
        for column, encoder in spec.features.items():
            encoders[column] = replace(encoder)  # the description's own stays as it is
            cells = _feature_cells(spec, table, column, encoder)[known]
            table.named_errors(column, encoders[column].fit, cells, known)
            if len(known) and (not encoders[column].dim or missing(cells).all()):
                tqdm.write(
                    f"warning: {table.where(column)}: all {len(known):,} cells that pre-training "
                    "may know are empty: the feature tells nothing"
                )
        classes = {}
        for column in spec.labels:
            labels = _labels(spec, table, column)
            found = {name for row in labels for name in row}
            if found & _NO_CLASSES:
                check = partial(_check_classes, column=column)
                table.named_errors(column, check, labels)  # type: ignore[arg-type]
            classes[column] = in_order(found)
        return cls(encoders, classes)

    def columns(self, spec: NodeTable, table: Table) -> NodeArrays:
        """Features, labels and text of a table's nodes; ids, times and split are the caller's.

        Raises:
            ValueError: a cell that does not fit, or a class that is none, with its row.
        """
        arrays = NodeArrays(table.num_rows)
        for column, encoder in self.encoders.items():
            cells = _feature_cells(spec, table, column, encoder)
            features = table.named_errors(column, encoder.encode, cells)
            if encoder.dim:  # categories of which none was seen have no columns
                arrays.features[column] = features
        for column, classes in self.classes.items():
            number = partial(_class_numbers, classes=classes, several=bool(spec.labels[column]))
            found = _labels(spec, table, column)
            arrays.columns[column] = table.named_errors(column, number, found)  # type: ignore[arg-type]
        if spec.text:
            cells = table.cells(spec.text, spec.missing)
            arrays.columns[spec.text] = table.named_errors(spec.text, texts, cells)
        return arrays


def fitted_facts(fitted: Mapping[str, FittedColumns]) -> dict[str, Any]:
    """What a store's facts say: ``classes``, type -> label -> names; ``encoders``, a list."""
    entries = [
        {
            "node_type": node_type,
            "column": column,
            "encoder": next(n for n, kind in ENCODERS.items() if type(encoder) is kind),
            "facts": encoder.state().facts,
            "arrays": list(encoder.state().arrays),
        }
        for node_type, columns in fitted.items()
        for column, encoder in columns.encoders.items()
    ]
    classes = {node_type: dict(columns.classes) for node_type, columns in fitted.items()}
    return {"encoders": entries, "classes": {t: c for t, c in classes.items() if c}}


def add_fitted(builder: GraphBuilder, fitted: Mapping[str, FittedColumns]) -> None:
    """Add the encoders' arrays as tables ``encoder<position>_<name>``."""
    encoders = [encoder for columns in fitted.values() for encoder in columns.encoders.values()]
    for i, encoder in enumerate(encoders):
        for name, values in encoder.state().arrays.items():
            builder.add_table(f"encoder{i}_{name}", values)


def stored_columns(graph: HeteroGraph, node_type: str) -> FittedColumns:
    """What :func:`fitted_facts` and :func:`add_fitted` wrote about a node type."""
    encoders = {}
    for i, entry in enumerate(graph.facts["encoders"]):
        if entry["node_type"] == node_type:
            arrays = {name: graph.table(f"encoder{i}_{name}") for name in entry["arrays"]}
            kind = ENCODERS[entry["encoder"]]
            encoders[entry["column"]] = kind.from_state(State(entry["facts"], arrays))
    return FittedColumns(encoders, graph.facts["classes"].get(node_type, {}))


def _feature_cells(
    spec: NodeTable, table: Table, column: str, encoder: ColumnEncoder
) -> np.ndarray:
    separator = encoder.separator if isinstance(encoder, Multi) else ""
    return table.cells(column, spec.missing, wide=True, separator=separator)


def _labels(spec: NodeTable, table: Table, column: str) -> Names:
    """The names of each row's classes."""
    cells = table.cells(column, spec.missing, separator=spec.labels[column])
    if spec.labels[column]:
        found: Names = table.named_errors(
            column, partial(name_lists, separator=spec.labels[column]), cells
        )
        return found
    single = table.named_errors(column, single_names, cells)
    # A negative number is how data sets without empty cells say that a node has no label.
    return [[] if n is None or (n[0] == "-" and is_whole(n)) else [n] for n in single]


def _check_classes(labels: Names, column: str) -> None:
    for row, found in enumerate(labels):
        for name in _NO_CLASSES.intersection(found):
            raise CellError(
                row,
                f"expected a class or an empty cell, got {name!r}; if it means none: "
                f"{missing_advice(column, name)}",
            )


def _class_numbers(labels: Names, classes: list[str], several: bool) -> np.ndarray:
    """[N] int64, -1 for none, or [N, C] uint8 of 0 and 1."""
    number = {canonical(name): i for i, name in enumerate(classes)}
    for row, found in enumerate(labels):
        for name in found:
            if name not in number:
                raise CellError(row, f"expected one of the classes {classes}, got {name!r}")
    if not several:
        return np.array([number[f[0]] if f else -1 for f in labels], dtype=np.int64)
    out = np.zeros((len(labels), len(classes)), dtype=np.uint8)
    for row, found in enumerate(labels):
        out[row, [number[name] for name in found]] = 1
    return out
