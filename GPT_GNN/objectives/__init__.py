"""What is pre-trained, one method a file."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from torch import Tensor

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives.gae import GAE
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.objectives.graphsage import GraphSAGE
from GPT_GNN.objectives.infomax import Infomax
from GPT_GNN.objectives.none import Untrained
from GPT_GNN.sampler.subgraph import Subgraph


class Objective(Protocol):
    """A task without labels that trains an encoder; an ``nn.Module``.

    To be chosen by name, its class is in ``OBJECTIVES`` and has two things more: ``options``, the
    settings that it reads (fields of ``ObjectiveConfig`` and ``GPTConfig``), and the class method
    ``build(encoder, graph, dataset, **options)``.

    It may have ``outputs(data)`` as well: the node rows of a batch whose embeddings its loss reads,
    int64. Then ``data`` is a dataclass whose field ``batch`` is trimmed to what these rows depend
    on, and its other rows come out NaN; without, all rows are embedded.

    The loss may have parts of which a batch lacks some, as one without masked links does. Then the
    objective says which: ``weights``, the weight of each part by its name in the outcome, and
    ``measures(data)``, the names of those that a batch has. Validation takes the mean of each part
    over the batches that have it, and the parts that it has choose the best model (if it has none,
    the last model is kept); without, the only part is ``loss``, which every batch has. ``remedy``
    says what to do where a part is lacking. ``end_of_run()`` gives a record for the log, and a
    warning or an empty string.

    Attributes:
        encoder: what fine-tuning will start from; the rest is thrown away.
    """

    encoder: GNN

    def transform(self, graph: HeteroGraph, subgraph: Subgraph, rng: np.random.Generator) -> Any:
        """A batch from a subgraph whose first nodes, the seeds, are the targets.

        Runs in loader threads: NumPy and tensors on the CPU only, no parameters, and no randomness
        but that of ``rng``. A batch is a dataclass, tuple or list of tensors, nested at will.
        """

    def __call__(self, data: Any) -> dict[str, Tensor]:
        """``loss`` and whatever else is logged, scalars, of a batch on the model's device."""

    def start_epoch(self, epoch: int, n_epoch: int) -> None:
        """Called before each epoch, counted from 1: what grows with training grows here."""

    def to(self, device: Any) -> Any:
        """As ``nn.Module``'s."""


OBJECTIVES: dict[str, Any] = {
    "gpt_gnn": GPTGNN,
    "gae": GAE,
    "graphsage": GraphSAGE,
    "infomax": Infomax,
    "none": Untrained,
}
