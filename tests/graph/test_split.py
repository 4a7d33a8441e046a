"""Splits: disjoint, complete, bounded."""

import numpy as np
import pytest

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.graph.split import SPLITS, ColumnSplit, RandomSplit, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    path = tmp_path_factory.mktemp("split") / "store"
    with build_graph(path) as builder:
        builder.add_node_type("paper", 1000)
        builder.add_node_type("venue", 5)
        time = np.random.default_rng(0).integers(1990, 2022, 1000)
        time[::50] = NO_TIME
        time[1] = NO_TIME + 1
        builder.add_column("paper", "time", time)
    return HeteroGraph.open(path)


def test_time_split(graph):
    split, time = TimeSplit(2013, 2016, 2017), graph.node_time("paper")
    parts = {name: split.nodes(graph, "paper", name) for name in SPLITS}
    assert time[parts["pretrain"]].max() == 2013 and 1 in parts["pretrain"]
    assert set(time[parts["train"]]) == {2014, 2015, 2016}
    assert set(time[parts["valid"]]) == {2017}
    assert time[parts["test"]].min() == 2018
    together = np.concatenate(list(parts.values()))
    assert np.array_equal(np.sort(together), np.flatnonzero(time != NO_TIME))
    assert all(np.array_equal(np.sort(ids), ids) for ids in parts.values())
    assert [split.time_max(name) for name in SPLITS[:3]] == [2013, 2016, 2017]
    assert split.time_max("test") == np.iinfo(np.int32).max


def test_time_split_mistakes(graph):
    with pytest.raises(ValueError, match="unknown split 'dev'; available"):
        TimeSplit(2013, 2016, 2017).nodes(graph, "paper", "dev")
    with pytest.raises(ValueError, match="'venue' has no times to split by"):
        TimeSplit(2013, 2016, 2017).nodes(graph, "venue", "train")


def test_random_split(graph):
    split = RandomSplit(seed=3)
    parts = [split.nodes(graph, "paper", name) for name in SPLITS]
    assert [len(ids) for ids in parts] == [700, 100, 100, 100]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    again = RandomSplit(seed=3).nodes(graph, "paper", "valid")
    assert np.array_equal(again, parts[2])
    assert not np.array_equal(RandomSplit(seed=4).nodes(graph, "paper", "valid"), parts[2])
    assert split.time_max("train") == np.iinfo(np.int32).max
    with pytest.raises(ValueError, match="unknown split 'dev'"):
        split.nodes(graph, "paper", "dev")


def test_bounds_at_quantiles():
    time = np.repeat(np.arange(2000, 2010), 10)
    split = TimeSplit.at_quantiles(np.append(time, NO_TIME))
    assert split == TimeSplit(2006, 2007, 2008)


def test_bounds_at_quantiles_leave_every_split_something():
    time = np.array([1] * 97 + [2, 3, 4])
    assert TimeSplit.at_quantiles(time) == TimeSplit(1, 2, 3)
    assert TimeSplit.at_quantiles(np.array([1, 2, 3] + [4] * 97)) == TimeSplit(1, 2, 3)
    with pytest.raises(ValueError, match="at least 4 distinct times, got 3"):
        TimeSplit.at_quantiles(np.array([1, 2, 3, 3, NO_TIME]))


def test_column_split_whose_every_node_pretrains(graph, tmp_path):
    with build_graph(tmp_path / "g") as builder:
        builder.add_node_type("n", 4)
        builder.add_column("n", "split", np.array([1, -1, 2, 3]))
    marked = HeteroGraph.open(tmp_path / "g")
    assert ColumnSplit(pretrain_on="all").nodes(marked, "n", "pretrain").tolist() == [0, 1, 2, 3]
    assert ColumnSplit(pretrain_on="train").nodes(marked, "n", "pretrain").tolist() == [0]
    assert ColumnSplit().nodes(marked, "n", "pretrain").tolist() == []
