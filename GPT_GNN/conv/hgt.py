"""Heterogeneous Graph Transformer layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.attention import relational_attention
from GPT_GNN.conv.conv import Conv, ConvShape, HeadSettings
from GPT_GNN.conv.dropout import Dropout
from GPT_GNN.conv.time_encoding import RelativeTimeEncoding
from GPT_GNN.settings import setting


@dataclass(frozen=True)
class HGTSettings(HeadSettings):
    """A Heterogeneous Graph Transformer layer."""

    prev_norm: bool = setting(False, "LayerNorm after all layers but the last")
    last_norm: bool = setting(False, "LayerNorm after the last layer")
    train_time_table: bool = setting(False, "train the table of the temporal encoding", free=True)


class HGTConv(Conv):
    """One HGT layer, with projections of nodes and not of edges.

    For target i of type t and source j of type s over relation r:
    K = K_s(x_j + RTE(dt)), V = V_s(x_j + RTE(dt)), Q = Q_t(x_i);
    att = softmax over all in-edges of i of (Q . (K W_att_r)) mu_r / sqrt(d);
    out = sigmoid(skip_t) A_t(gelu(sum att V W_msg_r)) + (1 - sigmoid(skip_t)) x_i, then
    LayerNorm of the type if the settings say so, then dropout.

    K_s is linear, so K_s(x + RTE) = K_s x + W_K RTE: nodes are projected once and the time term is
    a table of few rows. W_att_r and W_msg_r act on the smaller side of a relation, see
    :mod:`GPT_GNN.conv.attention`.

    Args:
        shape: of a graph without times, there is no temporal encoding.
        dropout: of the output.

    Raises:
        ValueError: ``n_hid`` is no multiple of ``n_heads``.

    Source: Hu et al., WWW 2020, section 3, and the published GPT-GNN code. Literal version:
    ``tests/oracle/hgt.py``.
    """

    Settings = HGTSettings
    reach = 1

    def __init__(self, shape: ConvShape, settings: HGTSettings, dropout: float) -> None:
        super().__init__()
        n_hid, num_types = shape.n_hid, shape.num_types
        num_relations, n_heads = shape.num_relations, settings.n_heads
        d = settings.head_width(n_hid)
        use_norm = settings.last_norm if shape.last else settings.prev_norm
        self.n_heads = n_heads
        self.q = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(num_types))
        self.kv = nn.ModuleList(nn.Linear(n_hid, 2 * n_hid) for _ in range(num_types))
        self.a = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(num_types))
        self.norms = nn.ModuleList(
            nn.LayerNorm(n_hid) if use_norm else nn.Identity() for _ in range(num_types)
        )
        self.skip = nn.Parameter(torch.ones(num_types))
        self.relation_pri = nn.Parameter(torch.ones(num_relations, n_heads))
        self.relation_att = nn.Parameter(torch.empty(num_relations, n_heads, d, d))
        self.relation_msg = nn.Parameter(torch.empty(num_relations, n_heads, d, d))
        for weight in (self.relation_att, self.relation_msg):  # the published (glorot) scale
            nn.init.uniform_(weight, -math.sqrt(6 / (2 * d)), math.sqrt(6 / (2 * d)))
        self.time = RelativeTimeEncoding(n_hid, settings.train_time_table) if shape.timed else None
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D]."""
        parts = graph.by_type(x)
        q = torch.cat([q(part) for q, part in zip(self.q, parts, strict=True)])
        kv = torch.cat([kv(part) for kv, part in zip(self.kv, parts, strict=True)])  # [N, 2 D]
        scale = self.relation_pri[:, :, None, None] / math.sqrt(x.shape[1] // self.n_heads)
        message = relational_attention(
            q, kv, self._time_kv(kv, graph), self.relation_att * scale, self.relation_msg, graph
        )
        message = F.gelu(message)
        out = []
        layers = zip(self.a, self.norms, self.skip, graph.by_type(message), parts, strict=True)
        for a, norm, skip, received, old in layers:
            new = a(received)  # in half precision under autocast, where ``old`` may be whole
            out.append(norm(torch.lerp(old.to(new.dtype), new, torch.sigmoid(skip))))
        return self.dropout(torch.cat(out))

    def _time_kv(self, kv: Tensor, graph: BatchGraph) -> Tensor:
        """What each (source type, time difference) adds to keys and values: [T U, 2 D]."""
        if self.time is None:
            return kv.new_zeros(0, kv.shape[1])
        encoding = self.time(graph.time_index)
        return torch.cat([F.linear(encoding, linear.get_parameter("weight")) for linear in self.kv])
