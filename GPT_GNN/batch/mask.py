"""Which links are generated: the masking of the generative task."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from GPT_GNN.compiler import serial_kernel
from GPT_GNN.sampler.subgraph import Subgraph


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


def mask_links(
    subgraph: Subgraph,
    target: str,
    rel_stop_list: Collection[str],
    ratio: float,
    rng: np.random.Generator,
) -> Masked:
    """Mask each link into a target with probability ``ratio``, in both directions.

    Targets are the seeds of type ``target``. Never masked are links from a target to itself and the
    relations of ``rel_stop_list``. Parallel links of a multigraph share one draw: one that stayed
    would give the others away.

    Source: section 4.2 of the paper; the published ``GPT_sample``.
    Differs: one draw decides a link between two targets (the published code draws once for either
    end, so that such links are masked more often), and self loops stay as they are (the published
    Reddit script drops them).
    """
    schema = subgraph.schema
    maskable = np.zeros(len(subgraph.src), dtype=bool)
    num_targets = subgraph.num_seeds[schema.node_type_id(target)]
    for i in schema.edge_types_into(target):
        source, relation, _ = schema.edge_types[i]
        if relation in rel_stop_list:
            continue
        edges = subgraph.edges(schema.edge_types[i])
        maskable[edges] = subgraph.dst[edges] < num_targets
        if source == target:
            maskable[edges] &= subgraph.src[edges] != subgraph.dst[edges]
    link = _first_parallel(subgraph.edge_offsets, subgraph.src, subgraph.dst, subgraph.link)
    chosen = np.zeros(subgraph.num_links, dtype=bool)
    chosen[link[maskable]] = True
    chosen &= rng.random(subgraph.num_links) < ratio
    masked = chosen[link]
    return Masked(observed=~masked, generated=masked & maskable)


@serial_kernel
def _first_parallel(edge_offsets, src, dst, link):  # type: ignore[no-untyped-def]
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
