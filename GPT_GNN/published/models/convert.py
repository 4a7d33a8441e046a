"""Convert a model of the published GPT-GNN code to a checkpoint of ours."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.published.models.door import PublishedModel
from GPT_GNN.published.models.objective import Scorers
from GPT_GNN.settings import LIST, Checked, setting
from GPT_GNN.train.checkpoint import CheckpointError, save_checkpoint, state_on_cpu
from GPT_GNN.train.matching import graph_record
from GPT_GNN.train.models import open_model


@dataclass(frozen=True)
class ConvertModelConfig(Checked):
    """What is converted, and where to."""

    file: str = setting("", "file of the published code", positional=True)
    data_dir: str = setting("", "store of the model's graph", required=True)
    domain: str = setting("", "open the store oag<domain> inside data_dir; empty: data_dir")
    output: str = setting("", "checkpoint to write", required=True)
    encoder_only: bool = setting(False, "leave out scorers, decoder and init_emb")
    scorers: tuple[str, ...] = setting(
        (),
        "source:relation of each edge scorer, e.g. paper:PP_cite, in the file's order, "
        f"{LIST}; needed when a relation had none",
    )
    w2v_dir: str = setting(
        "", "word vectors of a text decoder, of gensim or word2vec; empty: the store's"
    )


def convert_model(
    old: str | os.PathLike[str],
    output: str | os.PathLike[str],
    graph: HeteroGraph,
    encoder_only: bool = ConvertModelConfig.encoder_only,
    scorers: Scorers | None = None,
    w2v_dir: str = ConvertModelConfig.w2v_dir,
) -> list[str]:
    """Write a published model as a checkpoint of ours.

    Args:
        graph: store of the model's graph.
        encoder_only: leave out scorers, decoder and ``init_emb``.
        scorers, w2v_dir: see :meth:`GPT_GNN.published.models.door.PublishedModel.whole`.

    Returns:
        Lines that say what is in the checkpoint.

    Raises:
        CheckpointError: ``old`` is no published model, or does not fit the graph.
    """
    model = open_model(old, "pretrain")
    if not isinstance(model, PublishedModel):
        raise CheckpointError(f"{old} is a checkpoint of ours already")
    encoder = EncoderConfig(**model.architecture)
    config: dict[str, Any] = {"encoder": asdict(encoder)}
    content: dict[str, Any] = {}
    lines = [f"encoder: {model.read.flags}"]
    heads = model.weights.heads
    if encoder_only or not heads:
        state = state_on_cpu(model.encoder(graph, encoder))
        state = {f"encoder.{name}": x for name, x in state.items()}
        left_out = [*heads, *(f"1.{name}" for name in model.weights.task_head)]
        lines.append(f"left out: {', '.join(left_out) or 'nothing'}")
    else:
        objective, gpt, fresh = model.whole(graph, OAG.facts(graph), scorers, w2v_dir)
        state = state_on_cpu(objective)
        config["objective"] = {"objective": "gpt_gnn", **asdict(gpt)}
        content["attr_columns"] = [objective.attr_columns.start, objective.attr_columns.stop]
        lines.append(f"decoder: {gpt.attr_type}")
        lines.append(f"edge scorers: {len(objective.relations) - len(fresh)} of the file")
        if fresh:
            names = [f"{source}:{relation}" for source, relation, _ in fresh]
            lines[-1] += f"; without one there: {', '.join(names)}"
    content |= {"config": config, "model": state, "published": Path(old).name}
    save_checkpoint(output, "pretrain", **graph_record(graph), **content)
    lines.append("not in the file: the queue, the optimiser, the schedule, the random state")
    return [*lines, f"wrote {output}"]
