"""Read a description from a YAML file or dict, strictly (docs/DATA_FORMAT.md)."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import MISSING, replace
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
from GPT_GNN.features import FEATURIZERS
from GPT_GNN.features.featurizer import Featurizer
from GPT_GNN.graph.split import ALL, SHARES, SPLITS, RandomSplit

Source = Description | Mapping[str, Any] | str | os.PathLike[str]
_KEYS = ("nodes", "edges", "time", "target", "label", "text_part", "rel_stop_list", "split")


def read_description(source: Source) -> Description:
    """Read a description from a YAML file or a dict of the same keys.

    Tables that are files lie beside the YAML file, those of a dict in the working directory. Errors
    name the file and the key.
    """
    if isinstance(source, Description):
        return source
    if isinstance(source, Mapping):
        return _description(Keys("description", "", source), Path("."))
    path = Path(source)
    return _description(Keys(str(path), "", read_yaml(path)), path.parent)


def _description(keys: Keys, folder: Path) -> Description:
    keys.only(*_KEYS, "text_dim", "seed")
    common = {"seed": keys.value("seed", int, 0), "text_dim": keys.value("text_dim", int, 128)}
    time = None
    if "time" in keys:
        entry = keys.inner("time", shorthand="unit")
        with entry.named_errors():
            time = TimeBins(**entry.fields(TimeBins, unit=MISSING))
    # Tables of nodes, then those of edges between them.
    tables = keys.inner("nodes")
    nodes = {name: _nodes(tables.inner(name), time, common) for name in tables}
    if not nodes:
        raise keys.error("nodes", "at least one node type", "none")
    entries = keys.value("edges", list)
    edges = tuple(
        _edges(Keys(keys.file, f"edges[{i}]", entry), nodes, time)
        for i, entry in enumerate(entries)
    )
    types = [edge.type for edge in edges]
    for i, edge_type in enumerate(types):
        if edge_type in types[:i]:
            raise keys.error(f"edges[{i}].type", "each relation once", f"{list(edge_type)} again")
    # What is predicted.
    target = keys.choice("target", tuple(nodes), next(iter(nodes)) if len(nodes) == 1 else MISSING)
    if not any(target in (e.type[0], e.type[2]) for e in edges):
        raise keys.error("target", "a node type with a relation", repr(target))
    labels = tuple(nodes[target].labels)
    return Description(
        nodes=nodes,
        edges=edges,
        target=target,
        label=keys.choice("label", labels, labels[0] if len(labels) == 1 else ""),
        split=_split(keys, nodes[target], common["seed"]),
        time=time,
        text_part=keys.choice("text_part", tuple(nodes[target].features), ""),
        rel_stop_list=_stop_list(keys, edges),
        name=keys.file,
        folder=folder,
        record=keys.record(),
    )


def _nodes(keys: Keys, time: TimeBins | None, common: Mapping[str, int]) -> NodeTable:
    labels = keys.inner("labels", list_allowed=True)
    table = NodeTable(
        **keys.fields(NodeTable),
        features=_features(keys.inner("features"), common),
        labels={column: _separator(labels.inner(column)) for column in labels},
        missing=_missing(keys),
    )
    _check_time_unit(keys, table, time)
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
        return keys.texts("missing", or_numbers=True)
    columns = keys.inner("missing")
    return {column: columns.texts(column, or_numbers=True) for column in columns}


def _features(keys: Keys, common: Mapping[str, int]) -> dict[str, Featurizer]:
    found = {}
    for column in keys:
        entry = keys.inner(column, shorthand="encoder")
        kind = FEATURIZERS[entry.choice("encoder", tuple(FEATURIZERS))]
        defaults = {setting: common[key] for setting, key in kind.common.items()}
        settings = entry.fields(kind, "encoder", **defaults)
        with entry.named_errors():
            found[column] = kind(**settings)
    return found


def _separator(keys: Keys) -> str:
    keys.only("separator")
    return str(keys.value("separator", str, ""))


def _edges(keys: Keys, nodes: Mapping[str, NodeTable], time: TimeBins | None) -> EdgeTable:
    settings = keys.fields(EdgeTable)
    edge_type = keys.texts("type")
    if len(edge_type) != 3:
        raise keys.error("type", "[source type, relation, target type]", list(edge_type))
    source, relation, target = edge_type
    for end in (source, target):
        if end not in nodes:
            raise keys.error("type", f"ends among the node tables {list(nodes)}", repr(end))
    table = EdgeTable(type=(source, relation, target), missing=_missing(keys), **settings)
    if table.inverse == relation and source != target:
        raise keys.error("inverse", "another name: it joins two node types", repr(relation))
    _check_time_unit(keys, table, time)
    return table


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


def _check_time_unit(keys: Keys, table: NodeTable | EdgeTable, common: TimeBins | None) -> None:
    """Check that a table's own unit fits the bins of all times."""
    if table.time_unit and "time" not in keys:
        raise keys.error("time_unit", "a column of times beside it (time)", "none")
    if table.time_unit:
        with keys.named_errors("time_unit"):
            replace(common or TimeBins(), unit=table.time_unit)


def _split(keys: Keys, target: NodeTable, seed: int) -> SplitRule:
    if "split" not in keys:
        return SplitRule("time" if target.time else "random", seed=seed)
    keys = keys.inner("split", shorthand="by")
    by = keys.choice("by", ("time", "random", "column"))
    options = {"time": ("bounds",), "random": ("fractions", "seed")}
    keys.only("by", *options.get(by, ("column", "pretrain_on")))
    if by == "time" and not target.time:
        raise keys.error("by", "a target with a time to split by", "one without")
    bounds = keys.value("bounds", list, [])
    if len(bounds) not in (0, 3) or None in bounds:
        raise keys.error("bounds", "the last times of pretrain, train and valid", tuple(bounds))
    rule = SplitRule(
        by=by,
        bounds=tuple(str(b) if isinstance(b, datetime.date) else b for b in bounds),
        fractions=tuple(keys.value("fractions", list, [*SHARES])),
        seed=keys.value("seed", int, seed),
        column=keys.value("column", str, SPLIT_COLUMN),
        pretrain_on=keys.choice("pretrain_on", (*SPLITS, ALL), ""),
    )
    with keys.named_errors("fractions"):
        RandomSplit(rule.fractions, rule.seed)
    return rule
