"""Small stores of other kinds than the two datasets': what the entry points must run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.store import HeteroGraph

FILMS = 60


def films(path: Path, task: GraphFacts | None = None) -> HeteroGraph:
    """Typed, untimed; only films have features. Casting is stored from both sides, as one link."""
    rng = np.random.default_rng(0)
    actor, film = np.unique(rng.integers(0, [25, FILMS], (200, 2)), axis=0).T
    studio = rng.integers(0, 4, FILMS - 1)
    genres = rng.random((FILMS, 3)) < 0.5
    genres[:5] = False  # films without a genre
    nodes = {
        "film": NodeArrays(
            FILMS,
            {"plot": rng.normal(size=(FILMS, 5)), "cast": rng.normal(size=(FILMS, 3))},
            {
                "genre": rng.integers(-1, 3, FILMS),
                "genres": genres.astype(np.uint8),
                "fold": rng.integers(1, 4, FILMS).astype(np.int8),
                "name": [f"film {i}" for i in range(FILMS)],
            },
        ),
        "actor": NodeArrays(25),
        "studio": NodeArrays(4),
    }
    edges = {
        ("actor", "in", "film"): EdgeArrays(actor, film, inverse="has"),
        ("film", "has", "actor"): EdgeArrays(film, actor, inverse="in"),
        ("studio", "made", "film"): EdgeArrays(studio, np.arange(FILMS - 1)),
    }
    return write_graph(path, nodes, edges, task)


def pages(path: Path) -> HeteroGraph:
    """One type and one relation; some pages link to themselves, the last ten to none."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 70, (2, 200))
    a, b = np.append(a, [0, 5]), np.append(b, [0, 5])
    nodes = NodeArrays(
        80,
        {"x": rng.normal(size=(80, 4))},
        {"y": rng.integers(0, 3, 80), "part": np.tile(np.arange(4, dtype=np.int8), 20)},
    )
    link = EdgeArrays(np.append(a, b), np.append(b, a), inverse="link")
    return write_graph(path, {"page": nodes}, {("page", "link", "page"): link})


def ratings(path: Path, task: GraphFacts | None = None, until: int = 10) -> HeteroGraph:
    """Users rate songs in the years 1 to 10; songs have the year they came out, users none.

    Args:
        until: the last year of which there are ratings.
    """
    rng = np.random.default_rng(2)
    out = np.sort(rng.integers(1, 9, 50)).astype(np.int32)
    user, song = np.unique(rng.integers(0, [30, 50], (260, 2)), axis=0).T
    nodes = {
        "song": NodeArrays(
            50, {"x": rng.normal(size=(50, 4))}, {"style": rng.integers(0, 3, 50)}, out
        ),
        "user": NodeArrays(30, {"x": rng.normal(size=(30, 2))}, {"age": rng.integers(0, 3, 30)}),
    }
    year = rng.integers(out[song], 11).astype(np.int32)
    kept = year <= until
    edges = {("user", "rates", "song"): EdgeArrays(user[kept], song[kept], year[kept])}
    return write_graph(path, nodes, edges, task, times_declared=True)
