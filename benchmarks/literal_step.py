"""The literal pre-training step, in a process of its own: its memory must not count as ours."""

from __future__ import annotations

import multiprocessing as mp
import time
from multiprocessing.connection import Connection

import numpy as np
import torch

from benchmarks.published import ENCODER, SAMPLER, new_objective, open_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.system.runtime import keep_freed_memory
from GPT_GNN.train.optim import OptimConfig, build_optimizer
from tests.oracle import hgsampling
from tests.oracle.encoder import LiteralGNN
from tests.oracle.hgt import LiteralHGTConv
from tests.oracle.masked_hgt import MaskedHGTConv
from tests.oracle.masking import LiteralBatch, literal_batch, masked_edges
from tests.oracle.step import LiteralGPTGNN, on_device, train_step


class LiteralProcess:
    """Runs one literal step at a time on request; waits, without work, in between."""

    def __init__(self, data_dir: str, device: torch.device, masks: bool) -> None:
        self.masks = masks
        context = mp.get_context("spawn")  # a fork would share, and count, our pages
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, data_dir, str(device), masks))
        self._process.start()
        theirs.close()
        self._pipe.recv()  # the nested dicts are built

    def __enter__(self) -> LiteralProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pipe.close()
        self._process.join()

    def step(self) -> dict[str, float]:
        """Seconds of one step: ``sample_s`` (masking included), ``train_s``, ``total_s``."""
        self._pipe.send("step")
        return self._pipe.recv()


def _serve(pipe: Connection, data_dir: str, name: str, masks: bool) -> None:
    keep_freed_memory()  # as run_command does for ours
    torch.manual_seed(0)
    graph, device = open_graph(data_dir), torch.device(name)
    lists = hgsampling.edge_lists(graph, set())
    model = literal_model(graph, masks).to(device)
    optimizer = build_optimizer(model, "adamw", 1e-3, 1e-2)
    pipe.send("ready")
    step = 0
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        rng = derive(0, "literal", step)
        start = time.perf_counter()
        batch = on_device(sampled(graph, lists, model, rng), device)
        middle = time.perf_counter()
        train_step(model, optimizer, batch, OptimConfig.clip, rng)
        end = time.perf_counter()
        pipe.send({"sample_s": middle - start, "train_s": end - middle, "total_s": end - start})
        step += 1


def literal_model(graph: HeteroGraph, masks: bool) -> LiteralGPTGNN:
    """The literal twin of :func:`benchmarks.published.new_objective` with ``vec``.

    Args:
        masks: select a triple's edges as published, by a mask over all edges.
    """
    ours = new_objective(graph, "vec")
    encoder = LiteralGNN(
        [graph.feature_dim(node_type) for node_type in graph.node_types],
        ENCODER.n_hid,
        len(graph.edge_types) + 1,
        ENCODER.n_heads,
        ENCODER.n_layers,
        ENCODER.dropout,
        timed=any(graph.schema.timed),
        conv=MaskedHGTConv if masks else LiteralHGTConv,
    )
    return LiteralGPTGNN(
        encoder,
        ENCODER.n_hid,
        graph.node_types.index(OAG.FACTS.target),
        ours.relations,
        ours.attr_columns,
        ours.init_emb,
        ours.neg_samp_num,
        ours.queue.queue_size,
    )


def sampled(
    graph: HeteroGraph, lists: list, model: LiteralGPTGNN, rng: np.random.Generator
) -> LiteralBatch:
    """A masked batch of 256 targets from the nested dicts."""
    nodes = OAG.FACTS.split.nodes(graph, OAG.FACTS.target, "pretrain")
    ids = rng.choice(nodes, min(SAMPLER.batch_size, len(nodes)), replace=False)
    time_of = graph.node_time(OAG.FACTS.target)
    assert time_of is not None
    seeds = {OAG.FACTS.target: list(zip(ids.tolist(), time_of[ids].tolist(), strict=True))}
    size = (SAMPLER.sample_depth, SAMPLER.sample_width)
    time_max = OAG.FACTS.split.time_max("pretrain")
    sample = hgsampling.sample(graph, lists, *size, seeds, time_max, rng)
    targets = dict.fromkeys(ids.tolist())  # ordered, and quick to ask
    stop = OAG.FACTS.rel_stop_list
    hidden, generated = masked_edges(graph, sample, OAG.FACTS.target, targets, stop, 0.5, rng)
    return literal_batch(graph, sample, OAG.FACTS.target, targets, hidden, generated, "pretrain")
