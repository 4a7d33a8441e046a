"""A description from a YAML file or dict, read strictly (docs/DATA_FORMAT.md).

A mistake is an error that names the file and the key: an unknown key, one that is missing, a value
of another type, an end of a relation that is no node table.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from GPT_GNN.builder.times import TimeBins
from GPT_GNN.datasets.tables.description import (
    RESERVED,
    SPLIT_COLUMN,
    Description,
    EdgeTable,
    Missing,
    NodeTable,
    SplitRule,
)
from GPT_GNN.datasets.tables.description_keys import Keys, read_yaml
from GPT_GNN.features import ENCODERS
from GPT_GNN.features.column_encoder import ColumnEncoder
from GPT_GNN.graph.split import ALL, SHARES, SPLITS, RandomSplit

Source = Description | Mapping[str, Any] | str | os.PathLike[str]


def read_description(source: Source) -> Description:
    """A description from a YAML file or a dict of the same keys; one that is there as it is.

    Tables that are files lie beside the YAML file, those of a dict in the working directory.

    Raises:
        ValueError: what is wrong, with the file and the key.
    """
    if isinstance(source, Description):
        return source
    if isinstance(source, Mapping):
        return _description(Keys("description", "", source), Path("."))
    path = Path(source)
    return _description(Keys(str(path), "", read_yaml(path)), path.parent)


def _description(keys: Keys, folder: Path) -> Description:
    known = ("nodes", "edges", "time", "target", "label", "text_part", "rel_stop_list", "split")
    keys.only(*known, "text_dim", "seed")
    seed, text_dim = keys.integer("seed", 0), keys.integer("text_dim", 128)
    time = _time(keys.inner("time", shorthand="unit")) if "time" in keys else None
    tables = keys.inner("nodes")
    nodes = {name: _nodes(tables.inner(name), time, text_dim, seed) for name in tables}
    if not nodes:
        raise keys.error("nodes", "at least one node type", "none")
    edges = tuple(_edges(entry, nodes, time) for entry in keys.list_of_keys("edges"))
    types = [edge.type for edge in edges]
    for i, edge_type in enumerate(types):
        if edge_type in types[:i]:
            raise keys.error(f"edges[{i}].type", "each relation once", f"{list(edge_type)} again")
    target = keys.choice("target", tuple(nodes), next(iter(nodes)) if len(nodes) == 1 else None)
    if not any(target in (e.type[0], e.type[2]) for e in edges):
        raise keys.error("target", "a node type with a relation", repr(target))
    labels = tuple(nodes[target].labels)
    label = keys.choice("label", labels, labels[0] if len(labels) == 1 else "")
    return Description(
        nodes=nodes,
        edges=edges,
        target=target,
        split=_split(keys, nodes[target], seed),
        time=time,
        label=label,
        text_part=keys.choice("text_part", tuple(nodes[target].features), ""),
        rel_stop_list=_stop_list(keys, edges),
        name=keys.file,
        folder=folder,
        record=keys.record(),
    )


def _nodes(keys: Keys, time: TimeBins | None, text_dim: int, seed: int) -> NodeTable:
    keys.only(*(f.name for f in fields(NodeTable)))
    labels = keys.inner("labels", list_allowed=True)
    table = NodeTable(
        table=keys.text("table"),
        id=keys.text("id"),
        time=keys.text("time", ""),
        time_unit=_time_unit(keys, time),
        features=_features(keys.inner("features"), text_dim, seed),
        labels={column: _separator(labels, column) for column in labels},
        text=keys.text("text", ""),
        missing=_missing(keys),
    )
    for column in table.labels:
        if column in table.features:
            raise keys.error("labels", "columns that are not features too", repr(column))
    for column in (*table.labels, *filter(None, [table.text])):
        if column in RESERVED or (column == table.text and column in table.labels):
            raise keys.error(
                "text" if column == table.text else "labels",
                f"a column under a name of its own (the store keeps {list(RESERVED)})",
                repr(column),
            )
    return table


def _missing(keys: Keys) -> Missing:
    if not keys.has_inner("missing"):
        return keys.cells("missing")
    columns = keys.inner("missing")
    return {column: columns.cells(column) for column in columns}


def _features(keys: Keys, text_dim: int, seed: int) -> dict[str, ColumnEncoder]:
    encoders: dict[str, ColumnEncoder] = {}
    for column in keys:
        entry = keys.inner(column, shorthand="encoder")
        name = entry.choice("encoder", tuple(ENCODERS))
        options = {f.name: f.default for f in fields(ENCODERS[name]) if f.init}
        entry.only("encoder", *options)
        defaults = options | ({"dim": text_dim, "seed": seed} if name == "text" else {})
        given = {option: entry.like(option, default) for option, default in defaults.items()}
        try:
            encoders[column] = ENCODERS[name](**given)
        except ValueError as error:
            raise ValueError(f"{entry.where}: {error}") from error
    return encoders


def _separator(keys: Keys, column: str) -> str:
    entry = keys.inner(column)
    entry.only("separator")
    return entry.text("separator", "")


def _edges(keys: Keys, nodes: Mapping[str, NodeTable], time: TimeBins | None) -> EdgeTable:
    keys.only(*(f.name for f in fields(EdgeTable)))
    edge_type = keys.texts("type")
    if len(edge_type) != 3:
        raise keys.error("type", "[source type, relation, target type]", list(edge_type))
    for end in (edge_type[0], edge_type[2]):
        if end not in nodes:
            raise keys.error("type", f"ends among the node tables {list(nodes)}", repr(end))
    if keys.text("inverse", "") == edge_type[1] and edge_type[0] != edge_type[2]:
        raise keys.error("inverse", "another name: it joins two node types", repr(edge_type[1]))
    return EdgeTable(
        type=(edge_type[0], edge_type[1], edge_type[2]),
        table=keys.text("table"),
        source=keys.text("source"),
        target=keys.text("target"),
        time=keys.text("time", ""),
        time_unit=_time_unit(keys, time),
        inverse=keys.text("inverse", ""),
        multigraph=keys.boolean("multigraph"),
        skip_unknown_ids=keys.boolean("skip_unknown_ids"),
        missing=_missing(keys),
    )


def _stop_list(keys: Keys, edges: tuple[EdgeTable, ...]) -> tuple[str, ...]:
    names = keys.texts("rel_stop_list")
    known: set[str] = set()
    for edge in edges:
        source, relation, target = edge.type
        inverse = edge.inverse or f"rev_{relation}"
        known |= {relation, inverse}
        known |= {f"{source}:{relation}:{target}", f"{target}:{inverse}:{source}"}
    for name in names:
        if name not in known:
            raise keys.error("rel_stop_list", f"names among {sorted(known)}", repr(name))
    return names


def _time(keys: Keys) -> TimeBins:
    keys.only("unit", "bin")
    try:
        return TimeBins(keys.text("unit"), keys.text("bin", "years"))
    except ValueError as error:
        raise ValueError(f"{keys.where}: {error}") from error


def _time_unit(keys: Keys, common: TimeBins | None) -> str:
    """A table's own unit of times, which has to come to the bins of all."""
    unit = keys.text("time_unit", "")
    if unit and "time" not in keys:
        raise keys.error("time_unit", "a column of times beside it (time)", "none")
    if unit:
        try:
            replace(common or TimeBins(), unit=unit)
        except ValueError as error:
            raise ValueError(f"{keys.where}.time_unit: {error}") from error
    return unit


def _split(keys: Keys, target: NodeTable, seed: int) -> SplitRule:
    if "split" not in keys:
        return SplitRule("time" if target.time else "random", seed=seed)
    keys = keys.inner("split", shorthand="by")
    by = keys.choice("by", ("time", "random", "column"))
    options = {"time": ("bounds",), "random": ("fractions", "seed")}
    keys.only("by", *options.get(by, ("column", "pretrain_on")))
    if by == "time" and not target.time:
        raise keys.error("by", "a target with a time to split by", "one without")
    bounds = keys.entries("bounds", [])
    rule = SplitRule(
        by=by,
        bounds=tuple(str(b) if isinstance(b, datetime.date) else b for b in bounds),
        fractions=tuple(keys.like("fractions", list(SHARES))),
        seed=keys.integer("seed", seed),
        column=keys.text("column", SPLIT_COLUMN),
        pretrain_on=keys.choice("pretrain_on", (*SPLITS, ALL), ""),
    )
    if len(rule.bounds) not in (0, 3) or None in rule.bounds:
        raise keys.error("bounds", "the last times of pretrain, train and valid", rule.bounds)
    try:
        RandomSplit(rule.fractions, rule.seed)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{keys.where}.fractions: {error}") from error
    return rule
