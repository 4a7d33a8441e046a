"""Models are matched to graphs by what their features are, not by how wide they are."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch

from GPT_GNN.datasets.tables.append import append_tables
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives.gpt_gnn import GPTConfig
from GPT_GNN.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint, state_on_cpu
from GPT_GNN.train.embed import embed
from GPT_GNN.train.encoder import (
    initial_encoder,
    new_encoder,
    new_objective,
    pretrained_encoder,
    pretrained_gpt_gnn,
)
from GPT_GNN.train.matching import graph_record
from GPT_GNN.train.models import open_encoder
from GPT_GNN.train.place import FinetuneRunConfig
from tests.made import method_of

ENCODER = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)
GPT = GPTConfig(queue_size=4)
FEATURES = {"budget": "numeric", "genres": "multi", "plot": {"encoder": "text", "dim": 3}}
TURNED = dict(reversed(FEATURES.items()))
FILMS = {
    "film": [f"f{i}" for i in range(6)],
    "budget": [1.0, 2, 3, 4, 5, 9],
    "length": [100, 90, 80, 120, 100, 95],
    "genres": ["Action|Drama", "Drama", "Crime", "Drama|Crime", "Action|Drama", "Drama"],
    "plot": ["a dog runs", "a cat sleeps", "the dog sleeps", "a man runs", "a cat", "the man"],
}
PEOPLE = {"person": [1, 2, 3], "born": [1950, 1960, None]}
CAST = {"person": [1, 2, 3, 1, 2], "film": ["f0", "f1", "f2", "f3", "f4"]}


def store(path, features=None, **films):
    """Films and people; some columns of the films replaced."""
    description = {
        "nodes": {
            "film": {"table": "films", "id": "film", "features": features or FEATURES},
            "person": {"table": "people", "id": "person", "features": {"born": "numeric"}},
        },
        "edges": [
            {
                **{"type": ["person", "plays", "film"], "table": "cast"},
                **{"source": "person", "target": "film"},
            }
        ],
        "target": "film",
        "split": "random",
    }
    tables = {"films": pd.DataFrame(FILMS | films), "people": pd.DataFrame(PEOPLE)}
    return build_from_tables(description, path, tables | {"cast": pd.DataFrame(CAST)})


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return store(tmp_path_factory.mktemp("matching") / "g")


@pytest.fixture(scope="module")
def model(graph):
    """A whole pre-training model's file."""
    path = graph.path.parent / "gpt.pt"
    objective = new_objective(
        new_encoder(graph, ENCODER, 0), graph, GraphFacts("film"), method_of("gpt_gnn", GPT), 0
    )
    save_checkpoint(
        path,
        "pretrain",
        config={"encoder": asdict(ENCODER), "gpt": asdict(GPT)},
        **graph_record(graph),
        model=state_on_cpu(objective),
    )
    return path


def rows(encoder, graph):
    sizes = {"sample_depth": 2, "sample_width": 10, "n_pool": 0}
    return embed(encoder, graph, "film", np.arange(graph.num_nodes("film")), **sizes)


def test_the_same_features_in_another_order_are_mapped(graph, model, tmp_path, capsys):
    turned = store(tmp_path / "g", TURNED)
    assert turned.feature_dims == graph.feature_dims
    want = rows(open_encoder(model, graph), graph)
    assert "mapped" not in "".join(capsys.readouterr())
    encoders = [open_encoder(model, turned), pretrained_encoder(turned, ENCODER, model).eval()]
    said = "".join(capsys.readouterr())
    assert said.count("features of 'film' are mapped to their order in") == 2
    for encoder in encoders:
        np.testing.assert_allclose(rows(encoder, turned), want, rtol=0, atol=1e-6)
    encoder.load_state_dict(open_encoder(model, graph).state_dict())
    assert not np.allclose(rows(encoder, turned), want, atol=1e-2)  # as it was, unmapped


def test_weights_that_are_not_finite_are_no_model(graph, model, tmp_path):
    record = load_checkpoint(model, "pretrain")
    record["model"]["encoder.adapt.0.weight"][0, 0] = torch.nan
    save_checkpoint(
        tmp_path / "m.pt", **{n: record[n] for n in record if n not in HEAD}, kind="pretrain"
    )
    for opened in (open_encoder, pretrained):
        with pytest.raises(
            CheckpointError, match=r"NaN or infinite ones in 1 of \d+ .*adapt.0.weight"
        ):
            opened(tmp_path / "m.pt", graph)


def test_a_runs_last_state_is_no_model(graph, model, tmp_path):
    record = load_checkpoint(model, "pretrain")
    kept = {n: x for n, x in record.items() if n not in (*HEAD, "feature_dims", "inputs")}
    save_checkpoint(tmp_path / "m.pt", **kept, kind="pretrain")
    for opened in (open_encoder, pretrained):
        with pytest.raises(CheckpointError, match="without feature_dims .a run's last state"):
            opened(tmp_path / "m.pt", graph)


HEAD = ("format", "version", "kind", "versions")  # what save_checkpoint writes itself


def pretrained(path, graph):
    return pretrained_encoder(graph, ENCODER, path)


def test_a_whole_model_is_not_mapped(graph, model, tmp_path):
    turned = store(tmp_path / "g", TURNED)
    with pytest.raises(CheckpointError, match="features of film are in another order in .*/g"):
        pretrained_gpt_gnn(turned, GraphFacts("film"), model)
    pretrained_gpt_gnn(graph, GraphFacts("film"), model)


OTHERS = {
    "categories": (
        {"genres": ["Action|War", "Drama", "War", "Drama|War", "Action|Drama", "Drama"]},
        None,
        r"film 'genres': other categories: 'Crime' in the model only and 'War' in the store only\.",
    ),
    "order of categories": (
        {"genres": ["Action|Crime", "Crime", "Crime", "Drama|Crime", "Action|Drama", "Crime"]},
        None,
        r"film 'genres': categories in another order: 'Drama', 'Action', 'Crime' in the model, "
        r"'Crime', 'Action', 'Drama' in the store\.",
    ),
    "mean": (
        {"budget": [1.0, 2, 3, 4, 5, 12]},
        None,
        r"film 'budget': mean 4 in the model and 4.5 in the store, scale 2.58199 in the model and ",
    ),
    "texts": (
        {
            "plot": [
                "a car stops",
                "a cow barks",
                "the car barks",
                "a kid stops",
                "a cow",
                "the kid",
            ]
        },
        None,
        r"film 'plot': other words, other directions\.",
    ),
    "part": (
        {},
        {"length": "numeric", "genres": "multi", "plot": {"encoder": "text", "dim": 3}},
        r"film 'budget': in the model only; film 'length': in the store only\.",
    ),
    "encoder": (
        {},
        FEATURES | {"budget": "log"},
        r"film 'budget': encoder 'numeric' in the model and 'log' in the store, mean 4 in ",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_features_of_the_same_width_are_an_error_that_lists_them(
    graph, model, tmp_path, capsys, kind
):
    films, features, message = OTHERS[kind]
    other = store(tmp_path / "g", features, **films)
    assert other.feature_dims == graph.feature_dims
    beginning = r"gpt\.pt was trained on other features than those of .*/g: "
    for opened in (
        lambda: open_encoder(model, other),
        lambda: pretrained_encoder(other, ENCODER, model),
        lambda: pretrained_gpt_gnn(other, GraphFacts("film"), model),
    ):
        with pytest.raises(CheckpointError, match=f"{beginning}{message}"):
            opened()
    capsys.readouterr()
    encoder = open_encoder(model, other, other_features=True)
    run = FinetuneRunConfig(use_pretrain=True, pretrain_model_dir=str(model), other_features=True)
    initial_encoder(other, ENCODER, run)
    said = "".join(capsys.readouterr())
    assert said.count("warning: ") == 2 and said.count("; --other_features goes on") == 2
    same = open_encoder(model, graph).state_dict()
    assert all(torch.equal(x, same[name]) for name, x in encoder.state_dict().items())


def test_other_widths_cannot_go_on(model, tmp_path):
    wider = store(tmp_path / "g", genres=["Action|Drama", "Drama", "Crime", "War", "Drama", ""])
    message = "film 'genres': other categories: 'War' in the store only$"
    for other_features in (False, True):
        with pytest.raises(CheckpointError, match=message):
            open_encoder(model, wider, other_features)
    narrower = store(tmp_path / "h", {"budget": "numeric", "genres": "multi"})
    with pytest.raises(CheckpointError, match="film 'plot': in the model only$"):
        open_encoder(model, narrower, True)


def test_a_store_that_was_grown_fits(graph, model, tmp_path):
    new = {"film": ["f9"], "budget": [700.0], "genres": ["War"], "plot": ["a new word"]}
    cast = {"person": [3], "film": ["f9"]}
    tables = {"films": pd.DataFrame(new | {"length": [1]}), "cast": pd.DataFrame(cast)}
    grown = append_tables(graph, graph.facts["description"], tmp_path / "grown", tables)
    encoder = open_encoder(model, grown)
    assert rows(encoder, grown).shape == (7, 8)


def test_a_store_that_was_built_again_fits(model, tmp_path):
    open_encoder(model, store(tmp_path / "again"))


def test_an_older_file_is_compared_by_widths(graph, model, tmp_path, capsys):
    record = load_checkpoint(model, "pretrain")
    older = {k: v for k, v in record.items() if k not in ("inputs", "format", "version", "kind")}
    del older["versions"]
    save_checkpoint(tmp_path / "older.pt", "pretrain", **older)
    open_encoder(tmp_path / "older.pt", store(tmp_path / "g", budget=[1.0, 2, 3, 4, 5, 12]))
    assert "of its features the widths alone are compared" in "".join(capsys.readouterr())
    wider = store(tmp_path / "h", genres=["Action|Drama", "Drama", "Crime", "War", "Drama", ""])
    with pytest.raises(CheckpointError, match=r"feature widths\): film is 7 in .* and 8 here"):
        open_encoder(tmp_path / "older.pt", wider)
