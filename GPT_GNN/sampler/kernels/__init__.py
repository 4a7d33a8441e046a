"""The compiled half of HGSampling: one call per sample, serial, without the GIL.

Everything that a sample allocates grows with the sample, never with the graph.
"""

from GPT_GNN.sampler.kernels.entry import sample
from GPT_GNN.sampler.kernels.graph import GraphArrays, HiddenArrays
from GPT_GNN.sampler.kernels.pool import new_pool

__all__ = ["GraphArrays", "HiddenArrays", "new_pool", "sample"]
