"""What a run starts from: a fresh encoder or a pre-trained one, and the objective around it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives import OBJECTIVES
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.settings import EncoderConfig, FinetuneRunConfig, GPTConfig, ObjectiveConfig
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.architecture import trained_architecture
from GPT_GNN.train.models import open_model


def new_encoder(graph: HeteroGraph, encoder: EncoderConfig, seed: int) -> GNN:
    """A freshly initialised encoder for a graph."""
    with seeded(seed, "encoder"):
        return GNN(graph.schema, graph.feature_dims, **asdict(encoder))


def pretrained_encoder(
    graph: HeteroGraph, encoder: EncoderConfig, path: str | Path, other_features: bool = False
) -> GNN:
    """The encoder of a pre-trained model, ours or a published one.

    Args:
        encoder: its settings; a file of another architecture is an error.
        other_features: see :func:`GPT_GNN.train.matching.moved_columns`.

    Raises:
        CheckpointError: the file is no pre-trained model, or of another architecture, schema or
            other features; the message names all settings or features that differ.
    """
    model = open_model(path, "pretrain")
    return model.encoder(graph, trained_architecture(model, encoder), other_features)


def initial_encoder(graph: HeteroGraph, encoder: EncoderConfig, run: FinetuneRunConfig) -> GNN:
    """The encoder that fine-tuning starts from: pre-trained with ``use_pretrain``, or fresh."""
    if run.use_pretrain:
        return pretrained_encoder(graph, encoder, run.pretrain_model_dir, run.other_features)
    return new_encoder(graph, encoder, run.seed)


def new_objective(
    encoder: GNN,
    graph: HeteroGraph,
    dataset: Any,
    objective: ObjectiveConfig,
    gpt: GPTConfig,
    seed: int,
) -> Any:
    """The objective of a name, an :class:`Objective` or ``none``, with the settings it reads.

    Args:
        dataset: a :class:`GraphFacts`, or a class with its attributes, e.g. ``OAG``.

    Raises:
        ValueError: an unknown name, or what the objective raises.
    """
    name = objective.objective
    if name not in OBJECTIVES:
        raise ValueError(f"unknown objective {name!r}; available: {sorted(OBJECTIVES)}")
    settings = asdict(objective) | asdict(gpt)
    options = {option: settings[option] for option in OBJECTIVES[name].options}
    with seeded(seed, "objective"):
        return OBJECTIVES[name].build(encoder, graph, dataset, **options)


def new_gpt_gnn(
    encoder: GNN,
    graph: HeteroGraph,
    dataset: Any,
    gpt: GPTConfig,
    seed: int,
    attr_columns: slice | None = None,
) -> GPTGNN:
    """The GPT-GNN objective for a dataset, see :meth:`GPTGNN.build`."""
    with seeded(seed, "objective"):
        return GPTGNN.build(encoder, graph, dataset, attr_columns=attr_columns, **asdict(gpt))


def pretrained_gpt_gnn(graph: HeteroGraph, dataset: Any, path: str | Path) -> GPTGNN:
    """A whole pre-trained model, decoders included, e.g. to generate titles with it.

    Raises:
        CheckpointError: the file is no whole pre-trained model, or does not fit the graph.
    """
    return open_model(path, "pretrain").gpt_gnn(graph, dataset)
