"""Open a store against unpickling the same graph in the published format.

    python benchmarks/bench_open.py
    python benchmarks/bench_open.py --nodes 200000

Builds a store of OAG's schema with features 768 wide (``GPT_GNN/datasets/toy/scale.py``)
and pickles the same graph as the published code keeps it: ``edge_list[target type][source type]
[relation][target][source] = year`` as nested dicts, and node features with a list of floats per
node in a column ``emb``: DataFrames where pandas is installed, else dicts of columns.
Opens each in a fresh process, in turn, and prints a JSON line: median seconds, and what opening
adds to the anonymous memory (``ours_mb``, ``reference_mb``) of a process that has its imports done.
"""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.measure import PeakMemory, anonymous_mb, line, show
from GPT_GNN.datasets.toy.scale import build_scale
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.system.runner import run_command

WIDTH = 768


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=45_000, help="20,000 of them are papers")
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind")
    parser.add_argument("--once", nargs=2, metavar=("KIND", "PATH"), help="open one and report")
    args = parser.parse_args()
    if args.once:
        print(json.dumps(once(*args.once)))
        return
    with tempfile.TemporaryDirectory() as folder:
        store, old = f"{folder}/store", f"{folder}/graph.pk"
        graph = build_scale(store, args.nodes, width=WIDTH)
        with open(old, "wb") as file:
            pickle.dump(published_form(graph), file, protocol=4)
        results: dict[str, list[dict[str, float]]] = {"store": [], "pickle": []}
        del graph
        for run in range(args.runs + 1):  # the first fills the page cache
            for kind, path in (("store", store), ("pickle", old)):
                result = in_a_process(kind, path)
                if run:
                    results[kind].append(result)
        bytes_ = {"store_mb": size_mb(store), "pickle_mb": size_mb(old)}
        report(results, args.runs, nodes=args.nodes, width=WIDTH, **bytes_)


def report(results: dict[str, list[dict[str, float]]], runs: int, **extra: Any) -> None:
    """One line from the medians of both kinds."""
    middle = {
        kind: {key: median(result[key] for result in rows) for key in rows[0]}
        for kind, rows in results.items()
    }
    ours, reference = middle["store"], middle["pickle"]
    memory = {
        "ours_mb": round(ours["mb"], 2),
        "reference_mb": round(reference["mb"], 1),
        "memory_share": round(ours["mb"] / reference["mb"], 5),
        "peak_mb": round(ours["peak_mb"]),
        "features": "DataFrames" if find_spec("pandas") else "dicts of columns (no pandas)",
    }
    record = line("open", "pickle", reference["seconds"], ours["seconds"], runs)
    show(record | memory | extra)


def in_a_process(kind: str, path: str) -> dict[str, float]:
    """Open once in a fresh process."""
    command = [sys.executable, __file__, "--once", kind, path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def once(kind: str, path: str) -> dict[str, float]:
    """Seconds, and MB of anonymous memory that the open graph holds, in this process."""
    if kind == "pickle" and find_spec("pandas"):
        import pandas  # noqa: F401  (its import is not the format's fault)
    before = anonymous_mb()
    with PeakMemory() as peak:
        start = time.perf_counter()
        graph = HeteroGraph.open(path) if kind == "store" else unpickle(path)
        seconds = time.perf_counter() - start
    held = anonymous_mb() - before
    assert graph is not None
    return {"seconds": seconds, "mb": max(held, 0.0), "peak_mb": peak.mb}


def unpickle(path: str) -> object:
    """Read the published form, as ``dill.load`` does for such a file."""
    with open(path, "rb") as file:
        return pickle.load(file)


def published_form(graph: HeteroGraph) -> dict[str, Any]:
    """The published ``Graph``'s attributes, as plain dicts (its class is not here to be found)."""
    edge_list: dict[str, Any] = {}
    for source, relation, target in graph.edge_types:
        csr = graph.csr((source, relation, target))
        years = [None] * len(csr.indices) if csr.time is None else csr.time.tolist()
        adjacent: dict[int, dict[int, int | None]] = {}
        for u, v, year in zip(csr.indices.tolist(), csr.targets().tolist(), years, strict=True):
            adjacent.setdefault(v, {})[u] = year
        edge_list.setdefault(target, {}).setdefault(source, {})[relation] = adjacent
    years_of = {t: graph.node_time(t) for t in graph.node_types}
    times = np.unique(np.concatenate([y for y in years_of.values() if y is not None]))
    return {
        "edge_list": edge_list,
        "node_feature": {t: features(graph, t) for t in graph.node_types},
        "node_forward": {
            t: {f"{t}{i}": i for i in range(graph.num_nodes(t))} for t in graph.node_types
        },
        "node_bacward": {
            t: [{"id": f"{t}{i}", "type": t} for i in range(graph.num_nodes(t))]
            for t in graph.node_types
        },
        "times": dict.fromkeys(times.tolist(), True),
    }


def features(graph: HeteroGraph, node_type: str) -> Any:
    """A type's attributes: a DataFrame (or dict of columns) with one list of floats per node."""
    n = graph.num_nodes(node_type)
    rows = graph.gather_features(node_type, np.arange(n), "pretrain")
    columns = {
        "id": [f"{node_type}{i}" for i in range(n)],
        "type": [node_type] * n,
        "emb": rows.astype(float).tolist(),
    }
    if not find_spec("pandas"):
        return columns
    import pandas as pd

    return pd.DataFrame(columns)


def size_mb(path: str) -> int:
    """Size of a file or of a folder's files, in MB."""
    files = [Path(path)] if Path(path).is_file() else Path(path).rglob("*")
    return round(sum(f.stat().st_size for f in files if f.is_file()) / 1e6)


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
