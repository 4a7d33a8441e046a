"""What a raw dump can get wrong: each mistake is named, and nothing is left behind."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.datasets.academic import build as oag_build
from GPT_GNN.datasets.oag.files import COLUMNS
from GPT_GNN.datasets.raw import RawDataError
from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.graph.store import HeteroGraph
from tests.datasets.dumps import (
    SMALL,
    append,
    edit,
    file_name,
    find,
    read_rows,
    rearrange,
    write_rows,
)

REPOSITORY = Path(__file__).resolve().parents[3]


def build(raw: Path, **settings: object) -> HeteroGraph:
    return build_academic(raw, raw.parent / "store", **{**SMALL, **settings})


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


def test_an_id_of_too_many_digits(tiny: Path) -> None:
    edit(tiny, "PR", 2, 1, "9" * 20)
    assert_refused(tiny, f"line 2: expected an integer id as ReferenceId, found '{'9' * 20}'")
    assert build(tiny, skip_bad_rows=True).facts["files"]["PR"]["bad"] == 1


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


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match="expected a folder with a raw dump, found none"):
        build_academic(tmp_path / "nowhere", tmp_path / "store")


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


def test_all_papers_are_of_other_languages(tiny: Path) -> None:
    assert_refused(
        tiny,
        f"{find(tiny, 'Papers')}: expected papers to keep, found none among 7 rows",
        "left out: 7 other language",
        "(DetectedLanguage is 'en' (6), 'fr' (1); --language keeps one of them, or any)",
        language="xx",
    )
    for line in range(2, 9):
        edit(tiny, "Papers", line, 4, "")
    assert_refused(tiny, "left out: 7 other language", "DetectedLanguage is '' (7)")


def test_all_papers_are_left_out_for_several_reasons(tiny: Path) -> None:
    for line, year in enumerate(("", "1899", "x"), start=2):
        edit(tiny, "Papers", line, 1, year)
    reasons = (
        "left out: 1 no year, 1 year before 1900, 1 other language, 3 too few citations, 1 bad"
    )
    parts = [f"{find(tiny, 'Papers')}: expected papers to keep", *reasons.split(", ")]
    assert_refused(tiny, *parts[:1], *parts[2:], citation_bar=9, skip_bad_rows=True)


def test_the_early_papers_are_of_other_languages(tiny: Path) -> None:
    for line in (2, 3):
        edit(tiny, "Papers", line, 4, "de")
    parts = ("expected papers of 2013 or before", "left out: 3 other language", "'de' (2)")
    assert_refused(tiny, f"{find(tiny, 'Papers')}", *parts)


@pytest.mark.parametrize("stem", list(COLUMNS))
def test_all_rows_are_bad(tiny: Path, stem: str) -> None:
    for line in range(2, len(read_rows(tiny, stem)) + 2):
        edit(tiny, stem, line, 0, "P1")
    file = find(tiny, stem)
    rows = len(read_rows(tiny, stem))
    assert_refused(
        tiny, f"{file}: all {rows} rows are bad", f"{file}, line 2", "'P1'", skip_bad_rows=True
    )


def test_all_rows_contradict_another_file(tiny: Path) -> None:
    """Rows that turn out bad after they were parsed count as well."""
    write_rows(find(tiny, "PR"), [["PaperId", "ReferenceId"], ["77", "1"], ["78", "1"]])
    assert_refused(tiny, "all 2 rows are bad", "a PaperId that Papers defines", skip_bad_rows=True)


def test_all_vectors_are_bad(tiny: Path) -> None:
    (tiny / "vfi_vector.tsv").write_text("101\t1 x\n402\ty\n")
    assert_refused(tiny, "vfi_vector.tsv: all 2 rows are bad", skip_bad_rows=True)


def test_titles_without_a_word(tiny: Path) -> None:
    for line in range(2, 9):
        edit(tiny, "Papers", line, 2, "!!! ???")
    where = f"{find(tiny, 'Papers')}, column NormalisedTitle, papers that pre-train: expected words"
    assert_refused(tiny, where, "found none in 2 texts, such as '!!! ???'")


class Wordless:
    """A text encoder that needs no words, as language models do not."""

    dim = 2

    def fit(self, texts: list[str], words: list[list[str]]) -> None: ...

    def transform(self, texts: list[str], words: list[list[str]]) -> np.ndarray:
        return np.zeros((len(texts), 2), dtype=np.float32)


def test_no_word_for_the_word_vectors(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    papers, abstracts = find(tiny, "Papers"), find(tiny, "PAb")
    assert_refused(
        tiny,
        f"{papers} and {abstracts}, titles and abstracts that pre-train",
        "expected a word that occurs 99 times, found none among 10 words",
        "--word_min_count",
        word_min_count=99,
    )
    monkeypatch.setattr(oag_build, "text_model", lambda *_: Wordless())
    for line in range(2, 9):
        edit(tiny, "Papers", line, 2, "?")
    write_rows(abstracts, [["PaperId", "AbstractText"], ["1", "..."]])
    assert_refused(tiny, f"{papers} and {abstracts}", "expected words, found none")


@pytest.mark.parametrize("stem", list(COLUMNS))
def test_a_column_of_another_name(tiny: Path, stem: str) -> None:
    names = list(COLUMNS[stem])
    rearrange(tiny, stem, list(range(len(names))), {names[1]: "Other"})
    found = ", ".join([names[0], "Other", *names[2:]])
    assert_refused(
        tiny,
        f"{find(tiny, stem)}, line 1: expected a header with the columns {', '.join(names)}",
        f"; {names[1]} missing, found {found}",
    )


def test_a_column_that_is_missing(tiny: Path) -> None:
    rearrange(tiny, "Papers", [0, 1, 2, 3, 5, 6])
    assert_refused(tiny, "Papers_CS_20190919.tsv, line 1", "DetectedLanguage missing")


def test_a_column_that_is_there_twice(tiny: Path) -> None:
    rearrange(tiny, "PR", [0, 1, 1])
    assert_refused(tiny, "PR_CS_20190919.tsv, line 1", "each once; found ReferenceId several times")


@pytest.mark.parametrize("stem", list(COLUMNS))
def test_no_header(tiny: Path, stem: str) -> None:
    rows = read_rows(tiny, stem)
    write_rows(find(tiny, stem), rows)
    first = "\t".join(rows[0])
    assert_refused(
        tiny,
        f"{find(tiny, stem)}, line 1: expected a header with the columns",
        f"found a line that names none of them: {first!r}",
    )


@pytest.mark.parametrize("name", ["text_dim", "word_dim", "word_min_count", "word_epochs"])
def test_setting_out_of_range(tiny: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: expected a value in \[1, inf\), got 0"):
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
        "from GPT_GNN.datasets.sources import build_academic\n"
        "from GPT_GNN.system.runner import run_command\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "sys.exit(run_command(lambda: build_academic(sys.argv[1], sys.argv[2])))\n"
    )
    store = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-c", code, str(toy_dump), str(store)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and ("a full disk?" in line or "File too large" in line)
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
