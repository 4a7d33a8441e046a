"""HAN and HetGNN node by node; constructor and call as in :mod:`tests.oracle.plain_convs`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LiteralHANConv(nn.Module):
    """Attention within each relation, then weights of the relations into each node type."""

    def __init__(self, n_hid, num_types, num_relations, n_heads, dropout, use_norm, timed):
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(num_types))
        self.att_src = nn.Parameter(torch.randn(num_relations, n_heads, n_hid // n_heads))
        self.att_dst = nn.Parameter(torch.randn(num_relations, n_heads, n_hid // n_heads))
        self.semantic = nn.Linear(n_hid, n_hid)
        self.semantic_query = nn.Parameter(torch.randn(n_hid))

    def forward(self, x, node_type, edge_index, edge_type, edge_row):
        """[N, D] -> [N, D]."""
        kinds = node_type.tolist()
        h = [self.project[t](row) for t, row in zip(kinds, x, strict=True)]
        in_edges: dict[int, dict[int, list[int]]] = {}  # relation -> target -> sources
        for (j, i), r in zip(edge_index.T.tolist(), edge_type.tolist(), strict=True):
            in_edges.setdefault(r, {}).setdefault(i, []).append(j)
        out = [torch.zeros_like(row) for row in h]
        for t in set(kinds):
            nodes = [i for i, kind in enumerate(kinds) if kind == t]
            paths = [r for r, targets in in_edges.items() if any(i in targets for i in nodes)]
            if not paths:
                continue
            z = {r: [self.path(r, h, i, in_edges[r].get(i, [])) for i in nodes] for r in paths}
            scores = []
            for r in paths:
                each = [self.semantic_query @ torch.tanh(self.semantic(row)) for row in z[r]]
                scores.append(sum(each) / len(each))
            beta = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
            for place, i in enumerate(nodes):
                out[i] = sum(beta[k] * z[r][place] for k, r in enumerate(paths))
        return torch.stack(out)

    def path(self, r: int, h: list[Tensor], i: int, sources: list[int]) -> Tensor:
        """What node i receives over relation r: [D]."""
        if not sources:
            return torch.zeros_like(h[i])
        heads = []
        for k, (a_src, a_dst) in enumerate(zip(self.att_src[r], self.att_dst[r], strict=True)):
            own = slice(k * len(a_src), (k + 1) * len(a_src))
            scores = torch.stack([a_src @ h[j][own] + a_dst @ h[i][own] for j in sources])
            weight = torch.where(scores > 0, scores, 0.2 * scores).exp()
            weight = weight / weight.sum()
            heads.append(sum(w * h[j][own] for w, j in zip(weight, sources, strict=True)))
        return torch.cat(heads).clamp(min=0)


def bi_lstm(lstm: nn.LSTM, sequence: list[Tensor]) -> list[Tensor]:
    """States of both directions, side by side, at each place of a sequence."""
    directions = []
    for suffix, order in (("", 1), ("_reverse", -1)):
        w_x, w_h, b_x, b_h = (
            getattr(lstm, f"{name}_l0{suffix}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        state = cell = b_x.new_zeros(lstm.hidden_size)
        states = []
        for x in sequence[::order]:
            i, f, g, o = (w_x @ x + b_x + w_h @ state + b_h).chunk(4)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            state = torch.sigmoid(o) * torch.tanh(cell)
            states.append(state)
        directions.append(states[::order])
    return [torch.cat(both) for both in zip(*directions, strict=True)]


class LiteralHetGNNConv(nn.Module):
    """Content, neighbours of each type, weights of the types; as in evaluation."""

    def __init__(self, n_hid, num_types, num_relations, n_heads, dropout, use_norm, timed):
        super().__init__()

        def lstm() -> nn.LSTM:
            return nn.LSTM(n_hid, n_hid // 2, bidirectional=True)

        self.num_relations = num_relations
        self.max_neighbours = 10
        self.content = nn.ModuleList(lstm() for _ in range(num_types))
        self.same_type = nn.ModuleList(lstm() for _ in range(num_types))
        self.attention = nn.Parameter(torch.randn(2, num_types, n_hid))

    def forward(self, x, node_type, edge_index, edge_type, edge_row):
        """[N, D] -> [N, D]; the last relation is ``self``."""
        kinds = node_type.tolist()
        f = [bi_lstm(self.content[t], [row])[0] for t, row in zip(kinds, x, strict=True)]
        sources: list[dict[int, list[int]]] = [{} for _ in kinds]
        for (j, i), r in zip(edge_index.T.tolist(), edge_type.tolist(), strict=True):
            if r != self.num_relations - 1:
                sources[i].setdefault(kinds[j], []).append(j)
        out = []
        for i, t in enumerate(kinds):
            rows = [f[i]]
            for s, of_type in sources[i].items():
                chosen = [f[j] for j in self.chosen(sorted(of_type, key=lambda j: f[j].sum()))]
                states = bi_lstm(self.same_type[s], chosen)
                rows.append(sum(states) / len(states))
            u = torch.cat([self.attention[0, t], self.attention[1, t]])
            scores = torch.stack([u @ torch.cat([row, f[i]]) for row in rows])
            weight = torch.where(scores > 0, scores, 0.01 * scores).exp()
            weight = weight / weight.sum()
            out.append(sum(w * row for w, row in zip(weight, rows, strict=True)))
        return torch.stack(out)

    def chosen(self, ascending: list[int]) -> list[int]:
        """At most K, from the middle of each K-th part."""
        n, most = len(ascending), self.max_neighbours
        if n <= most:
            return ascending
        return [ascending[(2 * k + 1) * n // (2 * most)] for k in range(most)]
