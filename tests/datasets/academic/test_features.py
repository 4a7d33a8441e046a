"""Features of the built-in dump against literal loops over its raw files; no future in them."""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.graph.store import HeteroGraph
from tests.datasets.dumps import SMALL, find, read_rows, write_rows

BOUNDS = {
    "pretrain": (2013, 2013, 2013),
    "finetune": (2016, 2016, 2016),
    "original": (2016, 9999, 9999),
}
Node = tuple[str, str]


def papers_of_nodes(raw: Path, year: dict[str, int]) -> dict[Node, set[str]]:
    """Kept papers of every author, venue and field, by raw ids."""
    papers: dict[Node, set[str]] = defaultdict(set)
    for paper, _, _, venue, *_ in read_rows(raw, "Papers"):
        papers["venue", venue].add(paper)
    for paper, author, _, _ in read_rows(raw, "PAuAf"):
        papers["author", author].add(paper)
    for paper, field in read_rows(raw, "PF"):
        papers["field", field].add(paper)
    return {node: {p for p in of if p in year} for node, of in papers.items()}


def employed(raw: Path, year: dict[str, int]) -> dict[tuple[str, str], int]:
    """(affiliation, author) -> year of the earliest kept paper that shows it."""
    since: dict[tuple[str, str], int] = {}
    for paper, author, affiliation, _ in read_rows(raw, "PAuAf"):
        if affiliation and paper in year:
            pair = (affiliation, author)
            since[pair] = min(since.get(pair, 9999), year[paper])
    return since


@pytest.mark.parametrize("view", list(BOUNDS))
def test_features_against_literal_loops(toy_dump: Path, toy_graph: HeteroGraph, view: str) -> None:
    text_until, citations_until, employment_until = BOUNDS[view]
    rows = read_rows(toy_dump, "Papers")
    year = {row[0]: int(row[1]) for row in rows if row[4] == "en"}
    vector = features(toy_graph, "paper", view)
    citations: dict[Node, int] = defaultdict(int)
    for citing, cited in read_rows(toy_dump, "PR"):
        if citing in year and cited in year and year[cited] <= year[citing] <= citations_until:
            citations["paper", cited] += 1
    mean: dict[Node, np.ndarray] = {}
    for node, papers in papers_of_nodes(toy_dump, year).items():
        citations[node] = sum(citations["paper", paper] for paper in papers)
        known = [vector[paper][:8] for paper in papers if year[paper] <= text_until]
        mean[node] = np.mean(known, axis=0) if known else np.zeros(8)
    authors_of: dict[str, list[str]] = defaultdict(list)
    for (affiliation, author), since in employed(toy_dump, year).items():
        if since <= employment_until:
            authors_of[affiliation].append(author)
    for affiliation, authors in authors_of.items():
        node = ("affiliation", affiliation)
        citations[node] = sum(citations["author", author] for author in authors)
        mean[node] = np.mean([mean["author", author] for author in authors], axis=0)
    checked = 0
    for node_type in toy_graph.node_types:
        for raw_id, x in features(toy_graph, node_type, view).items():
            node = (node_type, raw_id)
            assert math.isclose(x[8], math.log10(citations[node] + 0.01), abs_tol=1e-6), node
            if node_type != "paper":
                assert np.allclose(x[:8], mean.get(node, np.zeros(8)), atol=1e-5), node
            checked += 1
    assert checked == sum(toy_graph.num_nodes(t) for t in toy_graph.node_types)


def features(graph: HeteroGraph, node_type: str, view: str) -> dict[str, np.ndarray]:
    """Raw id -> features of a node."""
    ids = graph.column(node_type, "id")
    x = graph.gather_features(node_type, np.arange(len(ids)), view)
    return {str(i): row for i, row in zip(ids.tolist(), x, strict=True)}


def change_future(raw: Path, bound: int) -> None:
    """Rewrite everything that papers after a bound say, and add one such paper."""
    papers = read_rows(raw, "Papers")
    late = {row[0] for row in papers if int(row[1]) > bound}
    for row in papers:
        if row[0] in late:
            row[1:4] = [str(bound + 1), "changed words of the future", papers[0][3]]
    extra = [str(5 * 10**8), str(bound + 2), "one more", papers[0][3], "en", "Journal", "7"]
    authors = read_rows(raw, "PAuAf")
    now = [row for row in authors if row[0] not in late]
    first, place = now[0][1], next(row[2] for row in now if row[2])
    now += [[paper, first, place, "1"] for paper in sorted(late)]
    references = [row for row in read_rows(raw, "PR") if row[0] not in late]
    references += [[paper, papers[0][0]] for paper in sorted(late)]
    fields = [row for row in read_rows(raw, "PF") if row[0] not in late]
    fields += [[paper, fields[0][1]] for paper in sorted(late)]
    abstracts = [[p, "the future" if p in late else text] for p, text in read_rows(raw, "PAb")]
    changed = {"PAuAf": now, "PR": references, "PF": fields, "PAb": abstracts}
    changed["Papers"] = [extra, *papers]  # first in the file, so that all papers move by one
    for stem, rows in changed.items():
        header = find(raw, stem).read_text(encoding="utf-8").splitlines()[0].split("\t")
        write_rows(find(raw, stem), [header, *rows])


@pytest.mark.parametrize(("view", "bound"), [("pretrain", 2013), ("finetune", 2016)])
def test_features_know_no_future(
    toy_dump: Path, toy_graph: HeteroGraph, tmp_path: Path, view: str, bound: int
) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(toy_dump, raw)
    change_future(raw, bound)
    other = build_academic(raw, tmp_path / "store", **SMALL)
    assert other.num_nodes("paper") == toy_graph.num_nodes("paper") + 1
    year = dict(
        zip(toy_graph.column("paper", "id"), toy_graph.column("paper", "time"), strict=True)
    )
    compared = 0
    for node_type in toy_graph.node_types:
        before, after = (features(graph, node_type, view) for graph in (toy_graph, other))
        for raw_id in before.keys() & after.keys():
            if node_type != "paper" or year[int(raw_id)] <= bound:
                assert np.array_equal(before[raw_id], after[raw_id]), (node_type, raw_id)
                compared += 1
    assert compared > 500
    assert toy_graph.words() == other.words()
    assert np.array_equal(toy_graph.table("word_vectors"), other.table("word_vectors"))
    # The change is one: the view that looks ahead sees it.
    seen, now = (features(graph, "author", "original") for graph in (toy_graph, other))
    assert any(not np.array_equal(seen[i], now[i]) for i in seen.keys() & now.keys())
