"""The encoder: tanh input layer of each type, then its layers; published parameter names.

``adapt_ws.{type}`` and ``gcs.{layer}.base_conv.*``, as under ``gnn.`` of a published checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from GPT_GNN.batch.batch import BatchGraph
from tests.oracle.hgt import LiteralHGTConv


class LiteralLayer(nn.Module):
    """Only a name: the published code keeps every layer as ``base_conv`` of a wrapper."""

    def __init__(self, base_conv: nn.Module) -> None:
        super().__init__()
        self.base_conv = base_conv


class LiteralGNN(nn.Module):
    """h = dropout(tanh(Linear_type(x))), then the layers.

    Args:
        feature_dims: width of each type's features.
        num_relations: R, ``self`` included.
        conv: the layers.
    """

    def __init__(
        self,
        feature_dims: Sequence[int],
        n_hid: int,
        num_relations: int,
        n_heads: int,
        n_layers: int,
        dropout: float = 0.2,
        prev_norm: bool = False,
        last_norm: bool = False,
        timed: bool = True,
        conv: type[nn.Module] = LiteralHGTConv,
    ) -> None:
        super().__init__()
        num_types = len(feature_dims)
        self.adapt_ws = nn.ModuleList(nn.Linear(width, n_hid) for width in feature_dims)
        self.drop = nn.Dropout(dropout)
        self.gcs = nn.ModuleList()
        for layer in range(n_layers):
            use_norm = last_norm if layer == n_layers - 1 else prev_norm
            self.gcs.append(
                LiteralLayer(
                    conv(n_hid, num_types, num_relations, n_heads, dropout, use_norm, timed)
                )
            )

    def forward(
        self,
        features: Sequence[Tensor],
        node_type: Tensor,
        edge_index: Tensor,
        edge_type: Tensor,
        edge_row: Tensor | None,
    ) -> Tensor:
        """Embed every node: [N, D].

        Args:
            features: per node type, [N_t, F_t]; nodes ascend by type.
            node_type, edge_index, edge_type, edge_row: as for :class:`LiteralHGTConv`.
        """
        layers = zip(self.adapt_ws, features, strict=True)
        h = self.drop(torch.cat([torch.tanh(adapt(x)) for adapt, x in layers]))
        for layer in self.gcs:
            h = layer.base_conv(h, node_type, edge_index, edge_type, edge_row)
        return h


def literal_edges(graph: BatchGraph) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``node_type``, ``edge_index``, ``edge_type`` and ``edge_row`` of a batch of ours."""

    def numbered(offsets: Sequence[int]) -> Tensor:
        sizes = torch.tensor(offsets, device=graph.src.device).diff()
        return torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)

    edge_type = numbered(graph.relation_rows)[graph.row_of_edge]
    edge_row = graph.time_index[graph.edge_time % len(graph.time_index)]
    edge_index = torch.stack([graph.src, graph.dst])
    return numbered(graph.node_offsets), edge_index, edge_type, edge_row
