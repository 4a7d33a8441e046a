"""The encoder of a run, fresh or pre-trained, and the objective around it."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN, EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, Objective, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.checkpoint import CheckpointError
from GPT_GNN.train.models import TrainedModel, open_model
from GPT_GNN.train.place import FinetuneRunConfig


def new_encoder(graph: HeteroGraph, encoder: EncoderConfig, seed: int) -> GNN:
    """A freshly initialised encoder for a graph."""
    with seeded(seed, "encoder"):
        return GNN(graph.schema, graph.feature_dims, **asdict(encoder))


def fixed_settings(model: TrainedModel) -> dict[str, Any]:
    """The settings of a model's encoder on which its weights depend, as far as its file says."""
    of_file = model.architecture
    every = fields(EncoderConfig.joined(of_file["conv_name"]))
    names = [f.name for f in every if not f.metadata["free"]]
    return {name: of_file[name] for name in names if name in of_file}


def as_defaults(model: TrainedModel) -> dict[str, Any]:
    """The same as :func:`GPT_GNN.command_line.parse_flags` takes them."""
    fixed = fixed_settings(model)
    names = EncoderConfig.names_of_each()[fixed["conv_name"]]
    own = {name: fixed.pop(name) for name in names if name in fixed}
    return {**fixed, fixed["conv_name"]: own}


def check_architecture(model: TrainedModel, wanted: EncoderConfig) -> None:
    """Raise CheckpointError, naming all settings that differ, unless a model has these."""
    fixed = fixed_settings(model)
    differing = [
        f"{name} is {fixed[name]!r} in the file and {value!r} here"
        for name, value in asdict(wanted).items()
        if name in fixed and fixed[name] != value
    ]
    if differing:
        raise CheckpointError(
            f"{model.path} is of another architecture: {'; '.join(differing)}. "
            "Leave these out to take the file's"
        )


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
    check_architecture(model, encoder)
    return model.encoder(graph, encoder, other_features)


def initial_encoder(graph: HeteroGraph, encoder: EncoderConfig, run: FinetuneRunConfig) -> GNN:
    """The encoder that fine-tuning starts from: pre-trained with ``use_pretrain``, or fresh."""
    if run.use_pretrain:
        return pretrained_encoder(graph, encoder, run.pretrain_model_dir, run.other_features)
    return new_encoder(graph, encoder, run.seed)


def new_objective(
    encoder: GNN, graph: HeteroGraph, facts: GraphFacts, objective: ObjectiveConfig, seed: int
) -> Objective:
    """A pre-training method around an encoder. Raises what the method raises."""
    with seeded(seed, "objective"):
        return OBJECTIVES[objective.objective].build(encoder, graph, facts, objective.own())


def pretrained_gpt_gnn(graph: HeteroGraph, facts: GraphFacts, path: str | Path) -> GPTGNN:
    """A whole pre-trained model, decoders included, e.g. to generate titles with it.

    Raises:
        CheckpointError: the file is no whole pre-trained model, or does not fit the graph.
    """
    return open_model(path, "pretrain").gpt_gnn(graph, facts)
