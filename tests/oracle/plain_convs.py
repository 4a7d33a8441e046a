"""GCN, GAT and RGCN edge by edge, with the parameter names of today's PyG layers.

Constructor and call are those of :class:`tests.oracle.hgt.LiteralHGTConv`, so that
:class:`tests.oracle.encoder.LiteralGNN` takes any of them; what a layer does not read is ignored.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def without_loops(edge_index: Tensor, num_nodes: int) -> list[tuple[int, int]]:
    """Edges (source, target), each node with one loop however many it had."""
    edges = [(j, i) for j, i in edge_index.T.tolist() if j != i]
    return edges + [(i, i) for i in range(num_nodes)]


class LiteralGCNConv(nn.Module):
    """out_i = b + sum over edges j -> i of W x_j / sqrt(d_i d_j), d the number of in-edges."""

    def __init__(self, n_hid, num_types, num_relations, n_heads, dropout, use_norm, timed):
        super().__init__()
        self.lin = nn.Linear(n_hid, n_hid, bias=False)
        self.bias = nn.Parameter(torch.randn(n_hid))

    def forward(self, x, node_type, edge_index, edge_type, edge_row):
        """[N, D] -> [N, D]."""
        edges = without_loops(edge_index, len(x))
        degree = [0] * len(x)
        for _, i in edges:
            degree[i] += 1
        out = [self.bias] * len(x)
        for j, i in edges:
            out[i] = out[i] + self.lin(x[j]) / math.sqrt(degree[i] * degree[j])
        return torch.stack(out)


class LiteralGATConv(nn.Module):
    """Per head: softmax over in-edges of LeakyReLU(a_src . W x_j + a_dst . W x_i)."""

    def __init__(self, n_hid, num_types, num_relations, n_heads, dropout, use_norm, timed):
        super().__init__()
        self.lin = nn.Linear(n_hid, n_hid, bias=False)
        self.att_src = nn.Parameter(torch.randn(1, n_heads, n_hid // n_heads))
        self.att_dst = nn.Parameter(torch.randn(1, n_heads, n_hid // n_heads))
        self.bias = nn.Parameter(torch.randn(n_hid))

    def forward(self, x, node_type, edge_index, edge_type, edge_row):
        """[N, D] -> [N, D]."""
        n_heads, d = self.att_src.shape[1:]
        wx = self.lin(x).view(len(x), n_heads, d)
        in_edges = [[] for _ in range(len(x))]
        for j, i in without_loops(edge_index, len(x)):
            in_edges[i].append(j)
        out = []
        for i, sources in enumerate(in_edges):
            scores = [(wx[j] * self.att_src[0] + wx[i] * self.att_dst[0]).sum(-1) for j in sources]
            scores = torch.stack([torch.where(s > 0, s, 0.2 * s) for s in scores])  # [edges, H]
            weight = scores.exp() / scores.exp().sum(0)
            message = (weight[:, :, None] * wx[sources]).sum(0)
            out.append(message.flatten() + self.bias)
        return torch.stack(out)


class LiteralRGCNConv(nn.Module):
    """out_i = x_i W_0 + b + sum over relations of the mean over its in-edges of x_j W_r."""

    def __init__(self, n_hid, num_types, num_relations, n_heads, dropout, use_norm, timed):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_relations, n_hid, n_hid) / n_hid)
        self.root = nn.Parameter(torch.randn(n_hid, n_hid) / n_hid)
        self.bias = nn.Parameter(torch.randn(n_hid))

    def forward(self, x, node_type, edge_index, edge_type, edge_row):
        """[N, D] -> [N, D]."""
        sources: dict[tuple[int, int], list[int]] = {}
        for (j, i), r in zip(edge_index.T.tolist(), edge_type.tolist(), strict=True):
            sources.setdefault((i, r), []).append(j)
        out = [row @ self.root + self.bias for row in x]
        for (i, r), of_relation in sources.items():
            mean: Tensor = sum(x[j] for j in of_relation) / len(of_relation)
            out[i] = out[i] + mean @ self.weight[r]
        return torch.stack(out)


LITERAL_CONVS = {"gcn": LiteralGCNConv, "gat": LiteralGATConv, "rgcn": LiteralRGCNConv}
