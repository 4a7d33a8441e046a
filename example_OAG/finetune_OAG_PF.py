"""Fine-tune on paper-field: predict the L2 fields of a paper.

Examples:
    python finetune_OAG_PF.py                                # from scratch, the built-in graph
    python finetune_OAG_PF.py --use_pretrain --task_name PF_pretrained    # from pretrain_OAG.py
    python finetune_OAG_PF.py --data_percentage 1.0 --hide_all_fields --task_name PF_hidden
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.datasets.oag.flags import FieldTaskConfig, OAGDataConfig
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.system.runner import run_command
from GPT_GNN.tasks import NodeClassification
from GPT_GNN.tasks.task import TaskFlags
from GPT_GNN.train.encoder import initial_encoder
from GPT_GNN.train.finetune import finetune
from GPT_GNN.train.flags import parse_finetune_flags


def main() -> None:
    args = parse_finetune_flags(
        __doc__,
        groups={"data": OAGDataConfig, "labels": TaskFlags, "task": FieldTaskConfig},
        task_name="PF",
    )
    graph = OAG.open(args.data.data_dir, args.data.domain)
    encoder = initial_encoder(graph, args.encoder, args.run)
    task = NodeClassification(
        graph,
        OAG.facts(graph).split,
        relations=[OAG.paper_field("L2")],
        also_hidden=OAG.paper_field_all(graph) * args.task.hide_all_fields,
        **args.labels.keywords(args.run.seed),
    )
    finetune(encoder, task, graph, args.sampler, args.optim, args.run, args.record())


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
