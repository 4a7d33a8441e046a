"""What a run starts from: a fresh encoder or a pre-trained one, and the objective around it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import TextDecoder
from GPT_GNN.objectives import OBJECTIVES
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.published.models.encoder import check_graph, encoder_state, read_architecture
from GPT_GNN.published.models.files import PublishedModel, open_pretrained
from GPT_GNN.published.models.objective import (
    Scorers,
    attr_type,
    candidates,
    check_heads,
    objective_state,
    scorer_relations,
)
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import EncoderConfig, FinetuneRunConfig, GPTConfig, ObjectiveConfig
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.architecture import saved_architecture, trained_architecture
from GPT_GNN.train.checkpoint import CheckpointError
from GPT_GNN.train.matching import encoder_weights, moved_columns


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
    record = open_pretrained(path)
    settings = trained_architecture(path, record, encoder)
    if isinstance(record, PublishedModel):
        return published_encoder(record, graph, settings)
    model = GNN(graph.schema, graph.feature_dims, **asdict(settings))
    model.load_state_dict(encoder_weights(path, record, graph, other_features))
    return model


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
    record = open_pretrained(path)
    if isinstance(record, PublishedModel):
        return published_gpt_gnn(record, graph, dataset).objective
    moved = moved_columns(path, record, graph)
    if moved:
        raise CheckpointError(
            f"{path}: features of {', '.join(moved)} are in another order in {graph.path}: "
            "expected the same, its encoder alone can be mapped"
        )
    name = record["config"].get("objective", {}).get("objective", "gpt_gnn")
    if name != "gpt_gnn":
        raise CheckpointError(
            f"{path} was pre-trained with objective {name!r}, which generates nothing: expected a "
            "model of 'gpt_gnn'"
        )
    if "gpt" not in record["config"]:
        raise CheckpointError(f"{path} holds an encoder alone: expected scorers and a decoder too")
    encoder = GNN(graph.schema, graph.feature_dims, **saved_architecture(path, record))
    gpt = GPTConfig.from_record(record["config"]["gpt"], path)
    columns = slice(*record["attr_columns"]) if "attr_columns" in record else None
    objective = new_gpt_gnn(encoder, graph, dataset, gpt, seed=0, attr_columns=columns)
    counts = {n: x for n, x in objective.state_dict().items() if n.startswith("counts.")}
    objective.load_state_dict(counts | record["model"])  # older files have no counts
    return objective.eval()


def published_encoder(model: PublishedModel, graph: HeteroGraph, encoder: EncoderConfig) -> GNN:
    """The encoder of a published model.

    Args:
        encoder: its settings, see :func:`GPT_GNN.train.architecture.trained_architecture`.

    Raises:
        CheckpointError: entries that are missing, unexpected or of another shape, or a graph that
            it was not made for; lists them all.
    """
    found = read_architecture(model)
    check_graph(model, found, graph)
    check_heads(model, encoder.n_hid, found.in_dim, whole=False)
    if model.task_head:
        names = ", ".join(model.task_head)
        tqdm.write(f"{model.path} is a fine-tuned model: its head ({names}) is left out")
    ours = GNN(graph.schema, graph.feature_dims, **asdict(encoder))
    ours.load_state_dict(encoder_state(model, found, graph))
    return ours


@dataclass(frozen=True)
class PublishedGPTGNN:
    """A published model as ours.

    Attributes:
        objective: the model.
        encoder, gpt: the settings that its shapes say, the others at their defaults.
        fresh_scorers: relations that the file has no scorer for.
    """

    objective: GPTGNN
    encoder: EncoderConfig
    gpt: GPTConfig
    fresh_scorers: list[EdgeType]


def published_gpt_gnn(
    model: PublishedModel,
    graph: HeteroGraph,
    dataset: Any,
    scorers: Scorers | None = None,
    w2v_dir: str = "",
) -> PublishedGPTGNN:
    """A whole published model, in evaluation mode.

    What is not in such a file starts afresh: the queue, and the scorers of relations that had no
    masked edge in the published run's first batch.

    Args:
        dataset: as for :func:`new_gpt_gnn`.
        scorers: (source type, relation) of each edge scorer, where the file does not say it.
        w2v_dir: the word vectors that a text decoder was made with, empty for the store's.

    Raises:
        CheckpointError: as for :func:`published_encoder`; no names for the scorers; a text decoder
            over other words.
        ValueError: see :func:`new_gpt_gnn`.
    """
    found = read_architecture(model)
    config = EncoderConfig(**found.settings)  # type: ignore[arg-type]
    encoder = published_encoder(model, graph, config)
    check_heads(model, config.n_hid, graph.feature_dim(dataset.target))
    gpt = GPTConfig(attr_type=attr_type(model), w2v_dir=w2v_dir)
    columns = slice(0, graph.feature_dim(dataset.target))
    objective = new_gpt_gnn(encoder, graph, dataset, gpt, 0, columns)
    possible = candidates(graph.schema, dataset.target, dataset.rel_stop_list)
    of_file = scorer_relations(model, possible, scorers or model.scorers)
    relations = [graph.edge_types[i] for i in objective.relations]
    state = objective_state(model, of_file, relations)
    if isinstance(objective.decoder, TextDecoder):
        _check_words(model, state["decoder.word_vectors"], objective.decoder.word_vectors)
    fresh = [e for e in relations if e not in of_file]
    untouched = (
        "encoder.",
        "queue.",
        "counts.",
        *(f"scorers.{relations.index(e)}." for e in fresh),
    )
    kept = {name: x for name, x in objective.state_dict().items() if name.startswith(untouched)}
    objective.load_state_dict(kept | state)
    gpt = replace(gpt, queue_size=objective.queue.queue_size)
    return PublishedGPTGNN(objective.eval(), config, gpt, fresh)


def _check_words(model: PublishedModel, file: torch.Tensor, here: torch.Tensor) -> None:
    """A decoder's word ids mean something under the word vectors that it was made with only."""
    if file.shape != here.shape or not torch.allclose(file, here, atol=1e-6):
        raise CheckpointError(
            f"{model.path}: its text decoder is over other word vectors, {tuple(file.shape)} in "
            f"the file and {tuple(here.shape)} here: give those of its run with --w2v_dir"
        )


def state_on_cpu(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A model's state as CPU tensors, for a file that opens anywhere."""
    return {name: value.detach().cpu() for name, value in model.state_dict().items()}
