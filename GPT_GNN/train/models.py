"""Open the file of a trained model: a checkpoint of ours, or a model of the published code."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import Tensor

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN, EncoderConfig
from GPT_GNN.objectives.gpt_gnn import GPTGNN, GPTConfig
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.checkpoint import CheckpointError, NotPlainError, checked_record, read_plain
from GPT_GNN.train.matching import encoder_weights, moved_columns

if TYPE_CHECKING:
    from GPT_GNN.published.models.door import PublishedModel

# Both have path, config, architecture, encoder and gpt_gnn: nothing else asks whose file it is.
TrainedModel: TypeAlias = "SavedModel | PublishedModel"


def open_model(path: str | os.PathLike[str], *kinds: str) -> TrainedModel:
    """Read the file of a trained model onto the CPU without running any code in it.

    Args:
        kinds: of our checkpoints, those that are expected, ``pretrain`` or ``finetune``; by default
            both.

    Raises:
        CheckpointError: no such file, cut short, a checkpoint of another kind, or no model.
    """
    kinds = kinds or ("pretrain", "finetune")
    try:
        content = read_plain(path, " or ".join(kinds))
        if not _is_state_dict(content):
            return SavedModel(os.fspath(path), checked_record(path, content, *kinds))
    except NotPlainError:
        content = None  # a whole pickled module
    from GPT_GNN.published.models.door import open_published

    return open_published(os.fspath(path), content)


def _is_state_dict(content: Any) -> bool:
    entries = content.items() if isinstance(content, dict) else ()
    return bool(entries) and all(isinstance(k, str) and isinstance(x, Tensor) for k, x in entries)


@dataclass(frozen=True)
class SavedModel:
    """A checkpoint of ours.

    Attributes:
        path: the file, for messages.
        record: its content.
    """

    path: str
    record: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The settings of its run, group by group."""
        return dict(self.record.get("config", {}))

    @property
    def architecture(self) -> dict[str, Any]:
        """The encoder's settings by name. Raises CheckpointError where the file has none."""
        if "encoder" not in self.config:
            raise CheckpointError(
                f"{self.path}: expected the encoder's settings in its config, found those of "
                f"{', '.join(self.config) or 'nothing'}"
            )
        return asdict(EncoderConfig.from_record(self.config["encoder"], self.path))

    def encoder(
        self, graph: HeteroGraph, settings: EncoderConfig, other_features: bool = False
    ) -> GNN:
        """The encoder, on the CPU, its input layers in the order of the graph's features.

        Args:
            settings: ``architecture``, and anything else that no weight depends on.
            other_features: see :func:`GPT_GNN.train.matching.moved_columns`.

        Raises:
            CheckpointError: the model does not fit the graph.
        """
        weights = encoder_weights(self.path, self.record, graph, other_features)
        encoder = GNN(graph.schema, graph.feature_dims, **asdict(settings))
        encoder.load_state_dict(weights)
        return encoder

    def gpt_gnn(self, graph: HeteroGraph, facts: GraphFacts) -> GPTGNN:
        """The whole pre-training model for a graph, in evaluation mode.

        Raises:
            CheckpointError: the file holds no such model, or it does not fit the graph.
        """
        moved = moved_columns(self.path, self.record, graph)
        if moved:
            raise CheckpointError(
                f"{self.path}: features of {', '.join(moved)} are in another order in "
                f"{graph.path}: expected the same, its encoder alone can be mapped"
            )
        name = self.config.get("objective", {}).get("objective", "gpt_gnn")
        if name != "gpt_gnn":
            raise CheckpointError(
                f"{self.path} was pre-trained with objective {name!r}, which generates nothing: "
                "expected a model of 'gpt_gnn'"
            )
        # Older files have the settings of all objectives in one group, GPT-GNN's in another.
        own = {**self.config.get("objective", {}), **self.config.get("gpt", {})}
        known = {f.name for f in fields(GPTConfig)}
        if not known & own.keys():
            raise CheckpointError(
                f"{self.path} holds an encoder alone: expected scorers and a decoder too"
            )
        encoder = GNN(graph.schema, graph.feature_dims, **self.architecture)
        values = {name: value for name, value in own.items() if name in known}
        gpt = GPTConfig.from_record(values, self.path)
        columns = slice(*self.record["attr_columns"]) if "attr_columns" in self.record else None
        with seeded(0, "objective"):
            objective = GPTGNN.build(encoder, graph, facts, gpt, columns)
        counts = {n: x for n, x in objective.state_dict().items() if n.startswith("counts.")}
        objective.load_state_dict(counts | self.record["model"])  # older files have no counts
        return objective.eval()


def open_encoder(
    path: str | os.PathLike[str], graph: HeteroGraph, other_features: bool = False
) -> GNN:
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
    model = open_model(path)
    return model.encoder(graph, EncoderConfig(**model.architecture), other_features).eval()
