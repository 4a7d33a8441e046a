"""The old name of ``python -m GPT_GNN convert graph``."""

from GPT_GNN.system.renamed import run_renamed

if __name__ == "__main__":
    run_renamed("GPT_GNN.datasets.legacy", "convert graph")
