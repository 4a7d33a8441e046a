"""Pre-train an encoder on any graph store, with GPT-GNN or another objective.

Examples:
    python -m GPT_GNN pretrain                               # the built-in graph of posts
    python -m GPT_GNN pretrain --resume                      # continue after an interruption
    python -m GPT_GNN pretrain --objective gae --pretrain_model_dir runs/gae.pt

On your own store, with another file for each run of other settings:
    python -m GPT_GNN pretrain --data_dir store --pretrain_model_dir runs/store.pt
    python -m GPT_GNN pretrain --data_dir store --pretrain_model_dir runs/movie.pt \\
        --target_type movie --split random
    python -m GPT_GNN pretrain --data_dir store --pretrain_model_dir runs/unmasked.pt \\
        --rel_stop_list actor:in:movie --split time
    python -m GPT_GNN pretrain --data_dir store --pretrain_model_dir runs/for_links.pt \\
        --hide_links user:rates:movie
"""

from dataclasses import asdict

from tqdm import tqdm

from GPT_GNN.datasets.builtin import GraphConfig
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.resolve import FactsConfig, resolve_facts
from GPT_GNN.graph.split import split_to_dict
from GPT_GNN.tasks.held_out import HiddenConfig, held_out_edges, link_splits
from GPT_GNN.train.encoder import new_encoder, new_objective
from GPT_GNN.train.flags import parse_pretrain_flags
from GPT_GNN.train.pretrain import pretrain


def main() -> None:
    """Read the flags and pre-train."""
    args = parse_pretrain_flags(
        __doc__,
        groups={"data": GraphConfig, "facts": FactsConfig, "hidden": HiddenConfig},
        pretrain_model_dir="runs/gpt_graph.pt",
    )
    graph = Reddit.open(args.data.data_dir)  # the built-in graph is of posts
    resolved = resolve_facts(graph, **asdict(args.facts))
    tqdm.write(resolved.line())
    facts, hide = resolved.facts, {name: [*names] for name, names in asdict(args.hidden).items()}
    encoder = new_encoder(graph, args.encoder, args.run.seed)
    objective = new_objective(encoder, graph, facts, args.objective, args.run.seed)
    divided = link_splits(graph, args.facts.split, args.hidden.hide_links)
    by_name = {":".join(edge_type): split_to_dict(split) for edge_type, split in divided.items()}
    found = facts.to_dict() | hide | {"link_splits": by_name}
    config = args.record(resolved.origin, facts=found)
    hidden = held_out_edges(graph, facts, args.facts.split, **hide)
    pretrain(objective, graph, facts, args.sampler, args.optim, args.run, config, hidden)
