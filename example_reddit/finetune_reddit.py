"""Fine-tune on communities: in which subreddit was this posted?

Examples:
    python finetune_reddit.py                                # from scratch, the built-in graph
    python finetune_reddit.py --use_pretrain --task_name pretrained    # from pretrain_reddit.py
    python finetune_reddit.py --data_percentage 1.0 --task_name all_labels
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.settings import LabelledGraphConfig, comparable
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import LabelClassification
from GPT_GNN.train.finetune import finetune
from GPT_GNN.train.flags import parse_finetune_flags
from GPT_GNN.train.start import initial_encoder


def main() -> None:
    args = parse_finetune_flags(
        __doc__,
        data=LabelledGraphConfig,
        task_name="reddit",
        n_epoch=100,
        pretrain_model_dir="runs/gpt_reddit.pt",
    )
    graph = Reddit.open(args.data.data_dir)
    encoder = initial_encoder(graph, args.encoder, args.run)
    task = LabelClassification(
        graph,
        Reddit.split,
        target=Reddit.target,
        column=Reddit.label,
        fraction=args.data.data_percentage,
        seed=args.run.seed,
        original_protocol=args.data.original_protocol,
    )
    finetune(encoder, task, graph, args.sampler, args.optim, args.run, comparable(args))


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
