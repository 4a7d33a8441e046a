"""The verb of the pre-training scripts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from GPT_GNN.batch.batch import to_device
from GPT_GNN.config import OptimConfig, PretrainRunConfig, SamplerConfig
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.objectives.gpt_gnn import GPTGNN, GPTBatch
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.train.checkpoint import save_checkpoint
from GPT_GNN.train.fit import Plan, Run, fit
from GPT_GNN.train.runtime import pick_device
from GPT_GNN.train.start import state_on_cpu

HELD_OUT = 0.05  # share of the pre-training nodes that validate
HELD_OUT_BATCHES = 4  # and at most so many batches of them


def pretrain(
    objective: GPTGNN,
    graph: HeteroGraph,
    dataset: Any,
    sampler: SamplerConfig,
    optim: OptimConfig,
    run: PretrainRunConfig,
    config: dict[str, Any],
) -> None:
    """Pre-train an objective and write the best model to ``run.pretrain_model_dir``.

    An epoch is the whole batches of one permutation of the pre-training nodes, at least one batch.
    Some of these nodes are held out and validate (the published code validates on fine-tuning's
    training papers). Beside the model, ``<file>.run/`` gets config.json, metrics.jsonl and
    checkpoint.pt (the last state).

    Args:
        dataset: has ``target`` and ``split``.
        config: all settings that the numbers depend on, group by group (``config.comparable``).

    Raises:
        ValueError: no pre-training nodes.
    """
    nodes = dataset.split.nodes(graph, dataset.target, "pretrain")
    if len(nodes) < 2:
        raise ValueError(
            f"{graph.path}: expected at least 2 nodes of type {dataset.target!r} in the "
            f"pre-training period, found {len(nodes)}"
        )
    order = derive(run.seed, "held out").permutation(nodes)
    held_out = max(1, min(int(len(nodes) * HELD_OUT), HELD_OUT_BATCHES * sampler.batch_size))
    valid, train = order[:held_out], order[held_out:]
    batch_size = sampler.batch_size
    if batch_size > len(train):
        tqdm.write(f"warning: batch_size {batch_size} is cut to the {len(train)} nodes there are")
        batch_size = len(train)
    hgs = HGSampler(graph, sampler.sample_depth, sampler.sample_width)
    time_max = dataset.split.time_max("pretrain")
    time = graph.node_time(dataset.target)

    def masked(ids: np.ndarray, rng: np.random.Generator) -> GPTBatch:
        seeds = {dataset.target: (ids, None if time is None else time[ids])}
        subgraph = hgs.sample(seeds, time_max, None, rng)
        return objective.transform(graph, subgraph, rng)

    per_epoch = max(1, len(train) // batch_size)

    @lru_cache(maxsize=2)  # loader threads are at most in two epochs at once
    def shuffled(epoch: int) -> np.ndarray:
        return derive(run.seed, "epoch", epoch).permutation(train)

    def make_batch(step: int) -> GPTBatch:
        epoch, position = divmod(step, per_epoch)
        ids = shuffled(epoch)[position * batch_size : (position + 1) * batch_size]
        return masked(ids, derive(run.seed, "batch", step))

    device = pick_device(run.cuda)
    objective.to(device)

    held_out_batches = [  # the same at every validation, so that losses compare
        masked(valid[start : start + batch_size], derive(run.seed, "valid", start))
        for start in range(0, len(valid), batch_size)
    ]

    def evaluate() -> dict[str, float]:
        totals: dict[str, float] = {}
        for batch in held_out_batches:
            values = objective(to_device(batch, device))
            share = len(batch.edge_nodes) / len(valid)
            for name, value in values.items():
                totals[name] = totals.get(name, 0.0) + value.item() * share
        return {**totals, "score": -totals["loss"]}

    config = {**config, "graph": {"fingerprint": graph.fingerprint}}
    file = Path(run.pretrain_model_dir)

    def save_best(step: int, metrics: dict[str, float]) -> None:
        save_checkpoint(
            file,
            "pretrain",
            config=config,
            schema=graph.schema.to_dict(),
            feature_dims=graph.feature_dims,
            model=state_on_cpu(objective),
            step=step,
            metrics=metrics,
        )

    fit(
        objective,
        make_batch,
        evaluate,
        save_best,
        Plan(optim.n_epoch, per_epoch, min(optim.n_batch, per_epoch)),
        optim,
        Run(
            kind="pretrain",
            folder=file.with_name(file.name + ".run"),
            config=config,
            places={"data_dir": str(graph.path)},
            schema=graph.schema,
            device=device,
            seed=run.seed,
            resume=run.resume,
            n_pool=sampler.n_pool,
        ),
    ).close()
    tqdm.write(f"best model: {file}")
