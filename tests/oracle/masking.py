"""Masking and node separation of a literal sample: Python loops over its edges, as published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from tests.oracle.hgsampling import Edge, Sample
from tests.oracle.hgt import table_row


@dataclass(frozen=True)
class LiteralBatch:
    """What :class:`tests.oracle.step.LiteralGPTGNN` reads. B targets.

    Attributes:
        features: per node type, [n_t, F_t]; the target type's without the B copies.
        node_type, edge_index, edge_type, edge_row: as for :class:`LiteralGNN`, copies included.
        attr_rows: [B] node rows of the copies.
        masked: per relation (edge type), (target row, true source row) of its masked edges.
        linked: per relation, the same of all its edges into a target, masked or not.
    """

    features: list[Tensor]
    node_type: Tensor
    edge_index: Tensor
    edge_type: Tensor
    edge_row: Tensor
    attr_rows: Tensor
    masked: dict[int, list[tuple[int, int]]]
    linked: dict[int, list[tuple[int, int]]]


def masked_edges(
    graph: HeteroGraph,
    sample: Sample,
    target: str,
    targets: Collection[int],
    stop: Collection[str],
    ratio: float,
    rng: np.random.Generator,
) -> tuple[set[Edge], set[Edge]]:
    """Edges that the encoder does not see, and those of them that are generated."""
    hidden: set[Edge] = set()
    generated: set[Edge] = set()
    decided: dict[Edge, bool] = {}
    for e, u, v in sample.edges:
        source, relation, into = graph.edge_types[e]
        if into != target or v not in targets or relation in stop or (source == target and u == v):
            continue
        edge, inverse = (e, u, v), (graph.schema.inverse[e], v, u)
        if edge not in decided:
            decided[edge] = decided[inverse] = rng.random() < ratio
        if decided[edge]:
            generated.add(edge)
            hidden |= {edge, inverse}
    return hidden, generated


def literal_batch(
    graph: HeteroGraph,
    sample: Sample,
    target: str,
    targets: Collection[int],
    hidden: set[Edge],
    generated: set[Edge],
    view: str,
) -> LiteralBatch:
    """Every target a second time, with what it receives and without what it sends.

    Args:
        targets: ids of the seeds, the first of the sample's nodes of the target type.
    """
    rows: dict[str, dict[int, int]] = {}
    times: list[int] = []
    kinds: list[int] = []
    for kind, name in enumerate(graph.node_types):
        nodes = sample.nodes[name]
        rows[name] = {node: len(times) + i for i, node in enumerate(nodes)}
        times += nodes.values()
        if name == target:
            copies = {node: len(times) + i for i, node in enumerate(targets)}
            times += [nodes[node] for node in targets]
        kinds += [kind] * (len(times) - len(kinds))
    edges: list[tuple[int, int, int]] = []  # source row, target row, relation
    masked, linked = defaultdict(list), defaultdict(list)
    for (e, u, v), count in sample.edges.items():
        source, _, into = graph.edge_types[e]
        i, j = rows[source][u], rows[into][v]
        is_target = into == target and v in copies
        if is_target:
            linked[e] += [(j, i)] * count
        if (e, u, v) in generated:
            masked[e] += [(j, i)] * count
        if (e, u, v) in hidden:
            continue
        edges += [(i, j, e)] * count
        if is_target and not (source == target and u == v):
            edges += [(i, copies[v], e)] * count
    edges += [(i, i, len(graph.edge_types)) for i in range(len(times))]
    known = [None if time == NO_TIME else time for time in times]
    src, dst, relation = torch.tensor(edges).T
    return LiteralBatch(
        features=[
            torch.from_numpy(
                graph.gather_features(name, np.array(list(sample.nodes[name]), int), view)
            )
            for name in graph.node_types
        ],
        node_type=torch.tensor(kinds),
        edge_index=torch.stack([src, dst]),
        edge_type=relation,
        edge_row=torch.tensor([table_row(known[j], known[i]) for i, j, _ in edges]),
        attr_rows=torch.tensor(list(copies.values())),
        masked=dict(masked),
        linked=dict(linked),
    )
