"""Transfer between fields: two stores, and nothing of the held-out papers in the first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.graph.inputs import FeatureInputs
from GPT_GNN.graph.store import HeteroGraph, StoreError
from GPT_GNN.system.files import OtherFilesError
from tests.datasets.dumps import SMALL, Rows, find, read_rows, write_rows

HELD_OUT, OTHER = "Astronomy", "music"  # level-1 fields of the built-in dump, in any case
FIELDS = {"field": 9999, "time+field": 2013}  # transfer -> last year of pre-training


def build(raw: Path, path: Path, **settings: object) -> tuple[HeteroGraph, HeteroGraph]:
    build_academic(raw, path, **{**SMALL, "finetune_fields": HELD_OUT, **settings})
    return HeteroGraph.open(path / "pretrain"), HeteroGraph.open(path / "finetune")


@pytest.fixture(scope="module", params=list(FIELDS))
def transfer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stores(
    transfer: str, toy_dump: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[HeteroGraph, HeteroGraph]:
    return build(toy_dump, tmp_path_factory.mktemp("transfer") / "g", transfer=transfer)


def field_ids(raw: Path, *names: str) -> set[str]:
    wanted = {name.casefold() for name in names}
    return {i for i, name, kind in read_rows(raw, "SeqName") if name.casefold() in wanted}


def papers_of(raw: Path, *names: str) -> set[int]:
    fields = field_ids(raw, *names)
    return {int(paper) for paper, field in read_rows(raw, "PF") if field in fields}


def english(raw: Path) -> dict[int, int]:
    """Year of each paper that preprocessing keeps."""
    return {int(row[0]): int(row[1]) for row in read_rows(raw, "Papers") if row[4] == "en"}


def ids(graph: HeteroGraph) -> set[int]:
    return set(graph.column("paper", "id").tolist())


def test_every_paper_is_on_one_side(
    toy_dump: Path, stores: tuple[HeteroGraph, HeteroGraph], transfer: str
) -> None:
    pretrain, finetune = stores
    year, held_out = english(toy_dump), papers_of(toy_dump, HELD_OUT)
    assert ids(finetune) == held_out & year.keys()
    until = FIELDS[transfer]
    assert ids(pretrain) == {p for p in year.keys() - held_out if year[p] <= until}
    assert len(ids(pretrain)) > 100 and len(ids(finetune)) > 30
    late = pretrain.column("paper", "time").max()
    assert late > 2016 if transfer == "field" else late == 2013


def test_a_model_of_one_store_fits_the_other(stores: tuple[HeteroGraph, HeteroGraph]) -> None:
    pretrain, finetune = stores
    assert pretrain.schema.to_dict() == finetune.schema.to_dict()
    assert pretrain.feature_dims == finetune.feature_dims
    assert FeatureInputs.of(pretrain) == FeatureInputs.of(finetune)
    assert FeatureInputs.of(pretrain).parts["author"][0].fitted
    assert pretrain.words() == finetune.words()
    assert np.array_equal(pretrain.table("word_vectors"), finetune.table("word_vectors"))


def test_a_relation_that_one_side_lacks_is_declared_in_both(
    toy_dump: Path, tmp_path: Path, transfer: str
) -> None:
    raw = shutil.copytree(toy_dump, tmp_path / "raw")
    held_out, rows = papers_of(raw, HELD_OUT), read_rows(raw, "Papers")
    for row in rows:
        row[5] = "Patent" if int(row[0]) in held_out else "Repository"
    rewrite(raw, "Papers", rows)
    for graph, lacks in zip(
        build(raw, tmp_path / "g", transfer=transfer), ("Patent", "Repository"), strict=True
    ):
        assert graph.num_edges(("paper", f"PV_{lacks}", "venue")) == 0
        assert graph.num_edges(("paper", "PV_Patent", "venue")) + graph.num_edges(
            ("paper", "PV_Repository", "venue")
        )


def test_the_same_title_has_the_same_features_on_both_sides(
    toy_dump: Path, tmp_path: Path, transfer: str
) -> None:
    raw = shutil.copytree(toy_dump, tmp_path / "raw")
    held_out, rows = papers_of(raw, HELD_OUT), read_rows(raw, "Papers")
    title = next(row[2] for row in rows if int(row[0]) not in held_out and int(row[1]) < 2013)
    twin = next(row for row in rows if int(row[0]) in held_out and row[4] == "en")
    twin[2] = title
    rewrite(raw, "Papers", rows)
    found = []
    for graph in build(raw, tmp_path / "g", transfer=transfer):
        texts = graph.ragged("paper", "title")
        node = next(i for i in range(len(texts)) if texts.text(i) == title)
        found.append(graph.gather_features("paper", np.array([node]), "pretrain")[0, :8])
    assert np.array_equal(*found) and found[0].any()


def rewrite(raw: Path, stem: str, rows: Rows) -> None:
    header = find(raw, stem).read_text(encoding="utf-8").splitlines()[0].split("\t")
    write_rows(find(raw, stem), [header, *rows])


def rewrite_papers(raw: Path, of: set[int]) -> None:
    """Change everything that some papers say, and drop the last of them with what it says."""
    papers = read_rows(raw, "Papers")
    gone = max(of)
    seen = next(row[0] for row in papers if int(row[0]) not in of and int(row[1]) < 2000)
    for row in papers:
        if int(row[0]) in of:
            row[1:3] = [str(int(row[1]) + 1), "words that nobody else has"]
            row[3] = papers[0][3]
    rewrite(raw, "Papers", [row for row in papers if int(row[0]) != gone])
    rewrite(raw, "PAb", [[p, "unheard of" * (int(p) in of)] if int(p) in of else [p, t]
                         for p, t in read_rows(raw, "PAb") if int(p) != gone])  # fmt: skip
    authors = read_rows(raw, "PAuAf")
    person, place = authors[0][1], next(row[2] for row in authors if row[2])
    rewrite(raw, "PAuAf", [
        [row[0], person, place, "1"] if int(row[0]) in of else row
        for row in authors if int(row[0]) != gone
    ])  # fmt: skip
    references = [row for row in read_rows(raw, "PR") if int(row[0]) not in of | {gone}]
    references = [row for row in references if int(row[1]) not in of]
    more = sorted(of - {gone})
    rewrite(raw, "PR", references + [[str(p), seen] for p in more] + [[seen, str(p)] for p in more])
    names = read_rows(raw, "SeqName")
    fine = next(i for i, name, kind in names if name.endswith("sensors"))
    rewrite(raw, "PF", [row for row in read_rows(raw, "PF") if int(row[0]) != gone]
            + [[str(p), fine] for p in more])  # fmt: skip


def contents(graph: HeteroGraph) -> dict[str, str]:
    """Checksum of each file, and what the store says of itself but the book of its files."""
    meta = dict(graph.meta)
    files = {name: entry["sha256"] for name, entry in meta.pop("files").items()}
    meta["facts"] = {k: v for k, v in meta["facts"].items() if k != "files"}
    return {**files, "meta": json.dumps(meta, sort_keys=True)}


@pytest.mark.parametrize("bar", [0, 1])
def test_pretraining_sees_nothing_of_the_held_out_papers(
    toy_dump: Path, tmp_path: Path, transfer: str, bar: int
) -> None:
    raw = shutil.copytree(toy_dump, tmp_path / "raw")
    settings = {"transfer": transfer, "citation_bar": bar}
    before, of_finetuning = build(raw, tmp_path / "before", **settings)
    if bar:  # most recent papers have no citation at all
        assert before.num_nodes("paper") < 300
    unseen = papers_of(raw, HELD_OUT)
    rewrite_papers(raw, unseen)
    after, other = build(raw, tmp_path / "after", **settings)
    assert contents(before) == contents(after)
    assert contents(of_finetuning) != contents(other)
    if transfer == "time+field" and not bar:  # a bar counts citations of all years, as published
        rewrite_papers(raw, {p for p, year in english(raw).items() if year > 2014} - unseen)
        assert contents(before) == contents(build(raw, tmp_path / "later", **settings)[0])
    if not bar:
        rewrite_papers(raw, ids(before))
        assert contents(before) != contents(build(raw, tmp_path / "own", **settings)[0])


def test_fields_that_pretrain(toy_dump: Path, tmp_path: Path) -> None:
    (by_id,) = field_ids(toy_dump, HELD_OUT)
    pretrain, finetune = build(
        toy_dump,
        tmp_path / "g",
        transfer="field",
        pretrain_fields=OTHER,
        finetune_fields=f" {by_id}",
    )
    held_out = papers_of(toy_dump, HELD_OUT)
    assert ids(finetune) == held_out & english(toy_dump).keys()
    assert ids(pretrain) == (papers_of(toy_dump, OTHER) - held_out) & english(toy_dump).keys()
    assert (
        finetune.facts["finetune_fields"] == [f" {by_id}"] and finetune.facts["part"] == "finetune"
    )


def test_which_papers_pretrain_and_fine_tune(stores: tuple[HeteroGraph, HeteroGraph]) -> None:
    pretrain, finetune = stores
    of_pretrain, of_finetune = OAG.facts(pretrain).split, OAG.facts(finetune).split
    nodes = of_pretrain.nodes(pretrain, "paper", "pretrain")
    assert len(nodes) == pretrain.num_nodes("paper")
    assert of_finetune == OAG.FACTS.split
    with pytest.raises(ValueError, match="no array column 'split'"):
        of_pretrain.nodes(pretrain, "paper", "train")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"transfer": "field", "finetune_fields": ""}, "expected --finetune_fields"),
        ({"transfer": "time"}, "--finetune_fields: --transfer time"),
        ({"transfer": "space"}, "transfer: expected one of"),
        ({"transfer": "field", "finetune_fields": "alchemy"}, r"'alchemy'.*music \("),
        ({"transfer": "field", "finetune_fields": "natural science"}, "level-1 field"),
        ({"transfer": "field", "pretrain_fields": HELD_OUT}, "is in --pretrain_fields and"),
    ],
)
def test_fields_that_do_not_divide(
    toy_dump: Path, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(toy_dump, tmp_path / "g", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_field_whose_name_has_a_comma(toy_dump: Path, tmp_path: Path) -> None:
    raw = shutil.copytree(toy_dump, tmp_path / "raw")
    (by_id,) = field_ids(raw, HELD_OUT)
    names = [
        [i, "stars, mostly" if i == by_id else name, *_]
        for i, name, *_ in read_rows(raw, "SeqName")
    ]
    rewrite(raw, "SeqName", names)
    with pytest.raises(ValueError, match=rf"'stars': .*; stars, mostly \({by_id}, \d+ papers\)"):
        build(raw, tmp_path / "g", transfer="field", finetune_fields="stars, music")
    for name in ("Stars, mostly", by_id):
        _, finetune = build(raw, tmp_path / "g", transfer="field", finetune_fields=name)
        assert ids(finetune) == papers_of(toy_dump, HELD_OUT) & english(toy_dump).keys()


def test_a_dump_without_fields_of_level_1(toy_dump: Path, tmp_path: Path) -> None:
    raw = shutil.copytree(toy_dump, tmp_path / "raw")
    level_1 = {row[1] for row in read_rows(raw, "FHierarchy") if row[3] == "L1"}
    level_1 |= {row[0] for row in read_rows(raw, "FHierarchy") if row[2] == "L1"}
    rewrite(raw, "PF", [row for row in read_rows(raw, "PF") if row[1] not in level_1])
    with pytest.raises(
        ValueError, match="--finetune_fields: these papers have no field of level 1"
    ):
        build(raw, tmp_path / "g", transfer="field")


def test_a_side_without_papers(toy_dump: Path, tmp_path: Path) -> None:
    raw = shutil.copytree(toy_dump, tmp_path / "raw")
    ((by_id,), others) = field_ids(raw, HELD_OUT), papers_of(raw, OTHER)
    rewrite(raw, "PF", [*read_rows(raw, "PF"), *([str(p), by_id] for p in sorted(others))])
    with pytest.raises(ValueError, match="--pretrain_fields: no paper is on the pretrain side"):
        build(raw, tmp_path / "g", transfer="field", pretrain_fields=OTHER)
    recent = [[*row[:1], "2014", *row[2:]] for row in read_rows(raw, "Papers")]
    rewrite(raw, "Papers", recent)
    with pytest.raises(ValueError, match="expected papers of 2013 or before to pre-train on"):
        build(raw, tmp_path / "g", transfer="time+field")
    assert not (tmp_path / "g").exists()


def test_what_stands_there_is_not_replaced(toy_dump: Path, tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OtherFilesError, match="found 1 other file: notes.txt"):
        build(toy_dump, tmp_path / "g", transfer="field")
    assert (tmp_path / "g" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_the_folder_of_both_stores_is_none(stores: tuple[HeteroGraph, HeteroGraph]) -> None:
    with pytest.raises(StoreError, match="stores in it: finetune, pretrain"):
        OAG.open(stores[0].path.parent)


def test_settings_are_checked_before_the_dump_is_read() -> None:
    with pytest.raises(ValueError, match="expected --finetune_fields"):
        Settings(transfer="time+field")
