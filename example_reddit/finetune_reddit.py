"""Fine-tune on communities: in which subreddit was this posted?

Examples:
    python finetune_reddit.py                                # from scratch, the built-in graph
    python finetune_reddit.py --use_pretrain --task_name pretrained    # from pretrain_reddit.py
    python finetune_reddit.py --data_percentage 1.0 --task_name all_labels
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.command_line import Some
from GPT_GNN.datasets.builtin import GraphConfig
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import LabelClassification
from GPT_GNN.tasks.task import TaskFlags
from GPT_GNN.train.encoder import initial_encoder
from GPT_GNN.train.finetune import finetune
from GPT_GNN.train.flags import parse_finetune_flags


def main() -> None:
    args = parse_finetune_flags(
        __doc__,
        groups={
            "data": GraphConfig,
            "labels": Some(TaskFlags, ("data_percentage", "original_protocol")),
        },
        task_name="reddit",
        n_epoch=100,
        pretrain_model_dir="runs/gpt_reddit.pt",
    )
    graph = Reddit.open(args.data.data_dir)
    facts = Reddit.facts(graph)
    encoder = initial_encoder(graph, args.encoder, args.run)
    task = LabelClassification(
        graph,
        facts.split,
        target=facts.target,
        column=facts.label,
        **args.labels.keywords(args.run.seed),
    )
    finetune(encoder, task, graph, args.sampler, args.optim, args.run, args.record())


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
