"""Names of relations: short where they are clear, long where several types share one."""

import pytest

from GPT_GNN.batch.mask import mask_links
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.schema import Schema, split_names

ACTOR, WRITER = ("actor", "to", "film"), ("writer", "to", "film")
SCHEMA = Schema(
    ("film", "actor", "writer"),
    (ACTOR, ("film", "has", "actor"), WRITER, ("film", "by", "writer")),
    (1, 0, 3, 2),
    (False,) * 4,
)


def test_a_short_name_is_every_relation_of_that_name():
    assert SCHEMA.named("to") == [ACTOR, WRITER]
    assert [SCHEMA.is_named(i, ("to",)) for i in range(4)] == [True, False, True, False]


def test_a_long_name_is_one_relation():
    assert SCHEMA.named("writer:to:film") == [WRITER]
    assert [SCHEMA.is_named(i, ("writer:to:film",)) for i in range(4)] == [
        False,
        False,
        True,
        False,
    ]


def test_an_unknown_name():
    with pytest.raises(ValueError, match="unknown relation 'from'; available: .*'actor:to:film'"):
        SCHEMA.named("from")


def test_a_long_name_keeps_one_of_two_relations_of_a_name_unmasked(tmp_path):
    rng = derive(0, "edges")
    edges = {edge_type: EdgeArrays(*rng.integers(0, 20, (2, 200))) for edge_type in (ACTOR, WRITER)}
    graph = write_graph(tmp_path / "g", {t: NodeArrays(20) for t in SCHEMA.node_types}, edges)
    seeds = {"film": (rng.permutation(20), None)}
    subgraph = HGSampler(graph, sample_depth=2, sample_width=50).sample(
        Query(seeds, 2**31 - 1, "pretrain"), derive(0, "sample")
    )
    masked = mask_links(subgraph, "film", ("writer:to:film",), 0.5, derive(0, "mask"))
    assert masked.observed[subgraph.edges(WRITER)].all()
    assert not masked.observed[subgraph.edges(ACTOR)].all()


def test_names_of_a_list_flag():
    known = {"born, lives in", "made", "a:born, lives in:b"}
    assert split_names("born, lives in", known) == ["born, lives in"]
    assert split_names(["born, lives in", "made,in"], known) == ["born, lives in", "made", "in"]
    assert split_names("born, lives in,made", known) == ["born", " lives in", "made"]
    assert split_names(["", ","], known) == []


def test_relations_whose_names_have_commas():
    both = (("a", "born, lives in", "b"), ("b", "rev", "a"))
    schema = Schema(("a", "b"), both, (1, 0), (False, False))
    assert schema.all_named("a:born, lives in:b") == [both[0]]
    assert schema.all_named(["rev", "born, lives in"]) == [both[1], both[0]]
    with pytest.raises(ValueError, match="unknown relation 'born'; available: .*born, lives in"):
        schema.all_named("born,rev")
