"""Heterogeneous graph neural network: recurrent aggregation by source type, attention of types."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.conv import Conv, ConvShape
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class HetGNNSettings(Checked):
    """A heterogeneous graph neural network."""

    max_neighbours: int = setting(10, "neighbours of a node that are read, per source type", low=1)


class HetGNNConv(Conv):
    """Content of each node, aggregated by source type, the types combined by attention.

    For node i of type t,
    f_i = BiLSTM_t(x_i), its content;
    g_is = mean over the states of BiLSTM_s(f_j, f_j', ...), its neighbours of type s, at most K;
    out_i = a_i f_i + sum over s of a_is g_is, where a is the softmax over i itself and the types of
    its neighbours of LeakyReLU(u_t . [f_i or g_is, f_i]).

    - *Content.* The encoder's input layer leaves one vector per node, so the Bi-LSTM over contents
      takes one step, from a state of zeros: sigmoid(o) tanh(sigmoid(i) tanh(g)), both directions
      alike. It is written so, without the weights that such a step cannot use.
    - *Neighbours* are what HGSampling drew, in place of random walks with restart: the sources of
      in-edges of all relations from one type, of several edges as often. ``self`` is left out, as
      the node's own content takes part by itself.
    - *Which of more than K*: every (n / K)-th in the order of the sequence, from a random start in
      training, so that each has the same chance, in evaluation from the middle of the first n / K.
    - *Order of the sequence*: by the sum of a neighbour's content. It depends neither on how a
      batch numbers its nodes nor on its other nodes, and so neither does the result (but that
      sums which are equal to rounding may change places).
    - A type without neighbours takes no part; without any, a node's result is its content.

    Raises:
        ValueError: ``n_hid`` is odd: half of it is for each direction.

    Source: Zhang et al., KDD 2019, section 3; u of each type, and the slope 0.01 of LeakyReLU, as
    in its published code.
    Differs: several layers can follow each other, the paper has one; neighbours as said above, and
    K = 10 of each type, fewer where there are fewer (its published code: 10 or 3 by type, the most
    frequent of the walks, some of them again to fill K); no loss of its own. Literal version:
    ``tests/oracle/typed_convs.py``.
    """

    Settings = HetGNNSettings
    reach = 1

    def __init__(self, shape: ConvShape, settings: HetGNNSettings, dropout: float) -> None:
        super().__init__()
        self.max_neighbours = settings.max_neighbours
        n_hid, num_types = shape.n_hid, shape.num_types
        if n_hid % 2:
            raise ValueError(f"n_hid must be even, half for each direction, got {n_hid}")
        self.content = nn.ModuleList(nn.Linear(n_hid, 3 * n_hid) for _ in range(num_types))
        self.same_type = nn.ModuleList(
            nn.LSTM(n_hid, n_hid // 2, batch_first=True, bidirectional=True)
            for _ in range(num_types)
        )
        self.attention = nn.Parameter(torch.empty(2, num_types, n_hid))  # of f or g, and of f
        bound = math.sqrt(6 / (2 * n_hid + 1))  # glorot, of a map to one number
        nn.init.uniform_(self.attention, -bound, bound)

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D], float32 at least."""
        from torch_geometric.utils import softmax  # here, as the library takes seconds to import

        parts = zip(self.content, graph.by_type(x), strict=True)
        gates = torch.cat([content(part) for content, part in parts])
        gates = gates.float() if gates.dtype in (torch.bfloat16, torch.float16) else gates
        i, g, o = gates.chunk(3, dim=1)
        own = torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(g))  # f: [N, D]
        found = neighbours(own.detach().sum(1), graph, self.max_neighbours, self.training)
        heard = self._aggregate(own, found)  # g: [G, D]
        kind, by = graph.node_type, found.target
        of_self = _score(own, self.attention[1], kind)
        score = torch.cat(
            [
                _score(own, self.attention[0], kind) + of_self,
                _score(heard, self.attention[0], kind[by]) + of_self[by],
            ]
        )
        target = torch.cat([torch.arange(len(own), device=x.device), by])
        weight = softmax(F.leaky_relu(score, 0.01), target, num_nodes=len(own))
        each = weight[:, None] * torch.cat([own, heard])
        return torch.zeros_like(own).index_add(0, target, each)

    def _aggregate(self, own: Tensor, found: Neighbours) -> Tensor:
        """Mean state of the Bi-LSTM of each group's source type: [N, D] -> [G, D]."""
        out = []
        parts = (part.split(found.groups) for part in (found.sources, found.length))
        for lstm, sources, length in zip(self.same_type, *parts, strict=True):
            if not len(length):  # which packing refuses
                continue
            packed = pack_padded_sequence(own[sources], length.cpu(), True, enforce_sorted=False)
            states, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
            out.append(states.to(own.dtype).sum(1) / length[:, None])  # 0 behind a sequence
        return torch.cat(out) if out else own[:0]


def _score(x: Tensor, attention: Tensor, kind: Tensor) -> Tensor:
    """Products of [n, D] rows with the vector of each one's type, of [T, D]: [n]."""
    return F.linear(x, attention).to(x.dtype).gather(1, kind[:, None])[:, 0]


class Neighbours(NamedTuple):
    """Sequences of neighbours, one for each (source type, target) that an edge joins, G in all.

    Attributes:
        groups: T ints, how many are of each source type; in this order they lie.
        target: [G] int64 nodes.
        sources: [G, K] int64 nodes, some node behind a sequence's end.
        length: [G] int64, in [1, K].
    """

    groups: list[int]
    target: Tensor
    sources: Tensor
    length: Tensor


def neighbours(key: Tensor, graph: BatchGraph, most: int, training: bool) -> Neighbours:
    """Choose and order the neighbours of every node, by source type.

    Args:
        key: [N], by which sequences ascend.
        most: K, >= 1.
        training: draw where in a longer sequence the choice starts, else take the middle.
    """
    edges = graph.relation_of_edge < len(graph.relation_rows) - 2  # all but ``self``
    src, dst = graph.src[edges], graph.dst[edges]
    by_key = key[src].argsort(stable=True)
    group, order = (graph.node_type[src] * graph.num_nodes + dst)[by_key].sort(stable=True)
    src = src[by_key[order]]
    group, size = group.unique_consecutive(return_counts=True)
    first = size.cumsum(0) - size
    start = torch.rand(len(size), 1, device=key.device) if training else 0.5
    place = torch.arange(most, device=key.device)  # [K], of each the place in the sequence
    spread = ((place + start) * size[:, None] / most).long()
    place = torch.where(size[:, None] > most, spread, place).clamp(max=size[:, None] - 1)
    kind = group // graph.num_nodes
    return Neighbours(
        torch.bincount(kind, minlength=len(graph.node_offsets) - 1).tolist(),
        group % graph.num_nodes,
        src[first[:, None] + place],
        size.clamp(max=most),
    )
