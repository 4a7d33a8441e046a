"""Open a model of the published code, with the interface of a checkpoint of this package."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import torch
from tqdm import tqdm

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import TextDecoder
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.published.models.encoder import (
    Architecture,
    check_graph,
    encoder_state,
    read_architecture,
)
from GPT_GNN.published.models.objective import (
    Scorers,
    attr_type,
    candidates,
    check_heads,
    objective_state,
    scorer_relations,
)
from GPT_GNN.published.models.weights import Weights, by_part
from GPT_GNN.published.models.whole_model import read_module
from GPT_GNN.schema import EdgeType
from GPT_GNN.settings import EncoderConfig, GPTConfig
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.checkpoint import CheckpointError, State


def open_published(path: str | os.PathLike[str], state: State | None) -> PublishedModel:
    """Open a file of the published code, of any torch from 1.3 on; nothing in it is run.

    Args:
        state: the file's content where that is a state dict, None for a whole pickled module.

    Raises:
        CheckpointError: no published model.
    """
    path = os.fspath(path)
    if state is None:
        return PublishedModel(by_part(path, *read_module(path)))
    return PublishedModel(by_part(path, dict(state)))


@dataclass(frozen=True)
class WholeModel:
    """A published pre-training model as ours, in evaluation mode.

    Attributes:
        gpt: the settings that its shapes say, the others at their defaults.
        fresh_scorers: relations that the file has no scorer for.
    """

    objective: GPTGNN
    gpt: GPTConfig
    fresh_scorers: list[EdgeType]


@dataclass(frozen=True)
class PublishedModel:
    """See :class:`GPT_GNN.train.models.TrainedModel`."""

    weights: Weights

    @property
    def path(self) -> str:
        """The file."""
        return self.weights.path

    @property
    def config(self) -> dict[str, Any]:
        """Empty: a published file has no settings of its run."""
        return {}

    @cached_property
    def read(self) -> Architecture:
        """What the shapes of its encoder say."""
        return read_architecture(self.weights)

    @property
    def architecture(self) -> dict[str, Any]:
        """The encoder's settings that its shapes say."""
        return dict(self.read.settings)

    def encoder(
        self, graph: HeteroGraph, settings: EncoderConfig, other_features: bool = False
    ) -> GNN:
        """The encoder for a graph.

        Args:
            other_features: not read, since the file says nothing of features but their width.

        Raises:
            CheckpointError: entries that are missing, unexpected or of another shape, or a graph
                that it was not made for; lists them all.
        """
        check_graph(self.weights, self.read, graph)
        check_heads(self.weights, settings.n_hid, self.read.in_dim, whole=False)
        if self.weights.task_head:
            names = ", ".join(self.weights.task_head)
            tqdm.write(f"{self.path} is a fine-tuned model: its head ({names}) is left out")
        encoder = GNN(graph.schema, graph.feature_dims, **asdict(settings))
        encoder.load_state_dict(encoder_state(self.weights, self.read, graph))
        return encoder

    def gpt_gnn(self, graph: HeteroGraph, dataset: Any) -> GPTGNN:
        """The whole model, see :meth:`whole`."""
        return self.whole(graph, dataset).objective

    def whole(
        self,
        graph: HeteroGraph,
        dataset: Any,
        scorers: Scorers | None = None,
        w2v_dir: str = "",
    ) -> WholeModel:
        """The whole model for a graph.

        What is not in such a file starts afresh: the queue, and the scorers of relations that had
        no masked edge in the published run's first batch.

        Args:
            dataset: as for :meth:`GPTGNN.build`.
            scorers: (source type, relation) of each edge scorer, where the file does not say it.
            w2v_dir: the word vectors that a text decoder was made with, empty for the store's.

        Raises:
            CheckpointError: as for :meth:`encoder`; no names for the scorers; a text decoder over
                other words.
            ValueError: see :meth:`GPTGNN.build`.
        """
        settings = EncoderConfig(**self.architecture)
        encoder = self.encoder(graph, settings)
        width = graph.feature_dim(dataset.target)
        check_heads(self.weights, settings.n_hid, width)
        gpt = GPTConfig(attr_type=attr_type(self.weights), w2v_dir=w2v_dir)
        with seeded(0, "objective"):
            objective = GPTGNN.build(
                encoder, graph, dataset, attr_columns=slice(0, width), **asdict(gpt)
            )
        possible = candidates(graph.schema, dataset.target, dataset.rel_stop_list)
        of_file = scorer_relations(self.weights, possible, scorers or self.weights.scorers)
        relations = [graph.edge_types[i] for i in objective.relations]
        state = objective_state(self.weights, of_file, relations)
        if isinstance(objective.decoder, TextDecoder):
            self._check_words(state["decoder.word_vectors"], objective.decoder.word_vectors)
        fresh = [edge_type for edge_type in relations if edge_type not in of_file]
        untouched = tuple(f"scorers.{relations.index(edge_type)}." for edge_type in fresh)
        untouched = ("encoder.", "queue.", "counts.", *untouched)
        kept = {n: x for n, x in objective.state_dict().items() if n.startswith(untouched)}
        objective.load_state_dict(kept | state)
        gpt = replace(gpt, queue_size=objective.queue.queue_size)
        return WholeModel(objective.eval(), gpt, fresh)

    def _check_words(self, file: torch.Tensor, here: torch.Tensor) -> None:
        """The decoder's word ids mean something only under the word vectors of its run."""
        if file.shape != here.shape or not torch.allclose(file, here, atol=1e-6):
            raise CheckpointError(
                f"{self.path}: its text decoder is over other word vectors, {tuple(file.shape)} in "
                f"the file and {tuple(here.shape)} here: give those of its run with --w2v_dir"
            )
