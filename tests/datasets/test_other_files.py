"""Every command that builds a store: files of others in its folder are neither lost nor in it."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from GPT_GNN import from_pyg
from GPT_GNN.datasets.oag.preprocess import toy_store
from GPT_GNN.datasets.reddit.preprocess import toy_store as reddit_toy_store
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.published.graphs.door import open_published
from tests.call import call
from tests.datasets.dumps import SMALL, write_tiny
from tests.datasets.pyg.test_catalog import ogb_mag
from tests.datasets.reddit.test_reddit import write as write_reddit
from tests.datasets.tables.films import write
from tests.datasets.tables.test_append import NEW_FILES

ROOT = Path(__file__).resolve().parents[2]
MINE = {"notes.txt": "my notes", "runs/deep/m.pt": "weights", "features/mine.npy": "numbers"}


def script(name, *argv):
    before = sys.argv
    sys.argv = [name, *map(str, argv)]
    try:
        runpy.run_path(str(ROOT / name), run_name="__main__")
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        return 1 if isinstance(error.code, str) else error.code
    finally:
        sys.argv = before
    return 0


def of_tables(tmp_path):
    write(tmp_path / "tables")
    return lambda out, *flags: call("build tables", tmp_path / "tables/films.yaml", out, *flags)


def appended(tmp_path):
    build_from_tables(write(tmp_path / "tables"), tmp_path / "first")
    write(tmp_path / "more", NEW_FILES)
    argv = ("--append_to", tmp_path / "first")
    return lambda out, *flags: call(
        "build tables", tmp_path / "more/films.yaml", out, *argv, *flags
    )


def of_pyg(tmp_path):
    argv = ("--root", tmp_path / "root")
    return lambda out, *flags: call("build pyg", "OGB_MAG", out, *argv, *flags)


def of_legacy(tmp_path):
    source = tmp_path / "graph.pk"
    shutil.copy(ROOT / "tests/published/graphs/files/graph_main.pk", source)
    return lambda out, *flags: call("convert graph", source, out, "--no-word_vectors", *flags)


def of_scale(tmp_path):
    argv = ("--nodes", 2000, "--width", 2)
    return lambda out, *flags: call("build scale", "--out", out, *argv, *flags)


def of_oag(tmp_path, *more):
    raw = write_tiny(tmp_path / "raw")
    argv = ["--input_dir", raw, *more]
    argv += [word for name, value in SMALL.items() for word in (f"--{name}", value)]
    return lambda out, *flags: script(
        "example_OAG/preprocess_OAG.py", *argv, "--output_dir", out, *flags
    )


def of_academic(tmp_path):
    argv = ["--input_dir", write_tiny(tmp_path / "raw")]
    argv += [word for name, value in SMALL.items() for word in (f"--{name}", value)]
    return lambda out, *flags: call("build academic", *argv, "--output_dir", out, *flags)


def of_transfer(tmp_path):
    return of_oag(tmp_path, "--transfer", "field", "--finetune_fields", "401")


def of_reddit(tmp_path):
    argv = ("--input_dir", write_reddit(tmp_path / "raw"))
    return lambda out, *flags: script(
        "example_reddit/preprocess_reddit.py", *argv, "--output_dir", out, *flags
    )


COMMANDS = [of_tables, appended, of_pyg, of_legacy, of_scale, of_oag, of_academic]
COMMANDS += [of_transfer, of_reddit]


@pytest.fixture
def command(request, tmp_path, monkeypatch):
    monkeypatch.setattr("torch_geometric.datasets.OGB_MAG", lambda root: [ogb_mag()])
    return request.param(tmp_path)


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def put(folder: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_a_rebuild(command, tmp_path, capsys):
    store, mine = tmp_path / "store", {name: text.encode() for name, text in MINE.items()}
    assert command(store) == 0
    fresh = bytes_of(store)
    assert command(store) == 0  # nothing else there: as before
    put(store, MINE)
    capsys.readouterr()
    assert command(store) == 1
    told = capsys.readouterr().err
    assert "3 other files: features/mine.npy, notes.txt, runs/deep/m.pt. Nothing" in told
    assert bytes_of(store) == fresh | mine
    assert command(store, "--keep_other_files") == 0
    assert bytes_of(store) == fresh | mine
    # A folder that never was a store.
    put(tmp_path / "mine", MINE)
    assert command(tmp_path / "mine") == 1
    assert bytes_of(tmp_path / "mine") == mine
    assert command(tmp_path / "mine", "--keep_other_files") == 0
    assert bytes_of(tmp_path / "mine") == fresh | mine
    assert [path.name for path in tmp_path.glob(".*")] == []


EARLY = [of_tables, appended, of_pyg, of_legacy, of_reddit]


@pytest.mark.parametrize("command", EARLY, indirect=True)
def test_it_is_refused_before_anything_is_read(command, tmp_path, monkeypatch, capsys):
    put(tmp_path / "store", MINE)
    for folder in ("tables", "more", "first", "root", "raw"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    (tmp_path / "graph.pk").unlink(missing_ok=True)
    monkeypatch.delattr("torch_geometric.datasets.OGB_MAG")
    assert command(tmp_path / "store") == 1
    assert "3 other files" in capsys.readouterr().err


@pytest.mark.parametrize("command", [of_tables, of_oag, of_reddit], indirect=True)
@pytest.mark.parametrize("keep", [False, True])
def test_the_output_is_the_input(command, tmp_path, keep):
    (folder,) = [tmp_path / name for name in ("tables", "raw") if (tmp_path / name).exists()]
    before = bytes_of(folder)
    assert command(folder, *["--keep_other_files"] * keep) == (0 if keep else 1)
    after = bytes_of(folder)
    assert before.items() <= after.items() and ("meta.json" in after) == keep
    if keep:  # and once more, from the tables that are still there
        assert command(folder) == 1 and command(folder, "--keep_other_files") == 0
        assert bytes_of(folder) == after


def test_a_store_of_another_kind_is_a_file_of_others(tmp_path, monkeypatch):
    """One store is not written over two, nor two over one, unless they stay beside each other."""
    one, two = of_oag(tmp_path), of_transfer(tmp_path)
    for first, second in ((one, two), (two, one)):
        store = tmp_path / f"store_{first is one}"
        assert first(store) == 0
        before = bytes_of(store)
        assert second(store) == 1 and bytes_of(store) == before
        assert second(store, "--keep_other_files") == 0
        assert before.items() < bytes_of(store).items()
        assert {p.parent.name for p in store.rglob("meta.json")} == {
            *(store.name, "pretrain", "finetune")
        }


def test_a_damaged_store_is_not_guessed_at(tmp_path):
    command, store = of_tables(tmp_path), tmp_path / "store"
    assert command(store) == 0
    put(store, {"meta.json": "{}", "features/mine.npy": "numbers"})
    before = bytes_of(store)
    for flags in ([], ["--keep_other_files"]):
        assert command(store, *flags) == 1
        assert bytes_of(store) == before


def test_a_store_of_another_version_is_a_store(tmp_path, monkeypatch):
    monkeypatch.setattr("GPT_GNN.builder.builder.VERSION", 2)
    description = write(tmp_path / "tables")
    with pytest.raises(ValueError, match="found gpt-gnn-store version 2"):
        build_from_tables(description, tmp_path / "store")
    monkeypatch.undo()
    build_from_tables(description, tmp_path / "store")


def test_no_list_leads_out_of_the_folder(tmp_path, monkeypatch):
    """A store from elsewhere may list what it likes; nothing outside it is deleted."""
    put(tmp_path, {"thesis.tex": "years of work", "store/meta.json": "theirs"})
    meta = {"format": "gpt-gnn-store", "files": {"../thesis.tex": {}}}
    monkeypatch.setattr("GPT_GNN.builder.output.read_meta", lambda file: meta)
    build_from_tables(write(tmp_path / "tables"), tmp_path / "store")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_what_is_built_at_first_use_keeps_what_lies_there(tmp_path, monkeypatch):
    """Nobody asked for it, so nobody could give the flag."""
    source = tmp_path / "graph_CS.pk"
    shutil.copy(ROOT / "tests/published/graphs/files/graph_main.pk", source)
    opened = {
        "toy_100_0": lambda: toy_store(100, folder=tmp_path),
        "toy_reddit_100_0": lambda: reddit_toy_store(100, folder=tmp_path),
        "graph_CS_store": lambda: open_published(source),
    }
    for name, open_it in opened.items():
        put(tmp_path / name, MINE)
        assert isinstance(open_it(), HeteroGraph)
        assert {n: (tmp_path / name / n).read_text() for n in MINE} == MINE


def test_from_python(tmp_path):
    put(tmp_path / "store", MINE)
    plain = Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]))
    for data in (ogb_mag(), plain):
        with pytest.raises(ValueError, match="3 other files"):
            from_pyg(data, tmp_path / "store")
        from_pyg(data, tmp_path / "store", keep_other_files=True)
        assert (tmp_path / "store/notes.txt").read_text() == "my notes"
