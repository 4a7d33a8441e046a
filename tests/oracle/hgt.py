"""The HGT layer and its relative temporal encoding, with the projections of every edge.

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
        source, target = edge_index
        scores = x.new_zeros(len(edge_type), self.n_heads)
        messages = x.new_zeros(len(edge_type), self.n_heads, self.d)
        # Edges of one (source type, relation, target type) share their parameters.
        groups = {
            (int(node_type[j]), int(r), int(node_type[i]))
            for j, r, i in zip(source, edge_type, target, strict=True)
        }
        for s, r, t in sorted(groups):
            group = (node_type[source] == s) & (edge_type == r) & (node_type[target] == t)
            rows = None if edge_row is None else edge_row[group]
            scores[group], messages[group] = self._edges(
                x[source[group]], x[target[group]], s, r, t, rows
            )
        out = []
        for i in range(len(x)):
            mine = target == i
            out.append(self._node(x[i], int(node_type[i]), scores[mine], messages[mine]))
        return self.drop(torch.stack(out))

    def _edges(
        self, source: Tensor, target: Tensor, s: int, r: int, t: int, rows: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Attention scores [e, H] and messages [e, H, d] of the e edges of one group."""
        if self.emb is not None and rows is not None:
            source = self.emb(source, rows)
        heads = (len(source), self.n_heads, self.d)
        q = self.q_linears[t](target).view(heads)
        k = self.k_linears[s](source).view(heads)
        v = self.v_linears[s](source).view(heads)
        keys = torch.einsum("ehd,hdf->ehf", k, self.relation_att[r])
        scores = (q * keys).sum(-1) * self.relation_pri[r] / math.sqrt(self.d)
        return scores, torch.einsum("ehd,hdf->ehf", v, self.relation_msg[r])

    def _node(self, old: Tensor, t: int, scores: Tensor, messages: Tensor) -> Tensor:
        """Attend over the in-edges of one node and mix with what it was.

        Args:
            old: [D]; scores: [in-edges, H]; messages: [in-edges, H, d].
        """
        attention = torch.softmax(scores, dim=0)[:, :, None]
        aggregated = (attention * messages).sum(0).reshape(-1)
        new = self.a_linears[t](F.gelu(aggregated))
        gate = torch.sigmoid(self.skip[t])
        out = gate * new + (1 - gate) * old
        return self.norms[t](out) if len(self.norms) else out
