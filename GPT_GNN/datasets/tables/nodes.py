"""A table of nodes as features, labels and texts, by featurizers that the store keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.builder.arrays import NodeArrays
from GPT_GNN.datasets.tables.description import NodeTable
from GPT_GNN.datasets.tables.source import Table, missing_advice
from GPT_GNN.features import FEATURIZERS
from GPT_GNN.features.cells import CellError, canonical, in_order, is_whole, missing, texts
from GPT_GNN.features.featurizer import Featurizer
from GPT_GNN.features.lists import name_lists
from GPT_GNN.graph.inputs import stored_encoders
from GPT_GNN.graph.store import HeteroGraph

_NO_CLASSES = ("nan", "NaN", "NAN", "-nan", "inf", "-inf")  # what failed computations give


@dataclass(frozen=True)
class FittedColumns:
    """What was fitted to the columns of a node type: featurizers by column, and by label column the
    names of the classes, in the order of their numbers.
    """

    features: Mapping[str, Featurizer]
    classes: Mapping[str, list[str]]

    @classmethod
    def fit(cls, spec: NodeTable, table: Table, known: np.ndarray) -> FittedColumns:
        """Fit featurizers to the nodes that pre-training may know, and find the classes of all.

        Args:
            known: positions of the nodes, see :func:`GPT_GNN.builder.arrays.known_nodes`.
        """
        features = {}
        for column, setting in spec.features.items():
            features[column] = replace(setting)  # the description's own stays as it is
            cells = _feature_cells(spec, table, column)[known]
            with table.named_errors(column, known):
                features[column].fit(cells)
            if len(known) and (not features[column].dim or missing(cells).all()):
                tqdm.write(
                    f"warning: {table.where(column)}: all {len(known):,} cells that pre-training "
                    "may know are empty: the feature distinguishes nothing"
                )
        classes = {}
        for column in spec.labels:
            labels = _labels(spec, table, column)
            found = {name for row in labels for name in row}
            wrong = found.intersection(_NO_CLASSES)
            if wrong:
                row, name = next((i, n) for i, row in enumerate(labels) for n in row if n in wrong)
                got = f"got {name!r}; if it means none: {missing_advice(column, name)}"
                with table.named_errors(column):
                    raise CellError(row, f"expected a class or an empty cell, {got}")
            classes[column] = in_order(found)
        return cls(features, classes)

    def columns(self, spec: NodeTable, table: Table) -> NodeArrays:
        """Features, labels and texts of a table's nodes; without ids, times and split."""
        arrays = NodeArrays(table.num_rows)
        for column, featurizer in self.features.items():
            cells = _feature_cells(spec, table, column)
            with table.named_errors(column):
                features = featurizer.transform(cells)
            if featurizer.dim:  # 0 where fitting saw no category
                arrays.features[column] = features
        for column, classes in self.classes.items():
            labels = _labels(spec, table, column)
            with table.named_errors(column):
                numbers = _class_numbers(labels, classes, several=bool(spec.labels[column]))
            arrays.columns[column] = numbers
        if spec.text:
            cells = table.cells(spec.text, spec.missing)
            with table.named_errors(spec.text):
                arrays.columns[spec.text] = texts(cells)
        return arrays


def fitted_facts(
    fitted: Mapping[str, FittedColumns],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The facts ``classes`` (type -> label -> names) and ``encoders`` (the featurizers), and the
    tables ``encoder<position>_<name>``, their arrays.
    """
    entries: list[dict[str, Any]] = []
    tables: dict[str, np.ndarray] = {}
    for node_type, columns in fitted.items():
        for column, featurizer in columns.features.items():
            state = featurizer.state()
            tables |= {f"encoder{len(entries)}_{n}": array for n, array in state.arrays.items()}
            entries.append(
                {
                    "node_type": node_type,
                    "column": column,
                    "encoder": next(n for n, t in FEATURIZERS.items() if type(featurizer) is t),
                    "facts": state.facts,
                    "arrays": list(state.arrays),
                }
            )
    classes = {t: dict(columns.classes) for t, columns in fitted.items() if columns.classes}
    return {"encoders": entries, "classes": classes}, tables


def stored_columns(graph: HeteroGraph, node_type: str) -> FittedColumns:
    """Read what :func:`fitted_facts` gave about a node type."""
    features = {
        column: FEATURIZERS[encoder].from_state(state)
        for of_type, column, encoder, state in stored_encoders(graph)
        if of_type == node_type
    }
    return FittedColumns(features, graph.facts["classes"].get(node_type, {}))


def _feature_cells(spec: NodeTable, table: Table, column: str) -> np.ndarray:
    separator = spec.features[column].separator
    return table.cells(column, spec.missing, wide=True, separator=separator)


def _labels(spec: NodeTable, table: Table, column: str) -> list[list[str]]:
    """Names of the classes of each row."""
    separator = spec.labels[column]
    cells = table.cells(column, spec.missing, separator=separator)
    with table.named_errors(column):
        found = name_lists(cells, separator)
    if separator:
        return found
    # Data sets without empty cells write a negative number for a node without a label.
    return [[] if row and row[0][0] == "-" and is_whole(row[0]) else row for row in found]


def _class_numbers(labels: list[list[str]], classes: list[str], several: bool) -> np.ndarray:
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
