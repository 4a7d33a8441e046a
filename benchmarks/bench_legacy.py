"""Convert a published graph's pickle against ``dill.load`` of the same file.

    python benchmarks/bench_legacy.py
    python benchmarks/bench_legacy.py --nodes 1000000 --width 768

Builds a graph of OAG's schema (``GPT_GNN/datasets/toy/scale.py``; 500,000 nodes have 5.4 million
stored edges) and pickles it as the published preprocessing does: nested dicts of edges, DataFrames
with a list of floats per node, names. ``dill.load`` and the conversion run in fresh processes, in
turn, their imports done and Numba's kernels compiled. Prints a JSON line: median seconds;
``peak_mb``, the conversion's peak resident memory (mapped files included), and ``allowed_mb``, 3
times the store and 1 GB; ``reference_mb``, the peak of ``dill.load``.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_open import published_form, size_mb
from benchmarks.measure import line, show
from GPT_GNN.datasets.toy.scale import build_scale
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.system.runner import run_command


class Graph:
    """Stands for the published class, which only has attributes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=500_000)
    parser.add_argument("--width", type=int, default=128, help="of the features")
    parser.add_argument("--runs", type=int, default=3, help="processes of each kind")
    parser.add_argument("--write", nargs=3, metavar=("PICKLE", "NODES", "WIDTH"))
    parser.add_argument("--once", nargs=3, metavar=("KIND", "PICKLE", "STORE"))
    args = parser.parse_args()
    if args.write:
        write(args.write[0], int(args.write[1]), int(args.write[2]))
    elif args.once:
        print(json.dumps(once(*args.once)))
    else:
        compare(args.nodes, args.width, args.runs)


def compare(nodes: int, width: int, runs: int) -> None:
    """Write the pickle, open it both ways in turn, print the line."""
    with tempfile.TemporaryDirectory() as folder:
        old, store = f"{folder}/graph_CS.pk", f"{folder}/store"
        subprocess.run(
            [sys.executable, __file__, "--write", old, str(nodes), str(width)], check=True
        )
        results: dict[str, list[dict[str, float]]] = {"dill": [], "ours": []}
        for run in range(runs + 1):  # the first compiles, and fills the page cache
            for kind, rows in results.items():
                command = [sys.executable, __file__, "--once", kind, old, store]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                rows += [json.loads(done.stdout)] * (run > 0)
        sizes = {"pickle_mb": size_mb(old), "store_mb": size_mb(store)}
    middle = {
        kind: {key: median(row[key] for row in rows) for key in rows[0]}
        for kind, rows in results.items()
    }
    ours, dill = middle["ours"], middle["dill"]
    extra = {
        "peak_mb": round(ours["peak_mb"]),
        "allowed_mb": 3 * sizes["store_mb"] + 1000,
        "reference_mb": round(dill["peak_mb"]),
        "edges": int(ours["edges"]),
    }
    show(line("legacy", "dill", dill["seconds"], ours["seconds"], runs, **extra, **sizes))


def write(path: str, nodes: int, width: int) -> None:
    """The pickle: a ``GPT_GNN.data.Graph``."""
    with tempfile.TemporaryDirectory() as folder:
        graph = build_scale(f"{folder}/store", nodes, width=width)
        published = published_class()()
        published.__dict__.update(published_form(graph))
        with open(path, "wb") as file:
            pickle.dump(published, file, protocol=4)


def published_class() -> type[Graph]:
    """The class under the name that published pickles give it."""
    module = types.ModuleType("GPT_GNN.data")
    module.__dict__["Graph"] = Graph
    Graph.__module__ = "GPT_GNN.data"
    sys.modules["GPT_GNN.data"] = module
    return Graph


def once(kind: str, source: str, store: str) -> dict[str, float]:
    """Seconds and peak resident memory in MB of opening the pickle in this process."""
    import dill
    import pandas  # noqa: F401  (its import is not the format's fault)

    edges = 0
    published_class()
    start = time.perf_counter()
    if kind == "dill":
        with open(source, "rb") as file:
            graph = dill.load(file)
        assert graph.edge_list
    else:
        edges = sum(convert(source, store, word_vectors=False).meta["num_edges"])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": peak, "edges": edges}


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
