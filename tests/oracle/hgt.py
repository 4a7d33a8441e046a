"""The HGT layer and its relative temporal encoding, with the projections of every edge.

Structured like the published code, for its speed is the reference of the benchmarks: a loop over
source type x relation x target type, no loop over edges or nodes. Empty triples are skipped, and
the edges are put in the order of the triples once, not selected anew for each.

Parameter names and shapes are those of the published code, so that its weights load. Legend: N
nodes, E edges, D hidden width, H heads, d = D / H, R relations (the last one is ``self``).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TABLE_ROWS = 240
NO_DIFFERENCE = 120  # the table's row for "source and target at the same time"


def table_row(target_time: int | None, source_time: int | None) -> int:
    """Row of the temporal table for one edge; without a time at either end: no difference."""
    if target_time is None or source_time is None:
        return NO_DIFFERENCE
    return min(max(target_time - source_time + NO_DIFFERENCE, 0), TABLE_ROWS - 1)


def sinusoid(n_hid: int) -> Tensor:
    """The temporal table as the paper means it, [240, 2 D]: frequencies 10000^(-k / D)."""
    table = torch.zeros(TABLE_ROWS, 2 * n_hid, dtype=torch.float64)
    for position in range(TABLE_ROWS):
        for k in range(n_hid):
            angle = position * 10000.0 ** (-k / n_hid)
            table[position, 2 * k] = math.sin(angle) / math.sqrt(n_hid)
            table[position, 2 * k + 1] = math.cos(angle) / math.sqrt(n_hid)
    return table.float()


class LiteralTimeEncoding(nn.Module):
    """x_j + Linear(dropout(table[row])): parameters ``emb.weight`` [240, 2 D], ``lin``."""

    def __init__(self, n_hid: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.emb = nn.Embedding(TABLE_ROWS, 2 * n_hid)
        self.emb.weight.data = sinusoid(n_hid)
        self.lin = nn.Linear(2 * n_hid, n_hid)

    def forward(self, x: Tensor, row: Tensor) -> Tensor:
        """Add the encodings of time differences to sources: [e, D], [e] -> [e, D]."""
        return x + self.lin(self.drop(self.emb(row)))


class LiteralHGTConv(nn.Module):
    """One HGT layer; the arguments mean what they mean in :class:`GPT_GNN.conv.hgt.HGTConv`.

    For edge j -> i of relation r: K = K_s(x_j + RTE), V = V_s(x_j + RTE), Q = Q_t(x_i); score per
    head Q . (K W_att_r) mu_r / sqrt(d); softmax over all in-edges of i; message V W_msg_r.
    """

    def __init__(
        self,
        n_hid: int,
        num_types: int,
        num_relations: int,
        n_heads: int,
        dropout: float = 0.2,
        use_norm: bool = False,
        timed: bool = True,
    ) -> None:
        super().__init__()
        d = n_hid // n_heads
        self.n_heads, self.d = n_heads, d
        self.k_linears = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(num_types))
        self.q_linears = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(num_types))
        self.v_linears = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(num_types))
        self.a_linears = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(num_types))
        self.norms = nn.ModuleList(nn.LayerNorm(n_hid) for _ in range(num_types if use_norm else 0))
        self.relation_pri = nn.Parameter(torch.ones(num_relations, n_heads))
        self.relation_att = nn.Parameter(torch.randn(num_relations, n_heads, d, d) / math.sqrt(d))
        self.relation_msg = nn.Parameter(torch.randn(num_relations, n_heads, d, d) / math.sqrt(d))
        self.skip = nn.Parameter(torch.ones(num_types))
        self.drop = nn.Dropout(dropout)
        self.emb = LiteralTimeEncoding(n_hid) if timed else None

    def forward(
        self,
        x: Tensor,
        node_type: Tensor,
        edge_index: Tensor,
        edge_type: Tensor,
        edge_row: Tensor | None,
    ) -> Tensor:
        """Update every node.

        Args:
            x: [N, D].
            node_type: [N].
            edge_index: [2, E], source above target.
            edge_type: [E] relations.
            edge_row: [E] rows of the temporal table (:func:`table_row`), or None without times.

        Returns:
            [N, D].
        """
        # Edges of one (source type, relation, target type) share their parameters.
        order, groups = triples(node_type, edge_index, edge_type)
        sizes = [size for *_, size in groups]
        source, target = edge_index[:, order]
        rows = edge_type.new_zeros(len(order)) if edge_row is None else edge_row[order]
        ends = zip(x[source].split(sizes), x[target].split(sizes), rows.split(sizes), strict=True)
        scores, messages = [x.new_zeros(0, self.n_heads)], [x.new_zeros(0, self.n_heads, self.d)]
        for (s, r, t, _), (x_source, x_target, row) in zip(groups, ends, strict=True):
            if self.emb is not None and edge_row is not None:
                x_source = self.emb(x_source, row)
            score, message = self._edges(x_source, x_target, s, r, t)
            scores.append(score)
            messages.append(message)
        attention = softmax_over_in_edges(torch.cat(scores), target, len(x))
        weighted = (torch.cat(messages) * attention[:, :, None]).flatten(1)
        aggregated = torch.zeros_like(x).index_add(0, target, weighted)
        return self._update(aggregated, x, node_type)

    def _edges(
        self, source: Tensor, target: Tensor, s: int, r: int, t: int
    ) -> tuple[Tensor, Tensor]:
        """Attention scores [e, H] and messages [e, H, d] of the e edges of one triple."""
        heads = (len(source), self.n_heads, self.d)
        q = self.q_linears[t](target).view(heads)
        k = self.k_linears[s](source).view(heads)
        v = self.v_linears[s](source).view(heads)
        keys = torch.einsum("ehd,hdf->ehf", k, self.relation_att[r])
        scores = (q * keys).sum(-1) * self.relation_pri[r] / math.sqrt(self.d)
        return scores, torch.einsum("ehd,hdf->ehf", v, self.relation_msg[r])

    def _update(self, aggregated: Tensor, x: Tensor, node_type: Tensor) -> Tensor:
        """Mix what the nodes gathered with what they were, type by type: [N, D], [N, D]."""
        new = F.gelu(aggregated)
        out = torch.zeros_like(x)
        for t, a_linear in enumerate(self.a_linears):
            mine = (node_type == t).nonzero().squeeze(1)
            if len(mine) == 0:
                continue
            gate = torch.sigmoid(self.skip[t])
            mixed = gate * a_linear(new[mine]) + (1 - gate) * x[mine]
            out[mine] = self.norms[t](mixed) if len(self.norms) else mixed
        return self.drop(out)


def triples(
    node_type: Tensor, edge_index: Tensor, edge_type: Tensor
) -> tuple[Tensor, list[tuple[int, int, int, int]]]:
    """Group edges by (source type, relation, target type); empty groups do not occur.

    Returns:
        order: [E] the edges, group after group.
        groups: (source type, relation, target type, number of edges) of each group.
    """
    source, target = node_type[edge_index]
    # Number the triples: one key sorts faster than three columns.
    num_types, num_relations = (len(a.bincount()) for a in (node_type, edge_type))
    key = (source * num_relations + edge_type) * num_types + target
    keys, order = key.sort(stable=True)
    groups = []
    found, sizes = keys.unique_consecutive(return_counts=True)
    for number, size in zip(found.tolist(), sizes.tolist(), strict=True):
        rest, t = divmod(number, num_types)
        groups.append((*divmod(rest, num_relations), t, size))
    return order, groups


def softmax_over_in_edges(scores: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Softmax of [E, H] scores over all edges that share a target."""
    index = target[:, None].expand_as(scores)
    top = scores.new_zeros(num_nodes, scores.shape[1])
    top = top.scatter_reduce(0, index, scores.detach(), "amax", include_self=False)
    weight = torch.exp(scores - top[target])
    return weight / torch.zeros_like(top).index_add(0, target, weight)[target]
