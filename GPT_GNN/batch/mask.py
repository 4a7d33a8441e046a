"""Which links are generated: the masking of the generative task, and its leak guard."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.system.compiler import serial_kernel


@dataclass(frozen=True)
class Masked:
    """The outcome of masking.

    Attributes:
        observed: [E] bool, edges that the encoder sees.
        generated: [E] bool, edges into a target that the edge loss generates. An edge that is
            neither is the inverse of a generated one.
    """

    observed: np.ndarray
    generated: np.ndarray

    def edges(self, subgraph: Subgraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The observed edges: src [E'], dst [E'], edge_offsets, ordered as in the subgraph."""
        before = np.concatenate([[0], np.cumsum(self.observed)])
        src, dst = subgraph.src[self.observed], subgraph.dst[self.observed]
        return src, dst, before[subgraph.edge_offsets]


def mask_links(
    subgraph: Subgraph,
    target: str,
    rel_stop_list: Collection[str],
    ratio: float,
    rng: np.random.Generator,
) -> Masked:
    """Mask each link into a target with probability ``ratio``, in both directions.

    Targets are the seed nodes of type ``target``. Never masked are links from a target to itself
    and the relations of ``rel_stop_list``. The leak guard: both directions go, and parallel links
    of a multigraph share one draw, since one that stayed would reveal the others.

    Source: section 4.2 of the paper; the published ``GPT_sample``. Literal version, also of the
    separation: ``tests/oracle/masking.py``.
    Differs: one draw decides a link between two targets (the published code draws once for either
    end, so that such links are masked more often), and self loops stay as they are (the published
    Reddit script drops them).
    """
    schema = subgraph.schema
    into = np.zeros(len(schema.edge_types), dtype=np.bool_)
    loops = np.zeros_like(into)  # of these relations an edge may join a target to itself
    for i in schema.edge_types_into(target):
        into[i] = not schema.is_named(i, rel_stop_list)
        loops[i] = schema.edge_types[i][0] == target
    observed, generated = _masked(
        subgraph.edge_offsets,
        subgraph.src,
        subgraph.dst,
        _first_parallel(subgraph.edge_offsets, subgraph.src, subgraph.dst, subgraph.link),
        into,
        loops,
        subgraph.num_seeds[schema.node_type_id(target)],
        rng.random(subgraph.num_links) < ratio,
    )
    return Masked(observed=observed, generated=generated)


@serial_kernel
def _masked(edge_offsets, src, dst, link, into, loops, num_targets, drawn):
    """Which edges are observed and which are generated, [E] bool each.

    Args:
        into, loops: [R] bool, relations that are masked, and those from a target to a target.
        drawn: [number of links] bool, those that are masked if anything may mask them.
    """
    maskable = np.zeros(len(src), np.bool_)
    chosen = np.zeros(len(drawn), np.bool_)
    for edge_type in range(len(into)):
        if not into[edge_type]:
            continue
        for e in range(edge_offsets[edge_type], edge_offsets[edge_type + 1]):
            if dst[e] < num_targets and not (loops[edge_type] and src[e] == dst[e]):
                maskable[e] = True
                chosen[link[e]] = drawn[link[e]]
    observed, generated = np.empty(len(src), np.bool_), np.empty(len(src), np.bool_)
    for e in range(len(src)):
        observed[e] = not chosen[link[e]]
        generated[e] = chosen[link[e]] and maskable[e]
    return observed, generated


@serial_kernel
def _first_parallel(edge_offsets, src, dst, link):
    """[E] the lowest link number among the edges of one type between the same ends."""
    out = np.empty_like(link)
    for edge_type in range(len(edge_offsets) - 1):
        begin, end = edge_offsets[edge_type], edge_offsets[edge_type + 1]
        while begin < end:
            lowest, after = link[begin], begin + 1
            while after < end and dst[after] == dst[begin] and src[after] == src[begin]:
                lowest = min(lowest, link[after])
                after += 1
            out[begin:after] = lowest
            begin = after
    return out
