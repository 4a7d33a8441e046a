"""A random graph of posts in GraphSAGE's two files: the built-in graph, or a big one.

Communities differ in size, posts in degree (a power law); most links stay within a community, and
some posts have none. Features are noisy means of the communities.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from GPT_GNN.rng import derive

VERSION = 1  # of what a seed gives


def write_files(
    folder: Path,
    posts: int,
    seed: int = 0,
    communities: int = 8,
    width: int = 32,
    mean_degree: float = 12.0,
) -> None:
    """Write ``reddit_data.npz`` and ``reddit_graph.npz``.

    Args:
        folder: where to; it must be there.
        posts: number of nodes, >= 100.
        communities: number of classes.
        width: columns of the features.
        mean_degree: over all posts; there are exactly half as many links per post.
    """
    if posts < 100 or mean_degree > posts / 8:
        raise ValueError(
            f"expected at least 100 posts and a mean degree of at most an eighth of their number, "
            f"got {posts} posts of degree {mean_degree}"
        )
    share = 1.0 / np.arange(2, communities + 2)  # the size of a community falls with its rank
    label = derive(seed, "communities").choice(communities, posts, p=share / share.sum())
    links = _links(derive(seed, "links"), label, int(posts * mean_degree / 2))
    row = np.concatenate([links // posts, links % posts]).astype(np.int32)
    col = np.concatenate([links % posts, links // posts]).astype(np.int32)
    np.savez(
        folder / "reddit_graph.npz",
        row=row,
        col=col,
        format=np.array(b"coo"),
        shape=np.array([posts, posts]),
        data=np.ones(len(row), dtype=np.int8),
    )
    kind = derive(seed, "node types").choice([1, 2, 3], posts, p=[0.66, 0.10, 0.24])
    np.savez(
        folder / "reddit_data.npz",
        feature=_features(derive(seed, "features"), label, width),
        label=label,
        node_types=kind.astype(np.int32),
    )


def _links(rng: np.random.Generator, label: np.ndarray, count: int) -> np.ndarray:
    """``count`` links as lower * N + higher, ascending; four in five stay in a community."""
    posts = len(label)
    by_label = np.argsort(label, kind="stable")
    activity = rng.random(posts) ** -0.4  # a power law
    activity[rng.random(posts) < 0.2] = 0  # these have no link
    reach = np.concatenate([[0.0], np.cumsum(activity[by_label])])
    ends = np.searchsorted(label[by_label], np.arange(label.max() + 2))
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        draw = rng.random((3, count - len(found) + 1000))
        one = by_label[_position(reach, draw[0] * reach[-1])]
        inside = draw[2] < 0.8
        low = np.where(inside, reach[ends[label[one]]], 0)
        high = np.where(inside, reach[ends[label[one] + 1]], reach[-1])
        two = by_label[_position(reach, low + draw[1] * (high - low))]
        keys = np.minimum(one, two) * posts + np.maximum(one, two)
        found = np.unique(np.concatenate([found, keys[one != two]]))
    return np.sort(rng.choice(found, count, replace=False)) if len(found) > count else found


def _position(reach: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Which interval of ``reach`` holds each value."""
    return np.minimum(np.searchsorted(reach, value, side="right") - 1, len(reach) - 2)


def _features(rng: np.random.Generator, label: np.ndarray, width: int) -> np.ndarray:
    """[N, width] float32: unit noise around a mean of the community."""
    mean = rng.standard_normal((label.max() + 1, width), dtype=np.float32) * 0.25
    out = rng.standard_normal((len(label), width), dtype=np.float32)
    for start in range(0, len(label), 2**16):
        out[start : start + 2**16] += mean[label[start : start + 2**16]]
    return out
