"""The built-in graph: a function of its seed and size, with the structure it promises."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.oag.preprocess import toy_store
from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.datasets.toy import toy
from GPT_GNN.datasets.toy.words import topics
from GPT_GNN.graph.store import VERSION, HeteroGraph, StoreError, meta_checksum
from tests.datasets.dumps import read_rows

REPOSITORY = Path(__file__).resolve().parents[3]


def dump_bytes(folder: Path, papers: int, seed: int) -> dict[str, bytes]:
    toy.write_toy_dump(folder, papers, seed)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_seed_decides(tmp_path: Path) -> None:
    first = dump_bytes(tmp_path / "a", 200, 1)
    assert len(first) == 7
    assert dump_bytes(tmp_path / "b", 200, 1) == first
    other = dump_bytes(tmp_path / "c", 200, 2)
    changed = [name for name in first if first[name] != other[name]]
    assert set(first) - set(changed) == set()


def test_same_seed_same_store(tmp_path: Path) -> None:
    one, again, other = (toy_store(200, s, tmp_path / f) for s, f in ((1, "a"), (1, "b"), (2, "c")))
    assert one.meta == again.meta
    one.verify()
    assert one.meta["files"] != other.meta["files"]


def test_too_small(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 100 papers, got 99"):
        toy.write_toy_dump(tmp_path, 99)


def test_store_is_kept_and_rebuilt_for_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toy_store(150, 0, tmp_path).path
    assert path.name == "toy_150_0"
    stamp = (path / "meta.json").stat().st_mtime_ns
    assert (toy_store(150, 0, tmp_path).path / "meta.json").stat().st_mtime_ns == stamp
    monkeypatch.setattr(toy, "VERSION", toy.VERSION + 1)
    assert toy_store(150, 0, tmp_path).facts["versions"][0] == toy.VERSION
    (path / "edges.npy").unlink()
    toy_store(150, 0, tmp_path).verify()
    meta = json.loads((path / "meta.json").read_text())["meta"] | {"version": 1}
    record = {"checksum": meta_checksum(meta), "meta": meta}
    (path / "meta.json").write_text(json.dumps(record))
    assert toy_store(150, 0, tmp_path).meta["version"] == VERSION


def test_an_empty_path_is_no_graph() -> None:
    with pytest.raises(StoreError, match="expected the folder of a graph store, or toy"):
        OAG.open("")


@pytest.mark.parametrize("data_dir", [None, "toy"])
def test_open_without_data(
    data_dir: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("GPT_GNN.datasets.builtin.data_folder", lambda: tmp_path)
    small = toy_store(150, 0, tmp_path)
    monkeypatch.setattr("GPT_GNN.datasets.oag.preprocess.toy_store", lambda: small)
    graph = OAG.open(data_dir)
    assert graph.path.parent == tmp_path
    assert OAG.open(graph.path).num_nodes("paper") == graph.num_nodes("paper")


def test_words_are_a_table() -> None:
    """Equal numbers of words and subtopics everywhere: they are arrays."""
    assert len({len(topic.words) for topic in topics()}) == 1
    assert len({len(topic.subtopics) for topic in topics()}) == 1
    assert len({len(sub.words) for topic in topics() for sub in topic.subtopics}) == 1


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HeteroGraph]:
    """Raw dump and store at the size of the demo."""
    folder = tmp_path_factory.mktemp("demo")
    toy.write_toy_dump(folder / "raw", 4000, 0)
    graph = build_academic(folder / "raw", folder / "store")
    return folder / "raw", graph


def test_every_split_has_papers(demo: tuple[Path, HeteroGraph]) -> None:
    _, graph = demo
    sizes = [
        len(OAG.FACTS.split.nodes(graph, "paper", s))
        for s in ("pretrain", "train", "valid", "test")
    ]
    assert min(sizes) > 150 and sizes[0] > 2000
    years = graph.column("paper", "time")
    assert (years.min(), years.max()) == (1995, 2020)


def test_every_relation_is_there(demo: tuple[Path, HeteroGraph]) -> None:
    _, graph = demo
    forward = {r for _, r, _ in graph.edge_types if not r.startswith("rev_")}
    expected = {"PP_cite", "FF_in", "in", "AP_write_first", "AP_write_last", "AP_write_other"}
    expected |= {f"PV_{kind}" for kind in ("Conference", "Journal", "Repository", "Patent")}
    assert forward == expected | {f"PF_in_L{level}" for level in range(6)}
    assert {f"rev_{r}" for r in forward} >= set(OAG.FACTS.rel_stop_list)


def test_names_are_ambiguous(demo: tuple[Path, HeteroGraph]) -> None:
    """Names of three or more authors, who mostly work on different topics."""
    raw, _ = demo
    names = {i: name for i, name, kind in read_rows(raw, "SeqName") if kind == "author"}
    shared = Counter(names.values())
    assert sum(count >= 3 for count in shared.values()) > 100
    _, label = main_labels(raw)
    fields: dict[str, Counter[str]] = defaultdict(Counter)
    for paper, author, *_ in read_rows(raw, "PAuAf"):
        if paper in label:
            fields[author][label[paper]] += 1
    favourite = {author: counts.most_common(1)[0][0] for author, counts in fields.items()}
    same, pairs = 0, 0
    for name, count in shared.items():
        people = [a for a, n in names.items() if n == name and a in favourite]
        if count >= 3:
            for one, two in itertools.combinations(people, 2):
                same, pairs = same + (favourite[one] == favourite[two]), pairs + 1
    assert pairs > 500 and same / pairs < 0.1


def main_labels(raw: Path) -> tuple[set[str], dict[str, str]]:
    """L2 fields, and papers with exactly one of them -> it."""
    level2 = {child for child, _, level, _ in read_rows(raw, "FHierarchy") if level == "L2"}
    found: dict[str, list[str]] = defaultdict(list)
    for paper, field in read_rows(raw, "PF"):
        if field in level2:
            found[paper].append(field)
    return level2, {paper: fields[0] for paper, fields in found.items() if len(fields) == 1}


def test_neighbours_tell_the_label(demo: tuple[Path, HeteroGraph]) -> None:
    """References and shared authors agree on the label far more often than chance (1 in 48)."""
    raw, _ = demo
    level2, label = main_labels(raw)
    assert len(level2) == 48
    pairs = [(a, b) for a, b in read_rows(raw, "PR") if a in label and b in label]
    assert np.mean([label[a] == label[b] for a, b in pairs]) > 0.25
    written: dict[str, list[str]] = defaultdict(list)
    for paper, author, *_ in read_rows(raw, "PAuAf"):
        if paper in label:
            written[author].append(label[paper])
    same = [a == b for labels in written.values() for a, b in itertools.pairwise(labels)]
    assert np.mean(same) > 0.2


def test_citations_go_back_in_time_and_are_skewed(demo: tuple[Path, HeteroGraph]) -> None:
    raw, _ = demo
    year = {row[0]: int(row[1]) for row in read_rows(raw, "Papers")}
    rows = [(a, b) for a, b in read_rows(raw, "PR") if b in year]
    assert all(year[a] >= year[b] for a, b in rows)
    counts = sorted(Counter(b for _, b in rows).values(), reverse=True)
    assert sum(counts[: len(counts) // 10]) > 0.3 * sum(counts)


def test_preprocess_script_builds_it(tmp_path: Path) -> None:
    command = ["--toy_papers", "150", "--output_dir", str(tmp_path / "store")]
    done = subprocess.run(
        [sys.executable, "preprocess_OAG.py", *command],
        cwd=REPOSITORY / "example_OAG",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Papers_CS_20190919.tsv" in done.stdout and "PP_cite" in done.stdout
    HeteroGraph.open(tmp_path / "store").verify()


def test_preprocess_script_names_the_mistake(tmp_path: Path) -> None:
    command = ["--input_dir", str(tmp_path / "none"), "--output_dir", str(tmp_path / "store")]
    done = subprocess.run(
        [sys.executable, "preprocess_OAG.py", *command],
        cwd=REPOSITORY / "example_OAG",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "expected a folder with a raw dump" in done.stderr and "Traceback" not in done.stderr
