"""Heterogeneous graph attention: over the edges of a relation, then over the relations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.conv import Conv, ConvShape, HeadSettings


class HANConv(Conv):
    """Attention of nodes within each relation, then of relations within each node type.

    With h = W_t x of the node's type t, per head, for target i and its in-edges (j -> i) of r:
    att = softmax over the in-edges of i of r of LeakyReLU(a_src_r . h_j + a_dst_r . h_i);
    z_ir = relu(sum of att h_j), the heads side by side. Then, for the nodes V_t of a type,
    w_tr = mean over V_t of q . tanh(W z_ir + b); beta_t = softmax over r of w_t;
    out_i = sum over r of beta_tr z_ir.

    - A *path* is a relation; those into a type are the relations with an edge into one of its nodes
      in the batch. ``self`` is one of them: z of a loop is relu(h_i). In the paper each meta-path
      holds the node itself.
    - A node without an in-edge of a path has z = 0 there, which takes part in the mean and receives
      its share of beta; a node without any in-edge becomes 0.
    - V_t are the nodes *of the batch*: all weights beta_t of a type, R numbers, are the same for
      its nodes and depend on all of them. So a node's result depends on the rest of its batch, in
      evaluation too. In pre-training the copies of the targets are in the mean: they are nodes of
      the type like others, which receive what their targets receive. A target's attributes can
      thus reach its copy through these means, with a single layer too; ``--two_pass`` closes that.

    The attention has no dropout and sees no times.

    Raises:
        ValueError: ``n_hid`` is no multiple of ``n_heads``.

    Source: Wang et al., WWW 2019, as PyG's ``HANConv`` computes it, which it equals on the same
    edges. PyG's own layer needs the types at a relation's ends when it is made, has no relation
    that all types share, and makes a row for every node of every relation; here a row is made
    where there is an edge.
    Differs: paths are single relations, longer ones come from several layers; ReLU for ELU, as in
    PyG; W, b and q are shared by all types, as in PyG (the paper has one type). Literal version:
    ``tests/oracle/typed_convs.py``.
    """

    Settings = HeadSettings

    def __init__(self, shape: ConvShape, settings: HeadSettings, dropout: float) -> None:
        super().__init__()
        n_hid, n_heads = shape.n_hid, settings.n_heads
        d = settings.head_width(n_hid)
        self.project = nn.ModuleList(nn.Linear(n_hid, n_hid) for _ in range(shape.num_types))
        self.att_src = nn.Parameter(torch.empty(shape.num_relations, n_heads, d))
        self.att_dst = nn.Parameter(torch.empty(shape.num_relations, n_heads, d))
        self.semantic = nn.Linear(n_hid, n_hid)
        self.semantic_query = nn.Parameter(torch.empty(n_hid))
        sides = {
            self.att_src: n_heads + d,
            self.att_dst: n_heads + d,
            self.semantic_query: n_hid + 1,
        }
        for parameter, n in sides.items():  # PyG's (glorot) scale
            nn.init.uniform_(parameter, -math.sqrt(6 / n), math.sqrt(6 / n))

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D], float32 at least."""
        parts = zip(self.project, graph.by_type(x), strict=True)
        h = torch.cat([project(part) for project, part in parts])
        h = h.float() if h.dtype in (torch.bfloat16, torch.float16) else h  # for the sums
        z = self._paths(h, graph)
        beta = self._path_weights(z, graph)
        return torch.zeros_like(h).index_add(0, graph.row_dst, beta[:, None] * z)

    def _paths(self, h: Tensor, graph: BatchGraph) -> Tensor:
        """z of every row, that is of every path into a node: [N, D] -> [P, D]."""
        from torch_geometric.utils import softmax  # here, as the library takes seconds to import

        num_relations, n_heads, _ = self.att_src.shape
        heads = h.unflatten(1, (n_heads, -1))  # [N, H, d]
        relation = graph.relation_of_edge
        score = h.new_zeros(len(relation), n_heads)
        for att, end in ((self.att_src, graph.src), (self.att_dst, graph.dst)):
            of_node = torch.einsum("nhd,rhd->nrh", heads, att).flatten(0, 1)  # [N R, H]
            score = score + of_node.index_select(0, end * num_relations + relation)
        score = F.leaky_relu(score, 0.2)
        weight = softmax(score, graph.row_of_edge, num_nodes=len(graph.row_dst))
        message = weight[:, :, None] * heads.index_select(0, graph.src)  # [E, H, d]
        z = h.new_zeros(len(graph.row_dst), h.shape[1])
        return F.relu(z.index_add(0, graph.row_of_edge, message.flatten(1)))

    def _path_weights(self, z: Tensor, graph: BatchGraph) -> Tensor:
        """beta of every row's relation and target type: [P, D] -> [P]."""
        from torch_geometric.utils import softmax

        num_types = len(self.project)
        score = (torch.tanh(self.semantic(z)) @ self.semantic_query).to(z.dtype)
        of_zero = (torch.tanh(self.semantic.bias) @ self.semantic_query).to(z.dtype)
        path = graph.relation_of_row * num_types + graph.node_type[graph.row_dst]
        path, path_of_row, count = path.unique(return_inverse=True, return_counts=True)
        node_type = path % num_types
        size = torch.tensor(graph.node_offsets, device=z.device).diff()[node_type]
        total = z.new_zeros(len(path)).index_add(0, path_of_row, score)
        mean = (total + (size - count) * of_zero) / size
        return softmax(mean, node_type, num_nodes=num_types)[path_of_row]
