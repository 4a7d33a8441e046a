"""Fine-tune on author disambiguation: which author of this name wrote this paper?

Examples:
    python finetune_OAG_AD.py                                # from scratch, the built-in graph
    python finetune_OAG_AD.py --use_pretrain --task_name AD_pretrained    # from pretrain_OAG.py
    python finetune_OAG_AD.py --data_percentage 1.0 --task_name AD_all
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.datasets.oag.flags import OAGDataConfig
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import AuthorDisambiguation
from GPT_GNN.tasks.task import TaskFlags
from GPT_GNN.train.encoder import initial_encoder
from GPT_GNN.train.finetune import finetune
from GPT_GNN.train.flags import parse_finetune_flags


def main() -> None:
    args = parse_finetune_flags(
        __doc__,
        groups={"data": OAGDataConfig, "labels": TaskFlags},
        task_name="AD",
        n_epoch=100,
    )
    graph = OAG.open(args.data.data_dir, args.data.domain)
    encoder = initial_encoder(graph, args.encoder, args.run)
    task = AuthorDisambiguation(
        graph,
        OAG.facts(graph).split,
        relations=OAG.paper_author(graph),
        also_hidden=OAG.employment(graph),
        **args.labels.keywords(args.run.seed),
    )
    finetune(encoder, task, graph, args.sampler, args.optim, args.run, args.record())


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
