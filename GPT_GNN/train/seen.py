"""What pre-training has seen of that which a task validates and tests with."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import FLAG, ResolvedFacts
from GPT_GNN.graph.split import LINK_SPLIT, Split, split_from_dict, split_to_dict
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.schema import EdgeType
from GPT_GNN.tasks.link_ranking import LinkRanking
from GPT_GNN.tasks.links import is_divided_by_time
from GPT_GNN.tasks.node_classification import NodeClassification
from GPT_GNN.tasks.task import Task
from GPT_GNN.train.models import open_model
from GPT_GNN.train.place import FinetuneRunConfig

_ONLY_PRETRAINING = ("pretrain_on", "pretrain_until")  # what does not say who is held out


def seen_in_pretraining(
    graph: HeteroGraph, task: Task, resolved: ResolvedFacts, flag: str, run: FinetuneRunConfig
) -> list[str]:
    """Relations whose held-out links a pre-trained model may know, with a warning if any.

    Args:
        resolved: what the task goes by.
        flag: its ``--split``, to be told with the warning.
        run: says whether there is a pre-trained model, and where.

    Raises:
        CheckpointError: the file is no pre-trained model.
    """
    if not run.use_pretrain or not isinstance(task, LinkRanking | NodeClassification):
        return []
    config = open_model(run.pretrain_model_dir, "pretrain").config
    if config.get("objective", {}).get("objective") == "none":
        return []
    facts = config.get("facts", {})
    split = resolved.facts.split
    if isinstance(task, LinkRanking):
        hide, seen = "hide_links", _seen_links(graph, task.relation, split, facts)
    else:
        hide, seen = "hide_classes", _seen_classes(graph, task, split, facts)
    names = [":".join(edge_type) for edge_type in seen]
    if names:
        flags = f"--{hide} {','.join(names)}"
        if hide == "hide_classes":
            flags = f"--target_type {task.target} {flags}"
        same = f"--split {flag}" if resolved.origin["split"] == FLAG else "no other --split"
        known = "has seen" if facts else "may have seen (its file does not say)"
        tqdm.write(
            f"warning: pre-training {known} the links {', '.join(names)} that this task validates "
            f"and tests with: pre-train with {flags} and {same}"
        )
    return names


def _seen_links(
    graph: HeteroGraph, relation: EdgeType, split: Split, facts: dict[str, Any]
) -> list[EdgeType]:
    hidden = facts.get("link_splits", {})
    names = [":".join(edge_type) for edge_type in (relation, graph.schema.inverse_of(relation))]
    if any(name in hidden and split_from_dict(hidden[name]) == split for name in names):
        return []
    by_time = is_divided_by_time(graph, relation, split)
    return [] if by_time and _ends_before(split, facts) else [relation]


def _seen_classes(
    graph: HeteroGraph, task: NodeClassification, split: Split, facts: dict[str, Any]
) -> list[EdgeType]:
    if _ends_before(split, facts):
        return []
    hidden: list[EdgeType] = []
    if facts.get("target") == task.target and _same_nodes(graph, split, facts):
        hidden = graph.schema.all_named(facts.get("hide_classes", ()))
    return [edge_type for edge_type in task.relations if edge_type not in hidden]


def _ends_before(split: Split, facts: dict[str, Any]) -> bool:
    """Whether pre-training saw nothing later than a division by time trains on."""
    if not facts or split_to_dict(split)["by"] != "time":
        return False
    return split_from_dict(facts["split"]).time_max("pretrain") <= split.time_max("train")


def _same_nodes(graph: HeteroGraph, split: Split, facts: dict[str, Any]) -> bool:
    """Whether pre-training held out the nodes that a split validates and tests with."""
    divisions = [split_to_dict(split)]
    stored = GraphFacts.stored(graph)
    if LINK_SPLIT in graph.facts and stored is not None and stored.split == split:
        divisions.append(graph.facts[LINK_SPLIT])  # the column is this one, written down
    ours = [_without_pretraining(split_from_dict(record)) for record in divisions]
    return _without_pretraining(split_from_dict(facts["split"])) in ours


def _without_pretraining(split: Split) -> dict[str, Any]:
    return {k: v for k, v in split_to_dict(split).items() if k not in _ONLY_PRETRAINING}
