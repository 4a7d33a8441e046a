"""Literal means over papers, one node at a time, without some of the papers."""

from __future__ import annotations

import numpy as np


def means_without(graph, left_out, bound):
    """Text of every author, venue, field and affiliation: type -> [N, W] float64, and counts.

    Args:
        left_out: ids of the papers that are in no mean.
        bound: last year of papers and employments.
    """
    text = graph.gather_features("paper", np.arange(graph.num_nodes("paper")), "pretrain")
    text = text[:, graph.feature_parts("paper")["text"]].astype(np.float64)
    year = graph.node_time("paper")
    found, counts = {}, {}
    for node_type in ("author", "venue", "field"):
        papers = [set() for _ in range(graph.num_nodes(node_type))]
        for edge_type in graph.edge_types:
            if edge_type[::2] == (node_type, "paper"):
                csr = graph.csr(edge_type)
                for node, paper in zip(csr.indices, csr.targets(), strict=True):
                    if year[paper] <= bound and paper not in left_out:
                        papers[node].add(int(paper))
        found[node_type] = [text[sorted(p)].mean(0) if p else None for p in papers]
        counts[node_type] = [len(p) for p in papers]
    csr = graph.csr(("author", "in", "affiliation"))
    authors = [set() for _ in range(graph.num_nodes("affiliation"))]
    for author, affiliation, time in zip(csr.indices, csr.targets(), csr.time, strict=True):
        if time <= bound and found["author"][author] is not None:
            authors[affiliation].add(int(author))
    found["affiliation"] = [
        np.mean([found["author"][a] for a in sorted(members)], axis=0) if members else None
        for members in authors
    ]
    counts["affiliation"] = [len(members) for members in authors]
    zeros = np.zeros(text.shape[1])
    rows = {t: np.array([zeros if m is None else m for m in rows]) for t, rows in found.items()}
    return rows, counts
