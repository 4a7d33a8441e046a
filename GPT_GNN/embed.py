"""Embed nodes of a graph with a trained model, new ones included, into a file.

python -m GPT_GNN.embed                                  # all posts of the built-in graph
python -m GPT_GNN.embed --data_dir data/oag_cs --model runs/gpt_gnn.pt --out emb.npy
python -m GPT_GNN.embed --data_dir data/oag_cs --model runs/PF/best.pt --node_type author --ids 90:
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from GPT_GNN.config import EMBED_GROUPS, EmbedConfig, SamplerConfig, parse_flags
from GPT_GNN.datasets.builtin import open_graph
from GPT_GNN.datasets.reddit import toy_store
from GPT_GNN.files import atomic_file
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.remarks import time_range
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.train.embed import embed
from GPT_GNN.train.runtime import pick_device, run_script
from GPT_GNN.train.trained import read_trained


def main() -> None:
    """Read the flags, embed, write."""
    args = parse_flags(EMBED_GROUPS, __doc__)
    if Path(args.run.out).is_dir():
        raise ValueError(f"--out {args.run.out}: expected a file, found a folder")
    device = pick_device(args.run.cuda)
    graph = open_graph(args.data.data_dir, toy_store)
    node_type = _node_type(graph, args.run)
    ids = read_ids(args.run.ids, graph.num_nodes(node_type))
    if args.run.time_max != EmbedConfig.time_max:
        _warn_outside(graph, args.run.time_max)
    model = read_trained(args.run.model, graph)

    def size(name: str) -> int:
        trained_with = model.sampler.get(name, getattr(SamplerConfig, name))
        return int(getattr(args.sampler, name) or trained_with)

    # Opened first: hours of work must not end at a place that cannot be written.
    with atomic_file(args.run.out) as temporary, open(temporary, "wb") as file:
        rows = embed(
            model.encoder,
            graph,
            node_type,
            ids,
            sample_depth=size("sample_depth"),
            sample_width=size("sample_width"),
            batch_size=args.sampler.batch_size,
            n_pool=args.sampler.n_pool,
            time_max=args.run.time_max,
            view=args.run.view,
            seed=args.run.seed,
            device=device,
            progress=True,
        )
        np.save(file, rows)
    n, width = rows.shape
    print(f"{args.run.out}: {n} rows of {width} for nodes of type {node_type!r}")


def _warn_outside(graph: HeteroGraph, time_max: int) -> None:
    """Say when a bound is of no time of the graph: a year, say, where the store counts months."""
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
            f"{graph.path} says of no type that it is trained: expected --node_type, one of "
            f"{list(graph.node_types)}"
        )
    return facts.target


def read_ids(text: str, num_nodes: int) -> np.ndarray:
    """The ids of ``--ids``.

    Args:
        text: a .npy file, a text file with one id a line (empty lines are skipped),
            ``first:behind_last`` where either may be left out, or empty for all.
        num_nodes: of the type.

    Returns:
        [n] integers.

    Raises:
        ValueError: none of these, or a line that is no integer.
    """
    ends = re.fullmatch(r"(\d*):(\d*)", text or ":")
    if ends:
        first, behind = int(ends[1] or 0), int(ends[2] or num_nodes)
        if not first <= behind <= num_nodes:
            raise ValueError(f"--ids {text}: expected a range of 0:{num_nodes}")
        return np.arange(first, behind)
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"--ids {text}: expected a file or FIRST:BEHIND_LAST, found neither")
    if path.suffix == ".npy":
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path}: expected a .npy of integers: {error}") from error
    ids = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            ids += [np.int64(int(line))] if line.strip() else []
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"{path}:{number}: expected an id, got {line.decode(errors='replace')!r}"
            ) from error
    return np.array(ids, dtype=np.int64)


if __name__ == "__main__":
    sys.exit(run_script(main))
