"""GPT-GNN: generative pre-training of graph neural networks (Hu et al., KDD 2020)."""

__version__ = "0.1.0"
