"""What is kept of a store's features, to tell two stores apart."""

from __future__ import annotations

import json

import numpy as np
import pytest
from torch_geometric.data import HeteroData

from GPT_GNN import from_pyg
from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import NodeArrays
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.oag.preprocess import toy_store
from GPT_GNN.features.featurizer import State
from GPT_GNN.graph.inputs import FeatureInputs, Part


def inputs(*parts):
    return FeatureInputs({"film": tuple(Part(*part) for part in parts)})


def test_the_order_of_columns():
    model = inputs(("a", 1), ("b", 2), ("c", 1))
    assert model.order(inputs(("c", 1), ("b", 2), ("a", 1)), "film").tolist() == [3, 1, 2, 0]
    assert model.order(model, "film").tolist() == [0, 1, 2, 3]
    assert model.order(inputs(("c", 2), ("b", 1), ("a", 1)), "film").tolist() == [0, 1, 2, 3]
    assert inputs().order(inputs(), "film").tolist() == []


def test_differences():
    model = inputs(("a", 1, {"mean": 2.0, "old": 1}), ("b", 2, {"categories": list("vw")}))
    assert model.differences(inputs(*[("b", 2), ("a", 1)])) == []  # nothing is known of the store
    rounded = {"mean": 2.0 + 1e-12, "new": 1}
    assert model.differences(inputs(("a", 1, rounded), ("b", 2))) == []
    assert model.differences(inputs(("a", 3, {"mean": 2.5}), ("c", 2))) == [
        "film 'a': mean 2 in the model and 2.5 in the store",
        "film 'b': in the model only",
        "film 'c': in the store only",
    ]
    assert model.differences(inputs(("a", 3), ("b", 2))) == [
        "film 'a': 1 columns in the model and 3 in the store"
    ]
    many = inputs(("b", 9, {"categories": [*"vwabcdefg"]}))
    assert inputs(("b", 2, {"categories": [*"vw"]})).differences(many) == [
        "film 'b': other categories: 'a', 'b', 'c', 'd', 'e' and 2 more in the store only"
    ]


def test_the_summary_of_an_array_forgives_rounding_only():
    values = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)

    def differs(other, dtype=np.float32):
        model, store = (
            inputs(("t", 4, State({}, {"d": x.astype(dtype)}).summary())) for x in (values, other)
        )
        return model.differences(store) == ["film 't': other d"]

    assert not differs(values * np.float32(1 + 1e-6)) and not differs(values.copy())
    turned = values.copy()
    turned[:, 3] *= -1
    assert differs(turned) and differs(values * 1.01) and differs(values[:-1])
    assert differs(values + 1, np.int64)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return toy_store(150, 0, tmp_path_factory.mktemp("toy"))


def test_the_text_encoder_of_an_oag_store(toy, tmp_path):
    """It is kept with the store, appending keeps it, and one of other titles is another."""
    record = FeatureInputs.of(toy).to_dict()
    assert json.loads(json.dumps(record)) == record
    assert FeatureInputs.from_dict(record) == FeatureInputs.of(toy)
    assert [(part["name"], bool(part["fitted"])) for part in record["paper"]] == [
        ("text", True),
        ("citation", False),
    ]
    new = {name: np.zeros((1, s.stop - s.start)) for name, s in toy.feature_parts("field").items()}
    grown = append_arrays(toy, tmp_path / "grown", {"field": NodeArrays(1, new)}, {})
    assert FeatureInputs.of(grown) == FeatureInputs.of(toy)
    other = toy_store(150, 1, tmp_path)
    found = FeatureInputs.of(toy).differences(FeatureInputs.of(other))
    assert "paper 'text': other words, other idf, other directions" in found
    assert len(found) == len(toy.node_types)
    assert OAG.facts(toy).text_part == "text"


def test_texts_of_pyg(tmp_path):
    def built(name, titles):
        data = HeteroData()
        data["film"].num_nodes = 3
        data["film"].title = titles
        data["film", "to", "film"].edge_index = np.array([[0], [1]])
        return from_pyg(data, tmp_path / name, target="film", text={"film": "title"}, text_dim=2)

    first = FeatureInputs.of(built("a", ["a dog", "a cat", "the dog"]))
    assert first.differences(FeatureInputs.of(built("b", ["a dog", "a cat", "the dog"]))) == []
    (line,) = first.differences(FeatureInputs.of(built("c", ["a car", "a cow", "the car"])))
    assert line.startswith("film 'text': other words")
