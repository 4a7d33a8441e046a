"""The encoder of a run, fresh or pre-trained, and the objective around it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields
from pathlib import Path

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN, EncoderConfig
from GPT_GNN.objectives import OBJECTIVES, Objective, ObjectiveConfig
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.checkpoint import CheckpointError
from GPT_GNN.train.models import TrainedModel, open_model
from GPT_GNN.train.place import FinetuneRunConfig

# Settings that fine-tuning may change: no weight depends on them.
_FREE = ("dropout", "train_time_table", "gradient_checkpointing")


def new_encoder(graph: HeteroGraph, encoder: EncoderConfig, seed: int) -> GNN:
    """A freshly initialised encoder for a graph."""
    with seeded(seed, "encoder"):
        return GNN(graph.schema, graph.feature_dims, **asdict(encoder))


def trained_architecture(
    model: TrainedModel, wanted: EncoderConfig, given: Collection[str] | None = None
) -> EncoderConfig:
    """An encoder's settings: the file's, and ``wanted`` where no weight depends on them.

    Args:
        given: names of the settings that the user asks for, e.g. the flags of a command; the file's
            replace the others. None: all of ``wanted`` is asked for.

    Raises:
        CheckpointError: the file has other values for settings that are asked for; names them all.
    """
    of_file = model.architecture
    fixed = {name: value for name, value in of_file.items() if name not in _FREE}
    own = asdict(wanted)
    asked = [name for name in own if name not in _FREE and (given is None or name in given)]
    differing = [
        f"{name} is {of_file.get(name, 'no setting')!r} in the file and {own[name]!r} here"
        for name in asked
        if of_file.get(name) != own[name]
    ]
    if differing:
        raise CheckpointError(
            f"{model.path} is of another architecture: {'; '.join(differing)}. "
            "Leave these out to take the file's"
        )
    names = {f.name for f in fields(EncoderConfig.joined(of_file["conv_name"]))}
    return EncoderConfig(**{name: own[name] for name in names & own.keys()} | fixed)


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
    """A pre-training method around an encoder. Raises what the method raises."""
    with seeded(seed, "objective"):
        return OBJECTIVES[objective.objective].build(encoder, graph, facts, objective.own())


def pretrained_gpt_gnn(graph: HeteroGraph, facts: GraphFacts, path: str | Path) -> GPTGNN:
    """A whole pre-trained model, decoders included, e.g. to generate titles with it.

    Raises:
        CheckpointError: the file is no whole pre-trained model, or does not fit the graph.
    """
    return open_model(path, "pretrain").gpt_gnn(graph, facts)
