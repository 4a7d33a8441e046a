"""Fine-tune on a task of any graph store: classes of a column, class nodes, or links.

Examples:
    python -m GPT_GNN finetune                               # classes of the built-in posts
    python -m GPT_GNN finetune --use_pretrain --task_name pretrained     # from pretrain's model

On your own store, with another name for each run of other settings:
    python -m GPT_GNN finetune --data_dir store --task_name genre \\
        --target_type movie --label genre
    python -m GPT_GNN finetune --data_dir store --task_name studio \\
        --task class_node --relation studio:made:movie
    python -m GPT_GNN finetune --data_dir store --task_name ratings \\
        --task link --relation user:rates:movie
"""

from tqdm import tqdm

from GPT_GNN.command_line import Some
from GPT_GNN.datasets.builtin import GraphConfig
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.resolve import TargetConfig
from GPT_GNN.tasks import TASKS, TaskConfig
from GPT_GNN.tasks.task import TaskFlags
from GPT_GNN.train.encoder import initial_encoder
from GPT_GNN.train.finetune import finetune
from GPT_GNN.train.flags import parse_finetune_flags
from GPT_GNN.train.leaks import leaked_relations


def main() -> None:
    """Read the flags and fine-tune."""
    args = parse_finetune_flags(
        __doc__,
        groups={
            "data": GraphConfig,
            "facts": TargetConfig,
            "task": TaskConfig,
            "labels": Some(TaskFlags, ("data_percentage", "train_view", "hide_train_labels")),
        },
        data_percentage=1.0,
        pretrain_model_dir="runs/gpt_graph.pt",
        task_name="graph",
    )
    graph = Reddit.open(args.data.data_dir)  # the built-in graph is of posts
    task, resolved = TASKS[args.task.task].of_flags(
        graph, args.facts, args.task.own(), args.labels, args.run.seed
    )
    tqdm.write(resolved.line())
    leaked = leaked_relations(task, resolved, args.facts.split, args.run)
    encoder = initial_encoder(graph, args.encoder, args.run)
    facts = resolved.facts.to_dict() | {"seen_in_pretraining": leaked}
    config = args.record(resolved.origin, facts=facts)
    finetune(encoder, task, graph, args.sampler, args.optim, args.run, config)
