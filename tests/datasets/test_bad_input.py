"""What a raw dump can get wrong: each mistake is named, and nothing is left behind."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from GPT_GNN.datasets.oag import OAG
from GPT_GNN.datasets.oag_raw import COLUMNS
from GPT_GNN.datasets.raw import RawDataError
from GPT_GNN.graph.store import HeteroGraph
from tests.datasets.dumps import SMALL, append, edit, file_name, find

REPOSITORY = Path(__file__).resolve().parents[2]


def build(raw: Path, **settings: object) -> HeteroGraph:
    return OAG.build(raw, raw.parent / "store", **{**SMALL, **settings})


def assert_refused(raw: Path, *parts: str, **settings: object) -> None:
    """The build fails with a message that holds all parts, and writes nothing."""
    with pytest.raises(RawDataError) as caught:
        build(raw, **settings)
    for part in parts:
        assert part in str(caught.value)
    assert os.listdir(raw.parent) == ["raw"]


# stem, line, column, wrong value, what the message expects, rows that end up bad when skipped
WRONG_CELLS = [
    ("Papers", 3, 1, "20o5", "an integer year", 1),
    ("Papers", 3, 1, "2005.5", "an integer year", 1),
    ("Papers", 3, 0, "x", "an integer id as PaperId", 1),
    ("Papers", 3, 0, "", "an integer id as PaperId", 1),
    ("Papers", 3, 3, "555", "a VenueId that SeqName defines as a venue", 1),
    ("Papers", 3, 3, "300", "a VenueId that SeqName defines as a venue", 1),
    ("PAb", 2, 0, "77", "a PaperId that Papers defines", 1),
    ("PR", 2, 0, "77", "a PaperId that Papers defines", 1),
    ("PF", 2, 0, "77", "a PaperId that Papers defines", 1),
    ("PF", 2, 1, "77", "a FieldOfStudyId that SeqName defines as fos", 1),
    ("PAuAf", 2, 0, "77", "a PaperId that Papers defines", 1),
    ("PAuAf", 2, 1, "77", "an AuthorId that SeqName defines as an author", 1),
    ("PAuAf", 2, 2, "77", "an AffiliationId that SeqName defines as an affiliation", 1),
    ("PAuAf", 2, 3, "first", "an integer from 1 as AuthorSequenceNumber", 1),
    ("PAuAf", 2, 3, "0", "an integer from 1 as AuthorSequenceNumber", 1),
    ("FHierarchy", 4, 2, "L9", "a level, one of L0, L1, L2, L3, L4, L5 as ChildLevel", 1),
    ("FHierarchy", 4, 3, "L3", "the level that an earlier row gives", 1),
    ("SeqName", 2, 2, "meeting", "a type, one of conference, journal", 1),
]


@pytest.mark.parametrize(("stem", "line", "column", "value", "expected", "bad"), WRONG_CELLS)
def test_wrong_cell(
    tiny: Path, stem: str, line: int, column: int, value: str, expected: str, bad: int
) -> None:
    edit(tiny, stem, line, column, value)
    assert_refused(tiny, f"{find(tiny, stem)}, line {line}", expected, f"found {value!r}")
    counts = build(tiny, skip_bad_rows=True).facts["files"]
    assert counts[stem]["bad"] == bad
    assert counts[stem]["read"] == counts[stem]["kept"] + bad + sum(
        counts[stem]["left_out"].values()
    )


def test_field_without_a_level(tiny: Path) -> None:
    append(tiny, "SeqName", ["404", "flat", "fos"])
    append(tiny, "PF", ["1", "404"])
    assert_refused(tiny, "line 8", "a FieldOfStudyId that FHierarchy gives a level", "'404'")


def test_wrong_number_of_columns(tiny: Path) -> None:
    append(tiny, "PF", ["1", "400", "0.5"])
    assert_refused(tiny, f"{find(tiny, 'PF')}, line 8: expected 2 columns", "found 3")
    assert build(tiny, skip_bad_rows=True).facts["files"]["PF"]["bad"] == 1


def test_not_utf8(tiny: Path) -> None:
    with open(find(tiny, "PAb"), "ab") as file:
        file.write(b"7\tna\xefve\n")
    assert_refused(tiny, f"{find(tiny, 'PAb')}, line 6: expected UTF-8 text")
    assert build(tiny, skip_bad_rows=True).facts["files"]["PAb"]["bad"] == 1


def test_skipped_rows_are_reported(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(tiny, "Papers", 3, 1, "20o5")
    graph = build(tiny, skip_bad_rows=True)
    printed = capsys.readouterr().out
    assert "bad: " in printed and "line 3: expected an integer year" in printed
    # Rows about that paper have lost it, and are bad in their turn.
    assert {stem: counts["bad"] for stem, counts in graph.facts["files"].items()} == {
        "SeqName": 0,
        "FHierarchy": 0,
        "Papers": 1,
        "PR": 1,
        "PF": 1,
        "PAuAf": 1,
        "PAb": 1,
    }


@pytest.mark.parametrize("stem", list(COLUMNS))
def test_missing_file(tiny: Path, stem: str) -> None:
    find(tiny, stem).unlink()
    name = file_name(stem).removesuffix("_20190919.tsv")
    assert_refused(tiny, f"expected one file {name}_<8 digits>.tsv or .tsv.gz, found none")


@pytest.mark.parametrize("stem", list(COLUMNS))
def test_empty_file(tiny: Path, stem: str) -> None:
    path = find(tiny, stem)
    header = path.read_text().splitlines(keepends=True)[0]
    path.write_text("")
    assert_refused(tiny, f"{path}: expected a header and rows, found an empty file")
    path.write_text(header)
    assert_refused(tiny, f"{path}: expected at least one row, found none")


def test_missing_header(tiny: Path) -> None:
    path = find(tiny, "PF")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    assert_refused(
        tiny, f"{path}, line 1: expected a header of 2 columns (PaperId, FieldOfStudyId)"
    )


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match="expected a folder with a raw dump, found none"):
        OAG.build(tmp_path / "nowhere", tmp_path / "store")


def test_other_domain(tiny: Path) -> None:
    assert_refused(
        tiny, "SeqName_Med_<8 digits>", "there are: SeqName_CS_20190919.tsv", domain="_Med"
    )


def test_several_stamps(tiny: Path) -> None:
    (tiny / file_name("PR", stamp="20200101")).write_text("PaperId\tReferenceId\n")
    assert_refused(tiny, "found 2: PR_CS_20190919.tsv, PR_CS_20200101.tsv")


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_truncated_gzip(tiny: Path, keep: float) -> None:
    path = find(tiny, "PR")
    data = gzip.compress(path.read_bytes())
    path.unlink()
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(data[: int(len(data) * keep)])
    assert_refused(tiny, f"{packed}, after line", "expected a whole gzip file")
    assert_refused(tiny, "expected a whole gzip file", skip_bad_rows=True)


def test_gzip_that_is_none(tiny: Path) -> None:
    path = find(tiny, "PR")
    path.rename(path.with_name(path.name + ".gz"))
    assert_refused(tiny, "expected a whole gzip file")


def test_no_papers_to_pretrain_on(tiny: Path) -> None:
    for line, year in ((2, "2015"), (3, "2016")):
        edit(tiny, "Papers", line, 1, year)
    assert_refused(tiny, "expected papers of 2013 or before", "found 6 papers of 2014 to 2019")


def test_no_paper_at_all(tiny: Path) -> None:
    assert_refused(tiny, "found no paper at all", language="xx")


@pytest.mark.parametrize("name", ["text_dim", "word_dim", "word_min_count", "word_epochs"])
def test_setting_out_of_range(tiny: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"--{name}: expected at least 1, got 0"):
        build(tiny, **{name: 0})


def test_text_encoder_not_installed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ValueError, match=re.escape("pip install gpt-gnn[text]")):
        build(tiny, text_encoder="all-MiniLM-L6-v2")


@pytest.mark.parametrize("limit", [2_000, 20_000, 100_000])
def test_full_disk(toy_dump: Path, tmp_path: Path, limit: int) -> None:
    """A limit on the size of files stands for the full disk."""
    code = (
        "import resource, sys\n"
        "from GPT_GNN.datasets.oag import OAG\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "OAG.preprocess(sys.argv[1], sys.argv[2])\n"
    )
    store = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-c", code, str(toy_dump), str(store)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "nothing was written: a full disk?" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_failed_build_keeps_the_older_store(tiny: Path) -> None:
    before = build(tiny).meta["files"]
    edit(tiny, "PAb", 2, 0, "77")
    with pytest.raises(RawDataError):
        build(tiny)
    assert sorted(os.listdir(tiny.parent)) == ["raw", "store"]
    after = HeteroGraph.open(tiny.parent / "store")
    after.verify()
    assert after.meta["files"] == before
