"""What pre-training must not see, so that a task can ask for it; whether it was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.graph.split import LINK_SPLIT, Split, split_from_dict, split_to_dict
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import LIST, Checked, setting
from GPT_GNN.tasks.links import TEST, VALID, divide_links, is_divided_by_time
from GPT_GNN.tasks.task import warn_of_degrees

_ONLY_PRETRAINING = ("pretrain_on", "pretrain_until")  # of a split: they hold out no node


@dataclass(frozen=True)
class HiddenConfig(Checked):
    """What pre-training does not see, so that a task can ask for it."""

    hide_links: tuple[str, ...] = setting(
        (),
        "relations of which pre-training does not see the links that --task link validates and "
        f"tests with, {LIST}",
    )
    hide_classes: tuple[str, ...] = setting(
        (),
        "relations into the target that pre-training does not see at validation and test nodes, "
        f"as --task class_node asks for them, {LIST}",
    )


def held_out_edges(
    graph: HeteroGraph,
    facts: GraphFacts,
    split: str,
    hide_links: Sequence[str],
    hide_classes: Sequence[str],
) -> HiddenEdges | None:
    """The leak guard of pre-training: what a task will ask for; None for nothing.

    A division by time needs none of it: pre-training ends before the tasks' years.

    Args:
        facts: of the pre-training.
        split: the flag, empty for the store's.
        hide_links: relations whose links are validated and tested with, see
            :meth:`GPT_GNN.schema.Schema.all_named`.
        hide_classes: relations into the target that are, at validation and test nodes.

    Raises:
        ValueError: a relation that the graph does not have, or does not lead to the target.
    """
    if not hide_links and not hide_classes:
        return None
    pairs, masks = {}, {}
    for relation, division in link_splits(graph, split, hide_links).items():
        links = divide_links(graph, relation, division)
        asked = links.of_split(VALID, TEST)
        pairs[relation] = (links.source[asked], links.target[asked])
    held_out = np.zeros(graph.num_nodes(facts.target), dtype=bool)
    for name in ("valid", "test"):
        held_out[facts.split.nodes(graph, facts.target, name)] = True
    for relation in graph.schema.all_named(hide_classes):
        if relation[2] != facts.target:
            raise ValueError(
                f"--hide_classes {':'.join(relation)}: expected a relation into {facts.target!r}"
            )
        masks[relation] = (None, held_out)
    hidden = HiddenEdges(graph, masks, pairs)
    warn_of_degrees(graph, hidden, [*pairs, *masks])
    return hidden


def link_splits(graph: HeteroGraph, split: str, names: Sequence[str]) -> dict[EdgeType, Split]:
    """How the links of some relations are divided.

    Args:
        split: the flag, empty for the store's.
        names: of the relations, see :meth:`GPT_GNN.schema.Schema.all_named`.
    """
    return {
        relation: resolve_facts(graph, relation[2], split, links=relation).facts.split
        for relation in graph.schema.all_named(names)
    }


def leaked_links(
    graph: HeteroGraph, relation: EdgeType, split: Split, facts: dict[str, Any]
) -> list[EdgeType]:
    """The relation, if pre-training has read links of it that a split validates and tests with.

    Args:
        split: of the task.
        facts: the record of pre-training's; empty where its file does not say.
    """
    hidden = facts.get("link_splits", {})
    names = [":".join(edge_type) for edge_type in (relation, graph.schema.inverse_of(relation))]
    if any(name in hidden and split_from_dict(hidden[name]) == split for name in names):
        return []
    by_time = is_divided_by_time(graph, relation, split)
    return [] if by_time and _ends_before(split, facts) else [relation]


def leaked_classes(
    graph: HeteroGraph, relations: Sequence[EdgeType], split: Split, facts: dict[str, Any]
) -> list[EdgeType]:
    """The relations of which pre-training has read links into validation and test nodes.

    Args:
        relations: into one target type.
        split, facts: as :func:`leaked_links` takes them.
    """
    if _ends_before(split, facts):
        return []
    hidden: list[EdgeType] = []
    if facts.get("target") == relations[0][2] and _same_nodes(graph, split, facts):
        hidden = graph.schema.all_named(facts.get("hide_classes", ()))
    return [edge_type for edge_type in relations if edge_type not in hidden]


def _ends_before(split: Split, facts: dict[str, Any]) -> bool:
    """Whether pre-training ends where a division by time begins to train."""
    if not facts or split_to_dict(split)["by"] != "time":
        return False
    return split_from_dict(facts["split"]).time_max("pretrain") <= split.time_max("train")


def _same_nodes(graph: HeteroGraph, split: Split, facts: dict[str, Any]) -> bool:
    """Whether pre-training held out the nodes that a split validates and tests with."""
    divisions = [split_to_dict(split)]
    stored = GraphFacts.stored(graph)
    if LINK_SPLIT in graph.facts and stored is not None and stored.split == split:
        divisions.append(graph.facts[LINK_SPLIT])  # the same division, as a column
    ours = [_without_pretraining(split_from_dict(record)) for record in divisions]
    return _without_pretraining(split_from_dict(facts["split"])) in ours


def _without_pretraining(split: Split) -> dict[str, Any]:
    return {k: v for k, v in split_to_dict(split).items() if k not in _ONLY_PRETRAINING}
