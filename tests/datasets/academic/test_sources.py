"""A new source is one reader and one line, flags included; the build knows no reader's files."""

from __future__ import annotations

import ast
import collections
import io
import json
import os
import shutil
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from GPT_GNN.datasets import sources
from GPT_GNN.datasets.oag.files import COLUMNS
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import TimeSplit
from GPT_GNN.graph.store import HeteroGraph
from tests.call import call
from tests.datasets.dumps import SMALL, find

ROOT = Path(__file__).resolve().parents[3]

# A source as somebody else would write it: works, one JSON record per line.
WORKS_READER = '''
import json
from dataclasses import dataclass

import numpy as np

from GPT_GNN.datasets.academic.paper_rows import PaperRows
from GPT_GNN.datasets.academic.reader import Reader
from GPT_GNN.datasets.academic.records import Names, Records, TextFile, TextRows
from GPT_GNN.datasets.raw import NONE, FileCounts
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import TimeSplit
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class WorksSettings(Checked):
    """How works are read."""

    languages: str = setting("any", "language of the works to keep")


class WorksReader(Reader):
    """Reads works, one JSON record per line."""

    Settings = WorksSettings
    FACTS = GraphFacts("paper", (), TimeSplit(2018, 2021, 2022), "text", "title")
    LAST_YEAR = 2023

    def files(self):
        return [self.path]

    def read(self, work):
        works = [json.loads(line) for line in open(self.path, encoding="utf-8")]
        kinds = "names hierarchy papers references fields authorships abstracts".split()
        counts = {kind: FileCounts(kind) for kind in kinds}
        counts["papers"].read = len(works)
        column = lambda name: np.array([w[name] for w in works], dtype=np.int64)
        papers = PaperRows(self.settings.languages, counts["papers"])
        papers.add(
            column("id"), column("year"), np.zeros(len(works), dtype=np.int64),
            kinds=["Journal"] * len(works),
            titles=[w["title"] for w in works], languages=[w["language"] for w in works],
        )
        found = papers.finish(str(self.path), "language", "--languages")
        cited = [(w["id"], to) for w in works for to in w["cites"]]
        authors = sorted({a for w in works for a in w["authors"]})
        rows, texts = TextRows(), TextFile(work / "abstracts")
        rows.extend(["a journal", "a field", *[f"author {a}" for a in authors]])
        text = rows.ragged()
        texts.extend(w["abstract"] for w in works)
        written = [
            (i, authors.index(a), NONE, place)
            for i, w in enumerate(works) for place, a in enumerate(w["authors"], 1)
        ]
        one = np.zeros(1, dtype=np.int64)
        none = np.empty(0, dtype=np.int64)
        places = np.arange(2, 2 + len(authors))
        return Records(
            papers=found,
            names={
                "venue": Names(one + 100, one, text),
                "field": Names(one + 400, one + 1, text),
                "author": Names(np.array(authors), places, text),
                "affiliation": Names(none, none, text),
            },
            level=np.array([2], dtype=np.int8),
            parents=np.empty((2, 0), dtype=np.int32),
            references=np.stack([papers.rows_of(ids) for ids in np.array(cited).T]),
            fields=np.array([[0, 1], [0, 0]], dtype=np.int32),
            authorships=np.array(written, dtype=np.int32).T,
            abstracts=(np.arange(len(works)), texts),
            vectors=None,
            counts=counts,
            texts_where=(str(self.path), str(self.path)),
        )
'''
KEYS = ("id", "year", "title", "language", "cites", "authors", "abstract")
WORKS = [
    (7, 2010, "graph neural nets", "en", [], [1, 2], "on graphs\nand nets"),
    (3, 2019, "nets of graphs", "en", [7], [2], ""),
    (9, 2023, "new graphs", "de", [7, 3], [3, 1, 2], "later"),
]


def write_works(path: Path) -> Path:
    lines = [json.dumps(dict(zip(KEYS, work, strict=True))) for work in WORKS]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three works, whose reader is a module of its own and one entry of the registry."""
    module = types.ModuleType("works_reader")
    monkeypatch.setitem(sys.modules, "works_reader", module)
    exec(WORKS_READER, module.__dict__)
    monkeypatch.setitem(sources.READERS, "works", module.WorksReader)
    return write_works(tmp_path / "works.jsonl")


def build(path: Path, out: Path, **settings: object) -> HeteroGraph:
    return build_academic(path, out, source="works", **SMALL, **settings)


def test_a_new_source_is_a_reader_and_a_line(works: Path, tmp_path: Path) -> None:
    graph = build(works, tmp_path / "store")
    assert graph.column("paper", "id").tolist() == [7, 3, 9]
    assert graph.column("author", "id").tolist() == [1, 2, 3]
    assert graph.ragged("author", "name").text(2) == "author 3"
    links = graph.csr(("paper", "PP_cite", "paper"))
    assert sorted(zip(links.indices.tolist(), links.targets().tolist(), strict=True)) == [
        (1, 0),
        (2, 0),
        (2, 1),
    ]
    last = graph.csr(("author", "AP_write_last", "paper"))
    assert set(zip(last.indices.tolist(), last.targets().tolist(), strict=True)) == {(1, 0), (1, 2)}
    assert graph.num_nodes("affiliation") == 0
    # Known before the bound of the source's own split: titles and abstract of 2010.
    assert set(graph.words()) == {"bos", "eos", "graph", "neural", "nets", "on", "graphs", "and"}
    assert GraphFacts.stored(graph) == sources.READERS["works"].FACTS
    facts = graph.facts
    assert facts["dataset"] == "works" and facts["languages"] == "any"
    assert list(facts["files"])[:3] == ["names", "hierarchy", "papers"]
    assert OAG.facts(graph).split == TimeSplit(2018, 2021, 2022)


def test_its_reader_filters_by_the_rules_of_all_sources(works: Path, tmp_path: Path) -> None:
    graph = build(works, tmp_path / "store", languages="EN")
    assert graph.column("paper", "id").tolist() == [7, 3]
    assert graph.facts["files"]["papers"]["left_out"] == {"other language": 1}
    with pytest.raises(
        ValueError,
        match=r"3 other language \(language is 'en' \(2\), 'de' \(1\); --languages keeps",
    ):
        build(works, tmp_path / "other", languages="fr")


def test_the_bar_of_citations_counts_years_to_the_sources_last(works: Path, tmp_path: Path) -> None:
    """With a bar of 1 a paper of 2022 has to be cited once, one of 2023 not at all."""
    lines = works.read_text(encoding="utf-8").replace("2019", "2022").replace("2010", "2022")
    works.write_text(lines, encoding="utf-8")
    reader = sources.READERS["works"]
    before = TimeSplit(2022, 2023, 2024)
    with mock.patch.object(reader, "FACTS", replace(reader.FACTS, split=before)):
        graph = build(works, tmp_path / "store", citation_bar=1)
        assert graph.column("paper", "id").tolist() == [7, 3, 9]
        with mock.patch.object(reader, "LAST_YEAR", 2024):
            graph = build(works, tmp_path / "other", citation_bar=1)
    assert graph.column("paper", "id").tolist() == [7]


def test_fields_are_looked_for_before_papers_are_read_and_only_once(
    toy_dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = count_opened(toy_dump, monkeypatch)
    reader = sources.SourceConfig("oag").open(toy_dump)
    reader.check_fields((), ())
    assert not opened
    for wrong in ("alchemy", "natural science"):  # no field, and none of level 1
        with pytest.raises(ValueError, match=rf"--finetune_fields '{wrong}': .*; music \(\d+\)"):
            reader.check_fields((), (wrong,))
    reader.check_fields((), ("Astronomy",))
    assert set(opened) == {find(toy_dump, stem).name for stem in ("SeqName", "FHierarchy")}
    reader.read(tmp_path)
    assert opened == {find(toy_dump, stem).name: 1 for stem in COLUMNS}


def test_a_reader_that_knows_its_fields_only_when_all_is_read(works: Path) -> None:
    sources.SourceConfig("works").open(works).check_fields((), ("whatever",))
    assert list(sources.raw_files(sources.SourceConfig("works").open(works), (), ("x",))) == [
        "works.jsonl"
    ]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the file of the reader, its import and its entry."""
    folder = tmp_path_factory.mktemp("copy")
    copied = folder / "GPT_GNN"
    shutil.copytree(ROOT / "GPT_GNN", copied, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "datasets" / "works.py").write_text(WORKS_READER, encoding="utf-8")
    registry = copied / "datasets" / "sources.py"
    text = registry.read_text(encoding="utf-8")
    text = text.replace("\nREADERS", "\nfrom GPT_GNN.datasets.works import WorksReader\n\nREADERS")
    text = text.replace("\n}\n", '\n    "works": WorksReader,\n}\n', 1)
    registry.write_text(text, encoding="utf-8")
    write_works(folder / "works.jsonl")
    return folder


def run(package: Path, words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "GPT_GNN", "build", "academic", *words.split()]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True)


PLACES = "--input_dir works.jsonl --output_dir store"


@pytest.mark.slow
def test_the_command_builds_it_by_the_flags_of_its_reader(package: Path) -> None:
    small = " ".join(f"--{name} {value}" for name, value in SMALL.items())
    done = run(package, f"--source works {PLACES} {small} --languages EN")
    assert done.returncode == 0, done.stderr
    graph = HeteroGraph.open(package / "store")
    assert graph.column("paper", "id").tolist() == [7, 3]
    assert graph.facts["dataset"] == "works" and graph.facts["languages"] == "EN"
    assert GraphFacts.stored(graph).split == TimeSplit(2018, 2021, 2022)


@pytest.mark.slow
def test_its_flags_are_explained_checked_and_refused_elsewhere(package: Path) -> None:
    told = run(package, "--source works --help").stdout
    assert "language of the works to keep (default: 'any')" in told and "--domain STR" not in told
    assert "works: --languages" in run(package, "--help").stdout
    wrong = run(package, f"--source works {PLACES} --domain _CS")
    assert wrong.returncode == 2
    assert "--domain: --source works does not read it; it reads --languages" in wrong.stderr
    wrong = run(package, f"--source mine {PLACES}")
    assert "--source: expected one of oag, works, got 'mine'" in wrong.stderr


def test_a_command_without_a_place(works: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("build academic", "--source", "works", "--input_dir", works) == 1
    assert capsys.readouterr().err == "error: --output_dir: expected a folder, got none\n"


@pytest.mark.slow
def test_the_command_and_the_script_of_oag_write_the_same_bytes(
    toy_dump: Path, tmp_path: Path
) -> None:
    words = [f"--{name}={value}" for name, value in SMALL.items()]
    words += ["--input_dir", str(toy_dump), "--transfer", "field", "--finetune_fields", "astronomy"]
    assert call("build academic", *words, "--output_dir", tmp_path / "command") == 0
    script = ROOT / "example_OAG" / "preprocess_OAG.py"
    command = [sys.executable, script, *words, "--output_dir", tmp_path / "script"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": ROOT})
    of_command, of_script = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")}
        for name in ("command", "script")
    )
    assert of_command == of_script and len(of_command) > 10


def test_facts_are_graph_facts() -> None:
    assert all(type(reader.FACTS) is GraphFacts for reader in sources.READERS.values())


@pytest.mark.parametrize("path", sorted((ROOT / "GPT_GNN/datasets/academic").glob("*.py")), ids=str)
def test_the_build_names_no_file_or_column_of_a_reader(path: Path) -> None:
    """That it imports none is the test of the floors."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    words = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    names = {name for columns in COLUMNS.values() for name in columns} | set(COLUMNS)
    assert not words & names


def count_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """How often each file of a folder is opened from now on."""
    opened: collections.Counter[str] = collections.Counter()
    real_open = io.open

    def counting(file, *args, **kwargs):
        if isinstance(file, str | Path) and Path(file).parent == folder:
            opened[Path(file).name] += 1
        return real_open(file, *args, **kwargs)

    monkeypatch.setattr("builtins.open", counting)
    return opened


@pytest.mark.parametrize("transfer", ["time", "field", "time+field"])
def test_every_file_of_a_dump_is_opened_once(
    toy_dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transfer: str
) -> None:
    (toy_dump / "vfi_vector.tsv").write_text("2000000001\t1 2\n", encoding="utf-8")
    opened = count_opened(toy_dump, monkeypatch)
    tokenised: collections.Counter[str] = collections.Counter()
    from GPT_GNN.datasets.academic import texts

    def tokenise(text: str, real=texts.tokenise) -> list[str]:
        tokenised[text] += 1
        return real(text)

    monkeypatch.setattr(texts, "tokenise", tokenise)
    monkeypatch.setattr("GPT_GNN.features.text.tokenise", tokenise)
    held_out = {} if transfer == "time" else {"finetune_fields": "astronomy"}
    try:
        graph = build_academic(toy_dump, tmp_path / "g", **SMALL, transfer=transfer, **held_out)
    finally:
        (toy_dump / "vfi_vector.tsv").unlink()
    assert opened == {find(toy_dump, stem).name: 1 for stem in COLUMNS} | {"vfi_vector.tsv": 1}
    titles = graph.ragged("paper", "title")
    every = collections.Counter(titles.text(i) for i in range(len(titles)))
    # Papers of the other store may have the same title.
    assert np.mean([tokenised[title] == n for title, n in every.items()]) > 0.9


def test_nothing_is_left_of_what_a_reader_wrote(works: Path, tmp_path: Path) -> None:
    graph = build(works, tmp_path / "store")
    graph.verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "works.jsonl"]
