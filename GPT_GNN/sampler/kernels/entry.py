"""One sample, one compiled call."""

from __future__ import annotations

import numpy as np

from GPT_GNN.sampler.kernels.compiler import SOURCES
from GPT_GNN.sampler.kernels.induce import directed, induced
from GPT_GNN.sampler.kernels.walk import walk
from GPT_GNN.system.compiler import kernel_of


@kernel_of(SOURCES)
def sample(graph, hidden, seeds, seed_kinds, seed_times, depth, width, time_max, seed, pool):
    """Draw a sample.

    Args:
        graph, hidden: GraphArrays and HiddenArrays.
        seeds: [n] int64 global ids of seed nodes, distinct; seed_kinds: [n] int64, their types;
            seed_times: [n] int32.
        depth, width, time_max, seed: int64.
        pool: room for what is reached; its content does not matter.

    Returns:
        node [S] int64 global ids and time [S] int32 grouped by type, first [T + 1] int64 where
        each type begins, src, dst, link [E] int32, the number of links, offsets [R + 1] int64,
        and the pool, longer where it had to be, to give to the next call.
    """
    pool, tally = walk(
        graph, hidden, seeds, seed_kinds, seed_times, depth, width, time_max, seed, pool
    )
    first = np.zeros(len(tally.sampled) + 1, np.int64)
    for kind in range(len(tally.sampled)):
        first[kind + 1] = first[kind] + tally.sampled[kind]
    node = np.empty(tally.counts[0], np.int64)
    time = np.empty(tally.counts[0], np.int32)
    for i in range(tally.counts[0]):
        entry = pool.sampled[i]
        at = first[entry >> pool.bits] + pool.entries[entry]["local"]
        node[at], time[at] = pool.entries[entry]["node"], pool.entries[entry]["time"]
    links = induced(graph, hidden, node, first, time_max)
    src, dst, link, num_links, offsets = directed(graph, links, first)
    return node, time, first, src, dst, link, num_links, offsets, pool
