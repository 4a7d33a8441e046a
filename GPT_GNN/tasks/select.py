"""The task that flags ask for, on any graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import RELATION, ResolvedFacts, resolve_facts
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import AnyTaskConfig, AnyTaskDataConfig, TargetConfig
from GPT_GNN.tasks.label_classification import LabelClassification
from GPT_GNN.tasks.link_ranking import LinkRanking
from GPT_GNN.tasks.links import TEST, VALID, divide_links
from GPT_GNN.tasks.node_classification import NodeClassification
from GPT_GNN.tasks.query import warn_of_degrees

AnyTask = LabelClassification | LinkRanking | NodeClassification


def select_task(
    graph: HeteroGraph,
    facts: TargetConfig,
    task: AnyTaskConfig,
    data: AnyTaskDataConfig,
    seed: int,
) -> tuple[AnyTask, ResolvedFacts]:
    """The task and the facts of the graph that it goes by.

    Raises:
        ValueError: flags of another task, relations or columns that the graph does not have, or
            see the task.
    """
    if task.task != "link" and task.num_candidates != AnyTaskConfig().num_candidates:
        raise ValueError(f"--num_candidates is of --task link, got {task.task}")
    if task.task == "label":
        if task.relation:
            raise ValueError("--relation is of --task class_node and --task link, got label")
        if data.hide_train_labels:
            raise ValueError(
                "--hide_train_labels is of --task class_node and --task link, got label"
            )
        resolved = resolve_facts(graph, **asdict(facts), label=task.label)
        return _of_column(graph, resolved, data, seed), resolved
    if task.label:
        raise ValueError(f"--label is of --task label, got {task.task}")
    relations = _relations(graph, task)
    target = relations[0][2]
    if facts.target_type not in ("", target):
        raise ValueError(
            f"--target_type {facts.target_type}: expected {target!r}, the target of --relation "
            f"{':'.join(relations[0])}"
        )
    settings: dict[str, Any] = {
        "fraction": data.data_percentage,
        "seed": seed,
        "train_view": data.train_view,
        "hide_train_labels": data.hide_train_labels,
    }
    links = relations[0] if task.task == "link" else None
    resolved = resolve_facts(graph, target, facts.split, links=links)
    resolved = replace(resolved, origin=resolved.origin | {"target": RELATION})
    split = resolved.facts.split
    if links is None:
        return NodeClassification(graph, split, relations, **settings), resolved
    return LinkRanking(graph, split, links, task.num_candidates, **settings), resolved


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


def _of_column(
    graph: HeteroGraph, resolved: ResolvedFacts, data: AnyTaskDataConfig, seed: int
) -> LabelClassification:
    facts = resolved.facts
    if not facts.label:
        raise ValueError(
            f"{graph.path} does not say which column of {facts.target!r} holds the classes: "
            f"expected --label, available: {sorted(graph.columns(facts.target))}; or --task "
            "class_node or link with a --relation"
        )
    return LabelClassification(
        graph,
        facts.split,
        facts.target,
        facts.label,
        fraction=data.data_percentage,
        seed=seed,
        train_view=data.train_view,
    )


def _relations(graph: HeteroGraph, task: AnyTaskConfig) -> list[EdgeType]:
    """The relations of a task; a graph's only one need not be named."""
    available = [":".join(edge_type) for edge_type in graph.edge_types]
    if not task.relation and len(available) > 1:
        raise ValueError(f"--task {task.task} expects --relation; available: {available}")
    relations = graph.schema.all_named(task.relation or available)
    found, given = [":".join(edge_type) for edge_type in relations], ",".join(task.relation)
    if task.task == "link" and len(relations) != 1:
        raise ValueError(f"--relation {given}: expected one relation, got {found}")
    if len({edge_type[::2] for edge_type in relations}) != 1:
        raise ValueError(
            f"--relation {given}: expected relations between the same types, got {found}"
        )
    return relations
