"""Facts of a graph survive the store; wrong ones are refused."""

import json

import numpy as np
import pytest

from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.reddit.reddit import Reddit
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import ColumnSplit, RandomSplit, TimeSplit, split_from_dict

SPLITS = [TimeSplit(1, 2, 3), RandomSplit((0.5, 0.2, 0.2, 0.1), 7), ColumnSplit("part", "train")]


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: type(split).__name__)
def test_round_trip_through_json(split):
    facts = GraphFacts("movie", ("to", "actor:in:movie"), split, "text", "plot", "genre")
    assert GraphFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts


@pytest.mark.parametrize("dataset", [OAG, Reddit])
def test_of_a_dataset(dataset):
    facts = dataset.FACTS
    assert isinstance(facts, GraphFacts)
    assert GraphFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts


def test_in_a_store(tmp_path):
    facts = GraphFacts("n", split=SPLITS[1])
    nothing = np.empty(0, dtype=np.int64)
    args = ({"n": NodeArrays(2)}, {("n", "to", "n"): EdgeArrays(nothing, nothing)})
    assert GraphFacts.stored(write_graph(tmp_path / "with", *args, facts)) == facts
    assert GraphFacts.stored(write_graph(tmp_path / "without", *args)) is None


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"by": "moon"}, "one of .*'time', 'random', 'column'.* got 'moon'"),
        ({"by": "time", "bounds": [1, 2, 3]}, "split by time: expected .*pretrain_until"),
        ({"by": "random", "fractions": [0.5, 0.5]}, "expected 4 shares that sum to 1"),
        ({"by": "random", "fractions": [0.7, 0.1, 0.1, 0.2]}, "expected 4 shares that sum to 1"),
        (
            {"by": "time", "pretrain_until": 3, "train_until": 2, "valid_until": 4},
            "three ascending bounds",
        ),
    ],
)
def test_wrong_splits(record, message):
    with pytest.raises(ValueError, match=message):
        split_from_dict(record)


def test_wrong_facts():
    with pytest.raises(ValueError, match="expected .*'target'.* got .*'taget'"):
        GraphFacts.from_dict({"taget": "movie"})
