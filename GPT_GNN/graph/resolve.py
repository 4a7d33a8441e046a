"""Which facts of a graph a run uses: those of flags, else the store's, else defaults."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import (
    ALL,
    LINK_SPLIT,
    SPLITS,
    ColumnSplit,
    RandomSplit,
    Split,
    TimeSplit,
    in_words,
    split_from_dict,
)
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.schema import EdgeType, split_names
from GPT_GNN.settings import LIST, Checked, setting

FLAG, STORE, RELATION, DEFAULT = "flag", "store", "relation", "default"
NONE = "none"  # a list without entries, where an empty text means the store's


@dataclass(frozen=True)
class TargetConfig(Checked):
    """Facts of the graph; what is empty is the store's own."""

    target_type: str = setting("", "node type that is pre-trained and predicted")
    split: str = setting(
        "",
        "time:A,B,C (last times of pre-training, training, validation) or time (at quantiles); "
        "random[:A,B,C,D] (shares of pre-training to test); column:NAME[,PRETRAIN_ON]",
    )


@dataclass(frozen=True)
class FactsConfig(TargetConfig):
    """Facts of the graph; what is empty is the store's own."""

    rel_stop_list: tuple[str, ...] = setting(
        (),
        "relations into the target that are never masked, as relation or source:relation:target, "
        f"{LIST}; none for none",
    )
    text_column: str = setting("", "column of the target that attr_type text generates")
    attr_part: str = setting("", "feature part of the target that attr_type vec generates")


@dataclass(frozen=True)
class ResolvedFacts:
    """Facts, and the origin of each: flag, store, default, or the relation of a task."""

    facts: GraphFacts
    origin: dict[str, str]

    def line(self) -> str:
        """One line for people."""
        shown = self.facts.to_dict() | {
            "rel_stop_list": ", ".join(self.facts.rel_stop_list),
            "split": in_words(self.facts.split),
        }
        parts = [f"{name} {shown[name]} [{self.origin[name]}]" for name in shown if shown[name]]
        return "facts: " + "; ".join(parts)


def resolve_facts(
    graph: HeteroGraph,
    target_type: str = "",
    split: str = "",
    rel_stop_list: str | Sequence[str] | None = None,
    text_column: str = "",
    attr_part: str = "",
    label: str = "",
    links: EdgeType | None = None,
) -> ResolvedFacts:
    """Resolve the facts of a graph for a run; an empty argument leaves its fact to the store.

    What a store says about its target type holds for that type only. Its split by time holds for
    everything that has times, its random split for the links of all relations. Nodes without times
    are divided at random in a store that is split by time, and pre-training keeps to its bound.
    Without a split, what has times is divided at their quantiles, all else at random.

    Args:
        target_type: the node type; by default the store's, or the only one.
        split, rel_stop_list, text_column, attr_part: see :class:`FactsConfig`. None as the list
            where nothing will be masked: the store's is then taken as it is.
        label: the column of the classes.
        links: the relation whose links are divided, instead of the target's nodes.

    Raises:
        ValueError: a name that the graph does not have, with those it has; or no target type.
    """
    stored = GraphFacts.stored(graph)
    target, origin = _target(graph, stored, target_type)
    own = stored if stored is not None and stored.target == target else None
    named = split_names(rel_stop_list or (), {*graph.schema.relation_names, NONE})
    asked = [name for name in named if name != NONE]
    ragged = [name for name in graph.columns(target) if graph.is_ragged(target, name)]
    texts = [name for name in ragged if not name.endswith("_tokens")]  # word ids, see add_words
    given = {
        "rel_stop_list": _relations(graph, target, asked),
        "text_part": _one_of(graph.feature_parts(target), attr_part, f"attr_part of {target!r}"),
        "text_column": _one_of(texts, text_column, f"text_column of {target!r}"),
        "label": _one_of(graph.columns(target), label, f"label of {target!r}"),
    }
    values: dict[str, Any] = {}
    origins = {"target": origin}
    for name, value in given.items():
        origins[name] = FLAG if value else STORE if own else DEFAULT
        values[name] = value or getattr(own or GraphFacts(target), name)
    if named and not asked:
        values["rel_stop_list"], origins["rel_stop_list"] = (), FLAG
    if rel_stop_list is not None and not named and own:
        # Without the relations of its data set that this store lacks.
        into = [graph.edge_types[i] for i in graph.schema.edge_types_into(target)]
        here = [n for n in own.rel_stop_list if any(n in (e[1], ":".join(e)) for e in into)]
        values["rel_stop_list"] = _relations(graph, target, here)
    values["split"], origins["split"] = _split(graph, target, stored, split, links)
    return ResolvedFacts(GraphFacts(target, **values), origins)


def parse_split(text: str, graph: HeteroGraph, node_type: str, times: np.ndarray | None) -> Split:
    """Read a split from its short form, see the setting ``split`` of :class:`TargetConfig`.

    Args:
        node_type: the type that has the column.
        times: of the nodes or links, [n] int32; None where they have none.
    """
    kind, _, rest = text.partition(":")
    if kind == "column" and rest:
        return _column_split(rest, graph, node_type, text)
    parts = rest.split(",") if rest else []
    try:
        if kind == "random" and len(parts) in (0, len(SPLITS)):
            return RandomSplit(tuple(map(float, parts))) if parts else RandomSplit()
        if kind == "time" and len(parts) in (0, len(SPLITS) - 1):
            if times is None:
                raise ValueError("there are no times to divide by")
            return TimeSplit(*map(int, parts)) if parts else TimeSplit.at_quantiles(times)
    except ValueError as error:
        raise ValueError(f"--split {text}: {error}") from error
    raise ValueError(
        f"--split {text}: expected time, time:A,B,C with the last times of pre-training, training "
        "and validation, random, random:A,B,C,D with four shares, or column:NAME[,PRETRAIN_ON]"
    )


def _column_split(rest: str, graph: HeteroGraph, node_type: str, text: str) -> ColumnSplit:
    """Read ``NAME`` or ``NAME,PRETRAIN_ON``; a name may have commas of its own."""
    columns = graph.columns(node_type)
    name, comma, pretrain_on = rest.rpartition(",")
    if rest in columns or not comma:
        name, pretrain_on = rest, ""
    _one_of(columns, name, f"split: column of {node_type!r}")
    _one_of((*SPLITS, ALL), pretrain_on, "split: what pre-trains")
    found = "texts or rows"
    if not graph.is_ragged(node_type, name):
        column = graph.column(node_type, name)
        found = f"{column.dtype} of shape {column.shape}"
        if column.ndim == 1 and column.dtype.kind in "iu":
            low, high = int(column.min(initial=0)), int(column.max(initial=0))
            if -1 <= low and high < len(SPLITS):
                return ColumnSplit(name, pretrain_on)
            found = f"{low} to {high}"
    raise ValueError(
        f"--split {text}: expected 0 to {len(SPLITS) - 1} for {', '.join(SPLITS)}, -1 for none; "
        f"{name!r} of {node_type!r} has {found}"
    )


def _target(graph: HeteroGraph, stored: GraphFacts | None, asked: str) -> tuple[str, str]:
    """The target type and where it comes from."""
    if asked:
        graph.schema.node_type_id(asked)
        return asked, FLAG
    if stored is not None:
        return stored.target, STORE
    if len(graph.node_types) == 1:
        return graph.node_types[0], DEFAULT
    raise ValueError(
        f"{graph.path} does not say which nodes are predicted: expected --target_type; available: "
        f"{list(graph.node_types)}"
    )


def _split(
    graph: HeteroGraph,
    target: str,
    stored: GraphFacts | None,
    asked: str,
    links: EdgeType | None,
) -> tuple[Split, str]:
    """The split and where it comes from."""
    times = graph.node_time(target) if links is None else graph.csr(links).time
    if asked:
        split = parse_split(asked, graph, target, times)
        if links is not None and isinstance(split, ColumnSplit):
            raise ValueError(f"--split {asked}: a column divides nodes; links need time or random")
        if isinstance(split, TimeSplit) and times is not None:
            empty = split.empty_parts(times)
            if empty:
                tqdm.write(f"warning: --split {asked}: {empty}")
        return split, FLAG
    own = None if stored is None else stored.split
    if isinstance(own, TimeSplit):
        if times is not None:
            return own, STORE
        if links is None:  # the target has no times, but its edges may: later ones are left out
            return RandomSplit(pretrain_until=own.pretrain_until), STORE
    elif stored is not None:
        if stored.target == target if links is None else isinstance(stored.split, RandomSplit):
            return stored.split, STORE
    if links is not None and LINK_SPLIT in graph.facts:
        return split_from_dict(graph.facts[LINK_SPLIT]), STORE
    if times is None:
        return RandomSplit(), DEFAULT
    try:
        return TimeSplit.at_quantiles(times), DEFAULT
    except ValueError as error:
        raise ValueError(f"{graph.path}: {error}; give --split, e.g. --split random") from error


def _relations(graph: HeteroGraph, target: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of a list, each checked to be a relation into the target, and their inverses.

    A link is masked in both directions: where both lead into the target type, a relation that is
    never masked takes its inverse with it.
    """
    kept = list(names)
    for name in names:
        found = [edge_type for edge_type in graph.schema.named(name) if edge_type[2] == target]
        if not found:
            into = [":".join(graph.edge_types[i]) for i in graph.schema.edge_types_into(target)]
            raise ValueError(
                f"--rel_stop_list {name}: expected a relation into {target!r}; available: {into}"
            )
        for edge_type in found:
            inverse = graph.schema.inverse_of(edge_type)
            known = {inverse[1], ":".join(inverse)} & set(kept)
            if inverse[2] == target and inverse != edge_type and not known:
                kept.append(":".join(inverse))
    return tuple(dict.fromkeys(kept))


def _one_of(available: Collection[str], name: str, flag: str) -> str:
    """Return a name, which may be empty; raise ValueError where it is not available."""
    if name and name not in available:
        raise ValueError(f"--{flag}: got {name!r}, available: {sorted(available)}")
    return name
