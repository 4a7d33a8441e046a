"""Graph convolution that is blind to types and times."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from GPT_GNN.batch.batch import BatchGraph
from GPT_GNN.conv.options import refuse_options


class GCNConv(nn.Module):
    """out_i = b + sum over in-edges (j -> i) of W x_j / sqrt(d_i d_j), d the in-degrees.

    Every edge counts, parallel ones of several relations too; all loops of a node count as one.

    Args:
        n_hid: D.
        use_norm, train_time_table: must be false, the layer has neither.
        num_types, num_relations, n_heads, dropout, timed: no layer of this kind reads them.

    Raises:
        ValueError: ``use_norm`` or ``train_time_table``.

    Source: Kipf and Welling, ICLR 2017, by PyG's ``GCNConv``; between two layers there is neither
    activation nor dropout, as in the published GPT-GNN code.
    """

    reach: ClassVar[int] = 2  # the degrees of in-neighbours

    def __init__(
        self,
        n_hid: int,
        num_types: int,
        num_relations: int,
        n_heads: int,
        dropout: float = 0.2,
        use_norm: bool = False,
        timed: bool = True,
        train_time_table: bool = False,
    ) -> None:
        # Here, as the library takes seconds to import and most runs are HGT's.
        from torch_geometric.nn import GCNConv as Convolution

        super().__init__()
        refuse_options("gcn", use_norm, train_time_table)
        self.conv = Convolution(n_hid, n_hid)

    def forward(self, x: Tensor, graph: BatchGraph) -> Tensor:
        """Update every node from its in-edges: [N, D] -> [N, D], float32 at least."""
        # Degrees are counted in the dtype of x, and on a GPU bfloat16 counts no further than 256.
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        out: Tensor = self.conv(wide, torch.stack([graph.src, graph.dst]))
        return out
