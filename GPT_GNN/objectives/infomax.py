"""Graph Infomax: tell true nodes from corrupted ones by a summary of the batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.batch.trim import AnyBatch
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import full_precision
from GPT_GNN.objectives.objective import Objective
from GPT_GNN.sampler.subgraph import Subgraph


@dataclass(frozen=True)
class InfomaxBatch:
    """A batch and how its corruption shuffles it. B targets.

    Attributes:
        batch: nothing masked.
        order: per node type, [N_t] int64: whose features each node has in the corrupted batch.
        targets: [B] int64 node rows.
    """

    batch: AnyBatch
    order: list[Tensor]
    targets: Tensor


class Infomax(Objective):
    """Mutual information between nodes and their batch.

    z = PReLU(h); summary = sigmoid(mean of z over targets); D(z) = z^T W summary; binary
    cross-entropy of D on the targets of the batch (true) and of its corruption (false), in which
    the nodes of each type have one another's features and all links stay.

    PReLU ends the encoder in the paper. Without it D is linear in h, and where h is a weighted sum
    over neighbours (``gcn``, ``rgcn``), true and false targets have nearly the same mean of D:
    nothing can be learned.

    Source: Velickovic et al., Deep Graph Infomax (2019), equation 1 and section 4.2 on large
    graphs: the summary is of a batch; Ren et al., Heterogeneous Deep Graph Infomax (2019). Literal
    version: ``tests/oracle/baselines.py``.
    Differs: features are shuffled within node types, which differ in width, over the subgraph that
    a batch's targets share (the paper samples and shuffles a neighbourhood for each target). PReLU
    is no part of the encoder that is kept.

    Raises:
        ValueError: no node type has features, so that there is nothing to shuffle.
    """

    def __init__(self, encoder: GNN, facts: GraphFacts, **settings: Any) -> None:
        super().__init__(encoder, facts, **settings)
        if not any(encoder.feature_dims.values()):
            raise ValueError(
                f"infomax shuffles features, but no node type has any: {encoder.feature_dims}"
            )
        self.activation = nn.PReLU()
        self.discriminator = nn.Linear(encoder.n_hid, encoder.n_hid, bias=False)

    def transform(
        self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator
    ) -> InfomaxBatch:
        """Draw the corruption of a subgraph."""
        t = graph.schema.node_type_id(self.target)
        batch = make_batch(graph, subgraph)
        order = [torch.from_numpy(rng.permutation(len(ids))) for ids in subgraph.node_ids]
        targets = torch.arange(subgraph.num_seeds[t]) + batch.node_offsets[t]
        return InfomaxBatch(batch, order, targets)

    def outputs(self, data: InfomaxBatch) -> Tensor:
        return data.targets

    def forward(self, data: InfomaxBatch) -> dict[str, Tensor]:
        """``loss`` of a batch; two passes of the encoder."""
        true = self.encoder(data.batch)[data.targets]
        shuffled = tuple(x[rows] for x, rows in zip(data.batch.x, data.order, strict=True))
        false = self.encoder(replace(data.batch, x=shuffled))[data.targets]
        with full_precision(true):
            true, false = self.activation(true), self.activation(false)
            direction = self.discriminator(torch.sigmoid(true.mean(0)))  # [D]
            loss = F.softplus(-true @ direction).mean() + F.softplus(false @ direction).mean()
        return {"loss": loss / 2}
