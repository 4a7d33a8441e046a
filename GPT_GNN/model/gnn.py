"""The encoder: an input layer per node type, then convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from GPT_GNN.batch.batch import Batch
from GPT_GNN.batch.trim import TrimmedBatch
from GPT_GNN.conv import CONVS
from GPT_GNN.conv.conv import ConvShape
from GPT_GNN.conv.dropout import Dropout
from GPT_GNN.schema import Schema
from GPT_GNN.settings import Choosing, setting


@dataclass(frozen=True)
class EncoderConfig(Choosing):
    """The graph neural network; a pre-trained one has its file's settings, dropout apart."""

    conv_name: str = setting("hgt", "layer", registry=CONVS)
    n_hid: int = setting(400, "hidden width", low=1)
    n_layers: int = setting(3, "convolutions; 0 leaves an MLP on own features", low=0)
    dropout: float = setting(0.2, "dropout of the encoder", low=0, high=0.99, free=True)
    gradient_checkpointing: bool = setting(
        False,
        "keep no layer's activations, compute them again in backward: less memory, more time",
        place=True,
        free=True,
    )


class GNN(nn.Module):
    """h = dropout(tanh(Linear_type(x))), then ``n_layers`` convolutions.

    Args:
        schema: types of the graphs it will see.
        feature_dims: width of each type's features; a type without features (width 0) starts from a
            learned vector, the same for all its nodes.
        **settings: of :class:`EncoderConfig`; ``dropout`` is of the input layer, and of each layer
            that has one.

    Raises:
        ValueError: an unknown ``conv_name``, or a setting that this layer does not have.
    """

    def __init__(self, schema: Schema, feature_dims: dict[str, int], **settings: Any) -> None:
        super().__init__()
        config = EncoderConfig(**settings)
        n_hid, num_types = config.n_hid, len(schema.node_types)
        num_relations, timed = len(schema.edge_types) + 1, any(schema.timed)
        self.schema = schema
        self.n_hid = n_hid
        self.gradient_checkpointing = config.gradient_checkpointing
        self.feature_dims = dict(feature_dims)
        self.adapt = nn.ModuleList(_input_layer(feature_dims[t], n_hid) for t in schema.node_types)
        self.dropout = Dropout(config.dropout)
        self.convs = nn.ModuleList(
            CONVS[config.conv_name](
                ConvShape(n_hid, num_types, num_relations, timed, layer == config.n_layers - 1),
                config.own(),
                config.dropout,
            )
            for layer in range(config.n_layers)
        )

    @property
    def reach(self) -> tuple[int, ...] | None:
        """How far each layer reads, first to last, see :class:`Conv`; None if one does not say."""
        hops: list[Any] = [conv.reach for conv in self.convs]
        return None if None in hops else tuple(hops)

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
