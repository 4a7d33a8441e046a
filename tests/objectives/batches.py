"""Sampled subgraphs and encoders for the tests of objectives."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import numpy as np
import torch
from torch import nn

from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query


def sample(graph, target, ids, seed=0, depth=2, width=20, time=2011):
    """A subgraph around some nodes of a type."""
    when = np.full(len(ids), time, dtype=np.int32) if any(graph.schema.timed) else None
    seeds = {target: (np.asarray(ids), when)}
    return HGSampler(graph, sample_depth=depth, sample_width=width).sample(
        Query(seeds, time, graph.views[0]), derive(seed, "sample")
    )


class Given(nn.Module):
    """In an encoder's place: embeddings of every node, whatever the batch."""

    def __init__(self, rows, n_hid=6):
        super().__init__()
        self.h = nn.Parameter(torch.randn(rows, n_hid, dtype=torch.float64))

    def forward(self, batch):
        assert batch.graph.num_nodes == len(self.h)
        return self.h


def edges_of(batch, relation):
    """(source row, target row) of one relation's edges in a batch."""
    graph = batch.graph
    rows = torch.arange(*graph.relation_rows[relation : relation + 2])
    part = torch.isin(graph.row_of_edge, rows)
    return list(zip(graph.src[part].tolist(), graph.dst[part].tolist(), strict=True))


def in_double(record):
    """A (nested) record with its floating-point tensors in float64."""
    if isinstance(record, torch.Tensor):
        return record.double() if record.is_floating_point() else record
    if isinstance(record, (tuple, list)):
        return type(record)(in_double(item) for item in record)
    if is_dataclass(record):
        values = {f.name: in_double(getattr(record, f.name)) for f in fields(record)}
        return replace(record, **values)
    return record
