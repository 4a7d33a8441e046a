"""The HGT layer with the published way to select a triple's edges, which doubles its time."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.oracle.hgt import LiteralHGTConv, softmax_over_in_edges


class MaskedHGTConv(LiteralHGTConv):
    """Same values as its base; each triple is a mask over all edges, filled in in place.

    Source: the published ``HGTConv.message``: three nested loops, a boolean mask in each, rows
    gathered for all edges first and by the mask again, scores and messages assigned by the mask.
    """

    def forward(
        self,
        x: Tensor,
        node_type: Tensor,
        edge_index: Tensor,
        edge_type: Tensor,
        edge_row: Tensor | None,
    ) -> Tensor:
        """As in the base class."""
        source, target = edge_index
        x_source, x_target = x[source], x[target]
        source_type, target_type = node_type[source], node_type[target]
        scores = x.new_zeros(len(source), self.n_heads)
        messages = x.new_zeros(len(source), self.n_heads, self.d)
        for s in range(len(self.k_linears)):
            from_s = source_type == s
            for t in range(len(self.q_linears)):
                between = from_s & (target_type == t)
                for r in range(len(self.relation_att)):
                    mine = between & (edge_type == r)
                    if not mine.any():
                        continue
                    rows = x_source[mine]
                    if self.emb is not None and edge_row is not None:
                        rows = self.emb(rows, edge_row[mine])
                    scores[mine], messages[mine] = self._edges(rows, x_target[mine], s, r, t)
        attention = softmax_over_in_edges(scores, target, len(x))
        weighted = (messages * attention[:, :, None]).flatten(1)
        aggregated = torch.zeros_like(x).index_add(0, target, weighted)
        return self._update(aggregated, x, node_type)
