"""Convert a model of the published GPT-GNN code to a checkpoint of ours.

    python -m GPT_GNN convert model old.pt --data_dir data/oag_cs --output new.pt

The store must be that of the model's graph. What is no part of a published file starts afresh when
the checkpoint is used: the adaptive queue, the optimiser, the schedule and the random state, so
that --resume cannot continue the published run.
"""

from __future__ import annotations

import argparse
import os
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.published.models.door import PublishedModel
from GPT_GNN.published.models.objective import Scorers
from GPT_GNN.settings import EncoderConfig, Parser
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.checkpoint import CheckpointError, save_checkpoint, state_on_cpu
from GPT_GNN.train.matching import graph_record
from GPT_GNN.train.models import open_model


def convert_model(
    old: str | os.PathLike[str],
    output: str | os.PathLike[str],
    graph: HeteroGraph,
    encoder_only: bool = False,
    scorers: Scorers | None = None,
    w2v_dir: str = "",
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
        objective, gpt, fresh = model.whole(graph, OAG, scorers, w2v_dir)
        state = state_on_cpu(objective)
        config["gpt"] = asdict(gpt)
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


def main(argv: Sequence[str] | None = None) -> int:
    """Read a published model, write a checkpoint, say what is in it."""
    return run_command(lambda: _command(_parser().parse_args(argv)))


def _command(args: argparse.Namespace) -> None:
    if Path(args.old).resolve() == Path(args.output).resolve():
        raise ValueError(f"--output {args.output}: expected another file than the one to convert")
    if Path(args.output).exists() and not zipfile.is_zipfile(args.output):
        raise ValueError(
            f"--output {args.output}: expected a checkpoint to replace, or nothing there"
        )
    graph = OAG.open(args.data_dir, args.domain)
    settings = {name: getattr(args, name) for name in ("encoder_only", "scorers", "w2v_dir")}
    print("\n".join(convert_model(args.old, args.output, graph, **settings)))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(__doc__)
    parser.prog = "python -m GPT_GNN convert model"
    parser.add_argument("old", help="file of the published code")
    parser.add_argument("--data_dir", required=True, help="store of the model's graph")
    parser.add_argument("--domain", default="", help="open the store oag<domain> inside data_dir")
    parser.add_argument("--output", required=True, help="checkpoint to write")
    parser.add_argument(
        "--encoder_only", action="store_true", help="leave out scorers, decoder and init_emb"
    )
    parser.add_argument(
        "--scorers",
        type=_scorers,
        help="source:relation of each edge scorer in the file's order, e.g. paper:PP_cite,...; "
        "needed when a relation had none",
    )
    parser.add_argument(
        "--w2v_dir",
        default="",
        help="word vectors of a text decoder, of gensim or word2vec; default: the store's",
    )
    return parser


def _scorers(text: str) -> Scorers:
    pairs = [tuple(name.split(":")) for name in text.split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise argparse.ArgumentTypeError(f"expected source:relation,..., got {text!r}")
    return [(source, relation) for source, relation in pairs]


if __name__ == "__main__":
    sys.exit(main())
