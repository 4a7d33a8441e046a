"""Which untimed types lead a sample past its bound: by the schema, and by what is sampled."""

import csv
import io
import tarfile

import numpy as np
import pytest

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.builder.ways_around import ways_around
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.schema import Schema


def schema(relations, timed):
    """Relations as ``source:relation:target``; those whose names are in ``timed`` have times."""
    types = [tuple(relation.split(":")) for relation in relations]
    edge_types, inverse, has_time = [], [], []
    for source, name, target in types:
        i = len(edge_types)
        edge_types += [(source, name, target), (target, f"rev_{name}", source)]
        inverse += [i + 1, i]
        has_time += [name in timed] * 2
    nodes = dict.fromkeys(end for source, _, target in types for end in (source, target))
    return Schema(tuple(nodes), tuple(edge_types), tuple(inverse), tuple(has_time))


RESULTS = ["result:of:race", "result:by:driver"]
ACADEMIC = ["author:writes:paper", "paper:in:venue", "paper:about:field", "paper:cites:paper"]


@pytest.mark.parametrize(
    ("relations", "timed", "timed_types", "found"),
    [
        pytest.param(RESULTS, ["of"], ["race"], ["result"], id="results"),
        pytest.param(
            ["race:has:result", "driver:has_one:result"],
            ["has"],
            ["race"],
            ["result"],
            id="the other way",
        ),
        pytest.param(RESULTS, ["of", "by"], ["race", "result"], [], id="closed by its time"),
        pytest.param(RESULTS, ["of", "by"], ["race"], [], id="closed by timed relations"),
        pytest.param(RESULTS[:1], ["of"], ["race"], [], id="a single relation"),
        pytest.param(
            ["result:of:race", "lap:of_result:result", "lap:on:tyre"],
            ["of"],
            ["race"],
            ["result"],
            id="a chain of untimed types",
        ),
        pytest.param(
            ["entry:at:race", "entry:for:contract", "contract:since:season"],
            ["at", "since"],
            ["race", "season"],
            ["entry", "contract"],
            id="a chain between timed types",
        ),
        pytest.param(
            ["page:on:day", "page:links:page"], ["on"], ["day"], [], id="a relation within the type"
        ),
        pytest.param(RESULTS, [], [], [], id="no times"),
        pytest.param(
            ["user:rates:film", "film:of:genre"], ["rates"], [], [], id="times of edges only"
        ),
        pytest.param(ACADEMIC, ["writes", "in", "about", "cites"], ["paper"], [], id="papers"),
        pytest.param(
            [*ACADEMIC, "field:within:field", "author:at:institute"],
            ["writes", "in", "about", "cites", "at"],
            ["paper"],
            [],
            id="OAG, employment dated",
        ),
        pytest.param(
            [*ACADEMIC, "author:at:institute"],
            ["writes", "in", "about", "cites"],
            ["paper"],
            ["author"],
            id="employment without a date",
        ),
        pytest.param(["def:def:def"], [], [], [], id="Reddit"),
        pytest.param(
            ["paper:cite:paper", "paper:to:author", "paper:to:subject", "paper:to:term"],
            [],
            [],
            [],
            id="HGB",
        ),
    ],
)
def test_shapes(relations, timed, timed_types, found):
    assert list(ways_around(schema(relations, timed), timed_types)) == found


def test_what_is_said():
    (way,) = ways_around(schema(RESULTS, ["of"]), ["race"]).values()
    assert way == (
        "'result' has no time and is linked to 'race', which has one (result:of:race), and to "
        "'driver', which has none (result:by:driver): a sample with a bound in time reaches later "
        "'result' nodes through 'driver'; a time for 'result', such as that of its 'race', closes "
        "this way"
    )


def races(path, result_time=None, driven=None):
    """Races of 2000 to 2019 with five results each, of ten drivers."""
    year = np.arange(2000, 2020, dtype=np.int32)
    race, driver = np.repeat(np.arange(20), 5), np.arange(100) % 10
    nodes = {
        "race": NodeArrays(20, time=year),
        "result": NodeArrays(100, time=None if result_time is None else year[race]),
        "driver": NodeArrays(10),
    }
    edges = {
        ("result", "of", "race"): EdgeArrays(np.arange(100), race),
        ("result", "by", "driver"): EdgeArrays(
            np.arange(100), driver, None if driven is None else year[race]
        ),
    }
    return write_graph(path, nodes, edges)


@pytest.mark.parametrize(
    ("settings", "leaks"),
    [({}, True), ({"result_time": True}, False), ({"driven": True}, False)],
)
def test_a_sample_goes_that_way(tmp_path, capsys, settings, leaks):
    """What is warned of is what the sampler does, and what closes the way closes it."""
    graph = races(tmp_path / "g", **settings)
    assert ("'result' has no time and is linked to 'race'" in capsys.readouterr().out) == leaks
    seeds = {"race": (np.array([5]), np.array([2005], dtype=np.int32))}
    subgraph = HGSampler(graph, sample_depth=4, sample_width=1000).sample(
        Query(seeds, 2005, "pretrain"), derive(0, "sample")
    )
    results = subgraph.node_ids[graph.schema.node_type_id("result")]
    assert len(results) and (results // 5 > 5).any() == leaks


def test_real_races(shared_data, tmp_path, capsys):
    with tarfile.open(shared_data / "f1" / "f1.tar.xz") as archive:
        tables = {}
        for name in ("races", "results", "drivers"):
            text = archive.extractfile(f"f1/{name}.csv").read().decode("utf-8")
            header, *rows = csv.reader(io.StringIO(text))
            tables[name] = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    result = {"table": "results", "id": "resultId"}
    of = {"type": ["result", "of", "race"], "table": "results", "source": "resultId"}
    by = {"type": ["result", "by", "driver"], "table": "results", "source": "resultId"}
    description = {
        "nodes": {
            "race": {"table": "races", "id": "raceId", "time": "date"},
            "result": result,
            "driver": {"table": "drivers", "id": "driverId"},
        },
        "edges": [of | {"target": "raceId"}, by | {"target": "driverId"}],
        "time": "dates",
        "target": "race",
    }
    build_from_tables(description, tmp_path / "open", tables)
    said = capsys.readouterr().out
    assert said.count("warning: ") == 1 and "'result' has no time and is linked to 'race'" in said
    date = dict(zip(tables["races"]["raceId"], tables["races"]["date"], strict=True))
    tables["results"]["date"] = [date[race] for race in tables["results"]["raceId"]]
    result["time"] = "date"
    build_from_tables(description, tmp_path / "closed", tables)
    assert "warning: " not in capsys.readouterr().out
