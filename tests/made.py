"""What many tests make: samples, batches and settings, in short."""

from __future__ import annotations

import copy
from dataclasses import asdict, fields, replace

from GPT_GNN.batch.batch import RawBatch
from GPT_GNN.conv import CONVS
from GPT_GNN.conv.conv import ConvShape
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import ObjectiveConfig
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query


def sample(graph, depth, width, seeds, time_max, hidden, rng, view="pretrain"):
    """A sample by HGSampling."""
    sampler = HGSampler(graph, sample_depth=depth, sample_width=width)
    return sampler.sample(Query(seeds, time_max, view, hidden), rng)


def method_of(objective, *others):
    """An objective's settings: of several records those that it has, the later ones first.

    Args:
        objective: a name, or an ``ObjectiveConfig``.
        others: e.g. a ``GPTConfig``, of which another objective takes what it has.
    """
    given = {} if isinstance(objective, str) else asdict(objective)
    name = objective if isinstance(objective, str) else objective.objective
    own = {f.name for f in fields(ObjectiveConfig.joined(name))}
    for record in others:
        given |= asdict(record)
    return ObjectiveConfig(**{k: v for k, v in given.items() if k in own} | {"objective": name})


def indexed(data):
    """A batch, or a record of one, as the encoder takes it, untrimmed."""
    return data.index() if isinstance(data, RawBatch) else replace(data, batch=data.batch.index())


def whole(batches, step):
    """The training batch of a step, untrimmed."""
    untrimmed = copy.copy(batches)
    untrimmed.pipeline = replace(batches.pipeline, reach=None)
    return untrimmed.train(step)


def layer_of(name, n_hid, num_types, num_relations, n_heads=8, dropout=0.0, timed=True, **settings):
    """A layer by name, the last of its encoder; heads where it has some."""
    cls = CONVS[name]
    if "n_heads" in {f.name for f in fields(cls.Settings)}:
        settings["n_heads"] = n_heads
    shape = ConvShape(n_hid, num_types, num_relations, timed)
    return cls(shape, cls.Settings(**settings), dropout)


def encoder_settings(conv_name, n_heads=8, **settings):
    """Settings of an encoder, less those that a layer of this name does not have."""
    own = {f.name for f in fields(EncoderConfig.joined(conv_name))}
    settings = {"conv_name": conv_name, "n_heads": n_heads, **settings}
    return EncoderConfig(**{name: value for name, value in settings.items() if name in own})


def asked(subgraph, **changes):
    """The same sample, of a query that differs, e.g. in its ``view`` or its ``means``."""
    return replace(subgraph, query=replace(subgraph.query, **changes))
