"""Embeddings of any nodes of a graph, those that were not there in training included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from GPT_GNN.batch.batch import make_batch, to_device
from GPT_GNN.batch.loader import Loader
from GPT_GNN.batch.pipeline import Pipeline, seed_rows
from GPT_GNN.batch.trim import AnyBatch
from GPT_GNN.graph.split import NO_BOUND
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.rng import derive
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from GPT_GNN.sampler.subgraph import Subgraph


@dataclass(frozen=True)
class SeedBatch:
    """A batch and the node rows of its seed nodes, [B] int64."""

    batch: AnyBatch
    rows: Tensor


@torch.no_grad()
def embed(
    encoder: GNN,
    graph: HeteroGraph,
    node_type: str,
    ids: np.ndarray,
    *,
    time_max: int | None = None,
    view: str = "finetune",
    seed: int = 0,
    device: torch.device | None = None,
    hidden: HiddenEdges | None = None,
    progress: bool = False,
    **sampler: Any,
) -> np.ndarray:
    """Embed some nodes by an encoder in evaluation mode, whose own mode is restored afterwards.

    A batch is a sample around some of the nodes, as in training. The result is a function of the
    encoder, the graph, the distinct ids, the batch size and the seed: the ids' order and repeats
    make no difference, as distinct ids are cut into batches in ascending order. How far the other
    nodes of a batch matter:

    - Where a sample holds only part of a neighbourhood, the nodes of the batch share its room.
    - A row reads the node's in-neighbours up to ``n_layers`` hops. A sample of ``sample_depth`` >=
      ``n_layers`` rounds (one more for ``gcn``, which reads the degrees of the last ones) and a
      ``sample_width`` of at least the nodes of a type holds all of them. Without times it then is
      the row of the whole graph, to rounding, in any batch.
    - For ``han`` it is not so: its weights of relations are means over the nodes of a batch.
    - In a graph with times it is so for ``gcn``, ``gat``, ``rgcn`` and ``hetgnn``, which read none.
      For ``hgt`` a node that is not embedded itself has in a sample the time of an edge that
      reached it, as in training, and which one that is depends on the batch: ``batch_size=1`` makes
      each row a function of its own node.

    Args:
        encoder: of the graph's schema and feature widths, see :func:`open_encoder`.
        node_type: of the nodes.
        ids: [n] int, row numbers of the nodes, in any order; repeated ones are computed once. For
            the source's own ids see :func:`GPT_GNN.datasets.tables.node_ids.rows_of_ids`.
        time_max: nothing later is sampled, and the nodes are no later; None: no bound, all of the
            graph is known.
        view: the feature view to read.
        device: where to compute; the encoder is moved there and stays. None: where it is.
        hidden: edges that must not be seen.
        progress: show a bar.
        **sampler: of :class:`GPT_GNN.sampler.SamplerConfig`; ``batch_size`` nodes are embedded
            together.

    Returns:
        [n, D] float32, row by row as in ``ids``.

    Raises:
        ValueError: an encoder of another schema or other widths, an unknown type or view, ids that
            are no integers or out of range, a node later than ``time_max``, a setting out of range.
    """
    ids = _checked(encoder, graph, node_type, ids)
    settings = SamplerConfig(**sampler)
    batch_size = settings.batch_size
    distinct, row = np.unique(ids, return_inverse=True)
    time, bound = graph.node_time(node_type), NO_BOUND if time_max is None else time_max
    if time is not None and (time[distinct] > bound).any():
        late = distinct[time[distinct] > bound]
        raise ValueError(
            f"{node_type} {late[0]} is of {time[late[0]]}, {len(late)} of {len(distinct)} nodes "
            f"are later than time_max: expected times up to {bound}"
        )
    # How a batch is made.
    device = device or next(encoder.parameters()).device
    encoder.to(device)
    pipeline = Pipeline(graph, settings.open(graph), encoder.reach)

    def transform(subgraph: Subgraph) -> SeedBatch:
        batch = make_batch(graph, subgraph)
        return SeedBatch(batch, seed_rows(subgraph, batch))

    def make(i: int) -> SeedBatch:
        nodes = distinct[i * batch_size : (i + 1) * batch_size]
        seeds = {node_type: (nodes, None if time is None else time[nodes])}
        query = Query(seeds, bound, view, hidden)
        return pipeline.batch(query, derive(seed, "embed", i), transform)

    # Embed them all.
    batches = Loader(make, range(-(-len(distinct) // batch_size)), settings.n_pool, device)
    out = np.empty((len(distinct), encoder.n_hid), dtype=np.float32)
    done = 0
    training = encoder.training
    encoder.eval()
    try:
        for data in tqdm(batches, unit="batch", disable=not progress or None):
            data = to_device(data, device)
            out[done : done + len(data.rows)] = encoder(data.batch)[data.rows].cpu().numpy()
            done += len(data.rows)
    finally:
        encoder.train(training)
    return out if np.array_equal(ids, distinct) else out[row]  # it may be large


def _checked(encoder: GNN, graph: HeteroGraph, node_type: str, ids: np.ndarray) -> np.ndarray:
    """The ids as [n] int64, once encoder, type and ids fit the graph."""
    if encoder.schema != graph.schema or encoder.feature_dims != graph.feature_dims:
        raise ValueError(
            f"{graph.path}: expected an encoder of its schema and widths {graph.feature_dims}, got "
            f"one of widths {encoder.feature_dims} for the relations "
            f"{[':'.join(edge_type) for edge_type in encoder.schema.edge_types]}"
        )
    n = graph.num_nodes(node_type)
    ids = np.asarray(ids)
    if ids.ndim != 1 or (len(ids) and ids.dtype.kind not in "iu"):
        raise ValueError(f"expected ids [n] of integers, got {ids.shape} of {ids.dtype}")
    if len(ids) and not (0 <= ids.min() and ids.max() < n):
        raise ValueError(f"expected {node_type} ids in [0, {n}), got {ids.min()} .. {ids.max()}")
    return ids.astype(np.int64)
