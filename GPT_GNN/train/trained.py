"""The encoder of any trained model, with the architecture that its file says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.published.models.files import PublishedModel, open_trained
from GPT_GNN.settings import EncoderConfig, SamplerConfig
from GPT_GNN.train.architecture import saved_architecture
from GPT_GNN.train.matching import encoder_weights
from GPT_GNN.train.start import published_encoder


@dataclass(frozen=True)
class TrainedEncoder:
    """What a file of a trained model says.

    Attributes:
        encoder: on the CPU, in evaluation mode.
        sampler: the settings of :class:`GPT_GNN.settings.SamplerConfig` that it was trained with,
            by name, as far as the file says them.
    """

    encoder: GNN
    sampler: dict[str, Any] = field(default_factory=dict)


def open_encoder(path: str | Path, graph: HeteroGraph, other_features: bool = False) -> GNN:
    """The encoder of a trained model, on the CPU and in evaluation mode.

    Args:
        path: what pre-training wrote, a fine-tuned ``best.pt``, or a model of the published code.
        graph: the store that it will read: the one that it was trained on, one with nodes and edges
            appended, or another of the same schema and features, whose parts may be in any order.
        other_features: see :func:`GPT_GNN.train.matching.moved_columns`.

    Raises:
        CheckpointError: no such file, none of these, or of another schema or other features than
            the graph's; names both sides.
    """
    return read_trained(path, graph, other_features).encoder


def read_trained(
    path: str | Path, graph: HeteroGraph, other_features: bool = False
) -> TrainedEncoder:
    """The same with the settings of its samples."""
    record = open_trained(path)
    if isinstance(record, PublishedModel):
        config = EncoderConfig(**saved_architecture(path, record))
        return TrainedEncoder(published_encoder(record, graph, config).eval())
    weights = encoder_weights(path, record, graph, other_features)
    encoder = GNN(graph.schema, graph.feature_dims, **saved_architecture(path, record))
    encoder.load_state_dict(weights)
    sampler = record["config"].get("sampler", {})
    SamplerConfig.from_record(sampler, path)  # checks it
    return TrainedEncoder(encoder.eval(), sampler)
