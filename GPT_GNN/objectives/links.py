"""The edge generation task of one batch: masked links, each against negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from GPT_GNN.batch.mask import Masked
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.heads import Matcher, unit
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.schema import EdgeType
from GPT_GNN.system.compiler import serial_kernel


@dataclass(frozen=True)
class LinkTask:
    """Masked edges of one relation: M edges of S targets, C candidates, L known links.

    Attributes:
        relation: position in the objective's list of relations.
        targets: [S] int64 node rows.
        edge_target: [M] int64, each masked edge's target as a position in ``targets``.
        edge_source: [M] int64 node rows, the true sources.
        candidates: [C] int64 node rows, sources of the relation in this subgraph.
        is_negative: [S, C] bool, the candidate is not linked to the target.
        linked_target, linked_id: [L] int64, sources linked to a target anywhere in the graph as
            far as the sample may know it, by id: they do not count as negatives when they come out
            of the queue.
        has_negatives: whether any candidate is a negative.
        entering: [K] int64 node rows and entering_id: [K] int64 ids, sources for the queue, at
            random.
    """

    relation: int
    targets: Tensor
    edge_target: Tensor
    edge_source: Tensor
    candidates: Tensor
    is_negative: Tensor
    linked_target: Tensor
    linked_id: Tensor
    entering: Tensor
    entering_id: Tensor
    has_negatives: bool


def link_tasks(
    graph: HeteroGraph,
    subgraph: Subgraph,
    masked: Masked,
    relations: Sequence[int],
    node_offsets: Sequence[int],
    min_masked: int,
    neg_samp_num: int,
    queue_size: int,
    rng: np.random.Generator,
) -> list[LinkTask]:
    """Prepare the edge loss of a batch, one record per relation with enough masked edges.

    Args:
        relations: positions in ``schema.edge_types`` of the relations into the target type.
        node_offsets: first node row of each type, in the batch.
        min_masked: a relation with so many masked edges or fewer is skipped.
        neg_samp_num: most candidates of a relation, drawn at random.
        queue_size: most sources to offer to the queue.

    Differs: the published code draws each target's negatives on its own and cuts all to the length
    of the shortest; here the targets of a relation share one random set of candidates, less those
    linked to them, so that all scores are one matrix product.
    """
    schema = subgraph.schema
    tasks = []
    for position, i in enumerate(relations):
        edges = subgraph.edges(schema.edge_types[i])
        src, dst, generated = subgraph.src[edges], subgraph.dst[edges], masked.generated[edges]
        if generated.sum() <= min_masked:
            continue
        source_name, _, target_name = schema.edge_types[i]
        source_type = schema.node_type_id(source_name)
        target_type = schema.node_type_id(target_name)
        # Masked edges, candidates, what the queue may hold that is no negative.
        targets, edge_target, edge_source, sources = _ends(src, dst, generated)
        sources = rng.permutation(sources)
        candidates = sources[:neg_samp_num]
        entering = sources[:queue_size]
        target_ids = subgraph.node_ids[target_type][targets]
        linked_target, linked_id = _known_links(graph, subgraph, schema.edge_types[i], target_ids)
        is_negative = _negatives(src, dst, targets, candidates)
        arrays = {
            "targets": targets + node_offsets[target_type],
            "edge_target": edge_target,
            "edge_source": edge_source + node_offsets[source_type],
            "candidates": candidates + node_offsets[source_type],
            "is_negative": is_negative,
            "linked_target": linked_target,
            "linked_id": linked_id,
            "entering": entering + node_offsets[source_type],
            "entering_id": subgraph.node_ids[source_type][entering],
        }
        tensors = {name: torch.from_numpy(values) for name, values in arrays.items()}
        tasks.append(LinkTask(position, **tensors, has_negatives=bool(is_negative.any())))
    return tasks


@serial_kernel
def _ends(src, dst, generated):
    """Of one relation, edges ascending by dst: what its masked edges join, and all sources.

    Returns:
        targets [S] distinct and ascending, each masked edge's position among them [M], its source
        [M], distinct sources of all edges, ascending. All int64.
    """
    n_masked = generated.sum()
    targets, n = np.empty(n_masked, np.int64), 0
    edge_target, edge_source = np.empty(n_masked, np.int64), np.empty(n_masked, np.int64)
    is_source = np.zeros(src.max() + 1, np.bool_)
    at = 0
    for e in range(len(src)):
        is_source[src[e]] = True
        if generated[e]:
            if n == 0 or targets[n - 1] != dst[e]:
                targets[n] = dst[e]
                n += 1
            edge_target[at], edge_source[at] = n - 1, src[e]
            at += 1
    return targets[:n].copy(), edge_target, edge_source, np.flatnonzero(is_source)


@serial_kernel
def _negatives(src, dst, targets, candidates):
    """[S, C] bool: no edge of the subgraph, masked or not, joins candidate and target."""
    column = np.full(src.max() + 1, -1)
    for c in range(len(candidates)):
        column[candidates[c]] = c
    is_negative = np.ones((len(targets), len(candidates)), np.bool_)
    row = 0
    for e in range(len(src)):  # targets and edges ascend alike
        while row < len(targets) and targets[row] < dst[e]:
            row += 1
        if row == len(targets):
            break
        if targets[row] == dst[e] and column[src[e]] >= 0:
            is_negative[row, column[src[e]]] = False
    return is_negative


def _known_links(
    graph: HeteroGraph, subgraph: Subgraph, edge_type: EdgeType, target_ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All in-neighbours of some targets: (position of the target, id of the source), [L] int64.

    The leak guard of the queue: links that the sample must not know, later or hidden ones, are not
    among them. That their sources are no negatives would tell of them.
    """
    i = graph.schema.edge_type_id(edge_type)
    edges = graph.edges[graph.edges_start[i] : graph.edges_start[i + 1]]
    indptr = graph.csr(edge_type).indptr
    query = subgraph.query
    target, source = _linked(indptr, edges, target_ids, query.time_max)
    if query.hidden is None:
        return target, source
    known = ~query.hidden.hides(edge_type, source, target_ids[target])
    return target[known], source[known]


@serial_kernel
def _linked(indptr, edges, target_ids, time_max):
    """In-neighbours of some targets up to a time: positions of the targets and ids, [L] int64.

    Args:
        edges: [E, 2] (source, time), the times of a target's edges ascending.
    """
    n = 0
    for target in target_ids:
        n += indptr[target + 1] - indptr[target]
    position, source = np.empty(n, np.int64), np.empty(n, np.int64)
    at = 0
    for i in range(len(target_ids)):
        for edge in range(indptr[target_ids[i]], indptr[target_ids[i] + 1]):
            if edges[edge, 1] > time_max:
                break  # and so are all after it
            position[at], source[at] = i, edges[edge, 0]
            at += 1
    return position[:at].copy(), source[:at].copy()


def contrastive_loss(
    scorer: Matcher,
    h: Tensor,
    task: LinkTask,
    queue_rows: Tensor,
    queue_ids: Tensor,
    balanced: bool = True,
) -> Tensor:
    """Mean over masked edges of -log softmax(true source against candidates and queue).

    All negatives of a target are the same for each of its masked edges, so their log-sum is taken
    once per target.

    Args:
        h: [N, D] embeddings of the batch.
        queue_rows: [Q, D], queue_ids: [Q]; Q may be 0.
        balanced: pull true sources as much as candidates are pushed, see below; the value is the
            same without.

    Source: equation 9 of the paper. Literal version: ``tests/oracle/link_loss.py``, of the scorer
        ``tests/oracle/edge_scorer.py``.
    Differs: rows of the queue are constants. A true source is pulled to its target with the weight
        of all negatives, but only the candidates can be pushed away, with theirs. What is left over
        pulls all sources of a batch to where its targets point, until all embeddings point the same
        way (docs/RESULTS.md measures it). So a true source gets the candidates' share of its
        gradient. The published code does not do so.
    """
    projected = scorer.project(h[task.targets])  # [S, D]
    logits = projected @ unit(h[task.candidates]).T
    negative = task.is_negative
    if len(queue_ids):
        logits = torch.cat([logits, projected @ unit(queue_rows).T], dim=1)  # [S, C + Q]
        fresh = torch.ones(len(projected), len(queue_ids), dtype=torch.bool, device=h.device)
        known, column = (task.linked_id[:, None] == queue_ids).nonzero(as_tuple=True)
        fresh[task.linked_target[known], column] = False
        negative = torch.cat([negative, fresh], dim=1)
    lowest = torch.finfo(logits.dtype).min / 2  # finite: a target without negatives has loss 0
    logits = logits.masked_fill(~negative, lowest)
    total = logits.logsumexp(1)  # [S]
    source = unit(h[task.edge_source])
    if balanced and len(queue_ids):
        with torch.no_grad():
            of_candidates = logits[:, : len(task.candidates)].logsumexp(1)
            share = (of_candidates - total).exp()[task.edge_target, None]
        source = share * source + (1 - share) * source.detach()
    true = (projected[task.edge_target] * source).sum(-1)  # [M]
    return F.softplus(total[task.edge_target] - true).mean()
