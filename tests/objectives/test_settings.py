"""Settings that come from Python are checked as those of the command line are."""

from __future__ import annotations

import pytest
import torch

from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import GNN
from GPT_GNN.objectives.gae import GAE
from GPT_GNN.objectives.gpt_gnn import GPTGNN
from GPT_GNN.objectives.graphsage import GraphSAGE
from GPT_GNN.schema import Schema

SCHEMA = Schema(("a", "b"), (("b", "r", "a"), ("a", "rev_r", "b")), (1, 0), (False, False))


def encoder(**settings):
    return GNN(SCHEMA, {"a": 3, "b": 0}, **{"n_hid": 4, "n_heads": 1, "n_layers": 1} | settings)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (GPTGNN, {"attr_type": "vce"}, "attr_type: expected one of vec, text, got 'vce'"),
        (GPTGNN, {"loss_sum": "nonsense"}, "loss_sum: expected one of ratio, plain"),
        (GPTGNN, {"mask_ratio": 7.0}, r"mask_ratio: expected a value in \[0, 1\], got 7.0"),
        (GPTGNN, {"queue_gradient": "none"}, "queue_gradient: expected one of balanced, published"),
        (GPTGNN, {"neg_samp_num": 0}, r"neg_samp_num: expected a value in \[1, inf\), got 0"),
        (GAE, {"mask_ratio": -1.0}, "mask_ratio: expected a value in"),
        (GraphSAGE, {"n_walks": 0}, "n_walks: expected a value in"),
    ],
)
def test_of_an_objective(make, settings, message):
    own = {"init_emb": torch.zeros(3), "attr_columns": slice(0, 3)}
    with pytest.raises(ValueError, match=message):
        make(encoder(), GraphFacts("a"), **own if make is GPTGNN else {}, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.5}, r"dropout: expected a value in \[0, 0.99\], got 1.5"),
        ({"n_layers": -1}, "n_layers: expected a value in"),
        ({"n_hid": 4.0}, "n_hid: expected int, got 4.0"),
    ],
)
def test_of_an_encoder(settings, message):
    with pytest.raises(ValueError, match=message):
        encoder(**settings)
