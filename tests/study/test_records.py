"""results.jsonl after kills, and where the code's commit comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from GPT_GNN.study.records import RECORDS, append_record, commit_of, only_process, read_records

ROOT = Path(__file__).resolve().parents[2]


def test_the_last_line_of_a_name_counts(tmp_path):
    assert read_records(tmp_path) == {}
    for value in (1, 2):
        append_record(tmp_path, {"name": "a", "value": value})
    append_record(tmp_path, {"name": "b ± ü"})
    assert read_records(tmp_path) == {"a": {"name": "a", "value": 2}, "b ± ü": {"name": "b ± ü"}}


@pytest.mark.parametrize("cut", ['{"name": "b"', '{"name": "b"}', "{", "\x00"])
def test_a_line_that_was_cut_short(tmp_path, capsys, cut):
    append_record(tmp_path, {"name": "a"})
    with open(tmp_path / RECORDS, "a") as file:
        file.write(cut)
    assert read_records(tmp_path).keys() == {"a"}
    assert "the last line was cut short and is left out" in capsys.readouterr().out
    append_record(tmp_path, {"name": "c"})
    assert (tmp_path / RECORDS).read_text() == '{"name": "a"}\n{"name": "c"}\n'
    assert read_records(tmp_path).keys() == {"a", "c"}


@pytest.mark.parametrize("line", ['{"name": "a"', "[1]", '{"nom": 1}', ""])
def test_another_wrong_line_is_an_error(tmp_path, line):
    (tmp_path / RECORDS).write_text(f'{{"name": "a"}}\n{line}\n{{"name": "b"}}\n')
    with pytest.raises(ValueError, match=r"results.jsonl:2: expected a JSON record with a name"):
        read_records(tmp_path)


def test_one_process_at_a_time(tmp_path):
    with only_process(tmp_path):
        with pytest.raises(ValueError, match="is in use by process .* give another --out"):
            with only_process(tmp_path):
                pass
    with only_process(tmp_path):
        pass


def test_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(OSError, match="grids of runs need Linux or macOS"):
        with only_process(tmp_path / "out"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_the_commit_and_whether_the_files_are_its(tmp_path):
    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@x"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True)

    assert commit_of(tmp_path) is None
    git("init", "-q")
    assert commit_of(tmp_path) is None
    (tmp_path / "file").write_text("1")
    git("add", ".")
    git("commit", "-qm", "one")
    commit = commit_of(tmp_path)
    assert commit is not None and len(commit) == 40
    (tmp_path / "untracked").write_text("results")
    assert commit_of(tmp_path) == commit
    (tmp_path / "file").write_text("2")
    assert commit_of(tmp_path) == commit + "+"
    (tmp_path / "inside").mkdir()
    assert commit_of(tmp_path / "inside") is None  # another repository around it
