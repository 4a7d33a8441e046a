"""Pre-train an encoder on an OAG-format academic graph with GPT-GNN.

Examples:
    python pretrain_OAG.py                                   # the built-in graph
    python pretrain_OAG.py --resume                          # continue after an interruption
    python pretrain_OAG.py --queue_size 512 --pretrain_model_dir runs/queue.pt
    python pretrain_OAG.py --objective gae --pretrain_model_dir runs/gae.pt

On a store that preprocess_OAG.py wrote, and where fields are transferred:
    python pretrain_OAG.py --data_dir ../data/oag_cs --pretrain_model_dir runs/oag_cs.pt
    python pretrain_OAG.py --data_dir ../data/oag_field/pretrain --pretrain_model_dir runs/field.pt
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.datasets.oag.flags import OAGDataConfig
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.flags import parse_pretrain_flags
from GPT_GNN.train.pretrain import pretrain


def main() -> None:
    args = parse_pretrain_flags(
        __doc__, groups={"data": OAGDataConfig}, gpt_gnn={"attr_type": "text", "queue_size": 256}
    )
    graph = OAG.open(args.data.data_dir, args.data.domain)
    facts = OAG.facts(graph)
    encoder = new_encoder(graph, args.encoder, args.run.seed)
    objective = new_objective(encoder, graph, facts, args.objective, args.run.seed)
    pretrain(objective, graph, facts, args.sampler, args.optim, args.run, args.record())


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
