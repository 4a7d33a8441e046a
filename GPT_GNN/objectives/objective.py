"""What every pre-training method is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.trainable import Trainable
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.settings import Checked, NoSettings


class Objective(Trainable):
    """A task without labels that trains an encoder. See ``OBJECTIVES``.

    The loss may have parts of which a batch lacks some, as one without masked links does. Then
    ``weights`` and :meth:`measures` say which: validation takes the mean of each part over the
    batches that have it, and these parts choose the best model. Where no batch has any, the last
    model is kept.

    Args:
        encoder: what is pre-trained, and what fine-tuning will start from; the rest is thrown away.
        facts: of the graph: its target type and what is never masked.
        **settings: of ``Settings``.

    Attributes:
        Settings: the settings that it has: flags, where ``--objective`` chooses it.
        trains: false where the encoder is written as it is.
        weights: the weight of each part of the loss, by its name among what a batch gives.
    """

    Settings: ClassVar[type[Checked]] = NoSettings
    trains: ClassVar[bool] = True
    weights: Mapping[str, float] = MappingProxyType({"loss": 1.0})

    def __init__(self, encoder: GNN, facts: GraphFacts, **settings: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.target = facts.target
        self.settings: Any = self.Settings(**settings)

    @classmethod
    def build(cls, encoder: GNN, graph: HeteroGraph, facts: GraphFacts, settings: Checked) -> Self:
        """For a graph; a method that reads more of it than the facts overrides this."""
        return cls(encoder, facts, **asdict(settings))

    def transform(self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator) -> Any:
        """A batch of a subgraph whose seed nodes, the first of their type, are the targets.

        Runs in loader threads: NumPy and tensors on the CPU only, no parameters, and no randomness
        but that of ``rng``.

        Returns:
            A dataclass of tensors, nested at will, with a :class:`RawBatch` as its field ``batch``.
        """
        raise NotImplementedError

    def outputs(self, data: Any) -> Tensor | None:
        """Node rows of a batch whose embeddings the loss reads, int64, repeats included.

        The batch is trimmed to what they depend on, and its other rows come out NaN. None: all.
        """
        return None

    def measures(self, data: Any) -> list[str]:
        """Names of the parts of the loss that a batch has something for."""
        return list(self.weights)

    def remedy(self) -> str:
        """What to do where validation lacks a part of the loss; for a warning."""
        return ""

    def end_of_run(self) -> tuple[dict[str, Any], str]:
        """A record for the log, and a warning or an empty string."""
        return {}, ""
