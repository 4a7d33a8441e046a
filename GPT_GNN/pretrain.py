"""The old name of ``python -m GPT_GNN pretrain``."""

from GPT_GNN.system.renamed import run_renamed

if __name__ == "__main__":
    run_renamed("GPT_GNN.pretrain", "pretrain")
