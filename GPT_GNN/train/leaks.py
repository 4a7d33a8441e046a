"""Warn where pre-training has read the links that a task validates and tests with."""

from __future__ import annotations

from tqdm import tqdm

from GPT_GNN.graph.resolve import FLAG, ResolvedFacts
from GPT_GNN.tasks.task import Task
from GPT_GNN.train.models import open_model
from GPT_GNN.train.place import FinetuneRunConfig


def leaked_relations(
    task: Task, resolved: ResolvedFacts, flag: str, run: FinetuneRunConfig
) -> list[str]:
    """Names of the relations whose held-out links the pre-trained model may know; warns of them.

    Args:
        resolved: the facts that the task uses.
        flag: its ``--split``, for the warning.
        run: says whether there is a pre-trained model, and where.

    Raises:
        CheckpointError: the file is no pre-trained model.
    """
    if not run.use_pretrain or not task.hide_flags:
        return []
    config = open_model(run.pretrain_model_dir, "pretrain").config
    if config.get("objective", {}).get("objective") == "none":
        return []
    facts = config.get("facts", {})
    names = [":".join(edge_type) for edge_type in task.leaked(facts)]
    if names:
        same = f"--split {flag}" if resolved.origin["split"] == FLAG else "no other --split"
        known = "has seen" if facts else "may have seen (its file does not say)"
        tqdm.write(
            f"warning: pre-training {known} the links {', '.join(names)} that this task validates "
            f"and tests with: pre-train with {task.hide_flags} {','.join(names)} and {same}"
        )
    return names
