"""Downstream tasks: what each draws, hides and scores.

A task gives, for items of a split (labelled nodes or queries), a :class:`Query` (what to sample
and what to hide), the labels that go with the sampled batch, a head, a loss and metrics. The first
of its ``metric_names`` chooses the best model of a run, by its value in validation.
"""

from GPT_GNN.tasks.disambiguation import AuthorDisambiguation
from GPT_GNN.tasks.label_classification import LabelClassification
from GPT_GNN.tasks.link_ranking import LinkRanking
from GPT_GNN.tasks.node_classification import NodeClassification

Task = AuthorDisambiguation | LabelClassification | LinkRanking | NodeClassification
