"""Node classification where the classes are nodes: a paper's fields, a paper's venue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from GPT_GNN.graph.csr import row_positions
from GPT_GNN.graph.resolve import RELATION, ResolvedFacts, TargetConfig, resolve_facts
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.metrics import ranking_metrics
from GPT_GNN.model.heads import Classifier
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import LIST, Checked, setting
from GPT_GNN.tasks.held_out import leaked_classes
from GPT_GNN.tasks.task import (
    SPLITS,
    NodeBatch,
    Task,
    TaskFlags,
    TaskKeywords,
    joined,
    labels_in_relations,
    warn_of_degrees,
)


@dataclass(frozen=True)
class RelationSettings(Checked):
    """The classes are the nodes of another type that a target is linked to."""

    relation: tuple[str, ...] = setting(
        (),
        "relations that hold the labels, as relation or source:relation:target; sources are ranked "
        f"for targets; {LIST}",
    )

    def edge_types(self, graph: HeteroGraph, facts: TargetConfig) -> list[EdgeType]:
        """The relations between two types; a graph's only one need not be named.

        Raises:
            ValueError: none of the graph's, of several types, or not into the target type.
        """
        available = [":".join(edge_type) for edge_type in graph.edge_types]
        if not self.relation and len(available) > 1:
            raise ValueError(f"this task expects --relation; available: {available}")
        relations = graph.schema.all_named(self.relation or available)
        found, given = [":".join(edge_type) for edge_type in relations], ",".join(self.relation)
        if len({edge_type[::2] for edge_type in relations}) != 1:
            raise ValueError(
                f"--relation {given}: expected relations between the same types, got {found}"
            )
        if facts.target_type not in ("", relations[0][2]):
            raise ValueError(
                f"--target_type {facts.target_type}: expected {relations[0][2]!r}, the target of "
                f"--relation {found[0]}"
            )
        return relations


class NodeClassification(Task):
    """Predict which class nodes a target node is linked to.

    The label edges are hidden, in both directions, for the targets of a batch and for every node
    of the validation and test splits. Trained with KL divergence to the uniform distribution over
    the true classes, which for one true class is cross-entropy.

    Args:
        split: of the target nodes.
        relations: label edges, as edge types (class type, relation, target type).
        classes: "linked": class nodes that have any label edge; "all": every node of the class
            type.
        also_hidden: further relations (class type, relation, target type), hidden like the labels.
        **keywords: see :class:`Task`.

    Raises:
        ValueError: no relation, or see :class:`Task`.
    """

    Settings = RelationSettings
    metric_names = ("ndcg", "mrr")

    def __init__(
        self,
        graph: HeteroGraph,
        split: Split,
        relations: Sequence[EdgeType],
        classes: str = "linked",
        also_hidden: Sequence[EdgeType] = (),
        **keywords: Unpack[TaskKeywords],
    ) -> None:
        if not relations:
            raise ValueError(f"{graph.path}: no relation holds the labels of this task")
        target, self.class_type = relations[0][2], relations[0][0]
        super().__init__(graph, split, target, **keywords)
        self.hide_flags = f"--target_type {target} --hide_classes"
        self.relations = tuple(dict.fromkeys([*relations, *also_hidden]))
        self._labels = _Labels(graph, relations)
        num_classes = graph.num_nodes(self.class_type)
        self.classes = (
            np.unique(self._labels.classes) if classes == "linked" else np.arange(num_classes)
        )
        self._class_of = np.full(num_classes, -1)
        self._class_of[self.classes] = np.arange(len(self.classes))
        self.divide(np.diff(self._labels.indptr) > 0)
        train_labels = self._labels.of(self._items["train"])[1]
        self._seen_in_training = np.isin(self.classes, train_labels)
        self._hidden = {name: self._hidden_edges(name) for name in SPLITS}
        warn_of_degrees(graph, self._hidden["test"], self.relations)

    @classmethod
    def of_flags(
        cls, graph: HeteroGraph, facts: TargetConfig, settings: Checked, flags: TaskFlags, seed: int
    ) -> tuple[Task, ResolvedFacts]:
        assert isinstance(settings, RelationSettings)
        relations = settings.edge_types(graph, facts)
        resolved = resolve_facts(graph, relations[0][2], facts.split)
        resolved = replace(resolved, origin=resolved.origin | {"target": RELATION})
        return cls(graph, resolved.facts.split, relations, **flags.keywords(seed)), resolved

    def _hidden_edges(self, split: str) -> HiddenEdges:
        """The leak guard: label edges of held-out nodes, in both directions."""
        if self.original_protocol:
            return HiddenEdges(self.graph)
        held_out = self.held_out(split)
        return HiddenEdges(self.graph, {edges: (None, held_out) for edges in self.relations})

    def hidden_of(self, split: str, items: np.ndarray) -> HiddenEdges:
        """The leak guard: label edges of held-out nodes, and all of the batch's own."""
        pairs = {}
        for relation in self.relations:
            csr = self.graph.csr(relation)
            row, edge = csr.rows(items)
            pairs[relation] = (csr.indices[edge], items[row])
        return self._hidden[split].with_pairs(pairs)

    def leaked(self, facts: dict[str, Any]) -> list[EdgeType]:
        return leaked_classes(self.graph, self.relations, self.split, facts)

    def targets(self, items: np.ndarray) -> np.ndarray:
        """[B, C] float32, each row sums to 1 over the true classes."""
        y = np.zeros((len(items), len(self.classes)), dtype=np.float32)
        row, label = self._labels.of(items)
        y[row, self._class_of[label]] = 1
        return y / y.sum(1, keepdims=True)

    def most_frequent(self, split: str) -> dict[str, np.ndarray]:
        """Per node ``ndcg`` and ``mrr`` of always ranking the classes by their training counts."""
        row, label = self._labels.of(self._items["train"])
        counts = np.bincount(self._class_of[label], minlength=len(self.classes)).astype(np.float32)
        items, parts = self._items[split], []
        for first in range(0, len(items), 1024):
            y = self.targets(items[first : first + 1024])
            ndcg, mrr = ranking_metrics(np.broadcast_to(counts, y.shape), y)
            parts.append({"ndcg": ndcg, "mrr": mrr})
        return joined(parts)

    def describe(self) -> dict[str, Any]:
        return labels_in_relations(self, self.relations)

    def head(self, n_hid: int) -> Classifier:
        return Classifier(n_hid, len(self.classes))

    def loss(self, head: Classifier, h: Tensor, data: NodeBatch) -> Tensor:
        """KL divergence of the prediction from the true classes, mean over nodes."""
        return F.kl_div(head(h[data.nodes]), data.y, reduction="batchmean")

    def scores(self, head: Classifier, h: Tensor, data: NodeBatch) -> dict[str, np.ndarray]:
        """Per node ``ndcg``, ``mrr`` and ``seen``: whether a true class occurs in training."""
        ndcg, mrr = ranking_metrics(head(h[data.nodes]).cpu().numpy(), data.y.cpu().numpy())
        seen = (data.y.cpu().numpy()[:, self._seen_in_training] > 0).any(1)
        return {"ndcg": ndcg, "mrr": mrr, "seen": np.asarray(seen)}


class _Labels:
    """Labels of every target node over several relations, as CSR."""

    def __init__(self, graph: HeteroGraph, relations: Sequence[EdgeType]) -> None:
        n = graph.num_nodes(relations[0][2])
        csrs = [graph.csr(relation) for relation in relations]
        targets = np.concatenate([csr.targets() for csr in csrs])
        classes = np.concatenate([csr.indices for csr in csrs])
        links = np.unique(np.stack([targets, classes]), axis=1)  # two relations may share a link
        self.classes = links[1].astype(np.int64)
        self.indptr = np.concatenate([[0], np.cumsum(np.bincount(links[0], minlength=n))])

    def of(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels of some nodes: (position in ``items``, class node), [L] each."""
        row, link = row_positions(self.indptr, items)
        return row, self.classes[link]
