"""What pre-training must not see, so that a task can ask for it later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import LIST, Checked, setting
from GPT_GNN.tasks.links import TEST, VALID, divide_links
from GPT_GNN.tasks.task import warn_of_degrees


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
    """What pre-training must not see, so that a task can ask for it later; None for nothing.

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
