"""What a run starts from: a fresh encoder or a pre-trained one, and the objective around it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN, EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, Objective, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.architecture import trained_architecture
from GPT_GNN.train.models import open_model
from GPT_GNN.train.place import FinetuneRunConfig


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
    encoder: GNN, graph: HeteroGraph, facts: GraphFacts, objective: ObjectiveConfig, seed: int
) -> Objective:
    """A pre-training method around an encoder.

    Raises:
        ValueError: what the method raises.
    """
    with seeded(seed, "objective"):
        return OBJECTIVES[objective.objective].build(encoder, graph, facts, objective.own())


def pretrained_gpt_gnn(graph: HeteroGraph, facts: GraphFacts, path: str | Path) -> GPTGNN:
    """A whole pre-trained model, decoders included, e.g. to generate titles with it.

    Raises:
        CheckpointError: the file is no whole pre-trained model, or does not fit the graph.
    """
    return open_model(path, "pretrain").gpt_gnn(graph, facts)
