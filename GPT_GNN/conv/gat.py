"""Graph attention that is blind to types and times."""

from __future__ import annotations

import torch
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.conv import Conv, ConvShape, HeadSettings


class GATConv(Conv):
    """Per head: out_i = b + sum over in-edges (j -> i) of att W x_j, the heads side by side.

    att = softmax over the in-edges of i of LeakyReLU(a_src . W x_j + a_dst . W x_i). Every edge
    counts, parallel ones of several relations too; all loops of a node count as one.

    Raises:
        ValueError: ``n_hid`` is no multiple of ``n_heads``.

    Source: Velickovic et al., ICLR 2018, by PyG's ``GATConv``; no dropout of the attention, and
    between two layers neither activation nor dropout, as in the published GPT-GNN code.
    Literal version: ``tests/oracle/plain_convs.py``.
    """

    Settings = HeadSettings
    reach = 1

    def __init__(self, shape: ConvShape, settings: HeadSettings, dropout: float) -> None:
        # Here, as the library takes seconds to import and most runs are HGT's.
        from torch_geometric.nn import GATConv as Convolution

        super().__init__()
        width = settings.head_width(shape.n_hid)
        self.conv = Convolution(shape.n_hid, width, heads=settings.n_heads)

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D]."""
        out: Tensor = self.conv(x, torch.stack([graph.src, graph.dst]))
        return out
