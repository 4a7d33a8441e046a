"""Small published graphs and what is in their stores, for the tests."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.graph.store import NO_TIME

pd = pytest.importorskip("pandas")
FILES = sorted((Path(__file__).parent / "files").glob("*.pk"))


class Graph:
    """Stands for the published class: a pickle of it names ``GPT_GNN.data.Graph``."""

    __module__ = "GPT_GNN.data"

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def frames(n=4, **columns):
    return {"a": pd.DataFrame({"emb": [[float(i), 1.0] for i in range(n)], **columns})}


def both_ways(edges, relation="r"):
    """{target type: {source type: {relation: adjacency}}} of (source, target, time) triples."""
    adjacency, turned = defaultdict(dict), defaultdict(dict)
    for s, t, time in edges:
        adjacency[t][s] = time
        turned[s][t] = time
    return {"a": {"a": {relation: dict(adjacency), f"rev_{relation}": dict(turned)}}}


def stored(graph, edge_type):
    """{(source, target): time} of an edge type."""
    csr = graph.csr(edge_type)
    time = np.full(len(csr.indices), NO_TIME) if csr.time is None else csr.time
    pairs = zip(csr.indices.tolist(), csr.targets().tolist(), strict=True)
    return {pair: None if t == NO_TIME else int(t) for pair, t in zip(pairs, time, strict=True)}


def texts(graph, node_type, name):
    rows = graph.ragged(node_type, name)
    return [rows.text(i) for i in range(len(rows))]


def left_behind(folder):
    return sorted(p.name for p in folder.iterdir() if p.suffix != ".pk")
