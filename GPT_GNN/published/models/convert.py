"""Convert a model of the published GPT-GNN code to a checkpoint of ours.

    python -m GPT_GNN convert model old.pt --data_dir data/oag_cs --output new.pt

The store must be that of the model's graph. What is no part of a published file starts afresh when
the checkpoint is used: the adaptive queue, the optimiser, the schedule and the random state, so
that --resume cannot continue the published run.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.published.models.encoder import read_architecture
from GPT_GNN.published.models.files import PublishedModel, open_pretrained
from GPT_GNN.published.models.objective import Scorers
from GPT_GNN.settings import EncoderConfig, Parser
from GPT_GNN.system.runner import run_command
from GPT_GNN.train.checkpoint import CheckpointError, save_checkpoint
from GPT_GNN.train.matching import graph_record
from GPT_GNN.train.start import published_encoder, published_gpt_gnn, state_on_cpu


def main(argv: Sequence[str] | None = None) -> int:
    """Read a published model, write a checkpoint, say what is in it."""
    return run_command(lambda: print(_convert(_parser().parse_args(argv))))


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


def _convert(args: argparse.Namespace) -> str:
    if Path(args.old).resolve() == Path(args.output).resolve():
        raise ValueError(f"--output {args.output}: expected another file than the one to convert")
    if Path(args.output).exists() and not zipfile.is_zipfile(args.output):
        raise ValueError(
            f"--output {args.output}: expected a checkpoint to replace, or nothing there"
        )
    model = open_pretrained(args.old)
    if not isinstance(model, PublishedModel):
        raise CheckpointError(f"{args.old} is a checkpoint of ours already")
    graph = OAG.open(args.data_dir, args.domain)
    encoder_only = args.encoder_only or not model.heads
    content, lines = (_encoder if encoder_only else _whole)(model, graph, args)
    save_checkpoint(
        args.output,
        "pretrain",
        **graph_record(graph),
        published=Path(args.old).name,
        **content,
    )
    lines.append("not in the file: the queue, the optimiser, the schedule, the random state")
    return "\n".join([*lines, f"wrote {args.output}"])


def _encoder(
    model: PublishedModel, graph: HeteroGraph, args: argparse.Namespace
) -> tuple[dict[str, Any], list[str]]:
    found = read_architecture(model)
    config = EncoderConfig(**found.settings)  # type: ignore[arg-type]
    state = state_on_cpu(published_encoder(model, graph, config))
    left_out = [*model.heads, *(f"1.{name}" for name in model.task_head)]
    return {
        "config": {"encoder": asdict(config)},
        "model": {f"encoder.{name}": x for name, x in state.items()},
    }, [f"encoder: {found.flags}", f"left out: {', '.join(left_out) or 'nothing'}"]


def _whole(
    model: PublishedModel, graph: HeteroGraph, args: argparse.Namespace
) -> tuple[dict[str, Any], list[str]]:
    read = published_gpt_gnn(model, graph, OAG, args.scorers, args.w2v_dir)
    columns = read.objective.attr_columns
    fresh = [f"{source}:{relation}" for source, relation, _ in read.fresh_scorers]
    lines = [
        f"encoder: {read_architecture(model).flags}",
        f"decoder: {read.gpt.attr_type}",
        f"edge scorers: {len(read.objective.relations) - len(fresh)} of the file"
        + (f"; without one there: {', '.join(fresh)}" if fresh else ""),
    ]
    return {
        "config": {"encoder": asdict(read.encoder), "gpt": asdict(read.gpt)},
        "attr_columns": [columns.start, columns.stop],
        "model": state_on_cpu(read.objective),
    }, lines


if __name__ == "__main__":
    sys.exit(main())
