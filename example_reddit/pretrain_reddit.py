"""Pre-train an encoder on a graph of Reddit posts with GPT-GNN.

Examples:
    python pretrain_reddit.py                                # the built-in graph
    python pretrain_reddit.py --resume                       # continue after an interruption
    python pretrain_reddit.py --objective gae --pretrain_model_dir runs/gae.pt

On a store that preprocess_reddit.py wrote, and on a graph of the published code:
    python pretrain_reddit.py --data_dir ../data/reddit --pretrain_model_dir runs/reddit.pt
    python pretrain_reddit.py --data_dir graph_reddit.pk --pretrain_model_dir runs/published.pt
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.datasets.builtin import GraphConfig
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.flags import parse_pretrain_flags
from GPT_GNN.train.pretrain import pretrain


def main() -> None:
    args = parse_pretrain_flags(
        __doc__,
        groups={"data": GraphConfig},
        gpt_gnn={"attr_type": "vec"},
        pretrain_model_dir="runs/gpt_reddit.pt",
    )
    graph = Reddit.open(args.data.data_dir)
    facts = Reddit.facts(graph)
    encoder = new_encoder(graph, args.encoder, args.run.seed)
    objective = new_objective(encoder, graph, facts, args.objective, args.run.seed)
    pretrain(objective, graph, facts, args.sampler, args.optim, args.run, args.record())


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
