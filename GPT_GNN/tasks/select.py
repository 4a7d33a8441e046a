"""The task that flags ask for, on any graph."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from GPT_GNN.config import AnyTaskConfig, AnyTaskDataConfig, TargetConfig
from GPT_GNN.graph.resolve import RELATION, ResolvedFacts, resolve_facts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.schema import EdgeType
from GPT_GNN.tasks.label_classification import LabelClassification
from GPT_GNN.tasks.link_ranking import LinkRanking
from GPT_GNN.tasks.node_classification import NodeClassification

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
    if task.task == "label":
        if task.relation:
            raise ValueError("--relation is of --task class_node and --task link, got label")
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
    names = task.relation.split(",") if task.relation else available
    relations = [edge_type for name in names for edge_type in graph.schema.named(name)]
    found = [":".join(edge_type) for edge_type in relations]
    if task.task == "link" and len(relations) != 1:
        raise ValueError(f"--relation {task.relation}: expected one relation, got {found}")
    if len({edge_type[::2] for edge_type in relations}) != 1:
        raise ValueError(
            f"--relation {task.relation}: expected relations between the same types, got {found}"
        )
    return relations
