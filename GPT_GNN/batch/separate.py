"""Node separation: every target a second time, to generate its attributes."""

from __future__ import annotations

import numpy as np

from GPT_GNN.batch.mask import Masked
from GPT_GNN.sampler.subgraph import Subgraph
from GPT_GNN.system.compiler import serial_kernel


def separate_targets(
    subgraph: Subgraph, target: str, masked: Masked
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Observed edges, and a copy of those into targets for the attribute generation nodes.

    The copy of target i is local node n + i. It receives what i receives, except from i itself, and
    sends nothing.

    Returns:
        src [E'], dst [E'], edge_offsets: grouped and ordered as in the subgraph.
    """
    schema = subgraph.schema
    t = schema.node_type_id(target)
    into_target = np.array([into == target for _, _, into in schema.edge_types], dtype=np.bool_)
    from_target = np.array([source == target for source, _, _ in schema.edge_types], dtype=np.bool_)
    src, dst, offsets = _separated(
        subgraph.src,
        subgraph.dst,
        subgraph.edge_offsets,
        masked.observed,
        into_target,
        from_target,
        subgraph.num_seeds[t],
        len(subgraph.node_ids[t]),
    )
    return src, dst, offsets


@serial_kernel
def _separated(src, dst, edge_offsets, observed, into_target, from_target, n_targets, n_nodes):
    new_src, new_dst = np.empty(2 * len(src), np.int32), np.empty(2 * len(src), np.int32)
    offsets, n = np.zeros_like(edge_offsets), 0
    for edge_type in range(len(into_target)):
        begin, end = edge_offsets[edge_type], edge_offsets[edge_type + 1]
        for e in range(begin, end):
            new_src[n], new_dst[n] = src[e], dst[e]
            n += observed[e]  # else the next one overwrites it
        if into_target[edge_type]:
            loops = from_target[edge_type]
            for e in range(begin, end):
                new_src[n], new_dst[n] = src[e], dst[e] + n_nodes
                n += observed[e] and dst[e] < n_targets and not (loops and src[e] == dst[e])
        offsets[edge_type + 1] = n
    return new_src[:n].copy(), new_dst[:n].copy(), offsets
