"""Graph convolution with a weight per relation, blind to node types and times."""

from __future__ import annotations

import torch
from torch import Tensor

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.conv import Conv, ConvShape
from GPT_GNN.settings import NoSettings


class RGCNConv(Conv):
    """out_i = W_0 x_i + b + sum over relations r of W_r (mean of x_j over in-edges of r).

    ``self`` is a relation like the others.

    Source: Schlichtkrull et al., ESWC 2018, by PyG's ``RGCNConv`` without bases; between two layers
    there is neither activation nor dropout, as in the published GPT-GNN code.
    Literal version: ``tests/oracle/plain_convs.py``.
    """

    reach = 1

    def __init__(self, shape: ConvShape, settings: NoSettings, dropout: float) -> None:
        # Here, as the library takes seconds to import and most runs are HGT's.
        import torch_geometric
        from torch_geometric.nn import RGCNConv as Convolution

        super().__init__()
        # Where pyg_lib is installed, PyG may take a path with one mean over all relations.
        torch_geometric.backend.use_segment_matmul = False
        self.conv = Convolution(shape.n_hid, shape.n_hid, shape.num_relations)

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D], float32 at least."""
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x  # for the means
        edge_index = torch.stack([graph.src, graph.dst])
        out: Tensor = self.conv(wide, edge_index, graph.relation_of_edge)
        return out
