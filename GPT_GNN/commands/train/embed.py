"""Embed nodes of a graph with a trained model, new nodes included, and write a file.

Examples:
    python -m GPT_GNN embed                               # all posts of the built-in graph
    python -m GPT_GNN embed --data_dir data/oag_cs --model runs/gpt_gnn.pt --out emb.npy
    python -m GPT_GNN embed --data_dir data/films --node_type film --ids wanted.csv \\
        --out films.npy
    python -m GPT_GNN embed --data_dir data/oag_cs --model runs/PF/best.pt \\
        --node_type author --rows 90:
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.command_line import parse_flags, peek
from GPT_GNN.datasets.builtin import GraphConfig
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.datasets.tables.node_ids import rows_in_range, rows_of_ids
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.graph.times import time_range
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import atomic_file
from GPT_GNN.system.runtime import pick_device
from GPT_GNN.train.embed import embed
from GPT_GNN.train.flags import model_of_defaults
from GPT_GNN.train.models import TrainedModel

SUFFIX = ".npy"
_NPY = b"\x93NUMPY"  # how such a file begins


@dataclass(frozen=True)
class EmbedConfig(Checked):
    """What is embedded, by which model, and where to."""

    model: str = setting(
        "runs/gpt_graph.pt", "file of a pre-trained, fine-tuned or published model"
    )
    other_features: bool = setting(
        False, "continue although the model was trained on other features than the graph has"
    )
    node_type: str = setting("", "type of the nodes; empty: the target type of the store")
    ids: str = setting(
        "",
        "file of ids as the graph's source writes them: text with one per line, .npy, or CSV or "
        "Parquet with a column named like the id, or id; empty: all nodes",
    )
    rows: str = setting("", "row numbers FIRST:END, END excluded; either may be left out")
    out: str = setting("emb.npy", "file to write, [n, n_hid] float32, in the order of the ids")
    view: str = setting("finetune", "view of the features: what was known when")
    time_max: int = setting(
        2**31 - 1, "latest time that is seen; the default is no bound", high=2**31 - 1
    )
    seed: int = setting(0, "random seed of the samples", low=0)
    cuda: int = setting(-2, "GPU number; -1 for the CPU; default: a GPU if there is one", low=-2)


GROUPS: dict[str, type] = {"data": GraphConfig, "sampler": SamplerConfig, "run": EmbedConfig}


def main() -> None:
    """Read the flags, embed, write."""
    path = peek(EmbedConfig, ("model",), None, {})["model"]
    model, of_model = model_of_defaults(path, None, _samples_of)
    args = parse_flags(GROUPS, __doc__, of_model=of_model)
    _check_places(args.run)
    assert model is not None  # its file is there
    device = pick_device(args.run.cuda)
    graph = Reddit.open(args.data.data_dir)  # the built-in graph is of posts
    node_type = _node_type(graph, args.run)
    ids = _nodes(graph, node_type, args.run)
    if args.run.time_max != EmbedConfig.time_max:
        _warn_outside(graph, args.run.time_max)
    settings = EncoderConfig(**model.architecture)
    encoder = model.encoder(graph, settings, args.run.other_features)
    # Opened first: hours of work must not end at a place that cannot be written.
    with atomic_file(args.run.out) as temporary, open(temporary, "wb") as file:
        rows = embed(
            encoder,
            graph,
            node_type,
            ids,
            time_max=args.run.time_max,
            view=args.run.view,
            seed=args.run.seed,
            device=device,
            progress=True,
            **asdict(args.sampler),
        )
        np.save(file, rows)
    n, width = rows.shape
    samples = ", ".join(f"{name} {value}" for name, value in vars(args.sampler.own()).items())
    print(
        f"{args.run.out}: {n} rows of {width} for nodes of type {node_type!r}, by samples of "
        f"{args.sampler.sampler} ({samples})"
    )


def _samples_of(model: TrainedModel) -> dict[str, Any]:
    """How the nodes of a model's training were sampled, as far as its file says."""
    if "sampler" not in model.config:
        return {}
    sampler = SamplerConfig.from_record(model.config["sampler"], model.path)
    return {"sampler": sampler.sampler, sampler.sampler: vars(sampler.own())}


def _check_places(run: EmbedConfig) -> None:
    """Raise ValueError for a path that cannot be read or written, before any work."""
    if run.ids and run.rows:
        raise ValueError(f"expected --ids or --rows, got both: {run.ids} and {run.rows}")
    for flag, path, what in (("model", run.model, "a model"), ("ids", run.ids, "ids")):
        if not Path(path).is_file() and (path or flag == "model"):
            rows = "; row numbers are --rows FIRST:END" if flag == "ids" else ""
            raise ValueError(
                f"--{flag} {path!r}: expected a file of {what}, found {_found(path)}{rows}"
            )
    if not run.out or Path(run.out).is_dir():
        raise ValueError(f"--out {run.out!r}: expected a file, found {_found(run.out)}")
    if Path(run.out).suffix != SUFFIX:
        raise ValueError(f"--out {run.out!r}: expected a name that ends in {SUFFIX}")
    if Path(run.out).exists() and not _is_npy(Path(run.out)):
        raise ValueError(f"--out {run.out!r}: expected a .npy to replace, or nothing there")
    if any((folder / "meta.json").exists() for folder in Path(run.out).resolve().parents):
        raise ValueError(f"--out {run.out!r}: expected a file outside of a graph store")
    if run.ids and Path(run.out).resolve() == Path(run.ids).resolve():
        raise ValueError(f"--out {run.out!r}: expected another file than --ids")


def _is_npy(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_NPY)) == _NPY


def _found(path: str) -> str:
    if not path:
        return "an empty path"
    return "a folder" if Path(path).is_dir() else "no such file"


def _warn_outside(graph: HeteroGraph, time_max: int) -> None:
    """Warn of a bound outside the graph's times, e.g. a year where the store counts months."""
    found = time_range(graph)
    if found is None:
        print(f"warning: --time_max {time_max}: the graph has no times, nothing is left out")
    elif not found[0] <= time_max <= found[1]:
        left_out = "everything with a time" if time_max < found[0] else "nothing"
        print(
            f"warning: --time_max {time_max}: the graph's times are {found[0]} to {found[1]}, "
            f"{left_out} is left out"
        )


def _node_type(graph: HeteroGraph, run: EmbedConfig) -> str:
    if run.node_type:
        return run.node_type
    facts = GraphFacts.stored(graph)
    if facts is None:
        raise ValueError(
            f"{graph.path} names no target type: expected --node_type, one of "
            f"{list(graph.node_types)}"
        )
    return facts.target


def _nodes(graph: HeteroGraph, node_type: str, run: EmbedConfig) -> np.ndarray:
    """The rows that ``--ids`` or ``--rows`` asks for, by default all."""
    num_nodes = graph.num_nodes(node_type)
    try:
        if run.ids:
            return rows_of_ids(graph, node_type, run.ids)
        return rows_in_range(run.rows or ":", num_nodes)
    except ValueError as error:
        raise ValueError(f"{'--ids' if run.ids else '--rows'} {error}") from error
