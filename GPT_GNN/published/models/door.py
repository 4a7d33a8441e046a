"""Open a model of the published code, with the interface of a checkpoint of this package."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from tqdm import tqdm

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN, EncoderConfig
from GPT_GNN.model.heads import TextDecoder
from GPT_GNN.objectives.gpt_gnn import GPTGNN, GPTConfig
from GPT_GNN.published.models import objective as heads
from GPT_GNN.published.models.encoder import (
    Architecture,
    check_graph,
    encoder_state,
    read_architecture,
)
from GPT_GNN.published.models.objective import Scorers
from GPT_GNN.published.models.weights import Weights, by_part
from GPT_GNN.published.models.whole_model import read_module
from GPT_GNN.schema import EdgeType
from GPT_GNN.system.runtime import seeded
from GPT_GNN.train.checkpoint import CheckpointError, State


def open_published(path: str, state: State | None) -> PublishedModel:
    """Open a file of the published code, of any torch from 1.3 on; nothing in it is run.

    Args:
        state: the file's content where that is a state dict, None for a whole pickled module.

    Raises:
        CheckpointError: no published model; lists what is missing, unexpected or of another shape.
    """
    scorers = None
    if state is None:
        state, scorers = read_module(path)
    weights = by_part(path, state, scorers)
    read = read_architecture(weights)
    return PublishedModel(path, weights, read, dict(read.settings), {})


@dataclass(frozen=True)
class PublishedModel:
    """A published model, with what :class:`GPT_GNN.train.models.SavedModel` has.

    Attributes:
        read: what the shapes of its encoder say.
        architecture: the encoder's settings among that.
        config: empty, such a file has no settings of its run.
    """

    path: str
    weights: Weights
    read: Architecture
    architecture: dict[str, Any]
    config: dict[str, Any]

    def encoder(
        self, graph: HeteroGraph, settings: EncoderConfig, other_features: bool = False
    ) -> GNN:
        """The encoder for a graph.

        Args:
            other_features: not read, since the file says nothing of features but their width.

        Raises:
            CheckpointError: lists all entries that do not fit, or how the graph differs.
        """
        check_graph(self.weights, self.read, graph)
        heads.check_heads(self.weights, settings.n_hid, self.read.in_dim, whole=False)
        if self.weights.task_head:
            names = ", ".join(self.weights.task_head)
            tqdm.write(f"{self.path} is a fine-tuned model: its head ({names}) is left out")
        encoder = GNN(graph.schema, graph.feature_dims, **asdict(settings))
        encoder.load_state_dict(encoder_state(self.weights, self.read, graph))
        return encoder

    def gpt_gnn(self, graph: HeteroGraph, facts: GraphFacts) -> GPTGNN:
        """The whole model, see :meth:`whole`."""
        return self.whole(graph, facts)[0]

    def whole(
        self,
        graph: HeteroGraph,
        facts: GraphFacts,
        scorers: Scorers | None = None,
        w2v_dir: str = "",
    ) -> tuple[GPTGNN, GPTConfig, list[EdgeType]]:
        """The whole model for a graph, in evaluation mode.

        What is not in such a file starts afresh: the queue, and the scorers of relations that had
        no masked edge in the published run's first batch.

        Args:
            scorers: (source type, relation) of each edge scorer, where the file does not say it.
            w2v_dir: the word vectors that a text decoder was made with, empty for the store's.

        Returns:
            The model; the settings that its shapes say, others at their defaults; the relations
            that the file has no scorer for.

        Raises:
            CheckpointError: as for :meth:`encoder`; no names for the scorers; a text decoder over
                other words.
        """
        settings = EncoderConfig(**self.architecture)
        encoder = self.encoder(graph, settings)
        width = graph.feature_dim(facts.target)
        heads.check_heads(self.weights, settings.n_hid, width)
        gpt = GPTConfig(attr_type=heads.attr_type(self.weights), w2v_dir=w2v_dir)
        with seeded(0, "objective"):
            objective = GPTGNN.build(encoder, graph, facts, gpt, slice(0, width))
        possible = heads.candidates(graph.schema, facts.target, facts.rel_stop_list)
        of_file = heads.scorer_relations(self.weights, possible, scorers or self.weights.scorers)
        relations = [graph.edge_types[i] for i in objective.relations]
        state = heads.objective_state(self.weights, of_file, relations)
        if isinstance(objective.decoder, TextDecoder):
            self._check_words(state["decoder.word_vectors"], objective.decoder.word_vectors)
        fresh = [edge_type for edge_type in relations if edge_type not in of_file]
        untouched = tuple(f"scorers.{relations.index(edge_type)}." for edge_type in fresh)
        untouched = ("encoder.", "queue.", "counts.", *untouched)
        kept = {n: x for n, x in objective.state_dict().items() if n.startswith(untouched)}
        objective.load_state_dict(kept | state)
        return objective.eval(), replace(gpt, queue_size=objective.queue.queue_size), fresh

    def _check_words(self, file: torch.Tensor, here: torch.Tensor) -> None:
        """The decoder's word ids mean something only under the word vectors of its run."""
        if file.shape != here.shape or not torch.allclose(file, here, atol=1e-6):
            raise CheckpointError(
                f"{self.path}: its text decoder is over other word vectors, {tuple(file.shape)} in "
                f"the file and {tuple(here.shape)} here: give those of its run with --w2v_dir"
            )
