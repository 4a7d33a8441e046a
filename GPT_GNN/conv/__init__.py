"""Graph convolutions, one a file, one signature: ``forward(x, graph) -> [N, D]``."""

from GPT_GNN.conv.hgt import HGTConv

CONVS = {"hgt": HGTConv}
