"""A real graph, recounted from its raw files with nothing but gzip and sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.graph.store import HeteroGraph
from tests.datasets.dumps import read_rows

TEXT_DIM = 64


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HeteroGraph]:
    """Raw folder and store of a real graph."""
    raw = shared_data / "academic" / "acl_full"
    if not raw.is_dir():
        pytest.skip(f"no {raw}")
    store = tmp_path_factory.mktemp("acl_full") / "store"
    return raw, build_academic(raw, store, text_dim=TEXT_DIM, word_epochs=1)


def test_kept_counts(real: tuple[Path, HeteroGraph]) -> None:
    raw, graph = real
    rows = {
        stem: read_rows(raw, stem)
        for stem in ("Papers", "PAb", "PR", "PAuAf", "PF", "FHierarchy", "SeqName")
    }
    year = {row[0]: int(row[1]) for row in rows["Papers"] if row[4] == "en"}
    cites = {(a, b) for a, b in rows["PR"] if a in year and b in year and year[a] >= year[b]}
    in_field = {(paper, field) for paper, field in rows["PF"] if paper in year}
    fields = {field for _, field in in_field}
    pairs = {tuple(row[:2]) for row in rows["FHierarchy"] if set(row[:2]) <= fields}
    writes = {tuple(row) for row in rows["PAuAf"] if row[0] in year}
    venues = {row[3] for row in rows["Papers"] if row[0] in year}
    people, places = {row[1] for row in writes}, {row[2] for row in writes} - {""}
    abstracts = {row[0] for row in rows["PAb"] if row[0] in year and row[1]}
    kept = {stem: counts["kept"] for stem, counts in graph.facts["files"].items()}
    assert kept == {
        "Papers": len(year),
        "PR": len(cites),
        "PF": len(in_field),
        "PAuAf": len(writes),
        "FHierarchy": len(pairs),
        "PAb": len(abstracts),
        "SeqName": len(people) + len(places) + len(venues) + len(fields),
    }
    for stem, counts in graph.facts["files"].items():
        assert counts["read"] == len(rows[stem]) and counts["bad"] == 0
        assert counts["read"] == counts["kept"] + sum(counts["left_out"].values())
    nodes = {node_type: graph.num_nodes(node_type) for node_type in graph.node_types}
    assert nodes == {
        "paper": len(year),
        "author": len(people),
        "venue": len(venues),
        "field": len(fields),
        "affiliation": len(places),
    }
    assert_edges(graph, rows, year, len(cites), in_field, len(pairs))


def assert_edges(
    graph: HeteroGraph,
    rows: dict[str, list[list[str]]],
    year: dict[str, int],
    cites: int,
    in_field: set[tuple[str, str]],
    pairs: int,
) -> None:
    """The number of edges of every relation."""
    level = {row[0]: row[2] for row in rows["FHierarchy"]}
    level |= {row[1]: row[3] for row in rows["FHierarchy"]}
    last: dict[str, int] = {}
    for paper, _, _, at in rows["PAuAf"]:
        last[paper] = max(last.get(paper, 0), int(at))
    writes: dict[str, set[tuple[str, str]]] = {"first": set(), "last": set(), "other": set()}
    for paper, author, _, at in rows["PAuAf"]:
        if paper in year:
            position = "first" if at == "1" else "last" if int(at) == last[paper] else "other"
            writes[position].add((author, paper))
    expected = {"PP_cite": cites, "FF_in": pairs}
    expected["in"] = len({(a, f) for p, a, f, _ in rows["PAuAf"] if p in year and f})
    expected |= {f"AP_write_{at}": len(found) for at, found in writes.items()}
    for kind in {row[5] for row in rows["Papers"] if row[0] in year}:
        papers = [row for row in rows["Papers"] if row[0] in year and row[5] == kind]
        expected[f"PV_{kind}"] = len(papers)
    for name in set(level.values()):
        of_level = sum(level[field] == name for _, field in in_field)
        expected[f"PF_in_{name}"] = of_level
    found = {e[1]: graph.num_edges(e) for e in graph.edge_types if not e[1].startswith("rev_")}
    assert found == {relation: n for relation, n in expected.items() if n}


def test_known_sizes(real: tuple[Path, HeteroGraph]) -> None:
    """The numbers of the data's own README."""
    _, graph = real
    sizes = [
        len(OAG.FACTS.split.nodes(graph, "paper", s))
        for s in ("pretrain", "train", "valid", "test")
    ]
    assert sizes == [32883, 9974, 3123, 21687]


def test_features_are_finite_and_of_order_one(real: tuple[Path, HeteroGraph]) -> None:
    _, graph = real
    for node_type in graph.node_types:
        ids = np.arange(0, graph.num_nodes(node_type), 7)
        for view in graph.views:
            x = graph.gather_features(node_type, ids, view)
            assert x.shape[1] == TEXT_DIM + 1 and np.isfinite(x).all()
    x = graph.gather_features("paper", np.arange(1000), "pretrain")[:, :-1]
    assert 0.5 < np.sqrt((x**2).mean()) <= 1.01
