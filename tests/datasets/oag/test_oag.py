"""The seven-paper dump, edge by edge, and every option of the preprocessing."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.sources import build_academic
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.schema import EdgeType
from tests.datasets.dumps import SMALL, append, edit, find, read_rows, rearrange, write_tiny

Link = tuple[int, int, int | None]


def build(raw: Path, **settings: object) -> HeteroGraph:
    return build_academic(raw, raw.parent / "store", **{**SMALL, **settings})


def links(graph: HeteroGraph, edge_type: EdgeType) -> set[Link]:
    """(source id, target id, time) of every stored edge, by original ids."""
    csr = graph.csr(edge_type)
    source = graph.column(edge_type[0], "id")[csr.indices]
    target = graph.column(edge_type[2], "id")[csr.targets()]
    time = [None] * len(source) if csr.time is None else csr.time.tolist()
    return set(zip(source.tolist(), target.tolist(), time, strict=True))


def test_relations(tiny: Path) -> None:
    graph = build(tiny)
    assert graph.node_types == ("paper", "author", "venue", "field", "affiliation")
    expected: dict[EdgeType, set[Link]] = {
        ("paper", "PV_Conference", "venue"): {(1, 100, 2000), (3, 100, 2014), (4, 100, 2017)},
        ("paper", "PV_Journal", "venue"): {(2, 101, 2005)},
        ("paper", "PV_Patent", "venue"): {(7, 101, 2018)},
        # Not 1 -> 5 (newer), 4 -> 6 (not English), 5 -> 999 (outside).
        ("paper", "PP_cite", "paper"): {
            (2, 1, 2005),
            (3, 1, 2014),
            (3, 2, 2014),
            (4, 1, 2017),
            (5, 4, 2019),
        },
        ("paper", "PF_in_L0", "field"): {(1, 400, 2000)},
        ("paper", "PF_in_L1", "field"): {(1, 401, 2000)},
        ("paper", "PF_in_L2", "field"): {(2, 402, 2005), (3, 402, 2014), (4, 402, 2017)},
        ("field", "FF_in", "field"): {(401, 400, None), (402, 401, None)},
        # Since the earliest paper: 202 was at 301 in 2000 already.
        ("author", "in", "affiliation"): {
            (200, 300, 2000),
            (202, 301, 2000),
            (201, 301, 2005),
            (200, 301, 2014),
            (202, 300, 2017),
            (203, 300, 2019),
        },
        ("author", "AP_write_first", "paper"): {
            (200, 1, 2000),
            (201, 2, 2005),  # the only author is the first
            (200, 3, 2014),
            (202, 4, 2017),
            (203, 5, 2019),
            (203, 7, 2018),
        },
        ("author", "AP_write_last", "paper"): {(202, 1, 2000), (202, 3, 2014), (202, 4, 2017)},
        ("author", "AP_write_other", "paper"): {(201, 1, 2000)},
    }
    forward = [e for e in graph.edge_types if not e[1].startswith("rev_")]
    assert forward == list(expected)
    for edge_type, wanted in expected.items():
        assert links(graph, edge_type) == wanted, edge_type
        inverse = graph.schema.inverse_of(edge_type)
        assert inverse[1] == f"rev_{edge_type[1]}"
        assert links(graph, inverse) == {(b, a, time) for a, b, time in wanted}


def test_columns(tiny: Path) -> None:
    graph = build(tiny)
    assert graph.column("paper", "id").tolist() == [1, 2, 3, 4, 5, 7]
    assert graph.column("paper", "time").tolist() == [2000, 2005, 2014, 2017, 2019, 2018]
    assert graph.column("paper", "time").dtype == np.int32
    titles = [graph.ragged("paper", "title").text(i) for i in range(6)]
    assert titles[:2] == ["graph neural nets", "pre training of nets"]
    names = [graph.ragged("author", "name").text(i) for i in range(4)]
    assert names == ["y wang", "a lee", "y wang", "b kim"]
    assert graph.column("field", "level").tolist() == [0, 1, 2]
    assert graph.column("field", "level").dtype == np.int8
    words = graph.words()
    # Words of papers up to 2013 only: not "seen", not "sampling", and not those of French papers.
    expected = "bos eos graph neural nets pre training of networks learn".split()
    assert sorted(words) == sorted(expected)
    assert graph.table("word_vectors").shape == (len(words), 4)
    tokens = graph.ragged("paper", "title_tokens")
    found = [[words[i] for i in tokens[paper]] for paper in range(6)]
    # The title of paper 3 holds the word "bos": it marks the start of a title and nothing else.
    assert found[1:] == [["pre", "training", "of", "nets"], ["graph"], ["of"], [], []]


def test_facts(tiny: Path) -> None:
    facts = build(tiny).facts
    assert facts["dataset"] == "oag" and facts["domain"] == "_CS" and facts["vocabulary"] == 10
    assert facts["views"]["pretrain"]["citations_until"] == 2013
    left_out = {stem: counts["left_out"] for stem, counts in facts["files"].items()}
    assert left_out == {
        "SeqName": {"not in the graph": 2},
        "FHierarchy": {"field without papers": 1},
        "Papers": {"other language": 1},
        "PR": {
            "reference outside the dump": 1,
            "paper left out": 1,
            "cited paper is newer": 1,
        },
        "PF": {"paper left out": 1},
        "PAuAf": {"paper left out": 1},
        "PAb": {"paper left out": 1, "empty": 1},
    }


def test_features(tiny: Path) -> None:
    graph = build(tiny)
    assert graph.feature_parts("paper") == {"text": slice(0, 8), "citation": slice(8, 9)}
    citations = {
        "pretrain": [1, 0, 0, 0, 0, 0],
        "finetune": [2, 1, 0, 0, 0, 0],
        "original": [3, 1, 0, 1, 0, 0],
    }
    for view, wanted in citations.items():
        x = graph.gather_features("paper", np.arange(6), view)
        assert np.allclose(x[:, 8], np.log10(np.array(wanted) + 0.01))
    text = graph.gather_features("paper", np.arange(6), "pretrain")[:, :8]
    lee = graph.gather_features("author", np.array([1]), "pretrain")[0, :8]
    assert np.allclose(lee, (text[0] + text[1]) / 2)
    kim = graph.gather_features("author", np.array([3]), "finetune")[0]
    assert not kim[:8].any() and kim[8] == np.float32(-2.0)
    # Institute 301 until 2013: 202 (paper 1) and 201 (papers 1 and 2), not yet 200.
    institute = graph.gather_features("affiliation", np.array([1]), "pretrain")[0, :8]
    assert np.allclose(institute, (text[0] + (text[0] + text[1]) / 2) / 2)


def test_years_without_papers_have_no_relations(tiny: Path) -> None:
    path = find(tiny, "PR")
    path.write_text("PaperId\tReferenceId\n1\t999\n")
    graph = build(tiny)
    assert not any(relation == "PP_cite" for _, relation, _ in graph.edge_types)
    assert graph.feature_dim("paper") == 9


def test_any_language(tiny: Path) -> None:
    graph = build(tiny, language="any")
    assert graph.column("paper", "id").tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert (6, 403, 2010) in links(graph, ("paper", "PF_in_L2", "field"))
    assert (4, 6, 2017) in links(graph, ("paper", "PP_cite", "paper"))
    assert build(tiny, language="fr").num_nodes("paper") == 1


@pytest.mark.parametrize("written", ["EN", "En"])
def test_a_language_counts_in_any_case(tiny: Path, written: str) -> None:
    plain = build(tiny)
    for line in (2, 5):
        edit(tiny, "Papers", line, 4, written)
    for asked in ("en", "EN"):
        assert build(tiny, language=asked).meta["files"] == plain.meta["files"]
    assert build(tiny, language="Any").num_nodes("paper") == 7


ORDERS = {
    "SeqName": [2, 1, 0],
    "FHierarchy": [1, 0, 3, 2],
    "Papers": [6, 4, 2, 0, 5, 3, 1],
    "PR": [1, 0],
    "PF": [1, 0],
    "PAuAf": [3, 2, 1, 0],
    "PAb": [1, 0],
}


def test_columns_in_another_order_are_found_by_their_names(tiny: Path) -> None:
    expected = build(tiny)
    for stem, order in ORDERS.items():
        rearrange(tiny, stem, order)
    graph = build_academic(tiny, tiny.parent / "other", **SMALL)
    assert graph.meta["files"] == expected.meta["files"]
    assert graph.facts["files"] == expected.facts["files"]
    edit(tiny, "Papers", 3, ORDERS["Papers"].index(1), "20o5")
    with pytest.raises(ValueError, match="line 3: expected an integer year.* found '20o5'"):
        build(tiny)


def test_names_of_columns_count_in_any_case(tiny: Path) -> None:
    expected = build(tiny).meta["files"]
    path = find(tiny, "Papers")
    path.write_text("\ufeff" + path.read_text().replace("PaperId\tPublishYear", "PAPERID\t year "))
    with pytest.raises(ValueError, match="PublishYear missing, found PAPERID, year, Norm"):
        build(tiny)
    path.write_text(path.read_text().replace(" year ", " publishyear "))
    assert build_academic(tiny, tiny.parent / "other", **SMALL).meta["files"] == expected


def test_other_columns_are_not_read_and_told(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = build(tiny)
    path = find(tiny, "PR")
    header, *rows = path.read_text().splitlines()
    lines = [f"Weight\t{header}\tSource", *(f"0.5\t{row}\tx" for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    graph = build_academic(tiny, tiny.parent / "other", **SMALL)
    assert graph.meta["files"] == expected.meta["files"]
    assert graph.facts["files"] == expected.facts["files"]
    told = capsys.readouterr().out.splitlines()
    at = [i for i, line in enumerate(told) if line.startswith("PR_CS_20190919.tsv")]
    assert told[at[0] + 1] == "    columns that are not read: Weight, Source"
    path.write_text(path.read_text() + "0.5\t2\t1\n")
    with pytest.raises(
        ValueError, match="line 10: expected 4 columns .Weight, PaperId, ReferenceI"
    ):
        build(tiny)


def test_a_file_of_which_nothing_is_kept_is_told(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    find(tiny, "PR").write_text("PaperId\tReferenceId\n1\t999\n2\t998\n")
    build(tiny)
    told = capsys.readouterr().out
    assert "2 reference outside the dump\n    nothing of this file is in the graph\n" in told


def test_citation_bar(tiny: Path) -> None:
    """At least min(2020 - year, 20) times the bar: 1 of 2019 needs one citation, 2000 twenty."""
    append(tiny, "Papers", ["8", "2019", "the cited one", "100", "en", "Conference", "0"])
    append(tiny, "PR", *[["4", "8"]] * 3, *[["6", str(paper)] for paper in (8, 7)])
    for paper in range(10, 31):
        append(tiny, "Papers", [str(paper), "2018", "a citing one", "100", "en", "Patent", "0"])
        append(tiny, "PR", [str(paper), "1"])
    graph = build(tiny, citation_bar=1)
    # Citations count within the dump: 5 has one, from an older paper; 8 has two, one from a French
    # paper (a repeated row counts once); 7 (2018) has one and would need two; 1 has 24.
    assert graph.column("paper", "id").tolist() == [1, 5, 8]
    assert graph.facts["files"]["Papers"]["left_out"]["too few citations"] == 25


def test_papers_without_title_year_or_venue(tiny: Path) -> None:
    edit(tiny, "Papers", 2, 1, "")
    edit(tiny, "Papers", 4, 2, " ")
    edit(tiny, "Papers", 5, 1, "1899")
    edit(tiny, "Papers", 3, 5, "")
    graph = build(tiny)
    assert graph.column("paper", "id").tolist() == [2, 5, 7]
    left_out = graph.facts["files"]["Papers"]["left_out"]
    assert left_out == {
        "no title": 1,
        "no year": 1,
        "other language": 1,
        "year before 1900": 1,
    }
    assert links(graph, ("paper", "PV_Unknown", "venue")) == {(2, 101, 2005)}


def test_duplicate_rows_are_kept_once(tiny: Path) -> None:
    once = build(tiny)
    for stem in once.facts["files"]:
        append(tiny, stem, *read_rows(tiny, stem))
    twice = build_academic(tiny, tiny.parent / "other", **SMALL)
    assert twice.meta["files"] == once.meta["files"]
    for stem, counts in once.facts["files"].items():
        found = twice.facts["files"][stem]
        assert found["read"] == 2 * counts["read"] and found["kept"] == counts["kept"], stem
        assert found["left_out"]["duplicate"] > 0, stem


def test_gzip_equals_plain(tiny: Path) -> None:
    plain = build(tiny)
    for path in list(tiny.iterdir()):
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert build_academic(tiny, tiny.parent / "other", **SMALL).meta["files"] == plain.meta["files"]


@pytest.mark.parametrize("domain", ["", "none"])
def test_no_domain(tiny: Path, domain: str) -> None:
    raw = write_tiny(tiny.parent / "plain", domain="")
    graph = build_academic(raw, tiny.parent / "other", domain=domain, **SMALL)
    assert graph.meta["files"] == build(tiny).meta["files"]


def test_line_ends_of_windows(tiny: Path) -> None:
    expected = build(tiny).meta["files"]
    for path in tiny.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert build_academic(tiny, tiny.parent / "other", **SMALL).meta["files"] == expected


def test_given_vectors(tiny: Path) -> None:
    rows = ["101\t1 2 3", "402\t-1 0.5 1e1", "300\t7 8 9", "999\t0 0 0", "300\t0 0 0"]
    (tiny / "vfi_vector.tsv").write_text("\n".join(rows) + "\n")
    graph = build(tiny)
    assert list(graph.feature_parts("venue")) == ["text", "node_emb", "citation"]
    assert list(graph.feature_parts("author")) == ["text", "citation"]
    part = graph.feature_parts("venue")["node_emb"]
    for view in graph.views:
        for node_type, wanted in (
            ("venue", [[0, 0, 0], [1, 2, 3]]),
            ("field", [[0, 0, 0], [0, 0, 0], [-1, 0.5, 10]]),
            ("affiliation", [[7, 8, 9], [0, 0, 0]]),
        ):
            x = graph.gather_features(node_type, np.arange(len(wanted)), view)
            assert x[:, part].tolist() == wanted
    counts = graph.facts["files"]["vfi_vector"]
    assert counts["kept"] == 3
    assert counts["left_out"] == {"not in the graph": 1, "duplicate": 1}


@pytest.mark.parametrize("vector", ["1 2", "1 x 3"])
def test_given_vector_that_is_wrong(tiny: Path, vector: str) -> None:
    (tiny / "vfi_vector.tsv").write_text(f"101\t1 2 3\n402\t{vector}\n")
    with pytest.raises(ValueError, match=f"line 2: expected 3 numbers.* found '{vector}'"):
        build(tiny)
    assert build(tiny, skip_bad_rows=True).facts["files"]["vfi_vector"]["bad"] == 1


def test_dataset_facts(tiny: Path) -> None:
    graph = build(tiny)
    into = [("venue", f"rev_PV_{kind}", "paper") for kind in ("Conference", "Journal", "Patent")]
    assert OAG.paper_venue(graph) == into
    assert OAG.paper_field() == ("field", "rev_PF_in_L2", "paper")
    fields = [("field", f"rev_PF_in_L{level}", "paper") for level in range(3)]
    assert OAG.paper_field_all(graph) == fields
    authors = [("author", f"AP_write_{at}", "paper") for at in ("first", "last", "other")]
    assert OAG.paper_author(graph) == authors
    assert OAG.FACTS.split.nodes(graph, OAG.FACTS.target, "test").tolist() == [4, 5]
