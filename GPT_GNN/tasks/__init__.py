"""Downstream tasks, one per file: what each draws, hides and scores."""

from dataclasses import dataclass

from GPT_GNN.settings import Choosing, setting
from GPT_GNN.tasks.disambiguation import AuthorDisambiguation as AuthorDisambiguation
from GPT_GNN.tasks.label_classification import LabelClassification
from GPT_GNN.tasks.link_ranking import LinkRanking
from GPT_GNN.tasks.node_classification import NodeClassification
from GPT_GNN.tasks.task import Task

TASKS: dict[str, type[Task]] = {
    "label": LabelClassification,
    "class_node": NodeClassification,
    "link": LinkRanking,
}


@dataclass(frozen=True)
class TaskConfig(Choosing):
    """What is predicted."""

    task: str = setting(
        "label",
        "label: the classes that a column holds; class_node: the nodes of another type that a "
        "target is linked to; link: which source a target is linked to, among others",
        registry=TASKS,
    )
