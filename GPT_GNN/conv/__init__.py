"""Graph convolutions, one per file: ``forward(x, graph) -> [N, D]``, see :class:`Conv`."""

from GPT_GNN.conv.conv import Conv
from GPT_GNN.conv.gat import GATConv
from GPT_GNN.conv.gcn import GCNConv
from GPT_GNN.conv.han import HANConv
from GPT_GNN.conv.hetgnn import HetGNNConv
from GPT_GNN.conv.hgt import HGTConv
from GPT_GNN.conv.rgcn import RGCNConv

CONVS: dict[str, type[Conv]] = {
    "hgt": HGTConv,
    "gcn": GCNConv,
    "gat": GATConv,
    "rgcn": RGCNConv,
    "han": HANConv,
    "hetgnn": HetGNNConv,
}
