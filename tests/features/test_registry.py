"""A new kind of feature column is one file and one line of the registry."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

from GPT_GNN.datasets.tables.append import append_tables
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.features import FEATURIZERS
from GPT_GNN.graph.inputs import FeatureInputs
from GPT_GNN.graph.store import HeteroGraph
from tests.datasets.tables.films import built, changed, frames

FILE = '''"""How many values a cell has, in units of the most that fitting saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from GPT_GNN.features.featurizer import Featurizer
from GPT_GNN.features.lists import name_lists


@dataclass
class Count(Featurizer):
    common: ClassVar[Mapping[str, str]] = {"extra": "seed"}
    separator: str = "|"
    extra: int = 0
    most: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        if self.extra > 9:
            raise ValueError(f"extra: expected at most 9, got {self.extra}")

    @property
    def dim(self) -> int:
        return 1

    def fit(self, values: Any) -> None:
        self.most = max(map(len, name_lists(values, self.separator)), default=1)

    def transform(self, values: Any) -> np.ndarray:
        counts = [len(names) + self.extra for names in name_lists(values, self.separator)]
        return np.array(counts, dtype=np.float32).reshape(-1, 1) / self.most
'''
GENRES = ("nodes", "movie", "features", "genres")


@pytest.fixture
def count(tmp_path, monkeypatch):
    """The registry with one more line, for a file of a user."""
    (tmp_path / "count_feature.py").write_text(FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(FEATURIZERS, "count", importlib.import_module("count_feature").Count)


@pytest.mark.usefixtures("count")
def test_a_kind_of_a_user(tmp_path):
    # Empty values within a cell, and defaults at the top of a description, are for all kinds.
    changes = {
        GENRES: {"encoder": "count", "separator": ";"},
        ("nodes", "movie", "missing"): {"genres": ["NA"]},
        ("seed",): 2,
    }
    genres = ["Action;Comedy", "NA;Comedy", "NA", None, "Crime;Action;Drama", "Action"]
    tables = frames() | {"movies.csv": frames()["movies.csv"].assign(genres=genres)}
    graph = build_from_tables(changed(changes), tmp_path / "g", tables)
    column = graph.feature_parts("movie")["genres"]
    rows = graph.gather_features("movie", np.arange(6), "pretrain")[:, column]
    assert rows.tolist() == [[2.0], [1.5], [1.0], [1.0], [2.5], [1.5]]
    # Stored, compared and appended to as the package's own.
    (entry,) = [e for e in graph.facts["encoders"] if e["column"] == "genres"]
    assert (entry["encoder"], entry["arrays"]) == ("count", [])
    assert entry["facts"] == {"separator": ";", "extra": 2, "most": 2}
    assert json.dumps(FeatureInputs.of(graph).to_dict())
    new = frames()["movies.csv"].iloc[:1].assign(movie_id="m9", genres="NA;a;b")
    graph = append_tables(graph, changed(changes), graph.path, {"movies.csv": new})
    assert HeteroGraph.open(graph.path).gather_features("movie", [6], "pretrain")[:, column] == 2


@pytest.mark.usefixtures("count")
def test_its_settings_are_checked(tmp_path):
    for settings, message in (
        ({"extra": 10}, "features.genres: extra: expected at most 9, got 10"),
        ({"extra": "x"}, "features.genres.extra: expected a whole number from 0, got 'x'"),
        ({"most": 3}, r"features.genres: unknown key 'most'; available: \['encoder', 'separ"),
    ):
        with pytest.raises(ValueError, match=f"films.yaml, nodes.movie.{message}"):
            built(tmp_path, {GENRES: {"encoder": "count", **settings}})
