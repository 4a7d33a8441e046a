"""The encoder of any trained model, with the architecture that its file says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from GPT_GNN.config import EncoderConfig
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.train.checkpoint import CheckpointError, check_same, check_schema
from GPT_GNN.train.published.encoder import read_architecture
from GPT_GNN.train.published.files import PublishedModel, open_trained
from GPT_GNN.train.published.keys import under
from GPT_GNN.train.start import published_encoder

_PARTS = ("model", "config", "schema", "feature_dims")


@dataclass(frozen=True)
class TrainedEncoder:
    """What a file of a trained model says.

    Attributes:
        encoder: on the CPU, in evaluation mode.
        sampler: the settings of :class:`GPT_GNN.config.SamplerConfig` that it was trained with, by
            name, as far as the file says them.
    """

    encoder: GNN
    sampler: dict[str, Any] = field(default_factory=dict)


def open_encoder(path: str | Path, graph: HeteroGraph) -> GNN:
    """The encoder of a trained model, on the CPU and in evaluation mode.

    Args:
        path: what pre-training wrote, a fine-tuned ``best.pt``, or a model of the published code.
        graph: the store that it will read: the one that it was trained on, one with nodes and edges
            appended, or another of the same schema.

    Raises:
        CheckpointError: no such file, none of these, or of another schema or other feature widths
            than the graph's; names both sides.
    """
    return read_trained(path, graph).encoder


def read_trained(path: str | Path, graph: HeteroGraph) -> TrainedEncoder:
    """The same with the settings of its samples."""
    record = open_trained(path)
    if isinstance(record, PublishedModel):
        config = EncoderConfig(**read_architecture(record).settings)  # type: ignore[arg-type]
        return TrainedEncoder(published_encoder(record, graph, config).eval())
    missing = [name for name in _PARTS if name not in record]
    if missing:
        raise CheckpointError(
            f"{path}: expected a model as pre-training or fine-tuning keeps the best one, found "
            f"one without {', '.join(missing)} (a run's last state, for --resume only?)"
        )
    check_schema(path, record["schema"], graph.schema)
    check_same(path, "graph (feature widths)", record["feature_dims"], graph.feature_dims)
    if "encoder" not in record["config"]:
        raise CheckpointError(
            f"{path}: expected the encoder's settings in its config, found those of "
            f"{', '.join(record['config']) or 'nothing'}"
        )
    encoder = GNN(graph.schema, graph.feature_dims, **record["config"]["encoder"])
    encoder.load_state_dict(under(record["model"], "encoder."))
    return TrainedEncoder(encoder.eval(), record["config"].get("sampler", {}))
