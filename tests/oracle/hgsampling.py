"""HGSampling over nested dicts: what the compiled sampler is compared with."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.sampler.subgraph import Subgraph

Edge = tuple[int, int, int]  # (position of the edge type, source id, target id)


@dataclass
class Sample:
    """Ids in the order in which they were sampled and their times; directed edges with counts."""

    nodes: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    edges: Counter[Edge] = field(default_factory=Counter)


def as_sample(graph: HeteroGraph, subgraph: Subgraph) -> Sample:
    """A Subgraph in the oracle's form."""
    out = Sample()
    for t, name in enumerate(graph.node_types):
        ids, times = subgraph.node_ids[t].tolist(), subgraph.node_times[t].tolist()
        out.nodes[name] = dict(zip(ids, times, strict=True))
    for e, (source, _, target) in enumerate(graph.edge_types):
        s, t = graph.node_types.index(source), graph.node_types.index(target)
        for i in range(subgraph.edge_offsets[e], subgraph.edge_offsets[e + 1]):
            u = int(subgraph.node_ids[s][subgraph.src[i]])
            v = int(subgraph.node_ids[t][subgraph.dst[i]])
            out.edges[e, u, v] += 1
    return out


def hidden_set(graph: HeteroGraph, masks: dict, pairs: dict) -> set[Edge]:
    """Every hidden (edge type, source, target), inverses included, from its definition."""
    out = set()
    for e, edge_type in enumerate(graph.edge_types):
        csr = graph.csr(edge_type)
        for u, v in zip(csr.indices.tolist(), csr.targets().tolist(), strict=True):
            hit = False
            if edge_type in masks:
                src_mask, dst_mask = masks[edge_type]
                hit |= (src_mask is None or src_mask[u]) and (dst_mask is None or dst_mask[v])
            if edge_type in pairs:
                hit |= (u, v) in set(zip(*(a.tolist() for a in pairs[edge_type]), strict=True))
            if hit:
                out |= {(e, u, v), (graph.schema.inverse[e], v, u)}
    return out


def edge_lists(graph: HeteroGraph, hidden: set[Edge]) -> list[dict[int, list[tuple[int, int]]]]:
    """Per edge type: target -> [(source, time), ...] in stored order, without the hidden edges."""
    out = []
    for e, edge_type in enumerate(graph.edge_types):
        csr = graph.csr(edge_type)
        times = [NO_TIME] * len(csr.indices) if csr.time is None else csr.time.tolist()
        adjacent = defaultdict(list)
        for u, v, time in zip(csr.indices.tolist(), csr.targets().tolist(), times, strict=True):
            if (e, u, v) not in hidden:
                adjacent[v].append((u, time))
        out.append(adjacent)
    return out


def sample(
    graph: HeteroGraph,
    lists: list[dict[int, list[tuple[int, int]]]],
    depth: int,
    width: int,
    seeds: dict[str, list[tuple[int, int]]],
    time_max: int,
    rng: np.random.Generator,
) -> Sample:
    """Sample from ``edge_lists(graph, ...)``; seeds are {type: [(id, time), ...]}."""
    out = Sample()
    budget: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0]))

    def add_budget(node_type: str, target: int, target_time: int) -> None:
        for e in graph.schema.edge_types_into(node_type):
            source_type = graph.edge_types[e][0]
            drawn = [edge for edge in lists[e].get(target, []) if edge[1] <= time_max]
            if len(drawn) >= width:
                picks = rng.choice(len(drawn), width, replace=False)
                drawn = [drawn[i] for i in sorted(picks)]
            for source, edge_time in drawn:
                time = target_time if edge_time == NO_TIME else edge_time
                if source in out.nodes[source_type]:
                    continue
                budget[source_type][source][0] += 1.0 / len(drawn)
                budget[source_type][source][1] = time

    for node_type, pairs in seeds.items():
        for node, time in pairs:
            out.nodes[node_type][node] = time
    for node_type, pairs in seeds.items():
        for node, time in pairs:
            add_budget(node_type, node, time)
    for _ in range(depth):
        for node_type in list(budget.keys()):
            keys = list(budget[node_type])
            if len(keys) >= width:
                score = np.array([budget[node_type][k][0] for k in keys]) ** 2
                picks = rng.choice(len(keys), width, p=score / score.sum(), replace=False)
                keys = [keys[i] for i in picks]
            for k in keys:
                out.nodes[node_type][k] = int(budget[node_type][k][1])
            for k in keys:
                add_budget(node_type, k, out.nodes[node_type][k])
                budget[node_type].pop(k)
    out.edges = induced(graph, lists, out.nodes, time_max)
    return out


def induced(
    graph: HeteroGraph,
    lists: list[dict[int, list[tuple[int, int]]]],
    nodes: dict[str, dict[int, int]],
    time_max: int,
) -> Counter[Edge]:
    """Every visible directed edge between some nodes that is not later than ``time_max``."""
    out: Counter[Edge] = Counter()
    for e, (source_type, _, target_type) in enumerate(graph.edge_types):
        for v in nodes[target_type]:
            for u, time in lists[e].get(v, []):
                if u in nodes[source_type] and time <= time_max:
                    out[e, u, v] += 1
    return out
