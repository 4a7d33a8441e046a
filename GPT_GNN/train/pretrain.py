"""Pre-train: batches of the pre-training nodes, the validation, the run."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from GPT_GNN.batch.batch import to_device
from GPT_GNN.batch.pipeline import Pipeline
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.means import FACT as MEANS
from GPT_GNN.graph.means import SeedMeans, unnamed_means
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.objectives import Objective
from GPT_GNN.rng import derive
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.sampler.hidden import HiddenEdges
from GPT_GNN.sampler.query import Query
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.train.fit import Plan, fit
from GPT_GNN.train.optim import OptimConfig
from GPT_GNN.train.place import PretrainRunConfig, pretraining_place
from GPT_GNN.train.run import Run, open_run

HELD_OUT = 0.05  # share of the pre-training nodes that validate
HELD_OUT_BATCHES = 4  # and at most so many batches of them


class PretrainBatches:
    """Batches of the pre-training nodes, each a function of the seed and its number.

    Args:
        objective: makes its batches of the sampled subgraphs.
        sampler: size of the samples and of the batches; a batch is cut to the nodes there are, with
            a warning.
        hidden: edges that pre-training must not see.
        targets_in_means: leave a batch's targets in the means over targets that are other nodes'
            features, as published.

    Attributes:
        per_epoch: batches of an epoch: the whole batches of one permutation, at least one.
        valid: held-out batches with their numbers of targets, the same at every validation, so
            that losses compare.

    Raises:
        ValueError: no pre-training nodes.
    """

    def __init__(
        self,
        objective: Objective,
        graph: HeteroGraph,
        facts: GraphFacts,
        sampler: SamplerConfig,
        seed: int,
        hidden: HiddenEdges | None = None,
        targets_in_means: bool = PretrainRunConfig.targets_in_means,
    ) -> None:
        self.hidden = hidden
        self.objective, self.graph, self.seed = objective, graph, seed
        self.target = facts.target
        self.pipeline = Pipeline(graph, sampler.open(graph), objective.encoder.reach)
        self.time = graph.node_time(self.target)
        self.time_max = facts.split.time_max("pretrain")
        self.means = None if targets_in_means else _seed_means(graph)
        nodes = facts.split.nodes(graph, self.target, "pretrain")
        if len(nodes) < 2:
            raise ValueError(
                f"{graph.path}: expected at least 2 nodes of type {self.target!r} in the "
                f"pre-training period, found {len(nodes)}"
            )
        # Some nodes validate, the others train.
        order = derive(seed, "held out").permutation(nodes)
        held_out = max(1, min(int(len(nodes) * HELD_OUT), HELD_OUT_BATCHES * sampler.batch_size))
        self.nodes = order[held_out:]
        self.batch_size = min(sampler.batch_size, len(self.nodes))
        if self.batch_size < sampler.batch_size:
            tqdm.write(
                f"warning: batch_size {sampler.batch_size} is cut to the {self.batch_size} nodes "
                "there are"
            )
        self.per_epoch = max(1, len(self.nodes) // self.batch_size)
        self.valid = []
        for first in range(0, held_out, self.batch_size):
            ids = order[first : min(first + self.batch_size, held_out)]
            self.valid.append((len(ids), self._batch(ids, derive(seed, "valid", first))))
        # Loader threads are at most in two epochs at once.
        self._shuffled = lru_cache(maxsize=2)(
            lambda epoch: derive(seed, "epoch", epoch).permutation(self.nodes)
        )

    def train(self, step: int) -> Any:
        """The batch of one training step, no larger than its loss needs."""
        epoch, position = divmod(step, self.per_epoch)
        start = position * self.batch_size
        ids = self._shuffled(epoch)[start : start + self.batch_size]
        return self._batch(ids, derive(self.seed, "batch", step))

    def _batch(self, ids: np.ndarray, rng: np.random.Generator) -> Any:
        seeds = {self.target: (ids, None if self.time is None else self.time[ids])}
        query = Query(seeds, self.time_max, "pretrain", self.hidden, self.means)

        def transform(subgraph: Subgraph) -> Any:
            return self.objective.transform(self.graph, subgraph, rng)

        return self.pipeline.batch(query, rng, transform, self.objective.outputs)


class Validation:
    """Means over the held-out nodes: of each part of the loss over the batches that have it.

    A part that no batch has is not there, rather than 0: it does not choose the best model. Where
    there is no part, nothing does: the last model is kept.

    Args:
        objective: with its ``weights`` and ``measures``, see :class:`Objective`.
        valid: batches with their numbers of targets.

    Attributes:
        chosen_by: what chooses the best model, in words.
    """

    def __init__(
        self, objective: Objective, valid: list[tuple[int, Any]], device: torch.device
    ) -> None:
        self.objective, self.valid, self.device = objective, valid, device
        self.weights = objective.weights
        self._measured = [set(objective.measures(batch)) for _, batch in valid]
        self._parts = [name for name in self.weights if name in set().union(*self._measured)]
        self.chosen_by = "the last one: validation has nothing to choose by"
        if self._parts:
            self.chosen_by = f"chosen by validation's {' and '.join(self._parts)}"
        lacking = [name for name in self.weights if name not in self._parts]
        if lacking:
            nodes = sum(targets for targets, _ in valid)
            remedy = objective.remedy()
            tqdm.write(
                f"warning: the {nodes} nodes that validate have no {' and no '.join(lacking)}: the "
                f"best model is {self.chosen_by}{remedy and f'; {remedy}'}"
            )

    def __call__(self) -> dict[str, float]:
        """Means by name; ``loss`` of the parts that are there, and ``score``, its negative."""
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        for (targets, batch), measured in zip(self.valid, self._measured, strict=True):
            for name, value in self.objective(to_device(batch, self.device)).items():
                if name in self.weights and name not in measured:
                    continue
                sums[name] = sums.get(name, 0.0) + value.item() * targets
                counts[name] = counts.get(name, 0) + targets
        means = {name: total / counts[name] for name, total in sums.items()}
        if not self._parts:
            return {name: mean for name, mean in means.items() if name != "loss"}
        loss = sum(self.weights[name] * means[name] for name in self._parts)
        return {**means, "loss": loss, "score": -loss}


def _seed_means(graph: HeteroGraph) -> SeedMeans | None:
    if unnamed_means(graph):
        tqdm.write(
            f"warning: {graph.path}: a batch's targets stay in the means that are features of "
            "others, since the store does not say which these are; preprocess again"
        )
    return SeedMeans.stored(graph)


def pretrain(
    objective: Objective,
    graph: HeteroGraph,
    facts: GraphFacts,
    sampler: SamplerConfig,
    optim: OptimConfig,
    run: PretrainRunConfig,
    config: dict[str, Any],
    hidden: HiddenEdges | None = None,
) -> None:
    """Pre-train an objective and write the best model to ``run.pretrain_model_dir``.

    Some of the pre-training nodes are held out and validate (the published code validates on
    fine-tuning's training papers). Beside the model, ``<file>.run/`` gets config.json,
    metrics.jsonl and checkpoint.pt (the last state).

    Args:
        objective: what is trained; the encoder of one that does not train is written as it is.
        config: all settings that the numbers depend on, group by group, see :meth:`Flags.record`.
        hidden: edges that pre-training must not see, e.g. those that a task will ask for.

    Raises:
        ValueError: no pre-training nodes; ``targets_in_means`` where that changes nothing; a place
            that cannot be written to, is in use, or holds another run (see :class:`Place`).
        FloatingPointError: see :func:`fit`.
    """
    if run.targets_in_means and (not objective.trains or not graph.facts.get(MEANS)):
        raise ValueError(
            f"{graph.path}: targets_in_means changes nothing: expected an objective that trains, "
            f"and a store with the fact {MEANS!r}"
        )
    place = pretraining_place(run)
    config = {**config, "graph": {"fingerprint": graph.fingerprint}}
    with open_run(place, graph, config, run, sampler.n_pool) as of_run:
        if not objective.trains:
            place.clear(best=of_run.replaces)
            of_run.open_log(0, None).close()
            of_run.save_best(objective, 0, {})
            chosen = "untrained"
        else:
            means = run.targets_in_means
            batches = PretrainBatches(objective, graph, facts, sampler, run.seed, hidden, means)
            chosen = _train(objective, batches, optim, of_run)
        tqdm.write(f"best model: {place.best} ({chosen})")


def _train(objective: Objective, batches: PretrainBatches, optim: OptimConfig, run: Run) -> str:
    """Train, and return what the best model was chosen by."""
    objective.to(run.device)
    evaluate = Validation(objective, batches.valid, run.device)
    plan = Plan(optim.n_epoch, batches.per_epoch, min(optim.n_batch, batches.per_epoch))
    log, _ = fit(objective, batches.train, evaluate, plan, optim, run)
    record, warning = objective.end_of_run()
    if record:
        log.record(split="end", **record)
    if warning:
        log.say(f"warning: {warning}")
    log.close()
    return evaluate.chosen_by
