"""Where a batch's time goes, part by part, and the least that memory would take.

``bench_sampler.py --profile`` and ``bench_scale.py --profile`` print it. The parts are timed from
outside: the functions that call them are compiled once more with a clock around each, so that the
package holds none. The clock is Python's and takes a microsecond.
"""

from __future__ import annotations

import ctypes
import time
import types
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any
from unittest.mock import patch

import numba
import numpy as np

from benchmarks.batches import Drawer
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.objectives import Objective, gpt_gnn
from GPT_GNN.sampler.kernels import entry, walk
from GPT_GNN.sampler.query import Query
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.system.compiler import SERIAL
from GPT_GNN.system.prefetch import prefetch
from tests.made import indexed

LINE = 64  # bytes of a cache line
KERNEL = {  # the kernel's parts
    "drawn_edges": "draw edges of sampled nodes",
    "_reach": "enter their sources in the budgets",
    "draw_nodes": "draw nodes from the budgets",
    "induced": "find induced edges",
    "directed": "sort induced edges",
}
TRANSFORM = {  # the parts of GPTGNN.transform
    "gather_features": "gather features",
    "mask_links": "mask links",
    "separate_targets": "split targets",
    "assemble": "index edges",
    "link_tasks": "prepare the edge loss",
}
COUNTS = {
    "runs": "runs: the in-edges of a sampled node in one relation",
    "drawn": "edges drawn",
    "reached": "distinct nodes reached",
    "nodes": "nodes sampled",
    "edges": "edges induced",
}
LINES = {  # of what a batch must read at random places
    "indptr": "offsets of sampled nodes",
    "drawn_lines": "drawn edges",
    "table": "hash table, a line a reached node",
    "features": "features of sampled nodes",
}
EVENTS = [*KERNEL, "runs", "drawn", "drawn_lines", "indptr"]  # what compiled code reports

_sums: dict[str, float] = {}


@ctypes.CFUNCTYPE(ctypes.c_double)
def _now() -> float:
    return time.perf_counter()


@ctypes.CFUNCTYPE(None, ctypes.c_long, ctypes.c_double)
def _add(event: int, amount: float) -> None:
    _sums[EVENTS[event]] = _sums.get(EVENTS[event], 0.0) + amount


def show_profile(graph: HeteroGraph, objective: Objective, runs: int) -> None:
    """Print a part's milliseconds, what a batch reads, and how long memory takes for that.

    Args:
        runs: batches that count, after as many that do not; figures are medians.
    """
    draw = Drawer(graph)
    records = []
    with ExitStack() as stack:
        stack.enter_context(patch("GPT_GNN.sampler.kernels.sample", _timed_sample()))
        for name in TRANSFORM:
            part = _timed_in_python(getattr(gpt_gnn, name), name)
            stack.enter_context(patch.object(gpt_gnn, name, part))
        for step in range(2 * runs):
            _sums.clear()
            subgraph = _one_batch(graph, draw, objective, step)
            records.append(dict(_sums))
    values = {key: median(record[key] for record in records[runs:]) for key in records[0]}
    parts = KERNEL | {"rest": "the rest of the subgraph"} | TRANSFORM
    parts |= {"other": "the rest of the batch", "subgraph": "subgraph", "batch": "batch"}
    _show("milliseconds of a batch", parts, {k: 1e3 * v for k, v in values.items()}, 2)
    _show("counts", COUNTS, values, 0)
    _show("cache lines at random places", LINES, values, 0)
    floor = _floor(graph, draw, values, subgraph)
    _show("milliseconds to read as many, once, asked for ahead of use", LINES, floor, 2)


def _one_batch(graph: HeteroGraph, draw: Drawer, objective: Objective, step: int) -> Subgraph:
    """Make a batch; its seconds and counts go into ``_sums``."""
    ids, rng = draw.seeds(step)
    start = time.perf_counter()
    seeds = {OAG.FACTS.target: (ids, draw.time[ids])}
    subgraph = draw.sampler.sample(Query(seeds, draw.time_max, "pretrain"), rng)
    sampled = time.perf_counter()
    indexed(objective.transform(graph, subgraph, rng))
    end = time.perf_counter()
    _sums["subgraph"], _sums["batch"] = sampled - start, end - start
    _sums["rest"] = sampled - start - sum(_sums[name] for name in KERNEL)
    _sums["other"] = end - sampled - sum(_sums[name] for name in TRANSFORM)
    _sums["reached"] = _sums["table"] = draw.reached()
    _sums["nodes"], _sums["edges"] = sum(map(len, subgraph.node_ids)), len(subgraph.src)
    _sums["features"] = sum(n * lines for _, n, lines in _feature_rows(graph, subgraph))
    return subgraph


def _timed_sample() -> Any:
    """The kernel, compiled with a clock around its parts."""
    parts = {}
    for number, name in enumerate(KERNEL):
        module = walk if hasattr(walk, name) else entry
        parts[name] = _timed_in_kernel(getattr(module, name), number)
    parts["drawn_edges"] = _counted(parts["drawn_edges"])
    parts["walk"] = _calling(parts, walk.walk)
    return _calling(parts, entry.sample)


def _calling(parts: Mapping[str, Any], function: Any) -> Any:
    """A compiled function once more, calling other ``parts`` than its own."""
    python = function.py_func
    names = python.__globals__ | dict(parts)
    copy = types.FunctionType(python.__code__, names, closure=python.__closure__)
    return numba.njit(**SERIAL)(copy)


def _timed_in_kernel(part: Any, number: int) -> Any:
    @numba.njit(**SERIAL)
    def timed(*args):
        start = _now()
        result = part(*args)
        _add(number, _now() - start)
        return result

    return timed


def _timed_in_python(part: Callable[..., Any], name: str) -> Callable[..., Any]:
    def timed(*args: Any) -> Any:
        start = time.perf_counter()
        result = part(*args)
        _sums[name] = time.perf_counter() - start
        return result

    return timed


def _counted(drawn_edges: Any) -> Any:
    """``drawn_edges`` that reports how many it drew, and how many lines they are on."""
    runs_event, drawn_event, lines_event, indptr_event = map(
        EVENTS.index, ("runs", "drawn", "drawn_lines", "indptr")
    )

    @numba.njit(**SERIAL)
    def counted(graph, hidden, pool, chosen, needed, width, time_max, state):
        result = drawn_edges(graph, hidden, pool, chosen, needed, width, time_max, state)
        runs = result[0]
        lines, offsets = 0, 0
        for i in range(len(runs)):
            run = runs[i]
            if run["count"] < run["end"] - run["begin"]:
                lines += run["count"]  # drawn from a long run: each on a line of its own
            else:
                lines += (run["end"] - 1) // 8 - run["begin"] // 8 + 1  # 8 bytes each
        for item in chosen:
            kind = item >> pool.bits
            offsets += (2 * (graph.into_start[kind + 1] - graph.into_start[kind]) + 7) // 8
        _add(runs_event, len(runs))
        _add(drawn_event, len(result[1]))
        _add(lines_event, lines)
        _add(indptr_event, offsets)
        return result

    return counted


def _feature_rows(graph: HeteroGraph, subgraph: Subgraph) -> list[tuple[np.ndarray, int, int]]:
    """What a batch reads of each features file: the array, rows, cache lines a row."""
    out = []
    for node_type, ids in zip(graph.node_types, subgraph.node_ids, strict=True):
        for part in graph.meta["features"].get(node_type, []):
            array = graph.array(part["files"].get("*") or part["files"]["pretrain"])
            out.append((array, len(ids), -(-array.shape[1] * array.itemsize // LINE)))
    return out


def _floor(
    graph: HeteroGraph, draw: Drawer, values: Mapping[str, float], subgraph: Subgraph
) -> dict[str, float]:
    """Milliseconds to read as many lines of the same arrays, at random places."""
    table = draw.sampler._room.pool.table
    out = {
        "indptr": _touch_ms(graph.indptr, int(values["indptr"]), 1),
        "drawn_lines": _touch_ms(graph.edges, int(values["drawn_lines"]), 1),
        "table": _touch_ms(table, int(values["table"]), 1),
    }
    rows = _feature_rows(graph, subgraph)
    out["features"] = sum(_touch_ms(array, n, lines) for array, n, lines in rows)
    return out


def _touch_ms(array: np.ndarray, n: int, lines: int, repeats: int = 30) -> float:
    """Median milliseconds to read ``lines`` neighbouring cache lines at ``n`` random places."""
    words = array.reshape(-1).view(np.uint16)
    step = LINE // words.itemsize
    rng = np.random.default_rng(0)
    seconds = []
    for _ in range(repeats):
        places = rng.integers(0, max(1, len(words) // step - lines), n) * step
        start = time.perf_counter()
        _touch(words, places, lines, step)
        seconds.append(time.perf_counter() - start)
    return 1e3 * median(seconds)


@numba.njit(**SERIAL)
def _touch(words, places, lines, step):
    """Sum of a word of each line."""
    total = 0
    for i in range(len(places)):
        ahead = places[min(i + 32, len(places) - 1)]
        for j in range(lines):
            prefetch(words, ahead + j * step)
        for j in range(lines):
            total += words[places[i] + j * step]
    return total


def _show(title: str, names: Mapping[str, str], values: Mapping[str, float], digits: int) -> None:
    print(f"\n{title}")
    for key, name in names.items():
        print(f"{values[key]:>12,.{digits}f}  {name}")
