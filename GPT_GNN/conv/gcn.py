"""Graph convolution that is blind to types and times."""

from __future__ import annotations

import torch
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.conv import Conv, ConvShape
from GPT_GNN.settings import NoSettings


class GCNConv(Conv):
    """out_i = b + sum over in-edges (j -> i) of W x_j / sqrt(d_i d_j), d the in-degrees.

    Every edge counts, parallel ones of several relations too; all loops of a node count as one.

    Source: Kipf and Welling, ICLR 2017, by PyG's ``GCNConv``; between two layers there is neither
    activation nor dropout, as in the published GPT-GNN code.
    Literal version: ``tests/oracle/plain_convs.py``.
    """

    reach = 2  # the degrees of in-neighbours

    def __init__(self, shape: ConvShape, settings: NoSettings, dropout: float) -> None:
        # Here, as the library takes seconds to import and most runs are HGT's.
        from torch_geometric.nn import GCNConv as Convolution

        super().__init__()
        self.conv = Convolution(shape.n_hid, shape.n_hid)

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D], float32 at least."""
        # Degrees are counted in the dtype of x, and on a GPU bfloat16 counts no further than 256.
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        out: Tensor = self.conv(wide, torch.stack([graph.src, graph.dst]))
        return out
