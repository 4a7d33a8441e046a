"""What a run starts from: a fresh encoder or a pre-trained one, and the objective around it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from GPT_GNN.config import EncoderConfig, FinetuneRunConfig, GPTConfig
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives.gpt_gnn import GPTGNN, mean_features
from GPT_GNN.objectives.titles import load_titles
from GPT_GNN.train.checkpoint import check_same, check_schema, load_checkpoint
from GPT_GNN.train.runtime import seeded

# Settings that fine-tuning may change: no weight depends on them.
_FREE = ("dropout", "train_time_table", "gradient_checkpointing")


def new_encoder(graph: HeteroGraph, encoder: EncoderConfig, seed: int) -> GNN:
    """A freshly initialised encoder for a graph."""
    with seeded(seed, "encoder"):
        return GNN(graph.schema, graph.feature_dims, **asdict(encoder))


def pretrained_encoder(graph: HeteroGraph, encoder: EncoderConfig, path: str | Path) -> GNN:
    """The encoder of a pre-trained model.

    Raises:
        CheckpointError: the file is no pre-trained model, or of another architecture or schema; the
            message names the first setting that differs.
    """
    record = load_checkpoint(path, "pretrain")
    saved = record["config"]["encoder"] | {name: getattr(encoder, name) for name in _FREE}
    check_same(path, "architecture", saved, asdict(encoder))
    check_schema(path, record["schema"], graph.schema)
    check_same(path, "graph (feature widths)", record["feature_dims"], graph.feature_dims)
    model = GNN(graph.schema, graph.feature_dims, **asdict(encoder))
    prefix = "encoder."
    state = {k.removeprefix(prefix): v for k, v in record["model"].items() if k.startswith(prefix)}
    model.load_state_dict(state)
    return model


def initial_encoder(graph: HeteroGraph, encoder: EncoderConfig, run: FinetuneRunConfig) -> GNN:
    """The encoder that fine-tuning starts from: pre-trained with ``use_pretrain``, or fresh."""
    if run.use_pretrain:
        return pretrained_encoder(graph, encoder, run.pretrain_model_dir)
    return new_encoder(graph, encoder, run.seed)


def new_gpt_gnn(
    encoder: GNN, graph: HeteroGraph, dataset: Any, gpt: GPTConfig, seed: int
) -> GPTGNN:
    """The GPT-GNN objective for a dataset, its learned input at the mean of the target's features.

    Args:
        dataset: has ``target``, ``rel_stop_list``, ``split`` and ``text_part``.

    Raises:
        ValueError: the target type has no features, or ``text`` is asked of a graph without words.
    """
    columns = graph.feature_parts(dataset.target).get(dataset.text_part)
    if columns is None:
        columns = slice(0, graph.feature_dim(dataset.target))
    nodes = dataset.split.nodes(graph, dataset.target, "pretrain")
    gpt = _with_possible_queue(graph, dataset.target, gpt)
    titles = None
    if gpt.attr_type == "text":
        titles = load_titles(graph, dataset.target, gpt.w2v_dir)
    settings = {k: v for k, v in asdict(gpt).items() if k != "w2v_dir"}
    with seeded(seed, "objective"):
        return GPTGNN(
            encoder,
            dataset.target,
            dataset.rel_stop_list,
            mean_features(graph, dataset.target, nodes, "pretrain"),
            columns,
            titles=titles,
            **settings,
        )


def _with_possible_queue(graph: HeteroGraph, target: str, gpt: GPTConfig) -> GPTConfig:
    """Cut a queue that is longer than any relation has sources, with a warning."""
    sources = [graph.num_nodes(s) for s, _, into in graph.edge_types if into == target]
    most = max(sources, default=0)
    if gpt.queue_size <= most:
        return gpt
    tqdm.write(f"warning: queue_size {gpt.queue_size} is cut to the {most} sources there are")
    return replace(gpt, queue_size=most)


def pretrained_gpt_gnn(graph: HeteroGraph, dataset: Any, path: str | Path) -> GPTGNN:
    """A whole pre-trained model, decoders included, e.g. to generate titles with it."""
    record = load_checkpoint(path, "pretrain")
    check_schema(path, record["schema"], graph.schema)
    encoder = GNN(graph.schema, graph.feature_dims, **record["config"]["encoder"])
    objective = new_gpt_gnn(encoder, graph, dataset, GPTConfig(**record["config"]["gpt"]), seed=0)
    objective.load_state_dict(record["model"])
    return objective.eval()


def state_on_cpu(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A model's state as CPU tensors, for a file that opens anywhere."""
    return {name: value.detach().cpu() for name, value in model.state_dict().items()}
