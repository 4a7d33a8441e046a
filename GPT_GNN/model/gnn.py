"""The encoder: an input layer per node type, then convolutions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from GPT_GNN.batch.batch import Batch
from GPT_GNN.batch.trim import TrimmedBatch
from GPT_GNN.conv import CONVS
from GPT_GNN.conv.dropout import Dropout
from GPT_GNN.schema import Schema
from GPT_GNN.settings import EncoderConfig


class GNN(nn.Module):
    """h = dropout(tanh(Linear_type(x))), then ``n_layers`` convolutions.

    Args:
        schema: types of the graphs it will see.
        feature_dims: width of each type's features; a type without features (width 0) starts from a
            learned vector, the same for all its nodes.
        conv_name: a key of ``CONVS``.
        n_hid: D.
        n_heads: attention heads of ``hgt``, ``gat`` and ``han``.
        n_layers: number of convolutions.
        dropout: of the input layer and of each ``hgt`` convolution.
        prev_norm: LayerNorm after all convolutions but the last; ``hgt`` only, as are the next two.
        last_norm: LayerNorm after the last.
        train_time_table: whether the table of the temporal encoding is trained.
        gradient_checkpointing: keep a convolution's input only, and run it again in backward.

    Raises:
        ValueError: unknown ``conv_name``, or a setting that this convolution does not have.
    """

    def __init__(
        self,
        schema: Schema,
        feature_dims: dict[str, int],
        conv_name: str = "hgt",
        n_hid: int = 400,
        n_heads: int = 8,
        n_layers: int = 3,
        dropout: float = 0.2,
        prev_norm: bool = False,
        last_norm: bool = False,
        train_time_table: bool = False,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if conv_name not in CONVS:
            raise ValueError(f"unknown conv_name {conv_name!r}; available: {sorted(CONVS)}")
        EncoderConfig(  # checks them
            conv_name=conv_name,
            n_hid=n_hid,
            n_heads=n_heads,
            n_layers=n_layers,
            dropout=dropout,
            prev_norm=prev_norm,
            last_norm=last_norm,
            train_time_table=train_time_table,
            gradient_checkpointing=gradient_checkpointing,
        )
        self.schema = schema
        self.n_hid = n_hid
        self.gradient_checkpointing = gradient_checkpointing
        self.feature_dims = dict(feature_dims)
        self.adapt = nn.ModuleList(_input_layer(feature_dims[t], n_hid) for t in schema.node_types)
        self.dropout = Dropout(dropout)
        self.convs = nn.ModuleList(
            CONVS[conv_name](
                n_hid=n_hid,
                num_types=len(schema.node_types),
                num_relations=len(schema.edge_types) + 1,
                n_heads=n_heads,
                dropout=dropout,
                use_norm=last_norm if layer == n_layers - 1 else prev_norm,
                timed=any(schema.timed),
                train_time_table=train_time_table,
            )
            for layer in range(n_layers)
        )

    @property
    def reach(self) -> tuple[int, ...] | None:
        """How far each convolution reads, first to last; None if one of them does not say.

        A convolution that has ``reach`` = k gives a node the same result whatever becomes of nodes
        that are more than k hops away, and of edges into nodes that are k hops away or more.
        """
        hops: list[Any] = [conv.reach for conv in self.convs if hasattr(conv, "reach")]
        return tuple(hops) if len(hops) == len(self.convs) else None

    def forward(self, batch: Batch | TrimmedBatch) -> Tensor:
        """Embed a batch: [N, D], in half precision at most inside.

        Of a trimmed batch, rows other than its ``outputs`` are NaN.
        """
        h = torch.cat([adapt(x) for adapt, x in zip(self.adapt, batch.inputs, strict=True)])
        h = self.dropout(torch.tanh(h))
        for conv, layer in zip(self.convs, batch.layers(len(self.convs)), strict=True):
            if self.gradient_checkpointing and self.training:
                h = checkpoint(conv, h, layer.graph, use_reentrant=False)
            else:
                h = conv(h, layer.graph)
            h = h if layer.kept is None else h.index_select(0, layer.kept)
        return batch.placed(h.float() if h.dtype in (torch.bfloat16, torch.float16) else h)


class _Constant(nn.Module):
    """The input layer of a type without features: one learned vector."""

    def __init__(self, n_hid: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(n_hid).uniform_(-1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[n, 0] -> [n, D]."""
        return self.bias.expand(len(x), -1)


def _input_layer(width: int, n_hid: int) -> nn.Module:
    return nn.Linear(width, n_hid) if width else _Constant(n_hid)
